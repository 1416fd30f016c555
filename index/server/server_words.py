"""Regions by the words in their text on a server: what `words` does in a file, with PostgreSQL's own index (GIN).

A table holds the words of each region that has a text, split and cut as FTS5 does it. PostgreSQL has no BM25, but
what it needs: which regions have a word, how long they are, and how often a word is in each, which `ts_rank` tells.
With all weights 1 and one word, `ts_rank` is the sum of 1/n^2 for n from 1 to the number of places, divided by pi^2/6
(src/backend/utils/adt/tsrank.c of PostgreSQL 17). So the number can be read from it.

BM25 as FTS5 computes it (sqlite.org/fts5.html): k1 = 1.2, b = 0.75.
"""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
from sqlalchemy import BigInteger, Integer, Select, Text, cast, column, func, literal, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from deepseek_mm.storage.portable_sql import is_file
from deepseek_mm.storage.row_copies import send_rows
from index import words
from index.server.word_queries import write_phrase, write_vector_of_words
from index.tables import RegionRow
from index.vectors import Floats, Ints
from index.words import LONGEST, Rarity, choose_words, split_query, split_words

WORDS = table("words", column("region_id", BigInteger), column("body", Text), column("length", Integer))
COUNT = text("SELECT count(*) FROM words WHERE body @@ CAST(:match AS tsquery)")
SIZES = text("SELECT count(*), coalesce(sum(length), 0) FROM words")
ASTRAY = text("""
    SELECT (SELECT count(*) FROM regions WHERE text != '' AND id NOT IN (SELECT region_id FROM words))
    + (SELECT count(*) FROM words JOIN regions ON id = region_id WHERE text = '')""")
PIECE = 1_000  # regions whose words are written at once
K1, B = 1.2, 0.75
LEAST_WEIGHT = 1e-6  # of a word that is in more than half of all regions
MOST_TIMES = 1_000  # a word in one region that are told apart
RANKS = np.cumsum(1 / np.arange(1, MOST_TIMES + 1) ** 2) / (np.pi**2 / 6)


def word_index(session: Session) -> ModuleType:
    """What keeps the words of the session's store: this module on a server, `words` in a file."""
    return words if is_file(session) else sys.modules[__name__]


def index_missing(session: Session, *, after: int = 0) -> None:
    """Write the words of regions with an id above `after` that have a text and no words yet."""
    last: int | None = after
    while last is not None:
        last = index_some(session, after=last)


def index_some(session: Session, *, after: int) -> int | None:
    """The same for some of them; the id of the last, None when there are no more."""
    known = select(WORDS.c.region_id).where(WORDS.c.region_id == RegionRow.id)
    query = select(RegionRow.id, RegionRow.called, RegionRow.text).order_by(RegionRow.id).limit(PIECE)
    rows = session.execute(query.where(RegionRow.id > after, RegionRow.text != "", ~known.exists())).all()
    if not rows:
        return None
    split = [(region_id, split_words(f"{called} {body}")) for region_id, called, body in rows]
    written = [{"region_id": id, "body": write_vector_of_words(each), "length": len(each)} for id, each in split]
    send_rows(written, WORDS, session.connection())
    return int(rows[-1][0])


def num_with(session: Session, phrase: str) -> int:
    """How many regions have these words one after the other."""
    split = split_words(phrase)
    return count_regions(session, " ".join(split)) if split else 0


def count_regions(session: Session, phrase: str) -> int:
    """The same of words that are split already."""
    return int(session.execute(COUNT, {"match": write_phrase(phrase.split())}).scalar_one())


def measure_texts(session: Session) -> tuple[int, int]:
    """How many regions have words, and how many words they have together."""
    regions, length = session.execute(SIZES).one()
    return int(regions), int(length)


def rank(
    session: Session, query: str, *, k: int, ids: Select[tuple[int]], allowed: Callable[[], Ints], rarity: Rarity
) -> tuple[Floats, Ints]:
    """Scores and ids of at most k of the regions that `ids` selects, best first, equals by id."""
    del allowed  # it is asked of the server together with the words
    size = int(session.scalar(select(func.coalesce(func.max(RegionRow.id), 0))) or 0)
    asked = list(dict.fromkeys(split_query(query)))[:LONGEST]
    counts = {word: rarity.count(session, word, size, count_regions) for word in asked}
    chosen, way, is_common = choose_words(counts)
    if not chosen:
        return np.zeros(0, np.float32), np.zeros(0, np.int64)
    lengths_n, ids_n, times_nW = _find(session, chosen, way, ids, bounded=is_common)
    regions, length = rarity.texts(session, size, measure_texts)
    scores_n = score_bm25(times_nW, lengths_n, [counts[word] for word in chosen], regions, length / max(1, regions))
    order_k = np.lexsort((ids_n, -scores_n))[:k]
    return scores_n[order_k], ids_n[order_k]


def score_bm25(times_nW: Floats, lengths_n: Floats, counts: Sequence[int], regions: int, mean: float) -> Floats:
    """Scores of n regions: by how often each of W words is in it, in how many regions the word is, and its length."""
    counts_W = np.array(counts, np.float64)
    weights_W = np.maximum(LEAST_WEIGHT, np.log((regions - counts_W + 0.5) / (counts_W + 0.5)))
    long_n1 = (K1 * (1 - B + B * lengths_n / max(mean, 1e-9)))[:, None]
    scores_n = (weights_W * times_nW * (K1 + 1) / (times_nW + long_n1)).sum(1)
    return np.asarray(scores_n, np.float32)


def _find(
    session: Session, chosen: Sequence[str], way: str, ids: Select[tuple[int]], *, bounded: bool
) -> tuple[Floats, Ints, Floats]:
    """Lengths, ids and how often each word is in them, of the regions that have the words."""
    phrases = [cast(literal(write_phrase(word.split())), TSQUERY) for word in chosen]
    match = cast(literal(way.join(f"({write_phrase(word.split())})" for word in chosen)), TSQUERY)
    ranks = [func.ts_rank(text("'{1,1,1,1}'::float4[]"), WORDS.c.body, phrase) for phrase in phrases]
    query = select(WORDS.c.region_id, WORDS.c.length, *ranks).where(WORDS.c.body.op("@@")(match))
    query = query.where(WORDS.c.region_id.in_(ids))
    query = query.order_by(WORDS.c.region_id.desc()).limit(words.MOST) if bounded else query
    rows = session.connection().execute(query).all()
    if not rows:
        return np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros((0, len(chosen)), np.float32)
    ids_n = np.array([row[0] for row in rows], np.int64)
    lengths_n = np.array([row[1] for row in rows], np.float32)
    ranks_nW = np.array([row[2:] for row in rows], np.float32)
    times_nW = count_times(ranks_nW)
    return lengths_n, ids_n, times_nW


def count_times(ranks: Floats) -> Floats:
    """How often a word is in a text, from what `ts_rank` says of it with all weights 1."""
    told = np.asarray(ranks, np.float64)
    return (np.searchsorted(RANKS, told * (1 - 1e-6)) + (told > 0)).astype(np.float32)


def num_astray(session: Session) -> int:
    """How many regions have a text whose words are not indexed, or no text and words; 0 in a sound store."""
    return int(session.execute(ASTRAY).scalar_one())


def tidy(session: Session) -> None:
    """Bring back what is missing; what was removed took its words along."""
    index_missing(session)
