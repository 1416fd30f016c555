"""People in photos: their faces, the vectors of these, which belong together, and what people are called.

It belongs to a file's bytes (its digest), so it stays when a file moves. It does not outlive the photo: what no file of
the library has any more is forgotten for good with `purge`, and so is a person who is removed, with every vector. What
somebody has said (names, groups joined, "not this person") is never undone by grouping anew. Every function uses the
session given.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from deepseek_mm.storage.database import Database
from deepseek_mm.storage.errors import StoreBusy
from deepseek_mm.storage.portable_sql import insert_into
from index import places, queries
from index.face_groups import group_faces
from index.membership import HIDDEN, in_library, is_unlisted, known_digests, list_hidden, visible_to
from index.region import UPLOADS, Face, Person, current_viewer
from index.server.column_types import STORED
from index.tables import FaceRow, MarkRow, NotPersonRow, PersonRow, SourceRow
from index.vectors import Floats

FACES_MARK = "faces"  # of photos whose faces were read
NAMES = select(PersonRow.name).where(PersonRow.name != "").order_by(PersonRow.name)
FACES_SEEN = select(FaceRow.person_id).where(
    FaceRow.digest.in_(select(SourceRow.digest).where(SourceRow.collection != UPLOADS, is_unlisted(HIDDEN))),
    FaceRow.person_id.is_not(None),
)
NAMES_SEEN = NAMES.where(PersonRow.id.in_(FACES_SEEN))  # by whom some collections are not seen
KNOWN = select(SourceRow.digest).where(SourceRow.collection != UPLOADS)
IN_GROUP = 2  # photos from which on an unnamed person is shown
MOST_UNNAMED = 200  # unnamed people that are listed
BOX = (FaceRow.left, FaceRow.top, FaceRow.right, FaceRow.bottom)
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFace:
    """A face that was found in a photo."""

    box: Box  # shares of the upright photo
    score: float
    vector_D: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFaces:
    """All faces, for whoever groups them; row n of each is of the face ids[n]."""

    ids: tuple[int, ...]
    people: tuple[int, ...]  # 0 is nobody yet
    vectors_FD: Floats
    named: Mapping[int, bool]  # person -> whether somebody has named them
    refusals: Mapping[int, set[int]]  # row -> people that the face is not


def add(session: Session, source_id: int, faces: Sequence[NewFace]) -> bool:
    """The faces of a source, and that they were read; False if it is gone. Faces of these bytes that are known stay."""
    source = session.get(SourceRow, source_id)
    if source is None:
        return False
    session.merge(MarkRow(source_id=source_id, name=FACES_MARK))
    if source.digest and not has_faces(session, source.digest):
        session.add_all(_to_row(source.digest, face) for face in faces)
    return True


def _to_row(digest: str, face: NewFace) -> FaceRow:
    left, top, right, bottom = face.box
    data = face.vector_D.astype(STORED).tobytes()
    return FaceRow(digest=digest, left=left, top=top, right=right, bottom=bottom, score=face.score, data=data)


def has_faces(session: Session, digest: str) -> bool:
    """Whether faces of these bytes are known."""
    return session.scalar(select(FaceRow.id).where(FaceRow.digest == digest).limit(1)) is not None


def known_faces(session: Session) -> KnownFaces:
    """Every face with its vector."""
    rows = session.execute(select(FaceRow.id, FaceRow.person_id, FaceRow.data).order_by(FaceRow.id)).all()
    at = {row.id: n for n, row in enumerate(rows)}
    refusals: dict[int, set[int]] = {}
    for face, person in session.execute(select(NotPersonRow.face_id, NotPersonRow.person_id)):
        refusals.setdefault(at[face], set()).add(person)
    dim = len(rows[0].data) // STORED.itemsize if rows else 0
    return KnownFaces(
        ids=tuple(row.id for row in rows),
        people=tuple(row.person_id or 0 for row in rows),
        vectors_FD=queries.from_blobs([row.data for row in rows], dim),
        named={person: bool(name) for person, name in session.execute(select(PersonRow.id, PersonRow.name))},
        refusals=refusals,
    )


def keep_groups(session: Session, known: KnownFaces, groups: Sequence[Sequence[int]]) -> int:
    """Note whose the faces of each group are; returns how many faces came to somebody else.

    A face that somebody has moved or removed since `known` was read is left as it is now.
    """
    now = dict(session.execute(select(FaceRow.id, FaceRow.person_id)).all())
    moved = 0
    for rows in groups:
        rows = [row for row in rows if now.get(known.ids[row], -1) in (known.people[row], known.people[row] or None)]
        owners = {known.people[row] for row in rows} - {0}
        named = [person for person in owners if known.named.get(person)]
        person = (named or sorted(owners) or [0])[0] or _add_person(session)
        others = [known.ids[row] for row in rows if known.people[row] != person]
        moved += len(others)
        if others:
            session.execute(update(FaceRow).where(queries.among(FaceRow.id, others)).values(person_id=person))
    drop_empty(session)
    if moved:
        places.note_change(session)
    return moved


def _add_person(session: Session, name: str = "") -> int:
    row = PersonRow(name=name)
    session.add(row)
    session.flush()
    return row.id


def drop_empty(session: Session) -> None:
    """People without a face are nobody."""
    owners = select(FaceRow.person_id).where(FaceRow.person_id.is_not(None))
    session.execute(delete(PersonRow).where(PersonRow.id.not_in(owners)))


def list_people(session: Session) -> list[Person]:
    """Those with names in order of these, then the others with at least two photos, most photos first."""
    counted = select(FaceRow.person_id, func.count(FaceRow.digest.distinct()).label("num"))
    counted = counted.where(FaceRow.digest.in_(known_digests()), FaceRow.person_id.is_not(None)).group_by(
        FaceRow.person_id
    )
    counts = dict(session.execute(counted).all())
    rows = session.scalars(select(PersonRow).order_by(PersonRow.name, PersonRow.id)).all()
    named = [row for row in rows if row.name and (row.id in counts or not current_viewer().hidden)]
    others = [row for row in rows if not row.name and counts.get(row.id, 0) >= IN_GROUP]
    others.sort(key=lambda row: (-counts[row.id], row.id))
    return [_show(session, row, counts.get(row.id, 0)) for row in (*named, *others[:MOST_UNNAMED])]


def _show(session: Session, person: PersonRow, sources: int) -> Person:
    """With the largest of the faces that are surely one."""
    size = (FaceRow.right - FaceRow.left) * (FaceRow.bottom - FaceRow.top)
    query = select(*queries.SOURCE_COLUMNS, *BOX).join(FaceRow, FaceRow.digest == SourceRow.digest)
    query = query.where(FaceRow.person_id == person.id, *in_library())
    row = session.execute(query.order_by((size * FaceRow.score).desc(), FaceRow.id).limit(1)).first()
    if row is None:
        return Person(id=person.id, name=person.name, sources=0, owner=person.owner)
    left, top, right, bottom = row[-len(BOX) :]
    cover = queries.source_of(row[: -len(BOX)])
    box = (left, top, right, bottom)
    return Person(id=person.id, name=person.name, sources=sources, cover=cover, box=box, owner=person.owner)


def find_person(session: Session, person_id: int) -> Person | None:
    """By the id; None if there is nobody."""
    row = session.get(PersonRow, person_id)
    if row is None:
        return None
    which = (FaceRow.person_id == person_id, FaceRow.digest.in_(known_digests()))
    count = session.scalar(select(func.count(FaceRow.digest.distinct())).where(*which))
    return _show(session, row, count or 0) if count or not current_viewer().hidden else None


def name_people(session: Session) -> list[str]:
    """The names that there are, in order."""
    viewer = current_viewer()
    if not viewer.hidden:
        return list(session.scalars(NAMES))
    return list(session.scalars(NAMES_SEEN, {"hidden": list_hidden(viewer)}))


def faces_of(session: Session, source_ids: Sequence[int]) -> dict[int, list[Face]]:
    """Source id -> its faces from left to right; sources without any are left out."""
    columns = (SourceRow.id.label("source"), FaceRow, PersonRow.name)
    query = select(*columns).join(FaceRow, FaceRow.digest == SourceRow.digest)
    query = query.outerjoin(PersonRow, PersonRow.id == FaceRow.person_id)
    which = (queries.among(SourceRow.id, source_ids), *visible_to(current_viewer()))
    rows = session.execute(query.where(*which).order_by(FaceRow.left)).all()
    middles = _middles(session, {row.FaceRow.person_id for row in rows if row.name})
    found: dict[int, list[Face]] = {}
    for source, row, name in rows:
        found.setdefault(source, []).append(
            Face(
                id=row.id,
                box=(row.left, row.top, row.right, row.bottom),
                score=row.score,
                person=row.person_id or 0,
                name=name or "",
                distance=_distance(row, middles.get(row.person_id or 0)),
            )
        )
    return found


def _middles(session: Session, people: set[int]) -> dict[int, Floats]:
    """Person -> the mean of the vectors of their faces."""
    vectors: dict[int, list[Floats]] = {}
    query = select(PersonRow.id, FaceRow.data).join(FaceRow, FaceRow.person_id == PersonRow.id)
    for person, data in session.execute(query.where(queries.among(PersonRow.id, sorted(people)))) if people else ():
        vectors.setdefault(person, []).append(np.frombuffer(data, STORED))
    return {person: np.mean(rows, axis=0) for person, rows in vectors.items()}


def _distance(row: FaceRow, middle_D: Floats | None) -> float:
    return float(np.linalg.norm(np.frombuffer(row.data, STORED) - middle_D)) if middle_D is not None else 0.0


def name_person(session: Session, person_id: int, name: str) -> bool:
    """False if there is nobody, or somebody else of this name."""
    taken = select(PersonRow.id).where(PersonRow.name == name, PersonRow.id != person_id)
    row = session.get(PersonRow, person_id)
    if row is None or session.scalar(taken) is not None:
        return False
    row.name, row.owner = name, current_viewer().owner
    places.note_change(session)
    return True


def merge(session: Session, person_id: int, other_id: int) -> bool:
    """The other's faces are this person's, who keeps the name, or takes the other's if there is none. False if one of
    them is not there.
    """
    row, other = session.get(PersonRow, person_id), session.get(PersonRow, other_id)
    if row is None or other is None or row is other:
        return False
    session.execute(update(FaceRow).where(FaceRow.person_id == other_id).values(person_id=person_id))
    own = select(FaceRow.id).where(FaceRow.person_id == person_id)
    session.execute(delete(NotPersonRow).where(NotPersonRow.person_id == person_id, NotPersonRow.face_id.in_(own)))
    name, row.owner = row.name or other.name, row.owner if row.name else other.owner
    session.delete(other)
    session.flush()
    row.name = name
    places.note_change(session)
    return True


def refuse(session: Session, person_id: int, source_ids: Sequence[int]) -> int:
    """The faces of a person in these sources are somebody else's; returns how many that are."""
    seen = (queries.among(SourceRow.id, source_ids), *visible_to(current_viewer()))
    which = (FaceRow.person_id == person_id, FaceRow.digest.in_(select(SourceRow.digest).where(*seen)))
    faces = session.scalars(select(FaceRow.id).where(*which)).all()
    if faces:
        rows = [{"face_id": face, "person_id": person_id} for face in faces]
        session.execute(insert_into(session, NotPersonRow).on_conflict_do_nothing(), rows)
        session.execute(update(FaceRow).where(queries.among(FaceRow.id, faces)).values(person_id=None))
        keep_names(session, person_id)
        places.note_change(session)
    return len(faces)


def keep_names(session: Session, person_id: int) -> None:
    """A person who has lost the last face is nobody, named or not."""
    left = session.scalar(select(FaceRow.id).where(FaceRow.person_id == person_id).limit(1))
    if left is None:
        session.execute(delete(PersonRow).where(PersonRow.id == person_id))


def remove(session: Session, person_id: int) -> int:
    """A person with every face and vector; returns how many faces that were."""
    gone = session.scalars(delete(FaceRow).where(FaceRow.person_id == person_id).returning(FaceRow.id)).all()
    session.execute(delete(PersonRow).where(PersonRow.id == person_id))
    places.note_change(session)
    return len(gone)


def has_orphans(session: Session) -> bool:
    """Whether there are faces of bytes that no file of the library has."""
    return session.scalar(select(FaceRow.id).where(FaceRow.digest.not_in(KNOWN)).limit(1)) is not None


def purge(session: Session) -> int:
    """Faces of bytes that no file of the library has go for good; returns how many."""
    gone = session.scalars(delete(FaceRow).where(FaceRow.digest.not_in(KNOWN)).returning(FaceRow.id)).all()
    if gone:
        drop_empty(session)
        places.note_change(session)
    return len(gone)


def clear(session: Session) -> int:
    """All faces, vectors and names, as if they had never been read; returns how many faces there were."""
    count = session.scalar(select(func.count()).select_from(FaceRow)) or 0
    for table in (NotPersonRow, FaceRow, PersonRow):
        session.execute(delete(table))
    session.execute(delete(MarkRow).where(MarkRow.name == FACES_MARK))
    places.note_change(session)
    return count


def join(session: Session, origin: Session) -> None:
    """Faces and people of another store hold here too, of photos that are here and whose faces are not known."""
    have = set(session.scalars(select(FaceRow.digest).distinct()))
    here = set(session.scalars(KNOWN)) - have
    people: dict[int, int] = {}
    names = dict(origin.execute(select(PersonRow.id, PersonRow.name)).all())
    for row in origin.scalars(select(FaceRow).order_by(FaceRow.id)):
        if row.digest not in here:
            continue
        if row.person_id and row.person_id not in people:
            people[row.person_id] = _find_or_add(session, names[row.person_id])
        columns = {name: getattr(row, name) for name in ("digest", "left", "top", "right", "bottom", "score", "data")}
        session.add(FaceRow(**columns, person_id=people.get(row.person_id or 0)))
    places.note_change(session)


def _find_or_add(session: Session, name: str) -> int:
    found = session.scalar(select(PersonRow.id).where(PersonRow.name == name)) if name else None
    return found or _add_person(session, name)


class People:
    """People in the photos of one store; any number of threads and processes may use it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, source_id: int, faces: Sequence[NewFace]) -> bool:
        """The faces of a source, and that they were read; False if it is gone."""
        return self._database.write(add, source_id, faces)

    def has_faces(self, digest: str) -> bool:
        """Whether faces of these bytes are known."""
        return self._database.read(has_faces, digest)

    def group(self, limit: float) -> int:
        """Put faces together whose distance is `limit` at most; returns how many came to somebody else."""
        known = self._database.read(known_faces)
        if not known.ids:
            return 0
        groups = group_faces(known.vectors_FD, known.people, known.named, known.refusals, limit=limit)
        return self._database.write(keep_groups, known, groups)

    def list_people(self) -> list[Person]:
        """Those with names in order of these, then the others with at least two photos, most photos first."""
        return self._database.read(list_people)

    def find(self, person_id: int) -> Person | None:
        """By the id; None if there is nobody."""
        return self._database.read(find_person, person_id)

    def names(self) -> list[str]:
        """The names that there are, in order."""
        return self._database.read(name_people)

    def faces_of(self, source_ids: Sequence[int]) -> dict[int, list[Face]]:
        """Source id -> its faces from left to right; sources without any are left out."""
        return self._database.read(faces_of, source_ids)

    def name(self, person_id: int, name: str) -> bool:
        """False if there is nobody, or somebody else of this name."""
        return self._database.write(name_person, person_id, name)

    def merge(self, person_id: int, other_id: int) -> bool:
        """The other's faces are this person's from now on. False if one of them is not there."""
        return self._database.write(merge, person_id, other_id)

    def refuse(self, person_id: int, source_ids: Sequence[int]) -> int:
        """The faces of a person in these sources are somebody else's; returns how many that are."""
        return self._database.write(refuse, person_id, source_ids)

    def remove(self, person_id: int) -> int:
        """A person with every face and vector, so that no byte of them stays; returns how many faces that were."""
        return self._erase(self._database.write(remove, person_id))

    def purge(self) -> int:
        """Faces of photos that the library does not have any more go for good; returns how many."""
        return self._erase(self._database.write(purge)) if self._database.read(has_orphans) else 0

    def clear(self) -> int:
        """All faces, vectors and names go for good; returns how many faces there were."""
        return self._erase(self._database.write(clear))

    def join(self, other: Self) -> None:
        """Faces and people of another store hold here too."""
        with other._database.reading() as origin, self._database.writing() as session:
            join(session, origin)

    def _erase(self, count: int) -> int:
        """Nothing of what was deleted stays in the log either, unless somebody reads it for long."""
        with suppress(StoreBusy):
            if count:
                self._database.empty_log()
        return count
