"""Pictures that come with questions are kept as files, so that their boxes can still be shown after a restart.

DATA/uploads/DIGEST/NAME: the same picture under the same name is kept once. A picture that has a file is copied byte
by byte, with its date and place; one that has none (pasted) is written as PNG. Each is a source of the collection
"uploads", which searches of the library leave out.
"""

import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.config import Config
from deepseek_mm.encoders.space import Floats
from deepseek_mm.errors import BadPicture, LibraryError, NothingThere
from deepseek_mm.parse.photo import Photo, read_photo
from deepseek_mm.rag.program.words import clean
from deepseek_mm.records import Question
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

    def __init__(self, config: Config, *, eyes: Sees, store: RegionStore) -> None:
        self.config, self.eyes, self.store = config, eyes, store

    def place_many(self, questions: Sequence[Question]) -> list[Source | None]:
        """A stored source for each question that has a picture; None for the others. BadPicture if one is none."""
        folder = self.config.data / "uploads"
        return [
            self.seen(keep(q, folder, max_pixels=self.config.parse.max_pixels)) if has_picture(q) else None
            for q in questions
        ]

    def again(self, path: str) -> Source | None:
        """The source of a picture that was kept before; None if its file is gone."""
        try:
            return self.seen(read_photo(Path(path), max_pixels=self.config.parse.max_pixels, collection=COLLECTION))
        except (NothingThere, BadPicture):
            return None

    def seen(self, photo: Photo) -> Source:
        """As the store knows it, looked at now if it was not before."""
        known = self.store.source_at(photo.source.path)
        if known is not None and known.digest == photo.source.digest:
            return known
        (sight,) = self.eyes.see_many([(photo.source, photo.image)])
        return self.store.add(photo.source, sight.regions, sight.vectors_ND)


def has_picture(question: Question) -> bool:
    """Does a picture come with it?"""
    return question.image is not None or bool(question.image_path)


def keep(question: Question, folder: Path, *, max_pixels: int) -> Photo:
    """The question's picture, kept below `folder` and read again from there. BadPicture if it is none."""
    data, suffix = original(question)
    digest = hashlib.sha256(data).hexdigest()[:DIGEST_CHARS]
    path = folder / digest / safe_name(question.image_name, suffix)
    if not path.exists():
        write_whole(path, data)
    try:
        return read_photo(path.absolute(), max_pixels=max_pixels, collection=COLLECTION)
    except Exception:
        shutil.rmtree(path.parent, ignore_errors=True)  # what cannot be read is not kept
        raise


def original(question: Question) -> tuple[bytes, str]:
    """The bytes of the picture's file and its ending; a picture without a file becomes PNG."""
    if question.image_path:
        path = Path(question.image_path)
        if path.is_file():
            return path.read_bytes(), path.suffix.lower()
    assert question.image is not None, "only questions with a picture are kept"
    return png(question.image), ".png"


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


def write_whole(path: Path, data: bytes) -> None:
    """Beside the target, flushed, then renamed: a crash leaves no half picture."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise LibraryError(
            f"cannot keep the picture at {path}: {error}. Free some space, or allow writing there"
        ) from error
