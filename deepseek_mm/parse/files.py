"""A path becomes bytes: looked at before they are read, limited, and hashed. Files and members of archives alike.

A file is opened without waiting and without following a link (`links`), and its first bytes say whether the rest is
worth reading: a film of many gigabytes is not read to learn that it is none of ours.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from zipfile import ZipExtFile

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture, NothingThere
from deepseek_mm.parse import archive
from deepseek_mm.parse.formats import File, Format, format_of, named_format
from deepseek_mm.parse.links import open_plain, resolve_path

HEAD_BYTES = 4096  # enough to see what a file is
SHOWN_BYTES = 16  # of them in a message
OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # how .doc begins, and a .docx with a password
INDEX = "python -m deepseek_mm index"


def open_file(path: str | os.PathLike[str], config: ParseConfig) -> File:
    """The file's bytes, or those of an archive's member. BadFile or NothingThere says why not, and what to do."""
    name = absolute(path)
    inside = in_archive(name)
    if inside is None:
        with plain_file(name) as (stream, modified_ns):
            data, form = read_limited(stream, name, config, size_bytes=os.fstat(stream.fileno()).st_size)
    else:
        modified_ns = (archive.member_status(*inside) or (0, 0))[1]
        with archive.member(*inside, config) as stream:
            data, form = read_limited(stream, name, config, size_bytes=0)
    digest = hashlib.sha256(data).hexdigest()
    return File(path=name, data=data, digest=digest, size_bytes=len(data), modified_ns=modified_ns, format=form)


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
        if isinstance(error, NothingThere):
            raise
        raise BadFile(f"{name} cannot be read: {error.strerror}. Check its permissions and its disk") from error


def read_limited(
    stream: IO[bytes] | ZipExtFile, name: str, config: ParseConfig, *, size_bytes: int
) -> tuple[bytes, Format]:
    """All bytes of a file of a known kind within the limit; of a larger one, as far as its size is known, no more than
    its head is read.
    """
    head = stream.read(HEAD_BYTES)
    if not head:
        raise BadFile(f"{name} is empty: 0 bytes. Copy it again from where it came")
    form = format_of(head, name)
    if form is None:
        raise unknown(name, head)
    if form.kind == "archive":
        raise BadFile(f"{name} is an archive. Index what is in it with: {INDEX} {name}")
    most = config.max_bytes
    data = head + stream.read(most + 1 - len(head)) if max(len(head), size_bytes) <= most else head
    if max(len(data), size_bytes) > most:
        raise BadFile(
            f"{name} has more bytes than parse.max_bytes allows, {config.max_bytes:,}. "
            "Make the file smaller, or raise parse.max_bytes"
        )
    return data, form


def unknown(name: str, head: bytes) -> BadFile:
    """The refusal of a file that is not what its name says, or of no kind that is read."""
    named = named_format(name)
    if named is not None and named.kind == "photo":
        return no_picture(name, head)
    if named is not None and named.name == "docx" and head.startswith(OLD_OFFICE):
        return BadFile(f"{name} is locked with a password, or an old .doc file. Save it as .docx without a password")
    shown = head[:SHOWN_BYTES]
    if named is not None:
        return BadFile(f"{name} is no {named.title}: it begins with {shown!r}. Give it its right ending")
    return BadFile(f"{name} is of no kind that is read: it begins with {shown!r}. Save it as a picture, PDF or text")


def no_picture(name: str, head: bytes) -> BadPicture:
    """The refusal of a file that should be a picture."""
    return BadPicture(f"{name} is no picture: it begins with {head[:SHOWN_BYTES]!r}. Use a JPEG or PNG file")
