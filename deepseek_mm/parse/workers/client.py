"""A file is taken apart by a worker: within limits, and until whoever asked for it does not want it any more.

A limit that strikes ends the worker and becomes a `LimitReached` that says which, and which setting moves it. So does a
worker that dies by itself.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from typing import IO, Any, NamedTuple

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture, LimitReached, TransientError
from deepseek_mm.parse.formats import File, FileHead, Piece
from deepseek_mm.parse.image_metadata import Exposure
from deepseek_mm.parse.links import open_plain
from deepseek_mm.parse.workers.pool import Died, TooSlow, shared_pool, unnamed_file
from deepseek_mm.parse.workers.wire import Nonsense, WorkerReply, facts_row
from deepseek_mm.storage.files import parse_json
from index.region import VIDEO_FORMATS, StatedFacts

LAZY = ("pdf", *VIDEO_FORMATS)  # formats whose pieces are each a step of its own
AGAIN = "It is passed over until it changes"
Stopping = Callable[[], bool]


def never() -> bool:
    """Nobody stops it."""
    return False


def read_contents(
    file: File, config: ParseConfig, *, stopping: Stopping = never
) -> tuple[FileHead, Generator[Piece, None, None]]:
    """What a file says of itself, and its pieces, which are made when they are asked for: drain or close them.

    BadFile, LimitReached or Cancelled, now or when a piece is asked for.
    """
    reading = FileRequest(file.path, config, stopping)
    try:
        reply = reading.ask_about(file, "read", lazy=file.format.name in LAZY)
    except BaseException:
        reading.close()
        raise
    pieces = reading.pieces(reply)
    next(pieces)  # from here on closing it, or forgetting it, gives the worker back
    return reply.head, pieces


def read_one_page(file: File, page: int, config: ParseConfig, *, stopping: Stopping = never) -> Image:
    """The picture of a page of a PDF, from 1, or of a moment of a video. BadFile, LimitReached or Cancelled."""
    with closing(FileRequest(file.path, config, stopping)) as reading:
        (piece,) = reading.ask_about(file, "page", page=page).pieces
    assert piece.image is not None, "a worker draws pages"
    return piece.image


def read_letters(file: File, config: ParseConfig) -> str:
    """A text file's letters, every end of a line as one newline. BadFile or LimitReached."""
    with closing(FileRequest(file.path, config, never)) as reading:
        return reading.ask_about(file, "letters").words


def read_code_outline(file: File, config: ParseConfig) -> str:
    """What a file of code defines, calls and imports, as JSON; "" where no grammar reads it. BadFile, LimitReached."""
    with closing(FileRequest(file.path, config, never)) as reading:
        return reading.ask_about(file, "outline").words


def find_syntax_faults(file: File, config: ParseConfig) -> list[int] | None:
    """Rows, from 1, at which a file of code is no syntax of its language; None where no grammar reads it. BadFile,
    LimitReached.
    """
    with closing(FileRequest(file.path, config, never)) as reading:
        words = reading.ask_about(file, "faults").words
    rows = parse_json(words) if words else None
    return [int(row) for row in rows] if isinstance(rows, list) else None


class PictureTexts(NamedTuple):
    """What a picture's file says itself."""

    camera: str = ""  # maker and model
    notes: tuple[str, ...] = ()  # titles, descriptions and keywords
    facts: StatedFacts = StatedFacts()  # the same in its fields, with stars, people, and when and where
    turn: int = 1  # how it must be turned to be upright, as EXIF numbers it


def read_picture_texts(file: File, config: ParseConfig) -> PictureTexts:
    """What a picture's file carries besides its pixels. BadFile or LimitReached."""
    with closing(FileRequest(file.path, config, never)) as reading:
        reply = reading.ask_about(file, "texts")
    camera, *notes = reply.words.split("\n")
    return PictureTexts(camera, tuple(notes), reply.facts, reply.turn)


def read_facts(file: File, config: ParseConfig, *, turn: int = 1) -> StatedFacts:
    """What a sidecar says of a photo that has to be turned so. BadFile or LimitReached."""
    with closing(FileRequest(file.path, config, never)) as reading:
        return reading.ask_about(file, "sidecar", turn=turn).facts


def edit_sidecar(file: File, facts: StatedFacts, config: ParseConfig) -> bytes:
    """A sidecar, or the empty one that no bytes are, with these facts in it; b"" where they stand there already.

    BadFile or LimitReached.
    """
    with closing(FileRequest(file.path, config, never)) as reading:
        return reading.ask_about(file, "edit sidecar", facts=facts_row(facts)).words.encode()


def read_exposure(file: File, config: ParseConfig) -> Exposure:
    """With what a photo was taken, and how, as far as its file says so. BadFile or LimitReached."""
    with closing(FileRequest(file.path, config, never)) as reading:
        return reading.ask_about(file, "exposure").exposure


def read_rows(path: str, descriptor: int, config: ParseConfig) -> Sequence[tuple[Any, ...]]:
    """The directory of an archive that is open, as `directory` writes it. BadFile or LimitReached."""
    with closing(FileRequest(path, config, never)) as reading:
        return reading.ask({"do": "directory", "path": path}, files=[descriptor]).entries


class FileRequest:
    """One file in the hands of one worker."""

    def __init__(self, path: str, config: ParseConfig, stopping: Stopping) -> None:
        self._path, self._config, self._stopping = path, config, stopping
        self._spent_s = 0.0
        self._said_bytes = 0
        self._worker = shared_pool().take(config, stopping=stopping)
        self._is_open = True

    def close(self) -> None:
        """Give the worker back."""
        if self._is_open:
            self._is_open = False
            shared_pool().give_back(self._worker)

    def ask_about(self, file: File, do: str, **more: Any) -> WorkerReply:
        """The first reply about a file."""
        request = {"do": do, "path": file.path, "format": file.format.name, "size": file.size_bytes}
        request |= {"config": asdict(self._config)} | more
        self._worker.allow(0)
        if file.format.name in VIDEO_FORMATS and not file.is_in_memory:
            with open_anew(file.path) as stream:
                return self.ask(request, files=[stream.fileno()])
        descriptor = unnamed_file()
        self._worker.allow(len(file.data))
        try:
            left = memoryview(file.data)
            while left:
                left = left[os.write(descriptor, left) :]
            return self.ask(request, files=[descriptor])
        finally:
            os.close(descriptor)

    def ask(self, request: dict[str, Any], *, files: Sequence[int] = ()) -> WorkerReply:
        """One step. BadFile, LimitReached or Cancelled."""
        config, start_s = self._config, self._worker.cpu_seconds()
        seconds = min(config.worker_seconds, max(0.0, config.worker_file_seconds - self._spent_s))
        try:
            reply = self._worker.ask(request, files=files, seconds=seconds, stopping=self._stopping)
        except TooSlow:
            raise LimitReached(self._too_slow(seconds)) from None
        except Died as death:
            raise LimitReached(self._explain_death(death)) from None
        except Nonsense as error:
            raise LimitReached(f"{self._path} has taken over the program that reads it ({error}). {AGAIN}") from None
        self._spent_s += max(0.0, self._worker.cpu_seconds() - start_s)
        self._said_bytes += reply.size_bytes
        self._check(reply)
        return reply

    def pieces(self, reply: WorkerReply) -> Generator[Piece, None, None]:
        """Nothing of use first, then every piece; the worker is given back as early as possible."""
        try:
            yield Piece(kind="text")
            while True:
                if not reply.more:
                    self.close()
                yield from reply.pieces
                if not reply.more:
                    return
                reply = self.ask({"do": "more"})
        finally:
            if reply.more and self._is_open:
                self._worker.end()  # it holds the rest of a document that nobody wants
            self.close()

    def _check(self, reply: WorkerReply) -> None:
        """BadFile for a reply that is one."""
        if self._said_bytes > self._config.worker_output_mb * 1_000_000:
            self._worker.end()
            raise LimitReached(self._too_long())
        match reply.trouble:
            case None:
                return
            case "picture":
                raise BadPicture(reply.words)
            case "file":
                raise BadFile(reply.words)
            case "memory":
                raise LimitReached(self._too_large())
            case "output":
                raise LimitReached(self._too_long())
            case "depth":
                raise LimitReached(f"{self._path} is nested too deeply to be read. {AGAIN}")
            case "surprise":
                raise BadFile(f"{self._path} could not be read: {reply.words}. Save it anew, or leave it")

    def _too_slow(self, seconds: float) -> str:
        name = "worker_seconds" if seconds >= self._config.worker_seconds else "worker_file_seconds"
        most = getattr(self._config, name)
        what = "a step of reading it took" if name == "worker_seconds" else "reading it took"
        return (
            f"{self._path} was given up: {what} longer than the {most:g} seconds that parse.{name} allows. "
            f"{AGAIN}, or until parse.{name} is raised"
        )

    def _too_long(self) -> str:
        return (
            f"{self._path} gives more than the {self._config.worker_output_mb:,} MB of words that "
            f"parse.worker_output_mb allows. {AGAIN}, or until parse.worker_output_mb is raised"
        )

    def _too_large(self) -> str:
        return (
            f"{self._path} was given up: reading it needs more than the {self._config.worker_memory_mb:,} MB of memory "
            f"that parse.worker_memory_mb allows. {AGAIN}, or until parse.worker_memory_mb is raised"
        )

    def _explain_death(self, death: Died) -> str:
        most = f"the {self._config.worker_memory_mb:,} MB that parse.worker_memory_mb allows"
        return (
            f"{self._path} ended the program that reads it ({death}): it is damaged, made to do so, or needs more than "
            f"{most}. {AGAIN}; save it anew"
        )


def open_anew(path: str) -> IO[bytes]:
    """A file whose head was read, once more. BadFile if it cannot be opened now."""
    try:
        return open_plain(path)
    except TransientError:
        raise
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}. Check its permissions and its disk") from error


def close_workers() -> None:
    """End the workers that do nothing now."""
    with suppress(OSError):
        shared_pool().close()
