"""What was asked and answered: conversations that survive a restart, and a kill in mid-answer.

`log` is the History itself, `nouns` what it gives back. `search` lists and finds conversations, `threads` reads and
writes whole ones, `feedback` keeps what the user thinks of an answer, `saved` keeps searches under names, `access`
knows whose a conversation is. `freeze` turns records into rows and rows into records, `tables` are the rows. The SQLite
file itself, and whether a turn's process still lives, is the matter of `sqlite`.
"""

from deepseek_mm.history.log import History
from deepseek_mm.history.records import Conversation, Corrected, Saved, Turn

__all__ = ["Conversation", "Corrected", "History", "Saved", "Turn"]
