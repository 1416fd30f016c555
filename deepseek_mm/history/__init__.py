"""What was asked and answered: conversations that survive a restart, and a kill in mid-answer.

`log` is the History itself, `records` what it gives back and how that becomes rows, `queries` finds conversations,
keeps saved searches and what the user thinks of an answer, `tables` are the rows.
"""

from deepseek_mm.history.log import History
from deepseek_mm.history.records import Conversation, Corrected, Saved, Turn

__all__ = ["Conversation", "Corrected", "History", "Saved", "Turn"]
