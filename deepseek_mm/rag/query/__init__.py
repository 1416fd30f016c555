"""The search box's language: `operators` is the table, `read` understands a text, `complete` what may follow,
`parts` takes it apart and puts it together."""

from deepseek_mm.rag.query.complete import HELP, Suggestion, suggest
from deepseek_mm.rag.query.operators import merge_filters
from deepseek_mm.rag.query.parts import AWAY, QueryPart, search_parts, search_with, search_without
from deepseek_mm.rag.query.read import ParsedQuery, check_collection, in_words, read_box
from deepseek_mm.rag.query.search_filter import BadDate, FileKind, SearchFilter, check_searchable

SEARCH_HELP = HELP  # by this name the page has it

__all__ = [
    "AWAY",
    "HELP",
    "SEARCH_HELP",
    "ParsedQuery",
    "BadDate",
    "FileKind",
    "QueryPart",
    "SearchFilter",
    "Suggestion",
    "check_collection",
    "check_searchable",
    "in_words",
    "merge_filters",
    "read_box",
    "search_parts",
    "search_with",
    "search_without",
    "suggest",
]
