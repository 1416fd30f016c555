"""Regions by the words in their text: SQLite's own full-text index (FTS5), in the same file as the regions.

What is indexed are the words as written and, of an identifier, its parts: "askMany" is found by "many". Of code the
name counts too, with what encloses it. Triggers keep the index in step: every row of `regions` that comes or goes, by
whichever way, brings or takes its words in the same transaction. The text itself is not stored again. Words are ranked
by BM25 (Robertson and Zaragoza, 2009).

A word in a large part of the library costs time and says little, so the rarest words of a query choose.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Literal, TypeVar, cast

import numpy as np
from sqlalchemy import Select
from sqlalchemy.orm import Session

from index.server.word_queries import write_pattern
from index.vectors import Floats, Ints, is_among

MOST = 5000  # regions that are ranked for one query: a microsecond each
TOGETHER = 3  # words that are asked for at once, where each is in more regions than that
LONGEST = 64  # words of a query that are heard
REMEMBERED = 10_000  # words whose rarity is known
WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*")
SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"  # written without spaces: each sign is a word
PAIRED = re.compile(rf"([{SINGLE}]+)")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # of an identifier
RUN = re.compile(rf"[{SINGLE}]|[^\W_{SINGLE}]+")  # of a word with letters beyond ASCII
COUNT = "SELECT count(*) FROM words WHERE words MATCH ?"
SIZE = "SELECT coalesce(max(id), 0) FROM regions"
RANKED = "SELECT rowid AS id, -bm25(words) AS score FROM words WHERE words MATCH ?"
NEWEST = " ORDER BY rowid DESC LIMIT ?"
ALL = " LIMIT -1 OFFSET 0"  # SQLite would merge the two queries, and then has no BM25
AS_ONE = "SELECT json_group_array(id), json_group_array(score) FROM ({})"  # see `_rows`


def split_words(text: str) -> list[str]:
    """Words in lower case, in order; an identifier as written, then its parts by case, underscore and digit.

    What is in an index was split like this: another way of splitting needs a migration that makes the index anew.
    """
    found: list[str] = []
    for word in WORD.findall(text):
        if word.isascii() and word.isalpha() and (word.islower() or word[1:].islower()):
            found.append(word.lower())
            continue
        parts = (PART if word.isascii() else RUN).findall(word)
        if len(parts) > 1 and word.isascii():
            parts.insert(0, word)
        found += [part.lower() for part in parts]
    return found


def split_query(text: str) -> list[str]:
    """The words of a query; signs that are written without spaces in pairs, for one alone says little."""
    found: list[str] = []
    for run in PAIRED.split(text):
        signs = [sign for sign in run if not sign.isspace()] if PAIRED.fullmatch(run) else []
        found += [f"{a} {b}" for a, b in pairwise(signs)] if len(signs) > 1 else split_words(run)
    return found


def says(text: str, phrase: str) -> bool:
    """Does the text say exactly this? Capitals and the width of gaps do not matter; words are not cut."""
    return re.search(write_pattern(phrase), text, re.IGNORECASE) is not None


def teach(connection: sqlite3.Connection) -> None:
    """The functions that triggers and filters call."""
    connection.create_function("words_of", 1, lambda text: " ".join(split_words(text)), deterministic=True)
    connection.create_function("says", 2, lambda text, phrase: int(says(text, phrase)), deterministic=True)


def phrase_match(phrase: str) -> str:
    """FTS5's expression for these words one after the other; empty if there is no word in it."""
    return '"' + " ".join(words) + '"' if (words := split_words(phrase)) else ""


Counted = TypeVar("Counted", int, tuple[int, int])


class Rarity:
    """In how many regions words are, remembered while the store is of about that size; safe in many threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, int]] = {}  # word -> regions that have it, and the store's size then

    def count(self, session: Session, word: str, size: int, look: Callable[[Session, str], int]) -> int:
        """Exact when it was counted by `look`; the store may have grown or shrunk by a tenth since."""
        return self._remember(word, size, lambda: look(session, word))

    def texts(self, session: Session, size: int, look: Callable[[Session], tuple[int, int]]) -> tuple[int, int]:
        """How many regions have words, and how many words they have together, as `look` found it."""
        return self._remember("", size, lambda: look(session))

    def _remember(self, key: str, size: int, look: Callable[[], Counted]) -> "Counted":
        count, then = self._known.get(key, (None, 0))
        if count is None or abs(size - then) > then // 10:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            count = look()
            self._known[key] = (count, size)
        return cast("Counted", count)


def rank(
    session: Session, query: str, *, k: int, ids: "Select[tuple[int]]", allowed: Callable[[], Ints], rarity: Rarity
) -> tuple[Floats, Ints]:
    """Scores and ids of at most k of the regions that `allowed` gives (rising), best first, equals by id."""
    del ids  # what a file is asked for is in memory already
    size, allowed_N = int(session.connection().exec_driver_sql(SIZE).scalar_one()), allowed()
    words = list(dict.fromkeys(split_query(query)))[:LONGEST]
    match, is_common = expression({word: rarity.count(session, word, size, count_regions) for word in words})
    ids_n, scores_n = _rows(session, match, bounded=is_common and 2 * len(allowed_N) > size)
    kept_n = is_among(ids_n, allowed_N)
    ids_n, scores_n = ids_n[kept_n], scores_n[kept_n]
    order_k = np.lexsort((ids_n, -scores_n))[:k]
    return scores_n[order_k], ids_n[order_k]


def count_regions(session: Session, word: str) -> int:
    return int(session.connection().exec_driver_sql(COUNT, (f'"{word}"',)).scalar_one())


def expression(counts: Mapping[str, int]) -> tuple[str, bool]:
    """FTS5's expression for the words that choose, and whether more than `MOST` regions may have them."""
    words, way, is_common = choose_words(counts)
    joint = {"|": " OR ", "&": " AND "}[way]
    return joint.join(f'"{word}"' for word in words), is_common


def choose_words(counts: Mapping[str, int]) -> tuple[list[str], Literal["|", "&"], bool]:
    """The words that choose, whether any of them or all do, and whether more than `MOST` regions may have them.

    Any of the rarest, as long as together they are in no more than `MOST` regions; where already the rarest is in
    more, the `TOGETHER` rarest at once.
    """
    there = sorted((word for word in counts if counts[word]), key=lambda word: counts[word])
    totals = np.cumsum([counts[word] for word in there])
    rare = there[: int(np.searchsorted(totals, MOST, side="right"))]
    return (rare, "|", False) if rare else (there[:TOGETHER], "&", True)


def num_with(session: Session, phrase: str) -> int:
    """How many regions have these words one after the other, also of regions that are gone."""
    match = phrase_match(phrase)
    return int(session.connection().exec_driver_sql(COUNT, (match,)).scalar_one()) if match else 0


def _rows(session: Session, match: str, *, bounded: bool) -> tuple[Ints, Floats]:
    """Ids and scores of thousands, as one row of SQLite's: for each row sqlite3 lets the interpreter's lock go and asks
    for it again, which other threads that compute give back after 5 ms.
    """
    if not match:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    sql, values = (RANKED + NEWEST, (match, MOST)) if bounded else (RANKED + ALL, (match,))
    ids, scores = session.connection().exec_driver_sql(AS_ONE.format(sql), values).one()
    return np.array(json.loads(ids), np.int64), np.array(json.loads(scores), np.float32)


def tidy(session: Session) -> None:
    """Leave no word of what was removed, and bring back what is missing; the session must be writing."""
    sql = session.connection().exec_driver_sql
    if num_astray(session):
        sql("INSERT INTO words (words) VALUES ('delete-all')")
        sql("INSERT INTO words (rowid, body) SELECT id, words_of(called || ' ' || text) FROM regions WHERE text != ''")
    sql("INSERT INTO words (words) VALUES ('optimize')")


def num_astray(session: Session) -> int:
    """How many regions have a text whose words are not indexed, or no text and words; 0 in a sound store."""
    told, held = "SELECT id FROM regions WHERE text != ''", "SELECT id FROM words_docsize"
    astray = (f"SELECT count(*) FROM ({one} EXCEPT {other})" for one, other in ((told, held), (held, told)))
    return sum(int(session.connection().exec_driver_sql(query).scalar_one()) for query in astray)
