"""What was asked and answered: conversations that survive a restart, and a kill in mid-answer.

`log` is the History itself, `nouns` what it gives back, `freeze` turns an Answer into rows and rows into an Answer,
`tables` are the rows. The SQLite file itself, and whether a turn's process still lives, is the matter of `sqlite`.
"""

from deepseek_mm.history.log import History
from deepseek_mm.history.nouns import Conversation, Turn

__all__ = ["Conversation", "History", "Turn"]
