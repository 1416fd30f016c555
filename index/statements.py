"""What other files say of photos: sidecars, notes inside the photo, and what another program exported beside it.

It belongs to a photo's bytes, as what people say here does (`curation`), and is kept apart from that: a rating or an
album that is told is carried over once, where nothing was said here, and what was said here stays. A date or a place
that is told shows in the source itself. What its file said first is kept under the origin `CAMERA`.

A camera's time is local; of a program that tells UTC a time is taken for another one only if no zone explains the
difference: then somebody set it there. So is every place that a program tells. What stands in a sidecar or inside the
photo fills in what the camera left open. Every function uses the session given.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from deepseek_mm.storage.database import Database
from deepseek_mm.storage.portable_sql import insert_into
from index import curation, places, queries
from index.membership import visible_to
from index.region import (
    MOST_STARS,
    UPLOADS,
    PhotoStatement,
    Rating,
    Source,
    StatedBox,
    StatedFacts,
    current_viewer,
)
from index.tables import MarkRow, RatingRow, SourceRow, StatementRow

CAMERA, INSIDE, SIDECAR = "camera", "file", "sidecar"  # origins
PROGRAM_NAMES = {
    "export": "DeepSeek-MM",
    "takeout": "Google Photos",
    "apple": "Apple Photos",
    "immich": "Immich",
    "digikam": "digiKam",
}
PROGRAMS = tuple(PROGRAM_NAMES)  # origins; the first that tells a fact is believed
IN_UTC = ("takeout",)  # those whose times are UTC
MOST_ZONE = timedelta(hours=14)  # between local time and UTC
LEAST_CHANGE = timedelta(seconds=1)  # cameras write no fractions
OWN = (SIDECAR, INSIDE)  # what fills in what a camera left open, in this order
Place = tuple[float | None, float | None]  # latitude and longitude


class StatedChanges(NamedTuple):
    """What noting statements has changed, in photos."""

    noted: int = 0  # of which something new is known
    dates: int = 0
    places: int = 0
    rated: int = 0
    albums: int = 0  # places in albums


def note(session: Session, statements: Sequence[PhotoStatement], stale: Collection[str] = ()) -> StatedChanges:
    """As `Statements.note`."""
    known = read(session, {each.digest for each in statements})
    changes, changed = StatedChanges(), []
    for each in statements:
        told = known.setdefault(each.digest, {})
        last = told.get(each.origin)
        if last != each:
            _write(session, each)
            told[each.origin] = each
            changes = _add(changes, _apply(session, each, StatedFacts() if last is None else last.facts, told))
            changed.append(each.digest)
    _make_stale(session, changed, stale)
    if changed:
        places.note_change(session)
    return changes


def _add(one: StatedChanges, other: StatedChanges) -> StatedChanges:
    return StatedChanges(*(left + right for left, right in zip(one, other, strict=True)))


def _apply(session: Session, new: PhotoStatement, last: StatedFacts, told: dict[str, PhotoStatement]) -> StatedChanges:
    """Carry over what a statement says that it did not say before."""
    has_date, has_place = _date_sources(session, new.digest, told)
    rated = _rate(session, new.digest, new.facts, last)
    albums = [name for name in new.facts.albums if name not in last.albums]
    put = sum(curation.append(session, curation.make_album(session, name), [new.digest]) for name in albums)
    return StatedChanges(noted=1, dates=int(has_date), places=int(has_place), rated=int(rated), albums=put)


def _rate(session: Session, digest: str, new: StatedFacts, last: StatedFacts) -> bool:
    """Take over stars and favourites that are told anew, where what is said here is what was told last."""
    query = select(RatingRow.is_favourite, RatingRow.stars).where(RatingRow.digest == digest, RatingRow.owner == "")
    row = session.execute(query).first()
    here = Rating() if row is None else Rating(is_favourite=row.is_favourite, stars=row.stars)
    stars = new.stars if here.stars == last.stars else here.stars
    is_favourite = new.is_favourite if here.is_favourite == last.is_favourite else here.is_favourite
    if Rating(is_favourite=is_favourite, stars=stars) == here:
        return False
    curation.write_ratings(session, [digest], {"is_favourite": is_favourite, "stars": stars})
    return True


def _date_sources(session: Session, digest: str, told: dict[str, PhotoStatement]) -> tuple[bool, bool]:
    """Give the source with these bytes the date and place that hold now; whether either has changed."""
    same = (SourceRow.digest == digest, SourceRow.collection != UPLOADS, SourceRow.kind == "photo")
    row = session.scalar(select(SourceRow).where(*same))
    if row is None:
        return False, False
    if CAMERA not in told:
        own = StatedFacts(taken_at=row.taken_at, latitude=row.latitude, longitude=row.longitude)
        told[CAMERA] = PhotoStatement(digest=digest, origin=CAMERA, told_by=row.path, facts=own)
        _write(session, told[CAMERA])
    at, place = row.taken_at, (row.latitude, row.longitude)
    row.taken_at, (row.latitude, row.longitude) = choose_time(told), choose_place(told)
    session.flush()
    return at != row.taken_at, place != (row.latitude, row.longitude)


def choose_time(told: Mapping[str, PhotoStatement]) -> datetime | None:
    """When a photo was taken, by all that is told of it: origin -> statement."""
    times = {name: each.facts.taken_at for name, each in told.items() if each.facts.taken_at is not None}
    own = next((times[name] for name in (CAMERA, *OWN) if name in times), None)
    for name in PROGRAMS:
        zone = MOST_ZONE if name in IN_UTC else LEAST_CHANGE
        if name in times and (own is None or abs(times[name] - own) > zone):
            return times[name]
    return own


def choose_place(told: Mapping[str, PhotoStatement]) -> Place:
    """Where a photo was taken, by all that is told of it."""
    rows = (told[name].facts for name in (*PROGRAMS, CAMERA, *OWN) if name in told)
    return next(((f.latitude, f.longitude) for f in rows if None not in (f.latitude, f.longitude)), (None, None))


def adapt_many(session: Session, sources: Sequence[Source]) -> list[Source]:
    """Sources that are to be stored, with the dates and places that are told of their bytes."""
    photos = [source.digest for source in sources if source.kind == "photo" and source.collection != UPLOADS]
    known = read(session, photos) if photos else {}
    return [_adapt(session, source, known.get(source.digest, {})) for source in sources]


def _adapt(session: Session, source: Source, told: Mapping[str, PhotoStatement]) -> Source:
    if not told or source.kind != "photo" or source.collection == UPLOADS:
        return source
    own = StatedFacts(taken_at=source.taken_at, latitude=source.latitude, longitude=source.longitude)
    first = PhotoStatement(digest=source.digest, origin=CAMERA, told_by=source.path, facts=own)
    _write(session, first)
    told = {**told, CAMERA: first}
    latitude, longitude = choose_place(told)
    return replace(source, taken_at=choose_time(told), latitude=latitude, longitude=longitude)


def read(session: Session, digests: Iterable[str]) -> dict[str, dict[str, PhotoStatement]]:
    """Bytes -> origin -> what it says; bytes of which nothing is told are left out."""
    found: dict[str, dict[str, PhotoStatement]] = {}
    wanted = select(StatementRow).where(queries.is_one_of(StatementRow.digest, sorted(digests)))
    for row in session.scalars(wanted.execution_options(populate_existing=True)):
        found.setdefault(row.digest, {})[row.origin] = _statement(row)
    return found


def read_of(session: Session, source_ids: Sequence[int]) -> dict[int, tuple[PhotoStatement, ...]]:
    """Source id -> what is told of it, what its camera said left out."""
    query = select(SourceRow.id, SourceRow.digest).where(queries.among(SourceRow.id, source_ids))
    query = query.where(*visible_to(current_viewer()))
    ids = dict(session.execute(query).all())
    told = read(session, set(ids.values()))
    order = [*PROGRAMS, *OWN]
    return {
        source_id: tuple(told[digest][name] for name in order if name in told.get(digest, {}))
        for source_id, digest in ids.items()
    }


def read_files(session: Session, origin: str, folders: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Path of every file that told something, at or below these folders -> its size and time then."""
    query = select(StatementRow.told_by, StatementRow.size_bytes, StatementRow.modified_ns)
    rows = session.execute(query.where(StatementRow.origin == origin)).all()
    stems = tuple(f"{folder.rstrip('/')}{end}" for folder in folders for end in ("/", "!/"))
    return {path: (size, time_ns) for path, size, time_ns in rows if path.startswith(stems) or path in folders}


def withdraw(session: Session, paths: Sequence[str], stale: Collection[str]) -> int:
    """What these files told holds no longer; returns of how many photos. What it led to here stays, dates do not."""
    told = (queries.is_one_of(StatementRow.told_by, paths), StatementRow.origin == SIDECAR)
    digests = list(session.scalars(select(StatementRow.digest).where(*told)))
    session.execute(delete(StatementRow).where(*told))
    for digest, said in read(session, digests).items():
        _date_sources(session, digest, said)
    _make_stale(session, digests, stale)
    if digests:
        places.note_change(session)
    return len(digests)


def _make_stale(session: Session, digests: Sequence[str], marks: Collection[str]) -> None:
    """Take from the sources with these bytes the marks of passes that are to be made again."""
    if digests and marks:
        sources = select(SourceRow.id).where(queries.is_one_of(SourceRow.digest, digests))
        session.execute(delete(MarkRow).where(MarkRow.source_id.in_(sources), MarkRow.name.in_(list(marks))))


def mark_stale(session: Session, paths: Sequence[str], marks: Collection[str]) -> int:
    """As `Statements.mark_stale`."""
    photos = select(SourceRow.id).where(queries.is_one_of(SourceRow.path, paths), SourceRow.kind == "photo")
    ids = session.scalars(photos).all()
    session.execute(delete(MarkRow).where(queries.among(MarkRow.source_id, ids), MarkRow.name.in_(list(marks))))
    return len(ids)


def named_like(session: Session, stem: str) -> list[str]:
    """Paths of the photos that are called so with any one ending: "/a/x" gives "/a/x.jpg" and "/a/x.dng"."""
    query = select(SourceRow.path).where(SourceRow.path > f"{stem}.", SourceRow.path < f"{stem}/")
    return [path for path in session.scalars(query) if "/" not in path[len(stem) :] and path.count(".", len(stem)) == 1]


def _write(session: Session, each: PhotoStatement) -> None:
    facts = asdict(each.facts)
    columns = {name: facts.pop(name) for name in ("taken_at", "latitude", "longitude")}
    columns |= {"told_by": each.told_by, "size_bytes": each.size_bytes, "modified_ns": each.modified_ns}
    columns["words"] = {name: value for name, value in facts.items() if value}
    rows = insert_into(session, StatementRow).values(digest=each.digest, origin=each.origin, **columns)
    session.execute(rows.on_conflict_do_update(index_elements=["digest", "origin"], set_=columns))


def _statement(row: StatementRow) -> PhotoStatement:
    words: dict[str, Any] = dict(row.words)
    boxes = tuple(StatedBox(*box) for box in words.pop("boxes", ()))
    words = {name: tuple(value) if isinstance(value, list) else value for name, value in words.items()}
    facts = StatedFacts(taken_at=row.taken_at, latitude=row.latitude, longitude=row.longitude, boxes=boxes, **words)
    return PhotoStatement(
        digest=row.digest,
        origin=row.origin,
        told_by=row.told_by,
        size_bytes=row.size_bytes,
        modified_ns=row.modified_ns,
        facts=facts,
    )


def join(session: Session, origin: Session) -> None:
    """What was told in another store is told here too, and gives sources their dates and places."""
    rows = [dict(row._mapping) for row in origin.execute(select(StatementRow.__table__))]
    if not rows:
        return
    session.execute(insert_into(session, StatementRow).on_conflict_do_nothing(), rows)
    for digest, told in read(session, {row["digest"] for row in rows}).items():
        _date_sources(session, digest, told)
    places.note_change(session)


class Statements:
    """What other files say of the photos of one store; any number of threads and processes may use it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, statements: Sequence[PhotoStatement], *, stale: Collection[str] = ()) -> StatedChanges:
        """Keep what is told, each in the place of what the same origin told of the same bytes before; at once.

        `stale` names passes that photos need again of which something new is told. ValueError for more than 5 stars.
        """
        if wrong := [each.facts.stars for each in statements if not 0 <= each.facts.stars <= MOST_STARS]:
            raise ValueError(f"stars={wrong[0]} must be 0 to {MOST_STARS}")
        return self._database.write(note, statements, stale)

    def withdraw(self, paths: Sequence[str], *, stale: Collection[str] = ()) -> int:
        """Sidecars at these paths are gone; returns of how many photos something was told there."""
        return self._database.write(withdraw, paths, stale)

    def mark_stale(self, paths: Sequence[str], marks: Collection[str]) -> int:
        """Photos at these paths need these passes again; returns how many are known."""
        return self._database.write(mark_stale, paths, marks)

    def read(self, digests: Iterable[str]) -> dict[str, dict[str, PhotoStatement]]:
        """Bytes -> origin -> what it says; bytes of which nothing is told are left out."""
        return self._database.read(read, list(digests))

    def read_of(self, source_ids: Sequence[int]) -> dict[int, tuple[PhotoStatement, ...]]:
        """Source id -> what is told of it, the most believed first; what its camera said is left out."""
        return self._database.read(read_of, source_ids)

    def read_files(self, origin: str, folders: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Path of every file of this origin that told something, at or below these paths -> its size and time then."""
        return self._database.read(read_files, origin, folders)

    def named_like(self, stem: str) -> list[str]:
        """Paths of the photos that are called so with any one ending: "/a/x" gives "/a/x.jpg" and "/a/x.dng"."""
        return self._database.read(named_like, stem)

    def join(self, other: Self) -> None:
        """What was told in another store is told here too; where both know something, what is told here stays."""
        with other._database.reading() as origin, self._database.writing() as session:
            join(session, origin)
