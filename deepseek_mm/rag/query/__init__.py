"""The search box's language: `operators` is the table, `read` understands a text, `complete` what may follow."""

from deepseek_mm.rag.query.complete import HELP, Suggestion, suggest
from deepseek_mm.rag.query.operators import joined
from deepseek_mm.rag.query.read import Asked, check_collection, in_words, read_box

SEARCH_HELP = HELP  # by this name the page has it

__all__ = [
    "HELP",
    "SEARCH_HELP",
    "Asked",
    "Suggestion",
    "check_collection",
    "in_words",
    "joined",
    "read_box",
    "suggest",
]
