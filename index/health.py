"""Does everything in a store fit together, does a search find the nearest, and is what was deleted gone?

SQLite checks its own pages; beyond that every region must have a vector of length 1 and of the right width whose bytes
are those that were written, every text must be indexed by its words, and no path may lead to two sources. It is looked
at piece by piece, so that a large store needs little memory.

Recall is measured, not assumed: vectors of the store's own regions are searched for as any search is, and compared with
all vectors, read out of the database piece by piece. What was deleted is looked for where it could linger: on pages
that SQLite has freed (it overwrites them with zeros), in its log, in the cache file, among the indexed words.

Shape key:  Q queries, N vectors, D width of the space
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from deepseek_mm.storage.exchange import scratch_copy
from deepseek_mm.storage.portable_sql import is_file
from deepseek_mm.storage.sqlite_database import page_problems
from index import queries
from index.queries import READ_ROWS
from index.server.column_types import STORED
from index.server.server_words import word_index
from index.tables import PlaceRow, RegionRow, SourceRow, VectorRow
from index.vectors import Floats, Ints

K = 10  # nearest regions that are compared
SAMPLE = 50  # regions that are searched for: so many finds make one half per cent
EQUAL = 1e-4  # cosines that differ less are the same: a code is rounded
HEADER = 100  # bytes before the first page's own
Find = Callable[[Floats, int], tuple[Floats, Ints]]  # scores and ids (Q, k) of the nearest, as any search finds them


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedTraces:
    """What deleted things have left; all of it is zero in a store without any."""

    free_pages: int = 0  # that SQLite keeps for later use; not a trace by itself
    dirty_pages: int = 0  # of them, those that are not all zeros
    log_bytes: int = 0  # of the write-ahead log: it may hold what was deleted since it was emptied
    cached: int = 0  # vectors in the cache file whose regions are gone
    words: int = 0  # regions that are gone or changed, and whose words are indexed
    overwrites: bool = True  # SQLite's secure_delete is on


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreHealth:
    """What was measured of a store."""

    recall: float  # share of the K nearest that a search finds, 0 to 1; 1 of an empty store
    sampled: int  # searches that this is the mean of
    regions: int
    traces: DeletedTraces


def recall(session: Session, find: Find, dim: int, *, sample: int = SAMPLE, k: int = K) -> tuple[float, int]:
    """Share of the k nearest that `find` finds of vectors of the store itself, and how many were asked for.

    What is found counts by how near it is, so that equals may stand for each other.
    """
    queries_QD = sample_vectors(session, dim, sample)
    if not len(queries_QD):
        return 1.0, 0
    best_Qk = exact_scores(session, queries_QD, dim, k)
    found_Qk, _ = find(queries_QD, best_Qk.shape[1])
    good = (found_Qk >= best_Qk[:, -1:] - EQUAL).sum()
    return float(good / best_Qk.size), len(queries_QD)


def sample_vectors(session: Session, dim: int, sample: int) -> Floats:
    """(Q, D): vectors spread evenly over the ids that exist."""
    ids = session.scalars(select(RegionRow.id).order_by(RegionRow.id)).all()
    chosen = (
        [ids[n] for n in sorted({int(n) for n in np.linspace(0, len(ids) - 1, min(sample, len(ids)))})] if ids else []
    )
    vectors = queries.vectors_by_id(session, chosen, dim)
    return np.array([vectors[n] for n in chosen if n in vectors], np.float32).reshape(-1, dim)


def exact_scores(session: Session, queries_QD: Floats, dim: int, k: int) -> Floats:
    """(Q, at most k): the highest cosines with all vectors, the highest first."""
    best_Qk = np.empty((len(queries_QD), 0), np.float32)
    for _, vectors_ND in queries.vectors_after(session, 0, dim):
        both_QN = np.concatenate([best_Qk, queries_QD @ vectors_ND.T], axis=1)
        best_Qk = -np.sort(-both_QN, axis=1)[:, :k]
    return best_Qk


def traces(session: Session, database: Path, cached: NDArray[np.int64]) -> DeletedTraces:
    """What is left of deleted things. The log must just have been emptied, and the session begun after that: as long
    as it reads, nobody writes into the file. `cached` are the ids in the cache file.
    """
    if not is_file(session):
        return DeletedTraces(words=word_index(session).num_astray(session))
    alive = np.array(session.scalars(select(RegionRow.id).order_by(RegionRow.id)).all(), np.int64)
    log = database.with_name(database.name + "-wal")
    pages, dirty = free_in(session, database)
    return DeletedTraces(
        free_pages=pages,
        dirty_pages=dirty,
        log_bytes=log.stat().st_size if log.exists() else 0,
        cached=int((~np.isin(cached, alive)).sum()),
        words=word_index(session).num_astray(session),
        overwrites=bool(session.connection().exec_driver_sql("PRAGMA secure_delete").scalar()),
    )


def free_in(session: Session, database: Path) -> tuple[int, int]:
    """How many pages are in no use, and how many of them hold anything. The live file is not opened: a copy is read."""
    if not session.connection().exec_driver_sql("PRAGMA freelist_count").scalar():
        return 0, 0
    with scratch_copy(database) as copy:
        found = [dirty for _, dirty in free_pages(copy)]
    return len(found), sum(found)


def free_pages(file: Path) -> Iterator[tuple[int, bool]]:
    """Number of each page of a copy that is in no use, and whether anything but zeros is on it.

    See "The Freelist" of SQLite's file format: trunk pages name the next trunk, then leaves, which hold nothing.
    """
    with file.open("rb") as stream:
        head = stream.read(HEADER)
        (size,) = struct.unpack_from(">H", head, 16)
        size = 65536 if size == 1 else size
        (trunk,) = struct.unpack_from(">I", head, 32)
        while trunk:
            stream.seek((trunk - 1) * size)
            page = stream.read(size)
            after, count = struct.unpack_from(">II", page)
            leaves = struct.unpack_from(f">{count}I", page, 8)
            yield trunk, any(page[8 + 4 * count :])
            for leaf in leaves:
                stream.seek((leaf - 1) * size)
                yield leaf, any(stream.read(size))
            trunk = after


WORDS = "the index of words"  # what its fault is listed under
ROUNDING = 1e-3  # how far a unit vector's length may be from 1


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreProblem:
    """Something that does not fit."""

    path: str  # the file whose entry is meant, or WORDS; empty for the store as a whole
    detail: str  # a sentence


def problems(session: Session, dim: int) -> Iterator[StoreProblem]:
    """What does not fit in the session's snapshot, the gravest first."""
    for detail in page_problems(session.connection()) if is_file(session) else ():
        yield StoreProblem(path="", detail=detail)
    if astray := word_index(session).num_astray(session):
        yield StoreProblem(path=WORDS, detail=f"It does not agree with the texts of {astray} regions.")
    yield from _regions(session, dim)
    bare = ~exists().where(RegionRow.source_id == SourceRow.id)
    for path in session.scalars(select(SourceRow.path).where(bare)):
        yield StoreProblem(path=path, detail="It has no region, so it cannot be found.")
    for path in session.scalars(select(PlaceRow.path).join(SourceRow, SourceRow.path == PlaceRow.path)):
        yield StoreProblem(path=path, detail="It stands for two sources.")


def _regions(session: Session, dim: int) -> Iterator[StoreProblem]:
    query = (
        select(SourceRow.path, RegionRow.id, VectorRow.data, VectorRow.checksum)
        .join(RegionRow, RegionRow.source_id == SourceRow.id)
        .outerjoin(VectorRow, VectorRow.region_id == RegionRow.id)
        .order_by(RegionRow.id)
    )
    for piece in session.connection().execute(query).partitions(READ_ROWS):
        for path, region_id, data, checksum in piece:
            fault = _fault(data, checksum, dim)
            if fault:
                yield StoreProblem(path=path, detail=f"The vector of region {region_id} {fault}.")


def _fault(data: bytes | None, checksum: int | None, dim: int) -> str:
    if data is None:
        return "is missing"
    if len(data) != dim * STORED.itemsize:
        return f"has {len(data)} bytes, not {dim * STORED.itemsize}"
    if checksum is not None and zlib.crc32(data) != checksum:
        return "is not what was written"
    length = float(np.linalg.norm(np.frombuffer(data, STORED)))
    return "" if length == 0 or abs(length - 1) < ROUNDING else f"has the length {length:.3f}, not 1"
