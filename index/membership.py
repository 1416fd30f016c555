"""Which photos somebody may know of, belong to an album, show a person or are rated so, as parts of queries."""

from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, or_, select

from deepseek_mm.storage.portable_sql import PlaceIn
from index.region import UPLOADS, LibraryViewer, current_viewer
from index.tables import AlbumItemRow, AlbumRow, FaceRow, PersonRow, RatingRow, SourceRow

HIDDEN: BindParameter[str] = bindparam("hidden")  # `list_hidden` of the viewer, in statements that stand ready


def list_hidden(viewer: LibraryViewer) -> str:
    """The collections that are hidden from this viewer as one text, for each parameter of a query costs time."""
    return "\n".join(["", *sorted(viewer.hidden), ""])


def is_unlisted(hidden: str | BindParameter[str], of: type[SourceRow] = SourceRow) -> ColumnElement[bool]:
    """A source is in none of the collections that `list_hidden` named; `of` is the table under another name."""
    return PlaceIn(hidden, "\n" + of.collection + "\n") == 0


@lru_cache(maxsize=256)  # to build an expression takes longer than to look
def visible_to(viewer: LibraryViewer, of: type[SourceRow] = SourceRow) -> tuple[ColumnElement[bool], ...]:
    """What a source must be like for this viewer to know of it; `of` is the table under another name."""
    return (is_unlisted(list_hidden(viewer), of),) if viewer.hidden else ()


def in_library() -> tuple[ColumnElement[bool], ...]:
    """A source is no picture of a question, and the current viewer may know of it."""
    return (SourceRow.collection != UPLOADS, *visible_to(current_viewer()))


def known_digests() -> Select[Any]:
    """The bytes of what is in the library, as the current viewer sees it."""
    return select(SourceRow.digest).where(*in_library())


def digests_in(album: str) -> Select[Any]:
    """The bytes of the photos in the album of this name."""
    items = select(AlbumItemRow.digest).join(AlbumRow, AlbumRow.id == AlbumItemRow.album_id)
    return items.where(AlbumRow.name == album)


def album_position(name: str) -> ColumnElement[int]:
    """By what the photos of an album are sorted."""
    own = select(AlbumItemRow.position).join(AlbumRow, AlbumRow.id == AlbumItemRow.album_id)
    return own.where(AlbumRow.name == name, AlbumItemRow.digest == SourceRow.digest).scalar_subquery()


def digests_with(person: str) -> Select[Any]:
    """The bytes of photos in which a face of this person is: one that is named so, or "#" and an id."""
    faces = select(FaceRow.digest).join(PersonRow, PersonRow.id == FaceRow.person_id)
    number = person.removeprefix("#")
    if number != person and number.isascii() and number.isdecimal():
        return faces.where(PersonRow.id == int(number))
    return faces.where(PersonRow.name == person, PersonRow.name != "")


def counts_for(viewer: LibraryViewer) -> ColumnElement[bool]:
    """A rating is the one that counts for this viewer: their own, or else what the house says."""
    if not viewer.owner:
        return RatingRow.owner == ""
    own = select(RatingRow.digest).where(RatingRow.owner == viewer.owner).scalar_subquery()
    return or_(RatingRow.owner == viewer.owner, and_(RatingRow.owner == "", RatingRow.digest.not_in(own)))


def digests_rated(viewer: LibraryViewer, how: ColumnElement[bool]) -> Select[Any]:
    """The bytes of photos that are rated so, as far as this viewer is concerned."""
    return select(RatingRow.digest).where(how, counts_for(viewer))
