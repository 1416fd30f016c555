"""A path becomes bytes, and the bytes a source and its pieces; a photo or a page becomes a picture again.

A file is opened without waiting and without following a link (`links`), and its first bytes say whether the rest is
worth reading: a film of many gigabytes is not read to learn that it is none of ours. Files and members of archives are
alike. Nothing is decoded here: a worker process takes the bytes apart (`workers`), within limits, and may die of them.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import ZipExtFile

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture, NothingThere, TransientError
from deepseek_mm.parse import archive
from deepseek_mm.parse.formats import File, FileHead, Format, ParsedDocument, format_of, named_format
from deepseek_mm.parse.links import open_plain, resolve_path
from deepseek_mm.parse.unread import BY_ENDING, ending_of, explain_unread
from deepseek_mm.parse.workers.client import Stopping, never, read_contents, read_one_page
from deepseek_mm.storage.absent_files import stat_absent
from index import Source
from index.region import VIDEO_FORMATS

HEAD_BYTES = 4096  # enough to see what a file is
LARGE_BYTES, BLOCK_BYTES = 100_000_000, 512  # of a video that may be half there; as stat(2) counts what is
LETTER_BYTES = 4  # of the longest letter, in any encoding
SHOWN_BYTES = 16  # of them in a message
OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # how .doc and .xls begin, and .docx and .xlsx with a password
BEFORE = {"docx": ".doc", "pptx": ".ppt", "xlsx": ".xls"}  # the old kind of such a file
INDEX = "python -m deepseek_mm index"


def open_file(path: str | os.PathLike[str], config: ParseConfig, *, hashed: bool = True) -> File:
    """The file's bytes, or those of an archive's member; of a video, or of a text that is longer than is read, the
    first ones. BadFile or NothingThere says why not. Without `hashed` such a file has no digest, and is not read to
    its end.
    """
    name = absolute(path)
    inside = in_archive(name)
    if inside is None:
        with plain_file(name) as (stream, modified_ns):
            size = os.fstat(stream.fileno()).st_size
            data, form = read_limited(stream, name, config, size_bytes=size)
            if len(data) < size:
                digest = digest_of(stream) if hashed else ""
                return File(path=name, data=data, digest=digest, size_bytes=size, modified_ns=modified_ns, format=form)
    else:
        modified_ns = (archive.member_status(*inside) or (0, 0))[1]
        with archive.member(*inside, config) as stream:
            data, form = read_limited(stream, name, config, size_bytes=0)
    digest = hashlib.sha256(data).hexdigest()
    return File(path=name, data=data, digest=digest, size_bytes=len(data), modified_ns=modified_ns, format=form)


def open_original(path: str, config: ParseConfig) -> IO[bytes]:
    """A file of a kind that is read, open for reading; a member of an archive as a file without a name. As `open_file`
    raises.
    """
    file = open_file(path, config, hashed=False)
    if not file.is_in_memory:
        with plain_file(file.path) as (stream, _):
            return os.fdopen(os.dup(stream.fileno()), "rb")
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    copy.write(file.data)
    copy.seek(0)
    return copy


def read_original(path: str, config: ParseConfig) -> bytes:
    """All of such a file. BadFile, too, if it is a video that is too large for memory."""
    with open_original(path, config) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > config.max_bytes:
            raise BadFile(
                f"{path} has {size:,} bytes, and parse.max_bytes allows {config.max_bytes:,} at once. "
                "Copy it from where it lies, or raise parse.max_bytes"
            )
        return stream.read()


def digest_of(stream: IO[bytes]) -> str:
    """SHA-256 of a whole file, hexadecimal."""
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def stat_file(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Size in bytes and time of the last change in nanoseconds, without reading; None when no file is there."""
    try:
        name = absolute(path)
        inside = in_archive(name)
        if inside is not None:
            return archive.member_status(*inside)
        status = os.stat(name)
    except (OSError, ValueError):
        return None
    return (status.st_size, archive.changed_ns(status)) if stat.S_ISREG(status.st_mode) else None


def stat_known(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """As `stat_file`; of a file that only other machines and the store of files have, as the library knows it."""
    return stat_file(path) or stat_absent(os.fspath(path))


def is_gone(path: str | os.PathLike[str]) -> bool:
    """Whether the system says for sure that no such file is there. Of a disk that fails it does not, nor does a folder
    that may not be looked into, or an archive that is damaged: what was known there is not to be forgotten.
    """
    name = absolute(path)
    inside = in_archive(name)
    try:
        if inside is not None:
            return inside[1] not in archive.directory(inside[0])
        return not stat.S_ISREG(os.stat(name).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, BadFile):
        return False


def absolute(path: str | os.PathLike[str]) -> str:
    """A path of the library, absolute; links in it stay. BadFile if it is no text."""
    return as_text(os.path.abspath(path))


def real_path(path: str | os.PathLike[str]) -> str:
    """A path that a person names as the library knows it: absolute and without links. BadFile if it is no text."""
    return as_text(resolve_path(path))


def as_text(name: str) -> str:
    """The name. BadFile if it is no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadFile(f"the name {ascii(name)} is not valid UTF-8. Rename the file") from None
    return name


def in_archive(name: str) -> tuple[str, str] | None:
    """(archive, member) if the path leads into one; a real file of that odd name comes first."""
    return None if os.path.lexists(name) else archive.split(name)


@contextmanager
def plain_file(name: str) -> Iterator[tuple[IO[bytes], int]]:
    """The open file, and the time of its last change before it was read: what changes meanwhile is read again."""
    try:
        with open_plain(name) as stream:
            yield stream, archive.changed_ns(os.fstat(stream.fileno()))
    except FileNotFoundError:
        raise NothingThere(f"no file at {name}. Check the name") from None
    except IsADirectoryError:
        raise BadFile(f"{name} is a folder. Index what is in it with: {INDEX} {name}") from None
    except OSError as error:
        if isinstance(error, NothingThere | TransientError):
            raise
        raise BadFile(f"{name} cannot be read: {error.strerror}. Check its permissions and its disk") from error


def read_limited(
    stream: IO[bytes] | ZipExtFile, name: str, config: ParseConfig, *, size_bytes: int
) -> tuple[bytes, Format]:
    """All bytes of a file of a known kind within the limit; of a larger one, as far as its size is known, no more than
    its head is read, of a video whose size is known neither, and of a text as much as can hold the letters that count.
    """
    head = stream.read(HEAD_BYTES)
    if not head:
        raise BadFile(f"{name} is empty: 0 bytes. Copy it again from where it came")
    form = format_of(head, name)
    if form is None:
        raise unknown(name, head)
    if form.kind == "archive":
        raise BadFile(f"{name} is an archive. Index what is in it with: {INDEX} {name}")
    if form.name in VIDEO_FORMATS and size_bytes:
        there = os.fstat(stream.fileno()).st_blocks * BLOCK_BYTES
        if size_bytes > LARGE_BYTES and there < size_bytes // 2:
            raise BadPicture(
                f"{name} is not all there: of {size_bytes:,} bytes {there:,} are on the disk. "
                "Wait until it has come, or copy it again"
            )
        if size_bytes > config.max_video_bytes:
            raise BadFile(
                f"{name} has more bytes than parse.max_video_bytes allows, {config.max_video_bytes:,}. "
                "Make the video smaller, or raise parse.max_video_bytes"
            )
        return head, form
    most, read = config.max_bytes, max(config.max_chars * LETTER_BYTES, HEAD_BYTES)
    if is_text(form) and read < size_bytes <= most:
        return head + stream.read(read - len(head)), form
    data = head + stream.read(most + 1 - len(head)) if max(len(head), size_bytes) <= most else head
    if max(len(data), size_bytes) > most:
        raise BadFile(
            f"{name} has more bytes than parse.max_bytes allows, {config.max_bytes:,}. "
            "Make the file smaller, or raise parse.max_bytes"
        )
    return data, form


def is_text(form: Format) -> bool:
    """Whether its beginning can be read without its end."""
    return form.name in ("text", "markdown") or (form.kind == "code" and form.name != "notebook")


def unknown(name: str, head: bytes) -> BadFile:
    """The refusal of a file that is not what its name says, or of no kind that is read."""
    named = named_format(name)
    if named is not None and named.kind == "photo":
        return no_picture(name, head)
    if named is not None and named.name in BEFORE and head.startswith(OLD_OFFICE):
        old = BEFORE[named.name]
        return BadFile(f"{name} is locked with a password, or an old {old} file. Save it as {old}x without a password")
    shown = head[:SHOWN_BYTES]
    if named is not None:
        return BadFile(f"{name} is no {named.title}: it begins with {shown!r}. Give it its right ending")
    if ending_of(name) in BY_ENDING:
        return BadFile(f"{name} is {explain_unread(name)}")
    return BadFile(f"{name} is of no kind that is read: it begins with {shown!r}. Save it as a picture, PDF or text")


def no_picture(name: str, head: bytes) -> BadPicture:
    """The refusal of a file that should be a picture."""
    return BadPicture(f"{name} is no picture: it begins with {head[:SHOWN_BYTES]!r}. Use a JPEG or PNG file")


def parse_file(
    file: File, config: ParseConfig, *, collection: str = "library", stopping: Stopping = never
) -> ParsedDocument:
    """What the file is, and its pieces: a picture is one, a document has some for every page or passage.

    BadFile (BadPicture for a picture) says why it cannot be read, LimitReached that trying again will not help. A page
    is drawn when its piece is asked for. Once `stopping` says so, its worker is ended: Cancelled.
    """
    assert file.format.kind != "archive", "open_file refuses archives"
    head, pieces = read_contents(file, config, stopping=stopping)
    return ParsedDocument(source=source_of(file, head, collection), pieces=pieces)


def read_page(path: str, page: int, config: ParseConfig, *, stopping: Stopping = never) -> Image:
    """The picture of a page, from 1, of a video's moment in milliseconds, or of the photo at `path` if `page` is 0;
    upright RGB as its piece had it.
    """
    file = open_file(path, config, hashed=False)
    if file.format.name in VIDEO_FORMATS or (page and file.format.name == "pdf"):
        return read_one_page(file, page, config, stopping=stopping)
    if file.format.kind != "photo":
        raise BadFile(f"{file.path} has no page {page} to draw: it is {file.format.title}. Show its text instead")
    (image,) = (piece.image for piece in parse_file(file, config, stopping=stopping).pieces)
    assert image is not None, "a photo's one piece is its picture"
    return image


def source_of(file: File, head: FileHead, collection: str) -> Source:
    """The file as the library knows it."""
    assert file.format.kind != "archive", "open_file refuses archives"
    return Source(
        path=file.path,
        kind=file.format.kind,
        format=file.format.name,
        collection=collection,
        digest=file.digest,
        size_bytes=file.size_bytes,
        modified_ns=file.modified_ns,
        width_px=head.width_px,
        height_px=head.height_px,
        taken_at=head.camera.taken_at,
        latitude=head.camera.latitude,
        longitude=head.camera.longitude,
        note=head.note,
        duration_ms=head.duration_ms,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFile:
    """A picture and where it comes from."""

    source: Source
    image: Image  # upright RGB; its long side is at most LONG_SIDE_PX, the original's size is in the source


def read_photo(path: Path, *, max_pixels: int, collection: str = "library") -> PhotoFile:
    """The picture at `path`, links followed. Raises NothingThere, or BadPicture with the reason and what to do."""
    config = ParseConfig(max_pixels=max_pixels)
    try:
        file = open_file(real_path(path), config)
        if file.format.kind != "photo" or file.format.name in VIDEO_FORMATS:
            raise no_picture(file.path, file.data)
        head, pieces = read_contents(file, config)
        (image,) = (piece.image for piece in pieces)
    except BadPicture:
        raise
    except BadFile as error:
        raise BadPicture(str(error)) from error
    assert image is not None, "a photo's one piece is its picture"
    return PhotoFile(source=source_of(file, head, collection), image=image)
