"""Where the bytes of a source lie: its own path, and every other path with the same bytes.

A source is stored once, however many copies of its file there are. When the path that it carries goes, the next one
takes its place and the regions stay; when the last one goes, the source goes. No two sources of the library have the
same bytes. Every function uses the session given, but for those at the end, which read a store's file as it is: it is
not upgraded, and one that cannot be read knows nothing.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sqlalchemy import ColumnElement, Select, String, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from deepseek_mm.storage.places import Place, ServerPlace, open_database
from deepseek_mm.storage.portable_sql import IsListed, PlaceIn, as_array, insert_into, list_texts
from index import queries
from index.database import STORE
from index.membership import visible_to
from index.region import LIBRARY, UPLOADS, Region, Source, Stamp, current_viewer
from index.tables import LibraryRow, MarkRow, PlaceRow, RegionRow, SourceRow
from index.vectors import Floats

ARCHIVE = "!"  # ends an archive's name where a path goes on inside it: "/abs/a.zip!/inner/b.jpg"
Stamped = Select[str, int, int, str]  # path, size, time, digest
AT = select(*queries.SOURCE_COLUMNS).where(SourceRow.path == bindparam("path"))
PLACE = (PlaceRow.source_id, PlaceRow.size_bytes, PlaceRow.modified_ns)
PLACE_AT = select(*PLACE).where(PlaceRow.path == bindparam("path"))
TWINS = select(SourceRow.digest).where(IsListed(SourceRow.digest, bindparam("digests", type_=String())))
TWINS = TWINS.group_by(SourceRow.digest).having(func.count() > 1)
PATHS = bindparam("paths", type_=String())
KNOWN = select(or_(*(exists().where(IsListed(table.path, PATHS)) for table in (SourceRow, PlaceRow))))


def source_at(session: Session, path: str) -> Source | None:
    """The source with these bytes, with the path, size and time of the place that was asked for."""
    connection = session.connection()
    row = connection.execute(AT, {"path": path}).first()
    if row is not None:
        return queries.source_of(row)
    place = connection.execute(PLACE_AT, {"path": path}).first()
    if place is None:
        return None
    (source,) = queries.sources_by(session, [place.source_id]).values()
    return replace(source, path=path, size_bytes=place.size_bytes, modified_ns=place.modified_ns)


def paths_of(session: Session, source_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Source id -> its paths, its own first, the others in order of their names; () where the source is gone."""
    found: dict[int, tuple[str, ...]] = dict.fromkeys(source_ids, ())
    own = select(SourceRow.id, SourceRow.path).where(queries.among(SourceRow.id, source_ids))
    others = select(PlaceRow.source_id, PlaceRow.path).where(queries.among(PlaceRow.source_id, source_ids))
    for query in (own, others.order_by(PlaceRow.path)):
        for source_id, path in session.execute(query):
            found[source_id] += (path,)
    return found


def stamps(session: Session, collection: str, within: Sequence[str] | None = None) -> dict[str, Stamp]:
    """Every path of the collection with the size and time that its file had; or those at and below the ones given."""
    own = select(SourceRow.path, SourceRow.size_bytes, SourceRow.modified_ns, SourceRow.digest)
    others = select(PlaceRow.path, PlaceRow.size_bytes, PlaceRow.modified_ns, SourceRow.digest)
    others = others.join(SourceRow, SourceRow.id == PlaceRow.source_id)
    wanted = (
        [own, others]
        if within is None
        else [*_at(own, others, within), *_below(own, others, list_texts(session, stems_of(within)))]
    )
    of = (queries.of_collection(collection), *visible_to(current_viewer()))
    rows = (row for query in wanted for row in session.execute(query.where(*of)))
    return {path: Stamp(size_bytes, modified_ns, digest) for path, size_bytes, modified_ns, digest in rows}


def _at(own: Stamped, others: Stamped, paths: Sequence[str]) -> list[Stamped]:
    return [own.where(queries.is_one_of(SourceRow.path, paths)), others.where(queries.is_one_of(PlaceRow.path, paths))]


def stems_of(paths: Sequence[str]) -> list[str]:
    """What paths begin with that lie below these, or in archives there."""
    return [path.rstrip(os.sep) + end for path in paths for end in ("", ARCHIVE)]


def _below(own: Stamped, others: Stamped, stem: ColumnElement[str]) -> list[Stamped]:
    """What lies in these folders and archives, each a range of the index of paths, however many they are."""
    after = chr(ord(os.sep) + 1)
    return [
        query.where(path > stem.concat(os.sep), path < stem.concat(after))
        for query, path in ((own, SourceRow.path), (others, PlaceRow.path))
    ]


def sources_at(paths: Sequence[str]) -> ColumnElement[bool]:
    """A source lies at one of these paths at least."""
    copied = select(PlaceRow.source_id).where(queries.is_one_of(PlaceRow.path, paths))
    return or_(queries.is_one_of(SourceRow.path, paths), SourceRow.id.in_(copied))


def collect(session: Session, paths: Sequence[str], name: str) -> int:
    """Put what lies at these paths into the collection of this name; returns how many sources were elsewhere."""
    return _rename(session, name, sources_at(paths))


def rename_collection(session: Session, old: str, new: str) -> int:
    """Put all that is in the one collection into the other; returns how many sources that were."""
    return _rename(session, new, SourceRow.collection == old)


def _rename(session: Session, name: str, which: ColumnElement[bool]) -> int:
    seen = visible_to(current_viewer())
    moved = update(SourceRow).where(which, queries.of_collection(LIBRARY), SourceRow.collection != name, *seen)
    found: int = session.execute(moved.values(collection=name)).rowcount  # type: ignore[attr-defined]  # an update's
    if found:
        note_change(session)
    return found


def touch(session: Session, path: str, modified_ns: int) -> None:
    """The file at this path has the same bytes and a new time."""
    source = session.scalar(select(SourceRow).where(SourceRow.path == path))
    row = source or session.get(PlaceRow, path)
    if row is not None:
        row.modified_ns = modified_ns


def inherit_many(session: Session, heirs: Sequence[Source]) -> list[Source]:
    """As `inherit`, each in turn."""
    digests = as_array([heir.digest for heir in heirs if heir.digest])
    twins = set(session.connection().execute(TWINS, {"digests": digests}).scalars())
    return [inherit(session, heir) if heir.digest in twins else heir for heir in heirs]


def inherit(session: Session, heir: Source) -> Source:
    """Let a new source, which carries its path already, stand for all others of its collection with the same bytes;
    the heir. One that nobody has put anywhere goes where an other was put: that may be what hides it.
    """
    group = queries.of_collection(queries.group_of(heir.collection))
    same = (SourceRow.digest == heir.digest, group, SourceRow.id != heir.id)
    others = session.scalars(select(SourceRow).where(*same).order_by(SourceRow.id)).all()
    named = [other.collection for other in others if other.collection not in (LIBRARY, UPLOADS)]
    if named and heir.collection == LIBRARY:
        heir = replace(heir, collection=named[0])
        session.execute(update(SourceRow).where(SourceRow.id == heir.id).values(collection=heir.collection))
    for other in others:
        session.execute(update(PlaceRow).where(PlaceRow.source_id == other.id).values(source_id=heir.id))
        place = {"size_bytes": other.size_bytes, "modified_ns": other.modified_ns}
        session.add(PlaceRow(path=other.path, source_id=heir.id, **place))
        session.execute(delete(SourceRow).where(SourceRow.id == other.id))
    if others:
        note_change(session)
    return heir


def is_any_known(session: Session, paths: Sequence[str]) -> bool:
    """Whether the bytes of any of these paths are known."""
    return bool(session.connection().execute(KNOWN, {"paths": as_array(paths)}).scalar_one())


def forget(session: Session, paths: Sequence[str]) -> int:
    """Forget these paths, and with its last path a source; returns how many paths were known."""
    if not is_any_known(session, paths):
        return 0
    copies = delete(PlaceRow).where(queries.is_one_of(PlaceRow.path, paths)).returning(PlaceRow.path)
    known = session.scalars(copies).all()
    bare = session.scalars(select(SourceRow).where(queries.is_one_of(SourceRow.path, paths))).all()
    copied = set(session.scalars(select(PlaceRow.source_id).distinct())) if bare else set()
    lost = [source.id for source in bare if source.id not in copied or not _move_to_copy(session, source)]
    if lost:
        session.execute(delete(SourceRow).where(queries.among(SourceRow.id, lost)))
    if known or bare:
        note_change(session)
    return len(known) + len(bare)


def _move_to_copy(session: Session, source: SourceRow) -> bool:
    """Let the source take over the first of its other places; False if it has none."""
    place = session.scalar(select(PlaceRow).where(PlaceRow.source_id == source.id).order_by(PlaceRow.path).limit(1))
    if place is None:
        return False
    source.path, source.size_bytes, source.modified_ns = place.path, place.size_bytes, place.modified_ns
    session.delete(place)
    session.flush()
    return True


def remove(session: Session, source_ids: Sequence[int]) -> int:
    """Delete sources; their regions, vectors and labels go with them by the foreign keys."""
    gone = session.scalars(
        delete(SourceRow).where(queries.among(SourceRow.id, source_ids)).returning(SourceRow.id)
    ).all()
    if gone:
        note_change(session)
    return len(gone)


def exchange_regions(
    session: Session, source_id: int, regions: Sequence[Region], vectors_ND: Floats, mark: str, without: Sequence[str]
) -> bool:
    """Regions in the place of all others of their kinds, and of these; False if the source is gone."""
    if session.get(SourceRow, source_id) is None:
        return False
    same = (RegionRow.source_id == source_id, RegionRow.kind.in_({*(region.kind for region in regions), *without}))
    if session.scalars(delete(RegionRow).where(*same).returning(RegionRow.id)).all():
        note_change(session)
    session.merge(MarkRow(source_id=source_id, name=mark))
    queries.add_regions(session, source_id, regions, vectors_ND)
    return True


def exchange_of_many(
    session: Session,
    source_ids: Sequence[int],
    regions: Sequence[Region],
    vectors_ND: Floats,
    mark: str,
    kinds: Sequence[str],
) -> None:
    """As `RegionStore.exchange_of_many`."""
    there = set(session.scalars(select(SourceRow.id).where(queries.among(SourceRow.id, source_ids))))
    same = (queries.among(RegionRow.source_id, source_ids), RegionRow.kind.in_(kinds))
    if session.scalars(delete(RegionRow).where(*same).returning(RegionRow.id)).all():
        note_change(session)
    marks = insert_into(session, MarkRow).on_conflict_do_nothing()
    if there:
        session.execute(marks, [{"source_id": source_id, "name": mark} for source_id in sorted(there)])
    kept = [n for n, region in enumerate(regions) if region.source.id in there]
    owners = [regions[n].source.id for n in kept]
    queries.add_regions_of(session, owners, [regions[n] for n in kept], vectors_ND[kept])


def note_change(session: Session) -> None:
    """Tell every process that something which it may remember is no longer so."""
    session.execute(update(LibraryRow).values(removals=LibraryRow.removals + 1))


ADDED = "SELECT path FROM sources WHERE collection != ? ORDER BY id"
COPIES = "SELECT p.path FROM places p JOIN sources s ON s.id = p.source_id WHERE s.collection != ? ORDER BY p.path"
TABLES = "SELECT name FROM sqlite_master WHERE name = 'places'"  # a store of the first version has none


def known_paths(stores: Iterable[Place]) -> list[str]:
    """Paths of the files that any of these store.db files, or indexes of a server, holds, each once, in the order in
    which they were added.
    """
    found: dict[str, None] = {}
    for store in stores:
        found.update(dict.fromkeys(_known_to(store)))
    return list(found)


def paths_through(store: Place, part: str) -> list[str]:
    """Every path that an index knows, of whatever collection, in which `part` occurs. sqlite3.Error, or a LibraryError
    of a server's, says why not.
    """
    if not isinstance(store, Path):
        wanted = [select(table.path).where(PlaceIn(table.path, part) > 0) for table in (SourceRow, PlaceRow)]
        return _read_on_server(store, wanted)
    with closing(_open_as_is(store)) as connection:
        tables = ("sources", "places") if connection.execute(TABLES).fetchone() else ("sources",)
        query = "SELECT path FROM {} WHERE instr(path, ?)"
        return [path for table in tables for (path,) in connection.execute(query.format(table), (part,))]


def files_in(store: Place) -> list[tuple[str, str]]:
    """Path and checksum of every file that an index knows, of whatever collection. As `paths_through` raises."""
    if not isinstance(store, Path):
        with closing(open_database(store, STORE)) as database, database.reading() as session:
            return [(path, digest) for path, digest in session.execute(select(SourceRow.path, SourceRow.digest))]
    with closing(_open_as_is(store)) as connection:
        return list(connection.execute("SELECT path, digest FROM sources"))


def known_digests(store: Place, digests: Collection[str]) -> set[str]:
    """Those of these checksums of which an index knows a file, of whatever collection. As `paths_through` raises."""
    if not isinstance(store, Path):
        wanted = select(SourceRow.digest).where(queries.is_one_of(SourceRow.digest, list(digests)))
        return {*_read_on_server(store, [wanted])}
    with closing(_open_as_is(store)) as connection:
        query = "SELECT digest FROM sources WHERE digest IN (SELECT value FROM json_each(?))"
        return {digest for (digest,) in connection.execute(query, (json.dumps(list(digests)),))}


def _known_to(store: Place) -> list[str]:
    if not isinstance(store, Path):
        shown = SourceRow.collection != UPLOADS
        copies = select(PlaceRow.path).join(SourceRow, SourceRow.id == PlaceRow.source_id).where(shown)
        own = select(SourceRow.path).where(shown).order_by(SourceRow.id)
        return _read_on_server(store, [own, copies.order_by(PlaceRow.path)])
    try:
        with closing(_open_as_is(store)) as connection:
            wanted = (ADDED, COPIES) if connection.execute(TABLES).fetchone() else (ADDED,)
            return [path for query in wanted for (path,) in connection.execute(query, (UPLOADS,))]
    except sqlite3.Error:  # torn, or of another kind; the other stores may still know
        return []


def _read_on_server(place: ServerPlace, wanted: Iterable[Select[str]]) -> list[str]:
    with closing(open_database(place, STORE)) as database, database.reading() as session:
        return [path for query in wanted for path in session.scalars(query)]


def _open_as_is(store: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)
