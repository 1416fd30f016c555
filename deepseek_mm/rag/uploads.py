"""Pictures that come with questions are kept as files, so that their boxes can still be shown after a restart.

DATA/uploads/DIGEST/NAME: the same picture under the same name is kept once. A picture that has a file is copied byte
by byte, with its date and place; one that has none (pasted) is written as PNG. Each is a source of the collection
"uploads", which searches of the library leave out.
"""

import hashlib
import io
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.ages import Ages
from deepseek_mm.config import Config
from deepseek_mm.encoders.space import Floats
from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.parse.links import open_plain, resolve_path
from deepseek_mm.parse.photo import Photo, read_photo
from deepseek_mm.rag.program.words import clean
from deepseek_mm.records import Picture, Question
from deepseek_mm.storage.files import atomic_write, sync_file
from index import Region, Source
from index.store import RegionStore

COLLECTION = "uploads"
MAX_NAME = 80  # characters of a kept file's name
DIGEST_CHARS = 16


class Sight(Protocol):
    """What is needed of what the eyes see."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """The whole picture first."""

    @property
    def vectors_ND(self) -> Floats:
        """Row n belongs to regions[n]."""


class Sees(Protocol):
    """What is needed from the eyes."""

    def see_many(self, pictures: Iterable[tuple[Source, Image]]) -> Iterator[Sight]:
        """One sight per picture, in order."""


class Shelf:
    """Where pictures of questions lie: files below DATA/uploads, and their regions in the store."""

    def __init__(self, config: Config, *, eyes: Sees, store: RegionStore, ages: Ages | None = None) -> None:
        self.config, self.eyes, self.store, self._ages = config, eyes, store, ages or Ages()

    def place_many(self, questions: Sequence[Question]) -> list[tuple[Source, ...]]:
        """For each question a stored source a picture, in order.

        BadPicture, BadFile or NothingThere names the first that cannot be read; then none is looked at.
        """
        folder, most = self.config.data / "uploads", self.config.parse.max_pixels
        kept = [[keep(picture, folder, max_pixels=most) for picture in q.pictures] for q in questions]
        with ThreadPoolExecutor(1) as disk:  # takes as long as a look does
            held = disk.map(sync_file, [Path(photo.source.path) for photos in kept for photo in photos])
            known = self._seen([photo for photos in kept for photo in photos])
            list(held)
        return [tuple(known[photo.source.path] for photo in photos) for photos in kept]

    def again(self, path: str) -> Source | None:
        """The source of a picture that was kept before; None if its file is gone."""
        try:
            photo = read_photo(Path(path), max_pixels=self.config.parse.max_pixels, collection=COLLECTION)
            return self._seen([photo])[photo.source.path]
        except (NothingThere, BadPicture):
            return None

    def tidy(self, named: Set[str], *, older_s: float) -> int:
        """Delete kept pictures that nobody names and that are older than this; returns how many.

        Names are compared from the folder "uploads" on: a library that was moved knows its pictures by old paths.
        """
        folder = (self.config.data / COLLECTION).absolute()
        tails = {path.rpartition(f"/{COLLECTION}/")[2] for path in named}
        files = [path for path in folder.rglob("*") if str(path.relative_to(folder)) not in tails]
        left = [path for path in files if self._is_old(path, older_s)]
        self.store.remove_places([str(path) for path in left])
        for path in left:
            path.unlink(missing_ok=True)
            for parent in list(path.relative_to(folder).parents)[:-1]:
                with suppress(OSError):  # something else is in it
                    (folder / parent).rmdir()
        return len(left)

    def _seen(self, photos: Sequence[Photo]) -> dict[str, Source]:
        """By path, as the store knows them; those that it did not know are looked at now, together."""
        known, new = dict[str, Source](), dict[str, Photo]()
        for photo in photos:
            path, stored = photo.source.path, self.store.source_at(photo.source.path)
            if stored is not None and stored.digest == photo.source.digest:
                known[path] = stored
            else:
                new[path] = photo
        sights = self.eyes.see_many([(photo.source, photo.image) for photo in new.values()])
        for (path, photo), sight in zip(new.items(), sights, strict=True):
            known[path] = self.store.add(photo.source, sight.regions, sight.vectors_ND)
        return known

    def _is_old(self, path: Path, older_s: float) -> bool:
        """Whether it is a file, and too old for a question that is only about to be written down."""
        try:
            return path.is_file() and self._ages.ago_s(path.stat().st_mtime) > older_s
        except OSError:  # it went while we looked
            return False


def keep(picture: Picture, folder: Path, *, max_pixels: int) -> Photo:
    """The picture, kept below `folder` and read again from there; not yet held. BadPicture if it is none."""
    data, suffix = original(picture)
    digest = hashlib.sha256(data).hexdigest()[:DIGEST_CHARS]
    path = folder / digest / safe_name(picture.name, suffix)
    if not path.exists() or path.stat().st_size != len(data):  # a half one is of a machine that crashed
        atomic_write(path, data, at_once=False)
    try:
        return read_photo(path.absolute(), max_pixels=max_pixels, collection=COLLECTION)
    except Exception:
        shutil.rmtree(path.parent, ignore_errors=True)  # what cannot be read is not kept
        raise


def original(picture: Picture) -> tuple[bytes, str]:
    """The bytes of the picture's file and its ending; a picture without a file becomes PNG. NothingThere."""
    path = Path(picture.path)
    if picture.path and path.is_file():
        with open_plain(resolve_path(path)) as file:
            return file.read(), path.suffix.lower()
    if picture.image is None:
        raise NothingThere(f"there is no picture {picture.name or path.name} at {path}. Name a file that exists")
    return png(picture.image), ".png"


def png(image: Image) -> bytes:
    """Lossless, at the fastest setting."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def safe_name(name: str, suffix: str) -> str:
    """A file name that is only a name: no folders, no control characters, with the ending that fits the bytes."""
    last = re.split(r"[/\\]", clean(name, MAX_NAME))[-1]
    stem = Path(re.sub(r"[:*?\"<>|]", "_", last)).stem.strip(". ")
    return f"{stem or 'picture'}{suffix}"
