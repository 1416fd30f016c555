"""Which pictures a question is about: those that it brought, which are kept as files, or those spoken of before.

DATA/uploads/DIGEST/NAME: the same picture under the same name is kept once. A picture that has a file is copied byte
by byte, with its date and place; one that has none (pasted) is written as PNG. Each is a source of the collection
"uploads", which searches of the library leave out.
"""

import hashlib
import io
import re
import shutil
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.config import Config
from deepseek_mm.dates import Ages
from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import PhotoQuestion, parse, parse_several
from deepseek_mm.language.words import clean
from deepseek_mm.parse.document import read_photo, real_path, stat_file
from deepseek_mm.parse.links import open_plain, resolve_path
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.storage.files import atomic_write, sync_file
from deepseek_mm.types import Answer, Exchange, Picture, Question
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
    ) -> None:
        self.config, self.eyes, self.store, self.analyses = config, eyes, store, analyses
        self._ages = ages or Ages()

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
        if known is not None and stat_file(path) == (known.size_bytes, known.modified_ns):
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
        left = [path for path in files if self._is_old(path, older_s)]
        self.store.remove_places([str(path) for path in left])
        for path in left:
            path.unlink(missing_ok=True)
            for parent in list(path.relative_to(folder).parents)[:-1]:
                with suppress(OSError):  # something else is in it
                    (folder / parent).rmdir()
        return len(left)

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
        for path, picture in zip(new, self.eyes.see_many(new.values()), strict=True):
            picture.source = self.store.add(picture.regions[0].source, picture.regions, picture.vectors_ND)
            known[path] = self.analyses.add(picture)
        return known

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


class ReferenceResolver:
    """Decides what a question is about; knows the pictures that were kept and the names of the library's files."""

    def __init__(self, shelf: UploadStore, retriever: Retriever) -> None:
        self.shelf, self.retriever = shelf, retriever

    def resolve(
        self, question: Question, earlier: Sequence[str], shown: Sequence[str], uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """The question with its program, and the one photo or the pictures at hand.

        `earlier` are the conversation's questions, oldest first, `shown` the paths of the pictures it spoke of last;
        `uploads` are those that came along now.
        """
        paths = list(dict.fromkeys([path_of(upload) for upload in uploads] or shown))
        if len(paths) > 1:
            return self._of_several(question, earlier, paths, uploads)
        upload = uploads[0] if uploads else None
        program = parse(question.text, earlier=earlier)
        picture = None if upload and program.library else upload or self._talked_about(program, paths)
        return QuestionContext(
            question=question,
            program=replace(program, library=picture is None and not program.file),
            source=picture.source if picture else None,
            analyses=(picture,) if picture else (),
            example=upload if program.library else None,
        )

    def turns_of(self, exchanges: Sequence[Exchange]) -> list[Turn]:
        """What went before as turns, though the history has none of it. Of all pictures only the last ones are kept:
        no other can be meant. BadPicture or NothingThere if one cannot be read.
        """
        last = next((n for n in reversed(range(len(exchanges))) if exchanges[n].pictures), None)
        return [self._turn(exchange, kept=n == last) for n, exchange in enumerate(exchanges)]

    def _turn(self, exchange: Exchange, *, kept: bool) -> Turn:
        first, *more = exchange.pictures if kept else (Picture(),)
        question = Question(
            text=exchange.question,
            image=first.image,
            image_name=first.name,
            image_path=first.path,
            more=tuple(more),
        )
        (pictures,) = self.shelf.place_many([question])
        sources = [picture.source for picture in pictures if picture.source]
        return Turn(
            id=0,
            conversation=0,
            asked_at=datetime.now(UTC),
            question=exchange.question,
            image_name=first.name,
            image_path=sources[0].path if sources else "",
            more=tuple((source.name, source.path) for source in sources[1:]),
            answer=Answer(text=exchange.answer),
            settings={},
            fingerprint="",
        )

    def _of_several(
        self, question: Question, earlier: Sequence[str], paths: Sequence[str], uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """These pictures, or the ones among them that the question names; or the library, searched with them."""
        meant = parse_several(question.text, [Path(path).name for path in paths], earlier=earlier)
        if meant.program.library and not (uploads or meant.alike):
            return QuestionContext(question=question, program=meant.program)
        known = {path_of(upload): upload for upload in uploads}
        kept = {n: each for n in meant.picks if (each := known.get(paths[n - 1]) or self.shelf.again(paths[n - 1]))}
        analyses = tuple(kept.values())
        sources = tuple(picture.source for picture in analyses if picture.source)
        if meant.program.library or meant.program.absent or len(sources) > 1:
            program = replace(meant.program, places=tuple(kept))
            return QuestionContext(question=question, program=program, pictures=sources, analyses=analyses)
        source = sources[0] if sources else None  # one is meant, or the files of the others are gone
        program = replace(meant.program, given=0, library=source is None)
        return QuestionContext(question=question, program=program, source=source, analyses=analyses)

    def _talked_about(self, program: PhotoQuestion, shown: Sequence[str]) -> ImageAnalysis | None:
        """The photo that a question means without bringing it: a file by its name, or the conversation's picture."""
        if program.file:
            source = self.retriever.find_named(program.file)
            return self.shelf.analyses.get(source) if source else None
        if program.kind == "which" or program.library:
            return None
        return self.shelf.again(shown[0]) if shown else None


def last_shown(earlier: Sequence[Turn]) -> list[str]:
    """Paths of the pictures that the conversation spoke of last."""
    shown = next((turn for turn in reversed(earlier) if turn.image_path), None)
    return [shown.image_path, *(path for _, path in shown.more)] if shown else []
