"""Rows as nouns, many at a time: plain columns are read, no row is kept track of, and each source is made once.

A search returns some hundred regions; as mapped objects they took longer than the search, and so did building the
same statements for each of them. Every function uses the session it is given.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Literal

from sqlalchemy import ColumnElement, Executable, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from index.region import Label, Region, Source, Symbol
from index.tables import CallRow, LabelRow, RegionRow, SourceRow, SymbolRow

SOURCE_FIELDS = tuple(field.name for field in fields(Source) if field.name != "id")
SYMBOL_FIELDS = tuple(field.name for field in fields(Symbol) if field.name != "calls")
SOURCE_COLUMNS = (SourceRow.id, *(getattr(SourceRow, name) for name in SOURCE_FIELDS))
BOX = (RegionRow.left_px, RegionRow.top_px, RegionRow.right_px, RegionRow.bottom_px)
REST = (RegionRow.colours, RegionRow.text, RegionRow.page, RegionRow.first_line, RegionRow.last_line)
REGION_COLUMNS = (RegionRow.id, RegionRow.source_id, RegionRow.kind, *BOX, *REST)
SYMBOL_COLUMNS = (SymbolRow.region_id, *(getattr(SymbolRow, name) for name in SYMBOL_FIELDS))
IDS = select(func.json_each(bindparam("ids")).table_valued("value").c.value)  # however many, as one parameter
REGIONS: dict[str, Executable] = {
    "id": select(*REGION_COLUMNS).where(RegionRow.id.in_(IDS)),
    "source_id": select(*REGION_COLUMNS).where(RegionRow.source_id.in_(IDS)),
}
SOURCES: Executable = select(*SOURCE_COLUMNS).where(SourceRow.id.in_(IDS))
LABELS: Executable = (
    select(LabelRow.region_id, LabelRow.name, LabelRow.score)
    .where(LabelRow.region_id.in_(IDS))
    .order_by(LabelRow.region_id, LabelRow.place)
)
SYMBOLS: Executable = select(*SYMBOL_COLUMNS).where(SymbolRow.region_id.in_(IDS))
CALLS: Executable = (
    select(CallRow.region_id, CallRow.name).where(CallRow.region_id.in_(IDS)).order_by(CallRow.region_id, CallRow.place)
)
SPLIT = ("code", "text")  # kinds of regions that may define something


def among(column: InstrumentedAttribute[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """`column` is one of `ids`, however many: they travel as one parameter."""
    value = func.json_each(json.dumps([int(n) for n in ids])).table_valued("value").c.value
    return column.in_(select(value))


def to_source(row: SourceRow) -> Source:
    """The noun for a row."""
    return Source(id=row.id, **{name: getattr(row, name) for name in SOURCE_FIELDS})


def rows_of(session: Session, query: Executable, ids: Iterable[int]) -> Sequence[Any]:
    """Rows of a statement that stands ready, for these ids."""
    return session.connection().execute(query, {"ids": json.dumps([int(n) for n in ids])}).all()


def regions_by(session: Session, column: Literal["id", "source_id"], ids: Iterable[int]) -> list[Region]:
    """The regions with these ids, or of these sources, in no order, with all that belongs to them."""
    rows = rows_of(session, REGIONS[column], ids)
    sources = sources_by(session, {row[1] for row in rows})
    labels = _labels(session, [row[0] for row in rows])
    symbols = _symbols(session, [row[0] for row in rows if row[2] in SPLIT])
    return [_region(row, sources[row[1]], labels.get(row[0], ()), symbols.get(row[0])) for row in rows]


def _region(row: Sequence[Any], source: Source, labels: tuple[Label, ...], symbol: Symbol | None) -> Region:
    region_id, _, kind, left, top, right, bottom, colours, text, page, first_line, last_line = row
    return Region(
        id=region_id,
        source=source,
        kind=kind,
        box_px=(left, top, right, bottom),
        labels=labels,
        colours=tuple(colours),
        text=text,
        page=page,
        lines=(first_line, last_line),
        symbol=symbol,
    )


def source_of(row: Sequence[Any]) -> Source:
    """The noun for what SOURCE_COLUMNS hold."""
    return Source(id=row[0], **dict(zip(SOURCE_FIELDS, row[1:], strict=True)))


def sources_by(session: Session, ids: Iterable[int]) -> dict[int, Source]:
    """The sources with these ids that exist, by id."""
    return {row[0]: source_of(row) for row in rows_of(session, SOURCES, sorted(ids))}


def _labels(session: Session, ids: Sequence[int]) -> dict[int, tuple[Label, ...]]:
    found: dict[int, tuple[Label, ...]] = {}
    for region_id, name, score in rows_of(session, LABELS, ids):
        found[region_id] = (*found.get(region_id, ()), Label(name=name, score=score))
    return found


def _symbols(session: Session, ids: Sequence[int]) -> dict[int, Symbol]:
    rows = rows_of(session, SYMBOLS, ids) if ids else ()
    calls: dict[int, tuple[str, ...]] = {row[0]: () for row in rows}
    for region_id, name in rows_of(session, CALLS, calls) if calls else ():
        calls[region_id] += (name,)
    return {row[0]: Symbol(**dict(zip(SYMBOL_FIELDS, row[1:], strict=True)), calls=calls[row[0]]) for row in rows}
