"""Filters as SQL, nouns as rows and back: where `region` and `tables` meet. Every function uses the session given.

Rows become nouns many at a time: plain columns are read, no row is kept track of, and each source is made once. A
search returns some hundred regions; as mapped objects they took longer than the search, and so did building the same
statements for each of them.
"""

import json
import os
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    extract,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from deepseek_mm.storage.portable_sql import ArrayOf, HasItem, IsListed, IsNumbered, PlaceIn, as_array, is_file
from index import membership
from index.region import LIBRARY, UPLOADS, Filter, Label, Order, Region, Source, Symbol, current_viewer
from index.server import row_ids
from index.server.column_types import STORED
from index.server.word_queries import HasPhrase, PhraseMatch, SaidPattern, SaysPhrase
from index.tables import (
    CallRow,
    LabelRow,
    MarkRow,
    PlaceRow,
    RatingRow,
    RegionRow,
    SourceRow,
    SymbolRow,
    VectorRow,
    derive_columns,
)
from index.vectors import Floats, Ints, Rows
from index.words import split_words

SOURCE_FIELDS = tuple(field.name for field in fields(Source) if field.name != "id")
SYMBOL_FIELDS = tuple(field.name for field in fields(Symbol) if field.name != "calls")
SOURCE_COLUMNS = (SourceRow.id, *(getattr(SourceRow, name) for name in SOURCE_FIELDS))
BOX = (RegionRow.left_px, RegionRow.top_px, RegionRow.right_px, RegionRow.bottom_px)
REST = (RegionRow.colours, RegionRow.text, RegionRow.page, RegionRow.first_line, RegionRow.last_line, RegionRow.at_ms)
REGION_COLUMNS = (RegionRow.id, RegionRow.source_id, RegionRow.kind, *BOX, *REST)
SYMBOL_COLUMNS = (SymbolRow.region_id, *(getattr(SymbolRow, name) for name in SYMBOL_FIELDS))
IDS = bindparam("ids", type_=String())  # however many, as one parameter: `portable_sql.as_array`
REGIONS: dict[str, Executable] = {
    "id": select(*REGION_COLUMNS).where(IsNumbered(RegionRow.id, IDS)),
    "source_id": select(*REGION_COLUMNS).where(IsNumbered(RegionRow.source_id, IDS)),
}
SOURCES: Executable = select(*SOURCE_COLUMNS).where(IsNumbered(SourceRow.id, IDS))
VISIBLE: Executable = select(SourceRow.id).where(
    IsNumbered(SourceRow.id, IDS), membership.is_unlisted(membership.HIDDEN)
)
LABELS: Executable = (
    select(LabelRow.region_id, LabelRow.name, LabelRow.score)
    .where(IsNumbered(LabelRow.region_id, IDS))
    .order_by(LabelRow.region_id, LabelRow.place)
)
SYMBOLS: Executable = select(*SYMBOL_COLUMNS).where(IsNumbered(SymbolRow.region_id, IDS))
CALLS: Executable = (
    select(CallRow.region_id, CallRow.name)
    .where(IsNumbered(CallRow.region_id, IDS))
    .order_by(CallRow.region_id, CallRow.place)
)
SPLIT = ("code", "text")  # kinds of regions that may define something


def is_one_of(column: InstrumentedAttribute[str], texts: Iterable[str]) -> ColumnElement[bool]:
    """`column` is one of these, however many."""
    return IsListed(column, as_array(texts))


def among(column: InstrumentedAttribute[int], ids: Iterable[int]) -> ColumnElement[bool]:
    """`column` is one of `ids`."""
    return IsNumbered(column, as_array(map(int, ids)))


def to_source(row: SourceRow) -> Source:
    """The noun for a row."""
    return Source(id=row.id, **{name: getattr(row, name) for name in SOURCE_FIELDS})


def rows_of(session: Session, query: Executable, ids: Iterable[int], **values: str) -> Sequence[Any]:
    """Rows of a statement that stands ready, for these ids and what else it has a place for."""
    return session.connection().execute(query, {"ids": as_array(map(int, ids)), **values}).all()


def regions_by(session: Session, column: Literal["id", "source_id"], ids: Iterable[int]) -> list[Region]:
    """The regions with these ids, or of these sources, in no order, with all that belongs to them."""
    rows = rows_of(session, REGIONS[column], ids)
    sources = sources_by(session, {row[1] for row in rows})
    labels = _labels(session, [row[0] for row in rows])
    symbols = _symbols(session, [row[0] for row in rows if row[2] in SPLIT])
    return [_region(row, sources[row[1]], labels.get(row[0], ()), symbols.get(row[0])) for row in rows]


def _region(row: Sequence[Any], source: Source, labels: tuple[Label, ...], symbol: Symbol | None) -> Region:
    region_id, _, kind, left, top, right, bottom, colours, text, page, first_line, last_line, at_ms = row
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
        at_ms=at_ms,
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


LABELLED: Executable = select(ArrayOf(LabelRow.region_id)).where(LabelRow.name == bindparam("name"))
READ_ROWS = 8192  # vectors fetched in one piece
VECTORS: Executable = (
    select(VectorRow.region_id, VectorRow.data)
    .join(RegionRow, RegionRow.id == VectorRow.region_id)
    .join(SourceRow, SourceRow.id == RegionRow.source_id)
    .where(IsNumbered(VectorRow.region_id, IDS), membership.is_unlisted(membership.HIDDEN))
)
SOURCE = insert(SourceRow).returning(SourceRow.id, sort_by_parameter_order=True)
ROWS = tuple(insert(table) for table in (RegionRow, VectorRow, LabelRow, SymbolRow, CallRow))
ORDERS: dict[Order, tuple[ColumnElement[Any], ...]] = {  # equals by id
    "added": (SourceRow.id.desc(),),
    "newest": (SourceRow.date_us.desc().nulls_last(), SourceRow.id.desc()),  # what has no date comes last in both
    "oldest": (SourceRow.date_us.asc().nulls_last(), SourceRow.id.asc()),
    "name": (SourceRow.sort_name.asc(), SourceRow.id.asc()),
    "size": (SourceRow.size_bytes.desc(), SourceRow.id.desc()),
    "album": (SourceRow.id.desc(),),  # where no album is named
}


def source_conditions(where: Filter, of: type[SourceRow] = SourceRow) -> list[ColumnElement[bool]]:
    """What `where` asks of a source; `of` is the table under another name, where there are two of it."""
    conditions = [*membership.visible_to(where.viewer, of)]
    if where.collection is not None:
        conditions.append(of_collection(where.collection, of))
    if where.source_ids:
        conditions.append(among(of.id, where.source_ids))
    if where.source_kinds:
        conditions.append(of.kind.in_(where.source_kinds))
    if where.formats:
        conditions.append(of.format.in_(where.formats))
    if where.grouped:
        conditions.append(_leads_what_fits(where))
    conditions += _path_conditions(where, of)
    if where.taken_after is not None:
        conditions.append(of.taken_at >= where.taken_after)
    if where.taken_before is not None:
        conditions.append(of.taken_at < where.taken_before)
    if where.months:
        conditions.append(extract("month", of.taken_at).in_(where.months))
    if where.is_favourite:
        conditions.append(of.digest.in_(membership.digests_rated(where.viewer, RatingRow.is_favourite.is_(True))))
    if where.stars:
        conditions.append(of.digest.in_(membership.digests_rated(where.viewer, RatingRow.stars >= where.stars)))
    if where.album:
        conditions.append(of.digest.in_(membership.digests_in(where.album)))
    conditions += [of.digest.in_(membership.digests_with(person)) for person in where.people]
    conditions += [of.digest.not_in(membership.digests_with(person)) for person in where.not_people]
    if where.place:
        conditions.append(of.id.in_(select(RegionRow.source_id).where(*in_place(where.place))))
    if where.layout:
        long, short = of.width_px, of.height_px
        conditions.append(long > short if where.layout == "landscape" else long < short)
    return conditions


def _path_conditions(where: Filter, of: type[SourceRow]) -> list[ColumnElement[bool]]:
    """What `where` asks of the places where a source lies."""
    conditions: list[ColumnElement[bool]] = []
    if where.folder:
        own = aliased(SourceRow)
        paths = select(own.id).where(_below(own.path, where.folder))
        elsewhere = select(PlaceRow.source_id).where(_below(PlaceRow.path, where.folder))
        conditions.append(of.id.in_(union_all(paths, elsewhere)))
    if where.path:
        inside = select(PlaceRow.source_id).where(PlaceIn(PlaceRow.path, where.path) > 0)
        conditions.append(or_(PlaceIn(of.path, where.path) > 0, of.id.in_(inside)))
    return conditions


def _leads_what_fits(where: Filter) -> ColumnElement[bool]:
    """Of the files that a source belongs to, none that comes before it fits; a leader is the first of all."""
    before, alone = aliased(SourceRow), replace(where, grouped=False)
    order = tuple_(before.group_rank, before.sort_name, before.id)
    comes_first = order < tuple_(SourceRow.group_rank, SourceRow.sort_name, SourceRow.id)
    beside = and_(before.leader == SourceRow.leader, before.leader != 0, comes_first)
    fits = source_conditions(alone, before)
    if of_regions := region_conditions(alone):
        fits.append(before.id.in_(select(RegionRow.source_id).where(*of_regions)))
    return or_(SourceRow.leader == 0, ~exists().where(or_(before.id == SourceRow.leader, beside), *fits))


def group_of_source() -> ColumnElement[int]:
    """The same number for all that belong together: their leader's id."""
    return case((SourceRow.leader == 0, SourceRow.id), else_=SourceRow.leader)


def of_collection(name: str, of: type[SourceRow] = SourceRow) -> ColumnElement[bool]:
    """A source is in the collection of this name; the library has them all but the uploads."""
    return of.collection != UPLOADS if name == LIBRARY else of.collection == name


def group_of(name: str) -> str:
    """Where the same bytes are stored once: the uploads, or all of the library whatever its parts are called."""
    return UPLOADS if name == UPLOADS else LIBRARY


def _below(path: InstrumentedAttribute[str], folder: str) -> ColumnElement[bool]:
    """`path` lies below the folder; as a range, so that an index can find it."""
    below = os.path.abspath(folder).rstrip(os.sep)
    return and_(path > below + os.sep, path < below + chr(ord(os.sep) + 1))


def region_conditions(where: Filter) -> list[ColumnElement[bool]]:
    """What `where` asks of a region itself."""
    conditions: list[ColumnElement[bool]] = []
    if where.kinds:
        conditions.append(RegionRow.kind.in_(where.kinds))
    if where.label:
        conditions.append(
            RegionRow.id.in_(select(LabelRow.region_id).where(LabelRow.name.in_((where.label, *where.other_labels))))
        )
    conditions += [HasItem(RegionRow.colours, colour) for colour in where.colours]
    conditions += [_contains_phrase(phrase) for phrase in where.phrases]
    return conditions


def in_place(name: str) -> tuple[ColumnElement[bool], ...]:
    """A region names this place among those that lie in each other: "Pisa, Tuscany, Italy"."""
    chain = ", " + func.lower(RegionRow.text) + ","
    return RegionRow.kind == "place", PlaceIn(chain, f", {name.lower()},") > 0


def _contains_phrase(phrase: str) -> ColumnElement[bool]:
    """The phrase stands in the region's text, or in that of another region of the picture that it is the whole of."""
    own = aliased(RegionRow)
    saying = select(own.id).where(SaysPhrase(own.text, literal(phrase, SaidPattern)))
    if words := split_words(phrase):
        saying = saying.where(HasPhrase(own.id, literal(" ".join(words), PhraseMatch)))
    home = aliased(RegionRow)
    whole = select(home.source_id).where(home.id.in_(saying))
    return or_(RegionRow.id.in_(saying), and_(RegionRow.kind == "whole", RegionRow.source_id.in_(whole)))


def matching_regions(where: Filter) -> Select[Any]:
    """Ids of the regions that `where` allows, in no order."""
    query = select(RegionRow.id).where(*region_conditions(where))
    of_sources = source_conditions(where)
    return query.join(SourceRow, SourceRow.id == RegionRow.source_id).where(*of_sources) if of_sources else query


def matching_sources(where: Filter, order: Order = "added") -> Select[Any]:
    """Sources that `where` allows and that have a region it allows, in this order."""
    by = (membership.album_position(where.album),) if order == "album" and where.album else ORDERS[order]
    query = select(SourceRow).where(*source_conditions(where)).order_by(*by)
    of_regions = region_conditions(where)
    if not of_regions:
        return query
    return query.where(SourceRow.id.in_(select(RegionRow.source_id).where(*of_regions)))


def sources_in_order(session: Session, query: Select[Any]) -> list[Source]:
    """What `query` selects of SourceRow; ids are sorted and skipped first, so a late page carries no rows along."""
    ids = session.scalars(query.with_only_columns(SourceRow.id)).all()
    rows = {row.id: row for row in session.scalars(select(SourceRow).where(among(SourceRow.id, ids)))}
    return [to_source(rows[source_id]) for source_id in ids]


def without_mark(where: Filter, mark: str) -> Select[Any]:
    """Sources that `where` allows and over which the pass `mark` was not made."""
    done = exists().where(MarkRow.source_id == SourceRow.id, MarkRow.name == mark)
    return matching_sources(where).where(~done)


def rising(session: Session, query: Select[Any], *, limit: int, after: int) -> list[Source]:
    """The first of what `query` selects of SourceRow that have an id above `after`, by rising id."""
    rows = session.scalars(query.where(SourceRow.id > after).order_by(None).order_by(SourceRow.id).limit(limit))
    return [to_source(row) for row in rows]


def matching_ids(session: Session, where: Filter, *, after: int = 0) -> Ints:
    """Ids of the regions above `after` that `where` allows, rising.

    They come as one row: see `ArrayOf`.
    """
    query = matching_regions(where)
    found = (query.where(RegionRow.id > after) if after else query).subquery()
    told = session.connection().execute(select(ArrayOf(found.c.id))).scalar_one()
    return np.sort(np.array(json.loads(told), np.int64))


def labelled_ids(session: Session, names: Sequence[str]) -> Ints:
    """Ids of the regions that carry one of these labels, rising."""
    connection = session.connection()
    told = [
        connection.execute(LABELLED, {"name": name}).scalar_one() for name in names
    ]  # as one row: see `matching_ids`
    return np.unique(np.array([id for ids in told for id in json.loads(ids)], np.int64))


def count_of(session: Session, query: Select[Any]) -> int:
    """How many rows `query` would return."""
    return session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def has_any(session: Session, query: Select[Any]) -> bool:
    """Whether `query` would return a row."""
    return bool(session.scalar(select(query.order_by(None).exists())))


def vectors_after(session: Session, last_id: int, dim: int) -> Rows:
    """Ids above `last_id` and their vectors, rising, in pieces.

    Asked of the connection: a session would fetch every row before it gives the first.
    """
    query = select(VectorRow.region_id, VectorRow.data).where(VectorRow.region_id > last_id)
    for piece in session.connection().execute(query.order_by(VectorRow.region_id)).partitions(READ_ROWS):
        ids, blobs = zip(*piece, strict=True)
        yield np.array(ids, np.int64), from_blobs(blobs, dim)


def latest_vectors(session: Session, limit: int, *, up_to: int, dim: int) -> list[tuple[int, Floats]]:
    """The highest ids up to `up_to` that exist, with their vectors."""
    query = select(VectorRow.region_id, VectorRow.data).where(VectorRow.region_id <= up_to)
    rows = session.execute(query.order_by(VectorRow.region_id.desc()).limit(limit))
    return [(region_id, from_blobs([data], dim)[0]) for region_id, data in rows]


def list_visible(session: Session, source_ids: Sequence[int]) -> Sequence[int]:
    """Those of the sources that the current viewer may know of, in their order."""
    viewer = current_viewer()
    if not viewer.hidden:
        return source_ids
    visible = {row[0] for row in rows_of(session, VISIBLE, source_ids, hidden=membership.list_hidden(viewer))}
    return [source_id for source_id in source_ids if source_id in visible]


def vectors_by_id(session: Session, ids: Sequence[int], dim: int) -> dict[int, Floats]:
    """The vectors of those `ids` that exist, as far as the current viewer may know of them."""
    rows = rows_of(session, VECTORS, ids, hidden=membership.list_hidden(current_viewer()))
    return {region_id: from_blobs([data], dim)[0] for region_id, data in rows}


def regions_by_id(session: Session, ids: Sequence[int]) -> dict[int, Region]:
    """The regions of those `ids` that exist, with their sources, labels and colours."""
    return {region.id: region for region in regions_by(session, "id", ids)}


def regions_by_source(session: Session, source_ids: Sequence[int]) -> list[Region]:
    """All regions of the sources; the whole picture before its parts, those in the order they were added."""
    regions = regions_by(session, "source_id", source_ids)
    return sorted(regions, key=lambda region: (region.kind != "whole", region.id))


def leading_regions(session: Session, source_ids: Sequence[int], kinds: Collection[str] = ()) -> list[Region]:
    """Of each source that has regions the whole picture, or else the region that was added first; only of these kinds
    where some are named.
    """
    whole = func.min(case((RegionRow.kind == "whole", RegionRow.id)))
    query = select(func.coalesce(whole, func.min(RegionRow.id))).where(among(RegionRow.source_id, source_ids))
    query = query.where(RegionRow.kind.in_(sorted(kinds))) if kinds else query
    ids = session.scalars(query.group_by(RegionRow.source_id)).all()
    return list(regions_by_id(session, ids).values())


def opening_texts(session: Session, source_ids: Sequence[int]) -> dict[int, str]:
    """Of each source that has text the one that was added first."""
    first = select(func.min(RegionRow.id)).where(RegionRow.kind == "text", among(RegionRow.source_id, source_ids))
    found = select(RegionRow.source_id, RegionRow.text).where(RegionRow.id.in_(first.group_by(RegionRow.source_id)))
    return {source_id: text for source_id, text in session.execute(found)}


def add_sources(session: Session, sources: Sequence[Source]) -> list[Source]:
    """A new row for each, which comes back with its id."""
    rows = [
        {name: getattr(source, name) for name in SOURCE_FIELDS} | {"leader": 0, **derive_columns(source)}
        for source in sources
    ]
    made = session.connection().execute(SOURCE, rows).scalars()
    return [replace(source, id=source_id) for source, source_id in zip(sources, made, strict=True)]


def add_regions(session: Session, source_id: int, regions: Sequence[Region], vectors_ND: Floats) -> None:
    """New rows for the regions of a source, with what belongs to them, one statement for each table.

    The session must be writing: nobody else gives out ids meanwhile.
    """
    add_regions_of(session, [source_id] * len(regions), regions, vectors_ND)


def add_regions_of(session: Session, source_ids: Sequence[int], regions: Sequence[Region], vectors_ND: Floats) -> None:
    """The same of many sources, row n being a region of source_ids[n]."""
    first = row_ids.last_region_ever(session) + 1
    owned = zip(regions, source_ids, strict=True)
    rows = [_region_values(region, source_id) | {"id": first + n} for n, (region, source_id) in enumerate(owned)]
    blobs = [vector_D.astype(STORED).tobytes() for vector_D in vectors_ND]
    seen = is_file(session)  # a server sees to its own bytes
    vectors = [
        {"region_id": first + n, "data": data, "checksum": zlib.crc32(data) if seen else None}
        for n, data in enumerate(blobs)
    ]
    labels = [
        {"region_id": first + n, "place": place, "name": label.name, "score": label.score}
        for n, region in enumerate(regions)
        for place, label in enumerate(region.labels)
    ]
    symbols = [(first + n, region.symbol) for n, region in enumerate(regions) if region.symbol]
    names = [_symbol_values(symbol) | {"region_id": region_id} for region_id, symbol in symbols]
    calls = [
        {"region_id": region_id, "place": place, "name": name}
        for region_id, symbol in symbols
        for place, name in enumerate(symbol.calls)
    ]
    connection = session.connection()
    for table, values in zip(ROWS, (rows, vectors, labels, names, calls), strict=True):
        if values:
            connection.execute(table, values)
    row_ids.settle_ids(session, first=first, last=first + len(rows) - 1)


def search_name(symbol: Symbol | None) -> str:
    """The name of a piece of code with what encloses it, twice: of all its words those of the name say most."""
    return f"{symbol.path} {symbol.path}" if symbol else ""


def _symbol_values(symbol: Symbol) -> dict[str, Any]:
    return {name: getattr(symbol, name) for name in SYMBOL_FIELDS}


def _region_values(region: Region, source_id: int) -> dict[str, Any]:
    sides = dict(zip(("left_px", "top_px", "right_px", "bottom_px"), region.box_px, strict=True))
    first_line, last_line = region.lines
    return sides | {
        "source_id": source_id,
        "kind": region.kind,
        "colours": list(region.colours),
        "text": region.text,
        "called": search_name(region.symbol),
        "page": region.page,
        "first_line": first_line,
        "last_line": last_line,
        "at_ms": region.at_ms,
    }


def from_blobs(blobs: Sequence[bytes], dim: int) -> Floats:
    """(N, dim) from what lies on disk."""
    return np.frombuffer(b"".join(blobs), STORED).reshape(len(blobs), dim).astype(np.float32, copy=False)
