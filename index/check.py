"""Does everything in a store fit together? Looked at piece by piece, so that a large store needs little memory.

SQLite checks its own pages; beyond that every region must have a vector of length 1 and of the right width whose bytes
are those that were written, every text must be indexed by its words, and no path may lead to two sources.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from index.queries import READ_ROWS, STORED
from index.tables import PlaceRow, RegionRow, SourceRow, VectorRow
from index.words import num_astray

WORDS = "the index of words"  # what its fault is listed under
ROUNDING = 1e-3  # how far a unit vector's length may be from 1


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreProblem:
    """Something that does not fit."""

    path: str  # the file whose entry is meant, or WORDS; empty for the store as a whole
    detail: str  # a sentence


def problems(session: Session, dim: int) -> Iterator[StoreProblem]:
    """What does not fit in the session's snapshot, the gravest first."""
    broken = [str(line) for (line,) in session.execute(text("PRAGMA integrity_check(20)"))]
    if broken != ["ok"]:
        yield StoreProblem(path="", detail=f"SQLite finds the file damaged: {'; '.join(broken)}.")
    orphans = sorted({str(table) for table, *_ in session.execute(text("PRAGMA foreign_key_check"))})
    if orphans:
        yield StoreProblem(path="", detail=f"Rows of {', '.join(orphans)} belong to nothing.")
    if astray := num_astray(session):
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
