"""Rows as nouns, many at a time: plain columns are read, no row is kept track of, and each source is made once.

A search returns some hundred regions; as mapped objects they took longer than the search. Every function uses the
session it is given.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from index.region import Label, Region, Source, Symbol
from index.tables import CallRow, LabelRow, RegionRow, SourceRow, SymbolRow

SOURCE_FIELDS = tuple(field.name for field in fields(Source) if field.name != "id")
SYMBOL_FIELDS = tuple(field.name for field in fields(Symbol) if field.name != "calls")
SOURCE_COLUMNS = (SourceRow.id, *(getattr(SourceRow, name) for name in SOURCE_FIELDS))
BOX = (RegionRow.left_px, RegionRow.top_px, RegionRow.right_px, RegionRow.bottom_px)
REST = (RegionRow.colours, RegionRow.text, RegionRow.page, RegionRow.first_line, RegionRow.last_line)
REGION_COLUMNS = (RegionRow.id, RegionRow.source_id, RegionRow.kind, *BOX, *REST)


def among(column: InstrumentedAttribute[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """`column` is one of `ids`, however many: they travel as one parameter."""
    value = func.json_each(json.dumps([int(n) for n in ids])).table_valued("value").c.value
    return column.in_(select(value))


def to_source(row: SourceRow) -> Source:
    """The noun for a row."""
    return Source(id=row.id, **{name: getattr(row, name) for name in SOURCE_FIELDS})


def regions_of_rows(session: Session, condition: ColumnElement[bool]) -> list[Region]:
    """The regions whose rows fulfil the condition, in no order, with all that belongs to them."""
    rows = session.execute(select(*REGION_COLUMNS).where(condition)).all()
    sources = _sources(session, {row.source_id for row in rows})
    ids = [row.id for row in rows]
    labels, symbols = _labels(session, ids), _symbols(session, ids)
    return [_region(row, sources[row.source_id], labels.get(row.id, ()), symbols.get(row.id)) for row in rows]


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


def _sources(session: Session, ids: Iterable[int]) -> dict[int, Source]:
    rows = session.execute(select(*SOURCE_COLUMNS).where(among(SourceRow.id, sorted(ids))))
    return {row[0]: Source(id=row[0], **dict(zip(SOURCE_FIELDS, row[1:], strict=True))) for row in rows}


def _labels(session: Session, ids: Sequence[int]) -> dict[int, tuple[Label, ...]]:
    query = select(LabelRow.region_id, LabelRow.name, LabelRow.score).where(among(LabelRow.region_id, ids))
    found: dict[int, tuple[Label, ...]] = {}
    for region_id, name, score in session.execute(query.order_by(LabelRow.region_id, LabelRow.place)):
        found[region_id] = (*found.get(region_id, ()), Label(name=name, score=score))
    return found


def _symbols(session: Session, ids: Sequence[int]) -> dict[int, Symbol]:
    columns = [getattr(SymbolRow, name) for name in SYMBOL_FIELDS]
    rows = session.execute(select(SymbolRow.region_id, *columns).where(among(SymbolRow.region_id, ids))).all()
    if not rows:
        return {}
    calls: dict[int, tuple[str, ...]] = {row[0]: () for row in rows}
    query = select(CallRow.region_id, CallRow.name).where(among(CallRow.region_id, list(calls)))
    for region_id, name in session.execute(query.order_by(CallRow.region_id, CallRow.place)):
        calls[region_id] += (name,)
    return {row[0]: Symbol(**dict(zip(SYMBOL_FIELDS, row[1:], strict=True)), calls=calls[row[0]]) for row in rows}
