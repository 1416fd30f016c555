"""Pictures that came with questions: kept as files below DATA/uploads, their regions in the store.

DATA/uploads/DIGEST/NAME: the same picture under the same name is kept once. A picture that has a file is copied byte
by byte, with its date and place; one that has none (pasted) is written as PNG. Each is a source of the collection
"uploads", which searches of the library leave out.
"""

import hashlib
import io
import re
import shutil
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.config import Config
from deepseek_mm.dates import Ages
from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.language.words import clean
from deepseek_mm.parse.document import read_photo, real_path, stat_file, stat_known
from deepseek_mm.parse.links import open_plain, resolve_path
from deepseek_mm.stage_clock import in_stage, note_picture
from deepseek_mm.storage.files import atomic_write, sync_file
from deepseek_mm.storage.stored_files import StoredFiles
from deepseek_mm.types import Picture, Question
from deepseek_mm.vision.pipeline import AnalysisCache, ImageAnalysis, VisionPipeline
from index.store import RegionStore

COLLECTION = "uploads"
MAX_NAME = 80  # characters of a kept file's name
DIGEST_CHARS = 16


class UploadStore:
    """Where pictures of questions lie: files below DATA/uploads, and their regions in the store."""

    def __init__(
        self,
        config: Config,
        *,
        eyes: VisionPipeline,
        store: RegionStore,
        analyses: AnalysisCache,
        ages: Ages | None = None,
        files: StoredFiles | None = None,
    ) -> None:
        """`files` is where they are put as well, for other machines."""
        self.config, self.eyes, self.store, self.analyses = config, eyes, store, analyses
        self._ages, self._files = ages or Ages(), files

    def place_many(self, questions: Sequence[Question]) -> list[tuple[ImageAnalysis, ...]]:
        """For each question the analysis of each of its pictures, in order; their sources are stored.

        BadPicture, BadFile or NothingThere names the first that cannot be read; then none is looked at.
        """
        kept = [[self._keep(picture) for picture in question.pictures] for question in questions]
        with ThreadPoolExecutor(1) as disk:  # takes as long as a look does
            held = disk.map(sync_file, [Path(path_of(picture)) for pictures in kept for picture in pictures])
            known = self._store_new([picture for pictures in kept for picture in pictures])
            list(held)
        return [tuple(known[path_of(picture)] for picture in pictures) for pictures in kept]

    def again(self, path: str) -> ImageAnalysis | None:
        """A picture that was kept before; None if its file is gone."""
        known = self.store.source_at(path)
        if known is not None and stat_known(path) == (known.size_bytes, known.modified_ns):
            return self.analyses.get(known)
        try:
            photo = read_photo(Path(path), max_pixels=self.config.parse.max_pixels, collection=COLLECTION)
            return self._store_new([ImageAnalysis(photo.image, photo.source)])[photo.source.path]
        except (NothingThere, BadPicture):
            return None

    def tidy(self, named: Set[str], *, older_s: float) -> int:
        """Delete kept pictures that nobody names and that are older than this; returns how many.

        Names are compared from the folder "uploads" on: a library that was moved knows its pictures by old paths.
        """
        folder = (self.config.data / COLLECTION).absolute()
        tails = {path.rpartition(f"/{COLLECTION}/")[2] for path in named}
        files = [path for path in folder.rglob("*") if str(path.relative_to(folder)) not in tails]
        return self._delete([path for path in files if self._is_old(path, older_s)])

    def remove(self, named: Set[str]) -> int:
        """Delete these kept pictures at once; returns how many there were. Names count as for `tidy`."""
        folder = (self.config.data / COLLECTION).absolute()
        tails = {path.rpartition(f"/{COLLECTION}/")[2] for path in named}
        return self._delete([path for path in folder.rglob("*") if str(path.relative_to(folder)) in tails])

    def _delete(self, paths: Sequence[Path]) -> int:
        """Delete files and what the index knows of them, and folders that are empty then."""
        folder = (self.config.data / COLLECTION).absolute()
        places = [str(path) for path in paths]
        known = self.store.stamps(collection=COLLECTION, within=places) if self._files and places else {}
        self.store.remove_places(places)
        for path in paths:
            path.unlink(missing_ok=True)
            for parent in list(path.relative_to(folder).parents)[:-1]:
                with suppress(OSError):  # something else is in it
                    (folder / parent).rmdir()
        if self._files:
            self._files.drop_unused({stamp.digest for stamp in known.values()})
        return len(paths)

    def _keep(self, picture: Picture) -> ImageAnalysis:
        """The picture, kept as a file, which is not held yet. What is known is not read. BadPicture if it is none."""
        data, suffix = original(picture)
        digest = hashlib.sha256(data).hexdigest()
        folder = (self.config.data / COLLECTION / digest[:DIGEST_CHARS]).absolute()
        path = folder / safe_name(picture.name, suffix)
        if not path.exists() or path.stat().st_size != len(data):  # a half one is of a machine that crashed
            atomic_write(path, data, at_once=False)
        most, known = self.config.parse.max_pixels, self.store.source_at(str(path))
        if known is not None and known.digest == digest and known.width_px * known.height_px <= most:
            return self.analyses.get(known)
        if picture.image is not None and picture.source is not None and picture.source.digest == digest:
            _, modified_ns = stat_file(path) or (0, 0)
            source = replace(picture.source, path=real_path(path), collection=COLLECTION, modified_ns=modified_ns)
            return ImageAnalysis(picture.image, source)
        try:
            photo = read_photo(path, max_pixels=most, collection=COLLECTION)
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)  # what cannot be read is not kept
            raise
        return ImageAnalysis(photo.image, photo.source)

    def _store_new(self, pictures: Sequence[ImageAnalysis]) -> dict[str, ImageAnalysis]:
        """By path, as the store knows them; those that it did not know are looked at now, together."""
        known, new = dict[str, ImageAnalysis](), dict[str, ImageAnalysis]()
        for picture in pictures:
            path = path_of(picture)
            stored = self.store.source_at(path)
            if picture.source is not None and stored is not None and stored.digest == picture.source.digest:
                picture.source = stored
                known[path] = self.analyses.add(picture)
            else:
                new[path] = picture
        return known | (self._look_at_new(new) if new else {})

    @in_stage("looked")
    def _look_at_new(self, pictures: Mapping[str, ImageAnalysis]) -> dict[str, ImageAnalysis]:
        """By path, as the store knows them from now on."""
        seen = dict[str, ImageAnalysis]()
        for path, picture in zip(pictures, self.eyes.see_many(pictures.values()), strict=True):
            note_picture(Path(path).name)
            if self._files:
                self._files.keep(picture.regions[0].source.digest, partial(open_plain, path))
            picture.source = self.store.add(picture.regions[0].source, picture.regions, picture.vectors_ND)
            seen[path] = self.analyses.add(picture)
        return seen

    def _is_old(self, path: Path, older_s: float) -> bool:
        """Whether it is a file, and too old for a question that is only about to be written down."""
        try:
            return path.is_file() and self._ages.ago_s(path.stat().st_mtime) > older_s
        except OSError:  # it went while we looked
            return False


def path_of(picture: ImageAnalysis) -> str:
    """Where its file lies."""
    assert picture.source is not None, "a picture that was kept"
    return picture.source.path


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
