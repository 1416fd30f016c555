"""Which photos belong to an album or show a person, as parts of queries."""

from typing import Any

from sqlalchemy import ColumnElement, Select, select

from index.tables import AlbumItemRow, AlbumRow, FaceRow, PersonRow, SourceRow


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
