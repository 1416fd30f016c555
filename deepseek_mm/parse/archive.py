"""Zip archives: their members are listed and read one by one in memory; nothing is ever unpacked to disk.

An archive is written by a stranger, so nothing it says is taken on trust. Names that climb out of it are refused; a
member that claims a size beyond the limits, or that shrank more than real files do, is refused before it is unpacked;
and never more than the claimed size is unpacked, whatever the packed bytes would grow to.

Sizes, names and flags are those of PKWARE's APPNOTE, sections 4.3 and 4.4; the directory is read by `zipfile`.
"""

import io
import os
import posixpath
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse.links import MARK, open_plain
from deepseek_mm.parse.workers.client import read_rows
from deepseek_mm.parse.workers.wire import DAMAGE, entry_of

ENCRYPTED = 1  # bit of a member's flags
UTF8_NAME = 0x800
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what others do to a few bytes is not bounded
NESTED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
MOST_GROWTH = 200  # times; real files shrink to a hundredth at most
SMALL_BYTES = 1_000_000  # a member below this may shrink as it likes: an empty page of a picture does
LARGE_BYTES = 100_000_000  # the same of a whole archive
LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of the name and of the extra field, which the packed bytes follow
LATEST_NS = 2**63 - 1
DRIVE = re.compile(r"[A-Za-z]:")

Failure = tuple[str, str]  # a path, and a sentence that names it and says why it was not read


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveListing:
    """What an archive holds."""

    members: tuple[str, ...]  # full paths of what can be read, sorted
    failed: tuple[Failure, ...]
    others: tuple[str, ...] = ()  # full paths of what nobody wanted, sorted


def split(path: str) -> tuple[str, str] | None:
    """(archive, member) if the path leads into an archive that is there: "/a/b.zip!/c/d.png"."""
    for found in re.finditer(re.escape(MARK), path):
        archive = path[: found.start()]
        if os.path.isfile(archive):
            return archive, path[found.end() :]
    return None


def list_members(archive: str, config: ParseConfig, *, wanted: Callable[[str], bool]) -> ArchiveListing:
    """The members whose names are wanted, and why others of them cannot be read. BadFile if none can."""
    files = directory(archive)
    kept = (name for name in files if is_reported(name) or (is_seen(name) and (wanted(name) or is_nested(name))))
    names = sorted(kept)
    failed: list[Failure] = []
    if len(names) > config.max_members:
        limit = f"parse.max_members allows {config.max_members:,}: the first ones are taken"
        reason = f"{archive} holds {len(names):,} files, and {limit}. Raise parse.max_members, or unpack it"
        failed.append((archive, reason))
        del names[config.max_members :]
    reasons = {name: refusal(files[name], name, config) for name in names}
    unpacked = sum(files[name].file_size for name, reason in reasons.items() if not reason)
    if unpacked > config.max_unpacked_bytes:
        raise BadFile(
            f"{archive} would unpack to {unpacked:,} bytes, and parse.max_unpacked_bytes allows "
            f"{config.max_unpacked_bytes:,}. Unpack it yourself, or raise parse.max_unpacked_bytes"
        )
    packed = os.stat(archive).st_size
    if unpacked > LARGE_BYTES and unpacked > MOST_GROWTH * packed:
        raise BadFile(
            f"{archive} would grow {unpacked / max(packed, 1):,.0f} times to {unpacked:,} bytes, as only a bomb does. "
            "Unpack the archive yourself if you trust it"
        )
    paths = {name: archive + MARK + name for name in names}
    failed += [(paths[name], f"{paths[name]} {reason}") for name, reason in reasons.items() if reason]
    return ArchiveListing(
        members=tuple(paths[name] for name in names if not reasons[name]),
        failed=tuple(failed),
        others=tuple(archive + MARK + name for name in sorted(files) if is_seen(name) and is_passed(name, wanted)),
    )


def member_status(archive: str, member: str) -> tuple[int, int] | None:
    """The member's size and the archive's time; None if it is not there."""
    try:
        info = directory(archive).get(member)
        return None if info is None else (info.file_size, changed_ns(os.stat(archive)))
    except (BadFile, OSError):
        return None


def changed_ns(status: os.stat_result) -> int:
    """When the file was changed, in nanoseconds; a disk may claim years that a database cannot hold (after 2262)."""
    return max(-LATEST_NS, min(status.st_mtime_ns, LATEST_NS))


@contextmanager
def member(archive: str, name: str, config: ParseConfig) -> Iterator[zipfile.ZipExtFile]:
    """The member's unpacked bytes: at most as many as its entry says, then its checksum is looked at."""
    path = archive + MARK + name
    info = directory(archive).get(name)
    if info is None:
        raise NothingThere(f"no file {name} in {archive}. Check the name")
    if reason := refusal(info, name, config):
        raise BadFile(f"{path} {reason}")
    try:
        with open_plain(archive) as file, open_entry(file, info) as unpacked:
            yield unpacked
    except BadFile:
        raise
    except OSError as error:
        raise BadFile(f"{archive} cannot be read: {error.strerror}. Check its permissions and its disk") from error
    except DAMAGE as error:
        raise BadFile(f"{path} is damaged: {error}. Make the archive again, or copy it again") from error


def refusal(info: zipfile.ZipInfo, name: str, config: ParseConfig) -> str:
    """Why this member is not read, as the end of a sentence that begins with its path; nothing if it is."""
    growth = info.file_size / max(info.compress_size, 1)
    if is_nameless(name):
        return "has no name that a file can have. It was left alone; pack the archive again to read it"
    if is_foul(name):
        return "has a name that leads out of the archive. It was left alone; do not unpack this archive"
    if info.flag_bits & ENCRYPTED:
        return "is locked with a password. Unpack the archive and index what is in it"
    if is_nested(name):
        return "is an archive inside an archive. Unpack the outer one first"
    if info.compress_type not in METHODS:
        return f"is packed by method {info.compress_type}, which is not read. Unpack the archive first"
    if info.file_size > config.max_bytes:
        return f"has {info.file_size:,} bytes, and parse.max_bytes allows {config.max_bytes:,}. Raise parse.max_bytes"
    if info.file_size > SMALL_BYTES and growth > MOST_GROWTH:
        return (
            f"would grow {growth:,.0f} times to {info.file_size:,} bytes, as only a bomb does. "
            "Unpack the archive yourself if you trust it"
        )
    return ""


def is_passed(name: str, wanted: Callable[[str], bool]) -> bool:
    """True for a member that is neither wanted nor told for another reason."""
    return not (wanted(name) or is_nested(name) or is_reported(name))


def is_seen(name: str) -> bool:
    """False for hidden files, and for the notes that a Mac adds to archives."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def is_foul(name: str) -> bool:
    """True for a name that would end up outside the folder that it is unpacked to."""
    return name.startswith(("/", "\\")) or bool(DRIVE.match(name)) or ".." in re.split(r"[/\\]", name)


def is_nameless(name: str) -> bool:
    """True for an entry with content that is called nothing, or like a folder."""
    return name in ("", ".") or name.endswith("/")


def is_reported(name: str) -> bool:
    """True for what is told though it is never read, whatever else is wanted."""
    return is_foul(name) or is_nameless(name)


def is_nested(name: str) -> bool:
    """True for an archive."""
    return name.lower().endswith(NESTED)


def directory(archive: str) -> dict[str, zipfile.ZipInfo]:
    """Name -> entry of every file in the archive; of two files with one name, the first."""
    try:
        status = os.stat(archive)
        return read_directory(archive, status.st_size, status.st_mtime_ns)
    except BadFile:
        raise
    except FileNotFoundError:
        raise NothingThere(f"no file at {archive}. Check the name") from None
    except OSError as error:
        raise BadFile(f"{archive} cannot be read: {error.strerror}. Check its permissions and its disk") from error
    except DAMAGE as error:
        raise BadFile(f"{archive} is no zip archive, or it is damaged: {error}. Copy it again") from error


@lru_cache(maxsize=2)  # thousands of members are read in a row; size and time make a changed file another one
def read_directory(archive: str, size_bytes: int, modified_ns: int) -> dict[str, zipfile.ZipInfo]:
    """The directory of the archive as it was at that time."""
    with open_plain(archive) as file:
        infos = map(entry_of, read_rows(archive, file.fileno(), ParseConfig()))
    files: dict[str, zipfile.ZipInfo] = {}
    last: dict[str, int] = {}
    for info in infos:
        files[free_name(readable_name(info), files, last)] = info
    return files


def free_name(name: str, taken: dict[str, zipfile.ZipInfo], last: dict[str, int]) -> str:
    """The name, or for the second file of this name "name (2)"; `last` knows the number that a name had last."""
    stem, ending = posixpath.splitext(name)
    free = name
    while free in taken:
        last[name] = last.get(name, 1) + 1
        free = f"{stem} ({last[name]}){ending}"
    return free


def readable_name(info: zipfile.ZipInfo) -> str:
    """The member's name as its author saw it, without steps that go nowhere ("a//b", "./a").

    Without its flag a name counts as code page 437, but most programs that leave the flag out write UTF-8.
    """
    name = info.filename
    if not info.flag_bits & UTF8_NAME:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    if is_foul(name):
        return name
    plain = posixpath.normpath(name) if name else ""
    return f"{plain}/" if name.endswith("/") else plain


def open_entry(file: IO[bytes], info: zipfile.ZipInfo) -> zipfile.ZipExtFile:
    """What unpacks the bytes that follow the member's own header."""
    file.seek(info.header_offset)
    header = file.read(LOCAL_HEADER.size)
    if not header.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile("a file is not where the archive's list says")
    name_length, extra_length = LOCAL_HEADER.unpack(header)
    file.seek(name_length + extra_length, io.SEEK_CUR)
    return zipfile.ZipExtFile(file, "r", info)
