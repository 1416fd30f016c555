"""Everything that is known of a photo, for whoever looks at it: read from the index, and of the exposure from its file.

How a photo was exposed is searched by nobody, so it is no part of the index: it is read when somebody looks, in a
worker process as every file is, and remembered for a while.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.ingest.photo_words import PLACE
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.image_metadata import Exposure
from deepseek_mm.parse.workers.client import read_exposure
from deepseek_mm.types import PhotoDescription
from index import Region, Source
from index.region import Face, PhotoStatement, Rating
from index.store import RegionStore

REMEMBERED = 256  # exposures


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFacts:
    """What is known of a photo besides what its source says; of another file only where it lies."""

    said: PhotoDescription = PhotoDescription()
    exposure: Exposure = Exposure()
    place: str = ""  # the city, what it lies in, and its country: "Pisa, Tuscany, Italy"
    lines: tuple[str, ...] = ()  # that are written in it, in the order in which they were read
    parts: tuple[Region, ...] = ()  # things with a box, the surest first
    away: str = ""  # the folder that is not there now and in which it lies; "" where the file can be opened
    paths: tuple[str, ...] = ()  # every place where its bytes lie, its own first
    rating: Rating = Rating()  # whether it is a favourite, and its stars
    albums: tuple[str, ...] = ()  # that it is in
    people: tuple[str, ...] = ()  # whose faces are in it, of those with names, from left to right
    companions: tuple[Source, ...] = ()  # files that belong to it, such as its raw picture; the one that leads first
    stated: tuple[PhotoStatement, ...] = ()  # what the file itself, its sidecar and other programs say of it


def list_named(faces: Iterable[Face]) -> tuple[str, ...]:
    """The names of those whose faces these are, each once."""
    return tuple(dict.fromkeys(face.name for face in faces if face.name))


class PhotoFactsReader:
    """Reads them; the exposures that were read last are remembered."""

    def __init__(self, config: ParseConfig) -> None:
        self._config = config
        self._exposures: LRUCache[tuple[str, str, int], Exposure] = LRUCache(REMEMBERED)
        self._lock = Lock()

    def read(
        self, source: Source, store: RegionStore, description_of: Callable[[Source], PhotoDescription]
    ) -> PhotoFacts:
        """Of a file that is stored, or of a picture that was brought along and is not."""
        paths = store.places_of([source.id])[source.id] or (source.path,)
        if source.kind != "photo":
            return PhotoFacts(paths=paths)
        regions = store.regions_of([source.id]).get(source.id, ()) if source.id else ()
        faces = store.people.faces_of([source.id]).get(source.id, ()) if source.id else ()
        named = [region for region in regions if region.kind == "part" and region.labels]
        return PhotoFacts(
            said=description_of(source) if source.id else PhotoDescription(),
            exposure=self.read_exposure(source),
            place=next((region.text for region in regions if region.kind == PLACE), ""),
            lines=tuple(region.text for region in regions if region.kind == "text"),
            parts=tuple(sorted(named, key=surest)),
            paths=paths,
            rating=store.curation.ratings_of([source.id]).get(source.id, Rating()),
            albums=tuple(store.curation.albums_of(source.id)),
            people=list_named(faces),
            companions=store.companions([source.id]).get(source.id, ()),
            stated=store.statements.read_of([source.id]).get(source.id, ()),
        )

    def read_exposure(self, source: Source) -> Exposure:
        """As the photo's file says it; nothing of one that cannot be read now."""
        key = (source.path, source.digest, source.modified_ns)
        with self._lock:
            known = self._exposures.get(key)
        if known is not None:
            return known
        try:
            found = read_exposure(open_file(source.path, self._config), self._config)
        except (BadFile, NothingThere):
            return Exposure()
        with self._lock:
            self._exposures[key] = found
        return found


def surest(region: Region) -> tuple[float, int]:
    """By what parts are sorted."""
    return -region.labels[0].score, region.id
