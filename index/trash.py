"""Moves sources out of a store into a file of their own, and back, unchanged.

The file is a small store of the same kind, so a later version of this program reads it like one. It holds every source
in full, and as its `places` the paths that were taken out, the source's own among them. A source that keeps other
places stays in the store and is in the file all the same: should those go as well, it can still come back.

Vectors move as bytes, no model is asked. A source keeps its id, for none is given twice; its regions get new ones, for
whoever has the vectors in memory asks for higher ids only. Every function uses the sessions given.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from deepseek_mm.storage.exchange import draft_beside
from deepseek_mm.storage.files import sync_folder
from deepseek_mm.storage.row_copies import insert_rows
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from index import places, queries
from index.database import STORE, OtherStore
from index.people import FACES_MARK
from index.server import row_ids
from index.tables import (
    CallRow,
    LabelRow,
    LibraryRow,
    MarkRow,
    PlaceRow,
    RegionRow,
    SourceRow,
    StoreBase,
    SymbolRow,
    VectorRow,
)

PIECE = 4096  # rows at once, so that a large part of a library needs little memory
OF_REGIONS = (VectorRow, LabelRow, SymbolRow, CallRow)  # what belongs to a region; a symbol comes before its calls
Change = Callable[[dict[str, Any]], dict[str, Any]]


def write(session: Session, paths: Sequence[str], file: Path) -> int:
    """All that is known of these paths as a new file, whole and on the disk; returns the number of sources.

    There is no file if nothing is known.
    """
    ids = session.scalars(select(SourceRow.id).where(places.sources_at(paths))).all()
    if not ids:
        return 0
    file.parent.mkdir(exist_ok=True)
    with draft_beside(file) as draft:
        database = SqliteDatabase(draft, STORE)
        try:
            with database.writing() as into:
                _copy_out(session, into, ids, paths)
            database.empty_log()
        finally:
            database.close()
        os.replace(draft, file)  # SQLite has synced it
        sync_folder(file.parent)  # when this returns, a power cut cannot take it back
    return len(ids)


def _copy_out(session: Session, into: Session, ids: Sequence[int], paths: Sequence[str]) -> None:
    regions = select(RegionRow.id).where(queries.among(RegionRow.source_id, ids))
    _copy_rows(_all(LibraryRow), session, into, LibraryRow)
    _copy_rows(_all(SourceRow).where(queries.among(SourceRow.id, ids)), session, into, SourceRow)
    marks = (queries.among(MarkRow.source_id, ids), MarkRow.name != FACES_MARK)  # faces go at once, and are read anew
    _copy_rows(_all(MarkRow).where(*marks), session, into, MarkRow)
    _copy_rows(_all(RegionRow).where(queries.among(RegionRow.source_id, ids)), session, into, RegionRow)
    for table in OF_REGIONS:
        _copy_rows(_all(table).where(table.region_id.in_(regions)), session, into, table)
    own: list[Any] = [SourceRow.path, SourceRow.id.label("source_id")]
    own += [SourceRow.size_bytes, SourceRow.modified_ns]
    _copy_rows(select(*own).where(queries.is_one_of(SourceRow.path, paths)), session, into, PlaceRow)
    _copy_rows(_all(PlaceRow).where(queries.is_one_of(PlaceRow.path, paths)), session, into, PlaceRow)


def restore(session: Session, aside: Session, file: Path) -> int:
    """All that is in the file, which `aside` reads, goes into the store again; returns the number of sources.

    A path that is known by now is left as it is. Bytes that lie elsewhere by now get their old places beside.
    OtherStore if the store's content is not the one that this was taken from.
    """
    if aside.get_one(LibraryRow, 1).identity != session.get_one(LibraryRow, 1).identity:
        raise OtherStore(file)
    wanted, rows = _missing_places(session, aside), {row.id: row for row in aside.scalars(select(SourceRow))}
    twins = _twins(session, [rows[source_id] for source_id in wanted])
    for source_id, twin in twins.items():
        _join(session, session.get_one(SourceRow, twin), rows[source_id], wanted[source_id])
    fresh = [source_id for source_id in wanted if source_id not in twins]
    session.add_all(_revive(rows[source_id], wanted[source_id]) for source_id in fresh)
    session.flush()
    for source_id in fresh:
        first = _first(rows[source_id], wanted[source_id])
        session.add_all(_place(place, source_id) for place in wanted[source_id] if place is not first)
    _copy_back(session, aside, fresh)
    if wanted:
        places.note_change(session)
    return len(wanted)


def _missing_places(session: Session, aside: Session) -> dict[int, list[PlaceRow]]:
    """Source id -> the places that the store does not know by now, in order of their paths."""
    taken = aside.scalars(select(PlaceRow).order_by(PlaceRow.path)).all()
    listed = [place.path for place in taken]
    known = set(session.scalars(select(SourceRow.path).where(queries.is_one_of(SourceRow.path, listed))))
    known |= set(session.scalars(select(PlaceRow.path).where(queries.is_one_of(PlaceRow.path, listed))))
    wanted: dict[int, list[PlaceRow]] = {}
    for place in taken:
        if place.path not in known:
            wanted.setdefault(place.source_id, []).append(place)
    return wanted


def _twins(session: Session, rows: Sequence[SourceRow]) -> dict[int, int]:
    """Source id -> the source of the store that is the same one, or has the same bytes; only where there is one."""
    ids = queries.among(SourceRow.id, [row.id for row in rows])
    digests = queries.is_one_of(SourceRow.digest, [row.digest for row in rows if row.digest])
    found = session.execute(select(SourceRow.id, SourceRow.digest, SourceRow.collection).where(or_(ids, digests))).all()
    there = {source_id for source_id, _, _ in found}
    bytes_of = {(digest, queries.group_of(name)): source_id for source_id, digest, name in found if digest}
    twins = {}
    for row in rows:
        twin = row.id if row.id in there else bytes_of.get((row.digest, queries.group_of(row.collection)))
        if twin is not None:
            twins[row.id] = twin
    return twins


def _join(session: Session, twin: SourceRow, row: SourceRow, wanted: Sequence[PlaceRow]) -> None:
    """Note the places beside those that there are; the source's own path is its own again."""
    for place in wanted:
        if twin.id == row.id and place.path == row.path:
            place, before = _place(twin, twin.id), place
            twin.path, twin.size_bytes, twin.modified_ns = before.path, before.size_bytes, before.modified_ns
            session.flush()
        session.add(_place(place, twin.id))


def _revive(row: SourceRow, wanted: Sequence[PlaceRow]) -> SourceRow:
    """The source as it was, at its first place."""
    first = _first(row, wanted)
    at = _where(first)
    same = {name: getattr(row, name) for name in ("id", *queries.SOURCE_FIELDS) if name not in at}
    return SourceRow(**same, **at)


def _first(row: SourceRow, wanted: Sequence[PlaceRow]) -> PlaceRow:
    """The source's own path; if that is not to come back, the first of the others."""
    return next((place for place in wanted if place.path == row.path), wanted[0])


def _copy_back(session: Session, aside: Session, ids: Sequence[int]) -> None:
    """Marks, regions and what belongs to these; regions keep their order and get ids above all others."""
    query = select(RegionRow.id).where(queries.among(RegionRow.source_id, ids)).order_by(RegionRow.id)
    first = row_ids.last_region_ever(session) + 1
    new = {old: first + n for n, old in enumerate(aside.scalars(query))}
    regions = query.order_by(None)
    _copy_rows(_all(MarkRow).where(queries.among(MarkRow.source_id, ids)), aside, session, MarkRow)
    _copy_rows(
        _all(RegionRow).where(queries.among(RegionRow.source_id, ids)).order_by(RegionRow.id),
        aside,
        session,
        RegionRow,
        lambda row: row | {"id": new[row["id"]]},
    )
    for table in OF_REGIONS:
        of_regions = _all(table).where(table.region_id.in_(regions)).order_by(table.region_id)
        _copy_rows(of_regions, aside, session, table, lambda row: row | {"region_id": new[row["region_id"]]})
    row_ids.settle_ids(session, first=first, last=first + len(new) - 1)


def _all(table: type[StoreBase]) -> Select[Any]:
    return select(*table.__table__.columns)


def _copy_rows(
    query: Select[Any], source: Session, target: Session, table: type[StoreBase], change: Change = dict
) -> None:
    """Every row that `query` finds in the one becomes a row of the other."""
    for rows in source.connection().execute(query).mappings().partitions(PIECE):
        changed = [change(dict(row)) for row in rows]
        mapped = StoreBase.metadata.tables[table.__tablename__]
        insert_rows(changed, mapped, source.connection(), target.connection(), STORE)


def _place(place: PlaceRow | SourceRow, source_id: int) -> PlaceRow:
    """A place like this one, or like the source's own path."""
    return PlaceRow(source_id=source_id, **_where(place))


def _where(place: PlaceRow | SourceRow) -> dict[str, Any]:
    return {"path": place.path, "size_bytes": place.size_bytes, "modified_ns": place.modified_ns}
