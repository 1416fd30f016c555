"""Files that were moved or renamed: a source takes the paths at which its bytes were found, and keeps all else.

Many are noted at once, since files may have exchanged their names: bytes that were at a path which others have now are
looked for among all that was found before anything is forgotten. Every function uses the session given.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, literal, select
from sqlalchemy.orm import Session

from deepseek_mm.storage.portable_sql import insert_into
from index import places, queries
from index.region import UPLOADS, FoundFile, MovedFile
from index.tables import MarkRow, PlaceRow, SourceRow

ASIDE = "\0"  # begins the name of a source between two paths: no file has such a name


@dataclass(kw_only=True, slots=True)
class SourcePaths:
    """A source with all its paths, as they are and as they are to be."""

    row: SourceRow
    others: list[PlaceRow]
    found: list[FoundFile] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # that are gone, or where other bytes lie now

    @property
    def files(self) -> dict[str, FoundFile]:
        """Path -> what lies there from now on, its own path first where that stays."""
        every: list[SourceRow | PlaceRow] = [self.row, *self.others]
        known = [_file_at(place, self.row.digest) for place in every]
        kept = {file.path: file for file in known if file.path not in self.lost}
        return kept | {file.path: file for file in self.found}


def note_found(
    session: Session, files: Sequence[FoundFile], gone: Collection[str], stale: Mapping[str, str]
) -> list[MovedFile]:
    """As `RegionStore.note_found`."""
    involved = _read_involved(session, files)
    by_digest = {each.row.digest: each for each in involved}
    holder = {file.path: file.digest for file in files if file.digest in by_digest}
    for file in files:
        if file.digest in by_digest:
            by_digest[file.digest].found.append(file)
    for each in involved:
        each.lost = [
            path
            for path in (each.row.path, *(place.path for place in each.others))
            if holder.get(path, each.row.digest) != each.row.digest or (each.found and path in gone)
        ]
    moved = [MovedFile(old=old, new=new, digest=each.row.digest) for each in involved for old, new in _list_moved(each)]
    renamed = _write_paths(session, [each for each in involved if each.found or each.lost])
    _exchange_marks(session, renamed, stale)
    if involved:
        places.note_change(session)
    return moved


def _read_involved(session: Session, files: Sequence[FoundFile]) -> list[SourcePaths]:
    """The sources with these bytes, the first of each, and those that were known at these paths."""
    digests = {file.digest for file in files}
    known = select(SourceRow).where(SourceRow.collection != UPLOADS)
    first: dict[str, SourceRow] = {}
    for row in session.scalars(known.where(queries.is_one_of(SourceRow.digest, digests)).order_by(SourceRow.id)):
        first.setdefault(row.digest, row)
    there = session.scalars(known.where(places.sources_at([file.path for file in files])))
    rows = {row.id: row for row in (*first.values(), *there)}
    others: dict[int, list[PlaceRow]] = {}
    for place in session.scalars(
        select(PlaceRow).where(queries.among(PlaceRow.source_id, list(rows))).order_by(PlaceRow.path)
    ):
        others.setdefault(place.source_id, []).append(place)
    return [SourcePaths(row=row, others=others.get(row.id, [])) for row in rows.values()]


def _list_moved(each: SourcePaths) -> Iterable[tuple[str, str]]:
    """Every lost path of a source with the one that it has from now on."""
    new = next(iter(each.files), "")
    return [(old, new) for old in each.lost if new]


def _write_paths(session: Session, changed: Sequence[SourcePaths]) -> list[int]:
    """Give sources their paths, all of which are free first; one without any goes. Ids of those with another name."""
    wanted = {each.row.id: list(each.files.values()) for each in changed}
    renamed = [each.row.id for each in changed if wanted[each.row.id] and wanted[each.row.id][0].path != each.row.path]
    known = {each.row.id: {place.path: place for place in each.others} for each in changed}
    for each in changed:
        stay = {file.path for file in wanted[each.row.id][1:]}
        for path in known[each.row.id].keys() - stay:
            session.delete(known[each.row.id].pop(path))
        if each.lost:
            each.row.path = f"{ASIDE}{each.row.id}"
    session.flush()
    for each in changed:
        if not wanted[each.row.id]:
            session.delete(each.row)
            continue
        own, *others = wanted[each.row.id]
        each.row.path, each.row.size_bytes, each.row.modified_ns = own.path, own.size_bytes, own.modified_ns
        for file in others:
            place = known[each.row.id].get(file.path) or PlaceRow(path=file.path, source_id=each.row.id)
            place.size_bytes, place.modified_ns = file.size_bytes, file.modified_ns
            session.add(place)
    session.flush()
    return renamed


def _exchange_marks(session: Session, source_ids: Sequence[int], stale: Mapping[str, str]) -> None:
    """Passes over these sources that are to be made again leave another mark in their place."""
    for old, new in stale.items():
        which = (MarkRow.name == old, queries.among(MarkRow.source_id, source_ids))
        made = select(MarkRow.source_id, literal(new)).where(*which)
        session.execute(insert_into(session, MarkRow).from_select(["source_id", "name"], made).on_conflict_do_nothing())
        session.execute(delete(MarkRow).where(*which))


def _file_at(place: SourceRow | PlaceRow, digest: str) -> FoundFile:
    return FoundFile(path=place.path, digest=digest, size_bytes=place.size_bytes, modified_ns=place.modified_ns)
