"""What reading another program's export gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from index.region import StatedFacts

LeftOutFile = tuple[str, str]  # a path, and why it is not taken, as the end of a sentence that begins with it


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedPhoto:
    """A photo or a video of an export, and what is said of it there."""

    path: str  # absolute; a file in an archive is "/abs/archive.zip!/inner/name.jpg"
    told_by: str = ""  # path of the file that says so; "" where nothing is said
    facts: StatedFacts = StatedFacts()


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedAlbum:
    """An album in its order."""

    name: str
    cover: str  # path of the photo that stands for it; "" is its first
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedConversation:
    """A conversation as `sharing.parcel` writes it, and what it is known by."""

    path: str
    title: str
    last_at: str  # ISO 8601


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnExport:
    """What only an export of this program holds."""

    words: Mapping[str, str]  # path of a photo -> somebody's own words about it
    collections: Mapping[str, str]  # path -> the collection that it is in
    documents: tuple[str, ...] = ()  # paths of all that is no photo
    albums: tuple[ExportedAlbum, ...] = ()
    conversations: tuple[ExportedConversation, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportPlan:
    """All that an export holds."""

    kind: str  # of `kinds.KINDS`, and of `index.statements.PROGRAM_NAMES`
    photos: tuple[ImportedPhoto, ...]  # by path, each once
    left_out: tuple[LeftOutFile, ...] = ()
    own: OwnExport | None = None

    @property
    def silent_photos(self) -> tuple[str, ...]:
        """Photos of which nothing is said."""
        return tuple(photo.path for photo in self.photos if not photo.told_by)


def merge_facts(one: StatedFacts, other: StatedFacts) -> StatedFacts:
    """What is said of the same bytes twice: lists are joined, of all else the first that says something counts."""
    merged: dict[str, Any] = {}
    for field in fields(StatedFacts):
        first, second = getattr(one, field.name), getattr(other, field.name)
        both = tuple(dict.fromkeys((*first, *second))) if isinstance(first, tuple) else first or second
        merged[field.name] = both
    if one.latitude is not None:
        merged |= {"latitude": one.latitude, "longitude": one.longitude}
    return StatedFacts(**merged)


def add_albums(photos: Iterable[ImportedPhoto], albums: Mapping[str, Iterable[str]]) -> list[ImportedPhoto]:
    """The photos, those of these paths also in these albums."""
    found = []
    for photo in photos:
        names = tuple(dict.fromkeys((*photo.facts.albums, *albums.get(photo.path, ()))))
        told_by = photo.told_by or (photo.path if names else "")
        found.append(replace(photo, told_by=told_by, facts=replace(photo.facts, albums=names)))
    return found
