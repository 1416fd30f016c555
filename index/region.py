"""The nouns of retrieval: a source is a file, a region is a place in it, a hit is a region that matched."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath
from typing import Literal, NamedTuple

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright original; right and bottom outside


KINDS = ("whole", "part", "page", "text", "code", "caption", "name", "note", "place", "camera", "guess")  # of regions
WRITTEN = ("text", "code")  # kinds of regions that are read, not looked at
PAGE_NAMES = {
    "pptx": "slide",
    "xlsx": "sheet",
    "epub": "chapter",
}  # what pages of a format are called
VIDEO_FORMATS = ("mp4", "mov", "m4v", "webm", "mkv", "avi")  # of photos that move: their regions have a time
RAW_FORMATS = (
    "dng",
    "nef",
    "arw",
    "pentax",
    "srw",
    "cr2",
    "cr3",
    "orf",
    "rw2",
    "raf",
)  # of photos before they are developed
FOR_FOLDERS = ("__init__", "index", "mod")  # files of code that stand for their folder
LIBRARY, UPLOADS = "library", "uploads"  # collections; as a filter the first means all but the second


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """What something seems to be."""

    name: str
    score: float  # probability that it is there, 0 to 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One file that the library knows."""

    id: int = 0  # 0 until it is stored
    path: str  # absolute; a file in an archive is "/abs/archive.zip!/inner/name.jpg"
    kind: str = "photo"  # "photo", "document" or "code"
    format: str = ""  # file type in lower case: "jpeg", "heic", "pdf", "markdown", "python", ...
    collection: str = LIBRARY  # or a name that the user gave; UPLOADS holds pictures that came with a question
    digest: str = ""  # SHA-256 of the file's bytes, hexadecimal
    size_bytes: int = 0
    modified_ns: int = 0  # nanoseconds since 1970, as the file system says
    width_px: int = 0  # upright: after the camera's orientation is applied
    height_px: int = 0
    taken_at: datetime | None = None  # the camera's local time, without a zone
    latitude: float | None = None  # degrees, north positive
    longitude: float | None = None  # degrees, east positive
    note: str = ""  # what a reader should know, a sentence: "Only the first of its 12 pictures is shown."
    duration_ms: int = 0  # of a video; 0 of all else
    leader: int = 0  # id of the file that stands for it and all that belongs to both; 0: it stands for itself

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return PurePath(self.path).name

    @property
    def is_video(self) -> bool:
        """Whether it is a photo that moves."""
        return self.format in VIDEO_FORMATS


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """Where known bytes were found."""

    path: str  # absolute
    digest: str  # of the bytes
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MovedFile:
    """A file whose bytes lie elsewhere now."""

    old: str  # path
    new: str
    digest: str  # of the bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Symbol:
    """What a piece of code defines."""

    name: str  # "ask_many"; of a module its file's name without the ending, of a section its heading
    parent: str = ""  # what encloses it, joined by dots: "Assistant"
    kind: str  # "function", "method", "class", "module", "section", or "block": a further part of a long one;
    #            of documents also "chapter", "sheet", "mail" or "attachment"
    signature: str = ""  # one line: "def ask_many(self, questions)"; a chapter's or sheet's title; whose mail
    doc: str = ""  # its docstring, or the comment above it
    calls: tuple[str, ...] = ()  # last parts of the names called inside, each once, in order: "embed", "search"

    @property
    def path(self) -> str:
        """The name with what encloses it: "Assistant.ask_many"."""
        return f"{self.parent}.{self.name}" if self.parent else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A rectangle of one source, and what is known about it."""

    id: int = 0  # 0 until it is stored
    source: Source
    kind: str = "part"  # "whole" complete picture, "part" piece of it; or what KINDS says
    box_px: Box  # of a page's regions in pixels of the page's picture; of a text file's (0, 0, 0, 0)
    labels: tuple[Label, ...] = ()  # best first
    colours: tuple[str, ...] = ()  # names, most of the area first
    text: str = ""  # what is written there, or says what is seen there
    page: int = 0  # of a document, from 1; of slides and chapters their number; 0 where there are none
    lines: tuple[int, int] = (0, 0)  # first and last line of a text or code file, from 1; (0, 0) where unknown
    symbol: Symbol | None = None  # of a piece of code; None where the file was not split by its syntax
    at_ms: int = 0  # of a video, milliseconds from its start: which of its pictures shows it

    @property
    def label(self) -> str:
        """The best label, or an empty string."""
        return self.labels[0].name if self.labels else ""

    @property
    def is_drawn(self) -> bool:
        """Whether it lies in a picture: a photo, or a page that can be drawn; texts of others have no box."""
        return self.kind not in WRITTEN or self.source.kind == "photo" or (self.page > 0 and any(self.box_px))

    @property
    def view(self) -> int:
        """Which picture of its file it lies in: the page, or the moment of a video; 0 is the only one, or the first."""
        return self.page or self.at_ms

    @property
    def page_name(self) -> str:
        """What its page is called: "page", "slide", "sheet" or "chapter"."""
        return PAGE_NAMES.get(self.source.format, "page")

    @property
    def machine_made(self) -> bool:
        """Whether its text is a machine's sentence about a picture, which may be wrong, and nobody's own words."""
        return self.kind == "caption"


def at_lines(path: str, lines: tuple[int, int]) -> str:
    """A place in a file as editors write it: "app.py:3-9", of one line "app.py:3"."""
    first, last = lines
    return f"{path}:{first}-{last}" if last > first else f"{path}:{first}"


def as_clock(ms: int) -> str:
    """A time of a video, or its length, as players show it: "0:12", "1:02:03"."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A region and how well it matched."""

    region: Region
    score: float  # cosine similarity, -1 to 1; of a search for words BM25, above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much is stored."""

    sources: int
    regions: int


class Stamp(NamedTuple):
    """What a file was like when it was read."""

    size_bytes: int
    modified_ns: int  # nanoseconds since 1970, as the file system says
    digest: str  # SHA-256 of its bytes, hexadecimal


class LabelCount(NamedTuple):
    """A label, and how many sources have a region that carries it."""

    name: str
    sources: int


class MonthCount(NamedTuple):
    """A month, and how many sources are of it."""

    year: int  # 0 with month 0: those without a date
    month: int  # 1 to 12
    sources: int


class GroupCount(NamedTuple):
    """What many sources have in common, and one that stands for it."""

    name: str  # a label; or a place with what it lies in: "Pisa, Tuscany, Italy, Europe"
    sources: int
    cover: int  # id of a source


MOST_STARS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Rating:
    """What somebody said of a photo as such."""

    is_favourite: bool = False
    stars: int = 0  # 1 to 5; 0 is none


class StatedBox(NamedTuple):
    """A part of a photo that has a name; its edges as shares, 0 to 1, of the upright photo."""

    name: str  # "Anna"
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedFacts:
    """What a file says of a photo besides its picture; empty or None where it says nothing."""

    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    people: tuple[str, ...] = ()  # names of those who can be seen
    boxes: tuple[StatedBox, ...] = ()
    albums: tuple[str, ...] = ()
    taken_at: datetime | None = None  # without a zone; the camera's local time, of some programs UTC
    latitude: float | None = None  # degrees, north positive
    longitude: float | None = None  # degrees, east positive
    stars: int = 0  # 1 to 5; 0 is none
    is_favourite: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All who are named, each once."""
        return tuple(dict.fromkeys([*self.people, *(box.name for box in self.boxes)]))


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoStatement:
    """What one file says of the photo with some bytes."""

    digest: str  # of the photo's bytes
    origin: str  # of `index.statements`: what kind of file says so, or which program wrote it
    told_by: str = ""  # path of the file
    size_bytes: int = 0  # of that file, when it was read
    modified_ns: int = 0
    facts: StatedFacts = StatedFacts()


@dataclass(frozen=True, kw_only=True, slots=True)
class Album:
    """Photos that somebody put together, in an order of their own; a photo may be in several."""

    id: int
    name: str
    sources: int  # that are in the library now
    cover: Source | None = None  # None where it is empty
    owner: str = ""  # id of the account that made it; "" is the house


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """Where a face is in a photo, and whose it is."""

    id: int
    box: tuple[float, float, float, float]  # left, top, right, bottom as shares of the upright photo
    score: float  # how sure it is that this is a face, 0 to 1; not calibrated
    person: int  # id; 0 where nobody knows
    name: str = ""  # of the person, as somebody has typed it
    distance: float = 0.0  # from the middle of the person's faces: the nearer, the surer


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody whose faces are in photos."""

    id: int
    name: str  # "" until somebody has named them
    sources: int  # photos that are in the library now
    cover: Source | None = None  # the photo with the best of the faces; None where all photos are gone
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)  # of that face
    owner: str = ""  # id of the account that named them; "" is the house


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryViewer:
    """Who reads: whose ratings count, and which collections are for them as if they were not there."""

    owner: str = ""  # id of an account; "" where there are none
    hidden: frozenset[str] = frozenset()  # names of collections


EVERYBODY = LibraryViewer()  # the machine's own person, and work in the background
_VIEWER: ContextVar[LibraryViewer] = ContextVar("viewer", default=EVERYBODY)


def current_viewer() -> LibraryViewer:
    """For whom the work of this thread or task is done."""
    return _VIEWER.get()


@contextmanager
def view_as(viewer: LibraryViewer) -> Iterator[None]:
    """All that this thread or task reads inside is read for this viewer."""
    token = _VIEWER.set(viewer)
    try:
        yield
    finally:
        _VIEWER.reset(token)


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which regions a search may return; the default is everything in the library. Conditions add up."""

    collection: str | None = LIBRARY  # of all names but UPLOADS; or one name alone; None is everything
    kinds: tuple[str, ...] = ()  # of regions, of KINDS; empty is any
    source_kinds: tuple[str, ...] = ()  # "photo", "document", "code"; empty is any
    formats: tuple[str, ...] = ()  # file types of sources; empty is any
    source_ids: tuple[int, ...] = ()  # empty is any
    label: str = ""  # a region must carry this label
    other_labels: tuple[str, ...] = ()  # or one of these, which say the same
    folder: str = ""  # one of a source's paths must lie below this folder
    path: str = ""  # must occur in one of a source's paths
    colours: tuple[str, ...] = ()  # a region must show all of these
    phrases: tuple[str, ...] = ()  # must be written in a region, word for word; a whole picture has its regions' texts
    taken_after: datetime | None = None  # inclusive
    taken_before: datetime | None = None  # exclusive
    months: tuple[int, ...] = ()  # 1 to 12, of any year, in which it was taken; empty is any time
    layout: Literal["", "landscape", "portrait"] = ""  # wider than it is high, or higher than it is wide
    is_favourite: bool = False  # what somebody marked so
    stars: int = 0  # rated at least so, 1 to 5; 0 is any
    album: str = ""  # what was put into the album of this name, whatever its capitals
    people: tuple[
        str, ...
    ] = ()  # each of them must be in the photo, by name whatever its capitals, or as "#" with an id
    not_people: tuple[str, ...] = ()  # none of them may be in the photo, as far as faces tell
    place: str = ""  # taken there: a city, a country or what lies between, by its English name
    grouped: bool = False  # of files that belong together only the first that fits: see `index.companions`
    viewer: LibraryViewer = EVERYBODY  # put there by the store: see `limit_to_viewer`


EVERYTHING = Filter()


def limit_to_viewer(where: Filter) -> Filter:
    """The same, as the current viewer may see it. A store does this to every filter that it is handed."""
    viewer = current_viewer()
    return where if viewer == EVERYBODY else replace(where, viewer=viewer)


Order = Literal["added", "newest", "oldest", "name", "size", "album"]  # of a list of sources
