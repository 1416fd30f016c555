"""What people say of photos as such: favourites, stars, and albums with their order and cover.

It belongs to a file's bytes (its digest), not to where they lie: it stays when a file moves, is forgotten and comes
back, or is read anew, and goes over to the new bytes of a file that was edited in place. Every function uses the
session given.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import case, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from deepseek_mm.storage.database import Database
from deepseek_mm.storage.errors import StoreBusy
from deepseek_mm.storage.portable_sql import insert_into
from index import places, queries
from index.membership import counts_for, in_library, known_digests, visible_to
from index.region import MOST_STARS, UPLOADS, Album, Rating, Source, current_viewer
from index.tables import AlbumItemRow, AlbumRow, PersonRow, RatingRow, SourceRow, StatementRow

KNOWN = select(SourceRow.digest).where(SourceRow.collection != UPLOADS)


def ratings_of(session: Session, source_ids: Sequence[int]) -> dict[int, Rating]:
    """Source id -> what was said of it; sources of which nothing was said are left out."""
    columns = (SourceRow.id, RatingRow.is_favourite, RatingRow.stars)
    viewer = current_viewer()
    query = select(*columns).join(RatingRow, RatingRow.digest == SourceRow.digest)
    which = (queries.among(SourceRow.id, source_ids), counts_for(viewer), *visible_to(viewer))
    rows = session.execute(query.where(*which))
    return {row.id: Rating(is_favourite=row.is_favourite, stars=row.stars) for row in rows}


def rate(
    session: Session, source_ids: Sequence[int], *, is_favourite: bool | None = None, stars: int | None = None
) -> int:
    """Say this of sources; None leaves as it is. Returns how many of them there are."""
    digests = digests_of(session, source_ids)
    given = {"is_favourite": is_favourite, "stars": stars}
    said = {name: value for name, value in given.items() if value is not None}
    if not digests or not said:
        return 0
    write_ratings(session, digests, said, owner=current_viewer().owner)
    places.note_change(session)
    return len(digests)


def write_ratings(session: Session, digests: Sequence[str], said: Mapping[str, Any], *, owner: str = "") -> None:
    """What this owner says of these bytes from now on; where they say nothing of it yet, they begin with the house's.

    Who says nothing more has no row, but for those who disagree with the house.
    """
    listed = queries.is_one_of(RatingRow.digest, digests)
    rows = session.scalars(select(RatingRow).where(listed, RatingRow.owner.in_(("", owner)))).all()
    house = {row.digest: {"is_favourite": row.is_favourite, "stars": row.stars} for row in rows if not row.owner}
    first = {"is_favourite": False, "stars": 0}
    new = [{"digest": each, "owner": owner, **first, **house.get(each, {}), **said} for each in digests]
    session.execute(
        insert_into(session, RatingRow).on_conflict_do_update(index_elements=["digest", "owner"], set_=dict(said)), new
    )
    others = select(RatingRow.digest).where(RatingRow.owner == "")
    is_idle = or_(RatingRow.owner == "", RatingRow.digest.not_in(others.scalar_subquery()))
    session.execute(delete(RatingRow).where(listed, ~RatingRow.is_favourite, RatingRow.stars == 0, is_idle))


def digests_of(session: Session, source_ids: Iterable[int]) -> list[str]:
    """The bytes of these sources, in their order; pictures of questions are left out."""
    ids = list(source_ids)
    found = dict(
        session.execute(
            select(SourceRow.id, SourceRow.digest).where(
                queries.among(SourceRow.id, ids), SourceRow.digest != "", *in_library()
            )
        ).all()
    )
    return list(dict.fromkeys(found[each] for each in ids if each in found))


def albums(session: Session) -> list[Album]:
    """All of them by name, each with how many photos it has that are here, and its cover."""
    here = select(AlbumItemRow.album_id, func.count().label("num")).where(AlbumItemRow.digest.in_(known_digests()))
    counted = here.group_by(AlbumItemRow.album_id).subquery()
    query = select(AlbumRow, func.coalesce(counted.c.num, 0)).outerjoin(counted, counted.c.album_id == AlbumRow.id)
    rows = session.execute(query.order_by(AlbumRow.name, AlbumRow.id)).all()
    covers = {row.id: find_cover(session, row) for row, _ in rows}
    return [
        Album(id=row.id, name=row.name, sources=num, cover=covers[row.id], owner=row.owner)
        for row, num in rows
        if num or row.owner == current_viewer().owner or not current_viewer().hidden
    ]


def name_albums(session: Session) -> list[str]:
    """The names of all of them, in order."""
    if current_viewer().hidden:
        return [album.name for album in albums(session)]
    return list(session.scalars(select(AlbumRow.name).order_by(AlbumRow.name, AlbumRow.id)))


def find_cover(session: Session, album: AlbumRow) -> Source | None:
    """The photo that stands for an album: the one that was chosen, else its first; None if it has none."""
    query = select(*queries.SOURCE_COLUMNS).where(*in_library())
    items = query.join(AlbumItemRow, AlbumItemRow.digest == SourceRow.digest).where(AlbumItemRow.album_id == album.id)
    chosen = case((AlbumItemRow.digest == album.cover, 0), else_=1)
    row = session.execute(items.order_by(chosen, AlbumItemRow.position).limit(1)).first()
    return queries.source_of(row) if row else None


def albums_of(session: Session, source_id: int) -> list[str]:
    """The names of the albums that a source is in."""
    query = select(AlbumRow.name).join(AlbumItemRow, AlbumItemRow.album_id == AlbumRow.id)
    inside = query.join(SourceRow, SourceRow.digest == AlbumItemRow.digest).where(SourceRow.id == source_id)
    return list(session.scalars(inside.where(*in_library()).order_by(AlbumRow.name)))


def make_album(session: Session, name: str) -> int:
    """The id of the album of this name, which is made if there is none; capitals do not matter."""
    found = session.scalar(select(AlbumRow.id).where(AlbumRow.name == name))
    if found is not None:
        return found
    now = datetime.now(UTC).replace(tzinfo=None)
    row = AlbumRow(name=name, cover="", made_at=now, owner=current_viewer().owner)
    session.add(row)
    session.flush()
    return row.id


def rename_album(session: Session, album_id: int, name: str) -> bool:
    """False if there is no such album, or another one of this name."""
    taken = select(AlbumRow.id).where(AlbumRow.name == name, AlbumRow.id != album_id)
    if session.get(AlbumRow, album_id) is None or session.scalar(taken) is not None:
        return False
    session.execute(update(AlbumRow).where(AlbumRow.id == album_id).values(name=name))
    places.note_change(session)
    return True


def delete_album(session: Session, album_id: int) -> bool:
    """The album goes, its photos stay. False if there is none."""
    gone = session.scalar(delete(AlbumRow).where(AlbumRow.id == album_id).returning(AlbumRow.id))
    if gone is not None:
        places.note_change(session)
    return gone is not None


def put_into_album(session: Session, album_id: int, source_ids: Sequence[int]) -> int:
    """Sources come to the end of an album; returns how many were not in it. 0 if there is no such album."""
    if session.get(AlbumRow, album_id) is None:
        return 0
    num_new = append(session, album_id, digests_of(session, source_ids))
    if num_new:
        places.note_change(session)
    return num_new


def append(session: Session, album_id: int, digests: Sequence[str]) -> int:
    """These bytes come to the end of an album; returns how many were not in it."""
    inside = set(session.scalars(select(AlbumItemRow.digest).where(AlbumItemRow.album_id == album_id)))
    last = session.scalar(select(func.max(AlbumItemRow.position)).where(AlbumItemRow.album_id == album_id))
    fresh = [digest for digest in digests if digest not in inside]
    start = 0 if last is None else last + 1
    session.add_all(
        AlbumItemRow(album_id=album_id, digest=digest, position=start + n) for n, digest in enumerate(fresh)
    )
    return len(fresh)


def take_from_album(session: Session, album_id: int, source_ids: Sequence[int]) -> int:
    """Sources leave an album; returns how many were in it."""
    digests = digests_of(session, source_ids)
    which = (AlbumItemRow.album_id == album_id, queries.is_one_of(AlbumItemRow.digest, digests))
    gone = session.scalars(delete(AlbumItemRow).where(*which).returning(AlbumItemRow.digest)).all()
    if gone:
        session.execute(update(AlbumRow).where(AlbumRow.id == album_id, AlbumRow.cover.in_(gone)).values(cover=""))
        places.note_change(session)
    return len(gone)


def set_cover(session: Session, album_id: int, source_id: int) -> bool:
    """Let a photo of the album stand for it; False if it is not in it."""
    digests = digests_of(session, [source_id])
    if not digests or session.get(AlbumItemRow, (album_id, digests[0])) is None:
        return False
    session.execute(update(AlbumRow).where(AlbumRow.id == album_id).values(cover=digests[0]))
    return True


def order_album(session: Session, album_id: int, source_ids: Sequence[int]) -> int:
    """These come first in the album, in this order, the others behind them as they were; returns how many moved."""
    wanted = digests_of(session, source_ids)
    query = select(AlbumItemRow).where(AlbumItemRow.album_id == album_id).order_by(AlbumItemRow.position)
    items = {item.digest: item for item in session.scalars(query)}
    first = [items[digest] for digest in wanted if digest in items]
    rest = [item for item in items.values() if item not in first]
    for position, item in enumerate([*first, *rest]):
        item.position = position
    return len(first)


def carry_over(session: Session, old: str, new: str) -> None:
    """What was said of the old bytes of an edited file holds for the new ones, unless the old ones lie elsewhere."""
    if not old or not new or old == new or session.scalar(select(exists().where(SourceRow.digest == old))):
        return
    said: tuple[type[RatingRow | AlbumItemRow | StatementRow], ...] = (RatingRow, AlbumItemRow, StatementRow)
    for table in said:
        there = aliased(table)
        keys = [key.name for key in table.__table__.primary_key if key.name != "digest"]
        same = [getattr(there, name) == getattr(table, name) for name in keys]
        taken = select(there.digest).where(there.digest == new, *same)
        session.execute(update(table).where(table.digest == old, ~taken.exists()).values(digest=new))
        session.execute(delete(table).where(table.digest == old))
    session.execute(update(AlbumRow).where(AlbumRow.cover == old).values(cover=new))


def forget(session: Session, digests: Sequence[str]) -> int:
    """Forget what was said of these bytes, unless they are in the library; returns how many ratings and places in
    albums that were.
    """
    dropped = 0
    for table in (RatingRow, AlbumItemRow):
        which = (queries.is_one_of(table.digest, digests), table.digest.not_in(KNOWN))
        dropped += len(session.scalars(delete(table).where(*which).returning(table.digest)).all())
    told = (queries.is_one_of(StatementRow.digest, digests), StatementRow.digest.not_in(KNOWN))
    session.execute(delete(StatementRow).where(*told))
    gone = (queries.is_one_of(AlbumRow.cover, digests), AlbumRow.cover.not_in(KNOWN))
    session.execute(update(AlbumRow).where(*gone).values(cover=""))
    return dropped


def join(session: Session, origin: Session) -> None:
    """What was said in another store holds here too; where both say something, what is said here stays."""
    ratings = [dict(row._mapping) for row in origin.execute(select(RatingRow.__table__))]
    if ratings:
        session.execute(insert_into(session, RatingRow).on_conflict_do_nothing(), ratings)
    for album in origin.scalars(select(AlbumRow).order_by(AlbumRow.id)):
        album_id = make_album(session, album.name)
        items = select(AlbumItemRow.digest).where(AlbumItemRow.album_id == album.id).order_by(AlbumItemRow.position)
        append(session, album_id, origin.scalars(items).all())
        bare = update(AlbumRow).where(AlbumRow.id == album_id, AlbumRow.cover == "")
        session.execute(bare.values(cover=album.cover))
    places.note_change(session)


def forget_owner(session: Session, owner: str) -> int:
    """An account's ratings go, and what it has named is the house's; returns how many ratings went."""
    gone = session.scalars(delete(RatingRow).where(RatingRow.owner == owner).returning(RatingRow.digest)).all()
    for table in (AlbumRow, PersonRow):
        session.execute(update(table).where(table.owner == owner).values(owner=""))
    places.note_change(session)
    return len(gone)


class Curation:
    """What people say of the photos of one store; any number of threads and processes may use it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ratings_of(self, source_ids: Sequence[int]) -> dict[int, Rating]:
        """Source id -> what was said of it; sources of which nothing was said are left out."""
        return self._database.read(ratings_of, source_ids)

    def rate(self, source_ids: Sequence[int], *, is_favourite: bool | None = None, stars: int | None = None) -> int:
        """Say this of sources; None leaves as it is. `stars` are 0 to 5. Returns how many of the sources there are."""
        if stars is not None and not 0 <= stars <= MOST_STARS:
            raise ValueError(f"stars={stars} must be 0 to {MOST_STARS}")
        return self._database.write(rate, source_ids, is_favourite=is_favourite, stars=stars)

    def albums(self) -> list[Album]:
        """All of them by name, each with how many photos of it are here, and its cover."""
        return self._database.read(albums)

    def name_albums(self) -> list[str]:
        """The names of all of them, in order."""
        return self._database.read(name_albums)

    def albums_of(self, source_id: int) -> list[str]:
        """The names of the albums that a source is in."""
        return self._database.read(albums_of, source_id)

    def make_album(self, name: str) -> int:
        """The id of the album of this name, which is made if there is none; capitals do not matter."""
        return self._database.write(make_album, name)

    def rename_album(self, album_id: int, name: str) -> bool:
        """False if there is no such album, or another one of this name."""
        return self._database.write(rename_album, album_id, name)

    def delete_album(self, album_id: int) -> bool:
        """The album goes, its photos stay. False if there is none."""
        return self._database.write(delete_album, album_id)

    def put_into(self, album_id: int, source_ids: Sequence[int]) -> int:
        """Sources come to the end of an album; returns how many were not in it. 0 if there is no such album."""
        return self._database.write(put_into_album, album_id, source_ids)

    def take_from(self, album_id: int, source_ids: Sequence[int]) -> int:
        """Sources leave an album; returns how many were in it."""
        return self._database.write(take_from_album, album_id, source_ids)

    def set_cover(self, album_id: int, source_id: int) -> bool:
        """Let a photo of the album stand for it; False if it is not in it."""
        return self._database.write(set_cover, album_id, source_id)

    def order(self, album_id: int, source_ids: Sequence[int]) -> int:
        """These come first in the album, in this order, the others behind them; returns how many of them it has."""
        return self._database.write(order_album, album_id, source_ids)

    def forget(self, digests: Sequence[str]) -> int:
        """Forget what was said of these bytes, unless they are in the store; returns how many entries that were."""
        return self._database.write(forget, digests)

    def forget_owner(self, owner: str) -> int:
        """An account's ratings go for good, and what it has named is the house's; returns how many ratings went."""
        gone = self._database.write(forget_owner, owner)
        with suppress(StoreBusy):
            self._database.empty_log()
        return gone

    def join(self, other: Self) -> None:
        """What is said in another store holds here too; where both say something, what is said here stays."""
        with other._database.reading() as origin, self._database.writing() as session:
            join(session, origin)
