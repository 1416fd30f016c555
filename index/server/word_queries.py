"""Words as the two full-text indexes write them: FTS5's expressions in a file, PostgreSQL's on a server.

What a server indexes is what FTS5 would: the same words in lower case, without their accents, and cut to their stems by
Porter's rules (Porter, 1980).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Boolean, String
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from deepseek_mm.storage.errors import IndexProblem
from deepseek_mm.storage.portable_sql import write_as

SHORTEST, LONGEST = 3, 64  # letters of words that FTS5 cuts to their stems
MOST_KNOWN = 1 << 16  # words whose lexemes are remembered
MOST_PLACES = 16_383  # that PostgreSQL tells apart within one text


@cache
def _open_stemmer() -> Any:
    try:
        from Stemmer import Stemmer
    except ModuleNotFoundError as error:
        raise IndexProblem(
            "storage.url needs the package PyStemmer. Install it with: pip install 'deepseek-mm[cluster]'"
        ) from error
    return Stemmer("porter")


def write_lexemes(words: Sequence[str]) -> list[str]:
    """The words as a server's index has them."""
    return [_write_lexeme(word) for word in words]


@lru_cache(maxsize=MOST_KNOWN)
def _write_lexeme(word: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = bare.lower() or word  # a word may be one accent
    return str(_open_stemmer().stemWord(plain)) if SHORTEST <= len(plain) <= LONGEST else plain


def write_vector_of_words(words: Sequence[str]) -> str:
    """The words in order as PostgreSQL reads a tsvector: each lexeme with its places."""
    places: dict[str, list[str]] = {}
    for number, lexeme in enumerate(write_lexemes(words), 1):
        places.setdefault(lexeme, []).append(str(min(number, MOST_PLACES)))
    return " ".join(f"{_quote(lexeme)}:{','.join(at)}" for lexeme, at in places.items())


def write_phrase(words: Sequence[str]) -> str:
    """PostgreSQL's expression for these words, one after the other."""
    return " <-> ".join(map(_quote, write_lexemes(words)))


def _quote(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


class PhraseMatch(TypeDecorator[str]):
    """A parameter: words with spaces between them, to be found one after the other."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python -> database."""
        if value is None or dialect.name == "sqlite":
            return value if value is None else f'"{value}"'
        return write_phrase(value.split())


class SaidPattern(TypeDecorator[str]):
    """A parameter: what a text is to say exactly."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python -> database."""
        return value if value is None or dialect.name == "sqlite" else write_pattern(value)


def write_pattern(phrase: str) -> str:
    """A regular expression for a phrase: the width of gaps does not matter, and words are not cut."""
    inside = r"\s+".join(re.escape(piece) for piece in phrase.split())
    before = r"(?<!\w)" if phrase.strip()[:1].isalnum() else ""
    after = r"(?!\w)" if phrase.strip()[-1:].isalnum() else ""
    return f"{before}{inside}{after}"


class SaysPhrase(FunctionElement[bool]):
    """(text, phrase): the text says exactly this; capitals do not matter. The phrase is a `SaidPattern`."""

    type = Boolean()
    inherit_cache = True


class HasPhrase(FunctionElement[bool]):
    """(id of a region, words): the index of words has these one after the other. The words are a `PhraseMatch`."""

    type = Boolean()
    inherit_cache = True


write_as(SaysPhrase, "says({0}, {1})", "({0} ~* {1})")
write_as(
    HasPhrase,
    "({0} IN (SELECT rowid FROM words WHERE words MATCH {1}))",
    "({0} IN (SELECT region_id FROM words WHERE body @@ CAST({1} AS tsquery)))",
)
