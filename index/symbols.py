"""Which pieces of code define a name, which call it, and which names there are. Every function uses the session given.

A name is looked up as written in the code, capitals included. What encloses it may stand before it, as much as is
known: classes, then folders and files, for "rag.assistant.Assistant.ask" is defined in assistant.py.
"""

import re
from collections.abc import Sequence
from pathlib import PurePath

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from index import queries
from index.region import FOR_FOLDERS, Filter, Region
from index.tables import CallRow, RegionRow, SourceRow, SymbolRow, sortable_name

NAMED = ("function", "method", "class", "module")  # kinds whose names are worth completing
CALLED = NAMED[:-1]
MODULE = "module"
PART = "block"  # a further part of what was defined before it
SEPARATORS = re.compile(r"::|[.#]")  # C++ and Rust, most others, Javadoc
HIGHEST = chr(0x10FFFF)  # sorts after all that may follow a prefix


def parts_of(name: str) -> list[str]:
    """ "std::vector" -> ["std", "vector"]; brackets of a call do not matter."""
    return [part for part in SEPARATORS.split(name.strip().removesuffix("()")) if part]


def definitions(session: Session, name: str, where: Filter) -> list[Region]:
    """The regions that define `name`, by path and line."""
    parts = parts_of(name)
    if not parts:
        return []
    columns = (SymbolRow.region_id, SymbolRow.name, SymbolRow.parent, SymbolRow.kind, SourceRow.path)
    query = select(*columns).join(RegionRow, RegionRow.id == SymbolRow.region_id)
    query = query.join(SourceRow, SourceRow.id == RegionRow.source_id)
    query = query.where(SymbolRow.name.in_([parts[-1], name]), SymbolRow.kind != PART)
    rows = session.execute(query.where(SymbolRow.region_id.in_(queries.matching_regions(where))))
    full = (
        (row.region_id, row.name, _full(row.path, () if row.kind == MODULE else (row.parent, row.name))) for row in rows
    )
    ids = [region_id for region_id, own, path in full if own == name or path[-len(parts) :] == parts]
    return _in_order(session, ids)


def callers(session: Session, name: str, where: Filter) -> list[Region]:
    """The regions in which something of this name is called, by path and line."""
    parts = parts_of(name)
    if not parts:
        return []
    query = select(CallRow.region_id).where(CallRow.name == parts[-1])
    ids = session.scalars(query.where(CallRow.region_id.in_(queries.matching_regions(where)))).all()
    return _in_order(session, ids)


def at_line(session: Session, file: str, line: int, where: Filter) -> list[Region]:
    """The regions that hold this line of a file of this name, capitals included, the shortest first."""
    columns = (RegionRow.id, SourceRow.path, RegionRow.last_line - RegionRow.first_line)
    query = select(*columns).join(SourceRow, SourceRow.id == RegionRow.source_id)
    query = query.where(SourceRow.sort_name == sortable_name(file))
    query = query.where(RegionRow.first_line <= line, RegionRow.last_line >= line)
    rows = session.execute(query.where(RegionRow.id.in_(queries.matching_regions(where)))).all()
    sizes = {region_id: size for region_id, path, size in rows if PurePath(path).name == PurePath(file).name}
    found = queries.regions_by_id(session, sorted(sizes))
    return sorted(found.values(), key=lambda region: (sizes[region.id], region.source.path, region.id))


def names(session: Session, prefix: str, where: Filter, limit: int) -> list[str]:
    """Names that begin so, each once; those after a dot are members of what stands before it."""
    head, dot, start = prefix.rpartition(".")
    own = SymbolRow.name.collate("BINARY")  # "Ask" and "ask" are two names
    full = (SymbolRow.parent + "." + own if dot else own).label("full")
    begins = (SymbolRow.name >= start, SymbolRow.name < start + HIGHEST, SymbolRow.kind.in_(NAMED))
    query = select(full).where(*begins, SymbolRow.region_id.in_(queries.matching_regions(where)))
    if dot:
        query = query.where((SymbolRow.parent == head) | SymbolRow.parent.endswith("." + head, autoescape=True))
    known = query.distinct().subquery()
    return list(session.scalars(select(known.c.full).order_by(func.lower(known.c.full), known.c.full).limit(limit)))


def busiest(session: Session, where: Filter, limit: int) -> list[Region]:
    """What is called from most places, of names that are defined once: with two, nobody knows which one is meant."""
    called = select(CallRow.name, func.count().label("times")).group_by(CallRow.name).subquery()
    query = select(func.min(SymbolRow.region_id)).join(called, called.c.name == SymbolRow.name.collate("BINARY"))
    query = query.where(SymbolRow.kind.in_(CALLED), SymbolRow.region_id.in_(queries.matching_regions(where)))
    query = query.group_by(SymbolRow.name, called.c.times).having(func.count() == 1)
    ids = session.scalars(query.order_by(called.c.times.desc(), SymbolRow.name).limit(limit)).all()
    found = queries.regions_by_id(session, ids)
    return [found[region_id] for region_id in ids]


def _full(path: str, inside: tuple[str, ...]) -> list[str]:
    """Folders, file, and what leads to a place inside it."""
    file = PurePath(path)
    stem = [] if file.stem in FOR_FOLDERS else [file.stem]
    return [*file.parent.parts, *stem, *(part for name in inside for part in parts_of(name))]


def _in_order(session: Session, ids: Sequence[int]) -> list[Region]:
    found = queries.regions_by_id(session, sorted(set(ids)))
    return sorted(found.values(), key=lambda region: (region.source.path, region.lines, region.id))
