"""The main loop of a worker process: it takes one file after the other apart, and says what it found.

It is started with `python -c`, never imports torch, and gives up whatever it does not need before the first file. Of a
file it gets an open descriptor and what it is called; a document's further pieces are asked for one batch at a time.

Memory is limited everywhere. On Linux the process also dies with the program that started it, is the first to go when
memory runs out, can open only what Python and the system's fonts consist of (Landlock), and cannot start programs or
open sockets (seccomp). A kernel that lacks one of these walls still has the others.
"""

import mimetypes
import mmap
import os
import platform
import re
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture
from deepseek_mm.parse import image_metadata, picture
from deepseek_mm.parse.code.outline_facts import write_faults, write_outline
from deepseek_mm.parse.code.pieces import read_code, read_notebook
from deepseek_mm.parse.epub import read_epub
from deepseek_mm.parse.formats import BY_NAME, FORMATS, RAWS, Contents, File, Piece
from deepseek_mm.parse.mail import MailReader, Reader
from deepseek_mm.parse.markup import read_html, read_rtf
from deepseek_mm.parse.office import read_odt, read_pptx
from deepseek_mm.parse.pdf import read_pdf, read_pdf_page, read_pdf_texts
from deepseek_mm.parse.picture_texts import camera_in, descriptions_in, facts_in, turn_in, without_pixels
from deepseek_mm.parse.raw import notes_in, read_raw
from deepseek_mm.parse.spreadsheet import read_xlsx
from deepseek_mm.parse.text import decode_text, read_text
from deepseek_mm.parse.video import CONTAINERS, read_moment, read_texts, read_video
from deepseek_mm.parse.word import read_docx
from deepseek_mm.parse.workers.wire import (
    DESK_BYTES,
    MOST_FILE_BYTES,
    Nonsense,
    facts_of,
    facts_row,
    head_row,
    piece_row,
    read_directory,
    read_exactly,
    receive,
    send,
)
from deepseek_mm.parse.xmp.editor import edit_packet
from deepseek_mm.parse.xmp.packet import read_xmp
from deepseek_mm.sandbox import kernel, restrictions

OPEN_FILES = 64
NICENESS = 5  # who waits for an answer goes before a file that is taken apart
FIRST_TO_GO = "1000"  # of -1000 to 1000: whom the kernel ends when memory runs out
PACKAGES = ("site-packages", "dist-packages")
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
FONTS = ("/usr/share/fonts", "/usr/share/X11/fonts", "/usr/local/share/fonts")  # where PDFium looks for some
IS_LINUX = sys.platform == "linux"


def die_with(parent: int) -> None:
    """Whoever started this process takes it along, whatever it does then."""
    if not IS_LINUX:
        return
    kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before that was asked for
        os._exit(1)


def confine(memory_mb: int) -> int:
    """From here on; nothing of it can be taken back. How many bytes are mapped already.

    Whoever started this process may let it have as many bytes more as the file has that it reads (`pool`).
    """
    mimetypes.init()  # reads tables of the system, which openpyxl would do later, when they cannot be opened
    if IS_LINUX:
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    own = _own_bytes()
    _limit(resource.RLIMIT_AS, own + memory_mb * 1_000_000 + (MOST_FILE_BYTES if IS_LINUX else 0))
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    if IS_LINUX:
        resource.setrlimit(resource.RLIMIT_AS, (own + memory_mb * 1_000_000, resource.getrlimit(resource.RLIMIT_AS)[1]))
        _wall()
    return own


def _limit(what: int, most: int) -> None:
    with suppress(ValueError, OSError):
        kernel.limit(what, most)


def _own_bytes() -> int:
    """What this process has mapped already: Python, and the libraries that read files."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def _wall() -> None:
    """Files and calls. A container may forbid to forbid: then its own walls have to do."""
    with suppress(OSError):
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
        with suppress(OSError):
            rules = restrictions.LandlockRules()
            rules.grant(readable())
            rules.hold()
        if platform.machine() in restrictions.ARCHES:
            restrictions.hold(only=os.getpid(), childless=True, keep_attributes=True)


def readable() -> list[str]:
    """What stays readable: Python, installed packages, this project's modules, and fonts."""
    here = Path(__file__).resolve()
    ours = [here.parents[2], here.parents[3] / "index"]
    packages = [path for path in sys.path if Path(path).name in PACKAGES or Path(path).is_relative_to(sys.base_prefix)]
    links = [os.path.realpath(path) for path in (*packages, sys.base_prefix)]
    return [*map(str, ours), *packages, *links, sys.base_prefix, *SYSTEM, *FONTS]


WRITTEN: dict[str, Reader] = {  # by the name of the format
    "docx": read_docx,
    "pptx": read_pptx,
    "xlsx": read_xlsx,
    "odt": read_odt,
    "epub": read_epub,
    "rtf": read_rtf,
    "text": read_text,
    "markdown": read_text,
    "html": read_html,
}
READERS: dict[str, Reader] = {  # an archive has none: its members are read instead
    **{row.name: read_code for row in FORMATS if row.kind == "code"},
    **{name: picture.picture(opener) for name, opener in picture.OPENERS.items()},
    **dict.fromkeys(RAWS, read_raw),
    **WRITTEN,
    "pdf": read_pdf,
    "notebook": read_notebook,
    "eml": MailReader(
        readers={row.name: read_text for row in FORMATS if row.kind == "code"} | WRITTEN | {"pdf": read_pdf_texts}
    ),
}


def read_contents(file: File, config: ParseConfig) -> Contents:
    """What a file holds, read in this process. BadFile says why it cannot be read."""
    return READERS[file.format.name](file, config)


LIGHTENED = {"jpeg": image_metadata.without_padding, "png": without_pixels}  # what holds a picture's notes alone
BATCH_CHARS = 1_000_000  # of words that travel at a time
MOST_DESCRIPTORS = 4
STATUS = Path("/proc/self/status")
PEAK = re.compile(rb"VmHWM:\s*(\d+) kB")
Message = dict[str, Any]


def main(channel: int, desk: int, parent: int, memory_mb: int) -> None:
    """Work until the other side is gone. The numbers are open descriptors, a process, and megabytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program; it decides what becomes of its workers
    die_with(parent)
    with suppress(OSError):
        os.nice(NICENESS)
    with socket.socket(fileno=channel) as line, mmap.mmap(desk, DESK_BYTES) as shared, memoryview(shared) as room:
        worker = FileParser(line, room)
        send(line, {"ready": True, "own": confine(memory_mb)})
        while worker.answer_next():
            pass


class FileParser:
    """Answers one request after the other."""

    def __init__(self, line: socket.socket, desk: memoryview) -> None:
        self._line, self._desk = line, desk
        self._rest: Iterator[Piece] = iter(())  # pieces of the file at hand that were not asked for yet
        self._next: list[Piece] = []  # the one of them that was looked at, and goes first
        self._files: list[int] = []  # descriptors that came with the request
        self._status = open_status()

    def answer_next(self) -> bool:
        """Answer the next request; False once nobody is there to ask."""
        try:
            request, _ = receive(self._read)
        except EOFError:
            return False
        try:
            message = self._answer(request)
        finally:
            for descriptor in self._files:
                os.close(descriptor)
            self._files.clear()
        peak = {"peak": peak_mb(self._status)}
        try:
            send(self._line, message | peak)
        except Nonsense:  # nothing was sent of it
            send(self._line, {"trouble": "output"} | peak)
        return True

    def _read(self, size: int) -> bytes:
        return read_exactly(self._receive, size)

    def _receive(self, most: int) -> bytes:
        part, files, _, _ = socket.recv_fds(self._line, most, MOST_DESCRIPTORS)
        self._files += files
        return part

    def _answer(self, request: Message) -> Message:
        try:
            return self._done(request)
        except BadFile as error:
            return {"trouble": "picture" if isinstance(error, BadPicture) else "file", "words": str(error)}
        except MemoryError:
            self._rest, self._next = iter(()), []
            return {"trouble": "memory"}
        except RecursionError:
            return {"trouble": "depth"}
        except Exception as error:  # noqa: BLE001  a decoder met what its writers did not think of: the others go on
            return {"trouble": "surprise", "words": f"{type(error).__name__}, {error}"}

    def _done(self, request: Message) -> Message:
        if request["do"] == "more":
            return self._batch()
        if request["do"] == "directory":
            return {"entries": read_directory(self._files[0], request["path"])}
        config = ParseConfig(**request["config"])
        if request["format"] in CONTAINERS:
            return self._done_with_video(request, config)
        file = self._file(request)
        if request["do"] == "texts":
            data = LIGHTENED.get(file.format.name, bytes)(file.data)
            words = "\n".join([camera_in(data), *descriptions_in(data)])
            return {"words": words, "facts": facts_row(facts_in(data)), "turn": turn_in(data)}
        if request["do"] == "edit sidecar":
            return {"words": edit_packet(file.data, facts_of(request["facts"]), name=file.path)}
        if request["do"] == "sidecar":
            return {"facts": facts_row(read_xmp(file.data, request["turn"]))}
        if request["do"] == "exposure":
            is_raw = file.format.name in RAWS
            notes = notes_in(file.data) if is_raw else picture.OPENERS[file.format.name](file.data).exif
            return {"exposure": asdict(image_metadata.read_exposure(notes))}
        if request["do"] == "letters":
            return {"words": decode_text(file.data, name=file.path)[: config.max_chars]}
        if request["do"] == "outline":
            return {"words": write_outline(decode_text(file.data, name=file.path), file.format.name)}
        if request["do"] == "faults":
            return {"words": write_faults(decode_text(file.data, name=file.path), file.format.name)}
        if request["do"] == "page":
            return {"pieces": [piece_row(Piece(kind="page", image=read_pdf_page(file, request["page"])), self._desk)]}
        contents = read_contents(file, config)
        self._rest, self._next = contents.pieces, []
        if request["lazy"]:  # a page is drawn when it is asked for
            return {"head": head_row(contents), "more": True}
        return {"head": head_row(contents)} | self._batch()

    def _done_with_video(self, request: Message, config: ParseConfig) -> Message:
        """The same of a video, which is read where it lies, as far as it is needed."""
        form, size = BY_NAME[request["format"]], request["size"]
        file = File(path=request["path"], data=b"", digest="", size_bytes=size, modified_ns=0, format=form)
        stream = os.fdopen(os.dup(self._files[0]), "rb")
        stream.seek(0)
        if request["do"] == "read":
            contents = read_video(stream, file, config)
            self._rest, self._next = contents.pieces, []
            return {"head": head_row(contents), "more": True}
        with stream:
            if request["do"] == "page":
                image = read_moment(stream, file, request["page"], config)
                return {"pieces": [piece_row(Piece(kind="page", image=image), self._desk)]}
            camera, texts = read_texts(stream, file)
        return {"words": "\n".join([camera, *texts])} if request["do"] == "texts" else {"exposure": {"camera": camera}}

    def _batch(self) -> Message:
        """Pieces that travel together: at most one picture, and so many words."""
        rows: list[Message] = []
        chars = 0
        while (piece := self._next.pop() if self._next else next(self._rest, None)) is not None:
            if rows and piece.image is not None:
                self._next = [piece]  # a chain of what is left would keep every picture that ever was in it
                return {"pieces": rows, "more": True}
            rows.append(piece_row(piece, self._desk))
            chars += len(piece.text)
            if chars > BATCH_CHARS:
                return {"pieces": rows, "more": True}
        self._rest = iter(())
        return {"pieces": rows}

    def _file(self, request: Message) -> File:
        descriptor, size = self._files[0], request["size"]
        with open(descriptor, "rb", closefd=False) as stream:
            stream.seek(0)
            data = stream.read()
        form = BY_NAME[request["format"]]
        return File(path=request["path"], data=data, digest="", size_bytes=size, modified_ns=0, format=form)


def open_status() -> IO[bytes] | None:
    """What the system says of this process, opened while files may be; None where it says nothing."""
    return STATUS.open("rb", buffering=0) if STATUS.exists() else None


def peak_mb(status: IO[bytes] | None) -> int:
    """What this process needed at its largest; getrusage would count the program that started it as well."""
    if status is None:
        return 0
    status.seek(0)
    found = PEAK.search(status.read(4096))
    return int(found[1]) // 1000 if found else 0
