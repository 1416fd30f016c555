"""Where a backup is written: a new name, or in the place of an older backup; never over anything else.

What lies under the name is looked at before the work begins, and once more at its end: the finished draft gets the name
by a step that fails when something else has come there meanwhile. Nothing is ever written through a link, nor into the
library's own folder but below its `backups`.
"""

import ctypes
import errno
import os
import stat
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from deepseek_mm.errors import BadFile, Conflict
from deepseek_mm.parse.workers.wire import DAMAGE
from deepseek_mm.storage.files import MOST_BYTES, parse_json

BACKUPS = "backups"  # folder below the library's, for backups without a name
SUFFIX = ".deepseek-mm"
PAGE = "page"  # the page's own cache, which is no part of the library


def backups_in(data: Path) -> list[Path]:
    """Backups in the library's folder, the newest first: their names begin with the time."""
    return sorted((data.absolute() / BACKUPS).glob(f"*{SUFFIX}"), reverse=True)


def new_backup(data: Path) -> Path:
    """A name for the next one; its folder is there."""
    folder = data.absolute() / BACKUPS
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{datetime.now():%Y-%m-%d-%H%M%S}{SUFFIX}"


def size_of(data: Path) -> int:
    """Bytes of everything in the library's folder but the page's cache."""
    total = 0
    for here, folders, names in os.walk(data):
        if Path(here) == data and PAGE in folders:
            folders.remove(PAGE)
        for name in names:
            try:
                total += os.lstat(os.path.join(here, name)).st_size
            except OSError:  # it went while we looked
                continue
    return total


MANIFEST = "manifest.json"
FORMAT = "deepseek-mm library 1"
HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # of disks that know no second names
Identity = tuple[int, int, int, int]  # device, inode, bytes, time of the last change


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupTarget:
    """The name that a backup is to have, and what lay there when it was looked at."""

    path: Path  # absolute, in a folder that is reached through no link
    older: Identity | None  # the backup that is there already

    @classmethod
    def of(cls, path: Path, data: Path) -> Self:
        """Conflict or BadFile says why no backup can be written there."""
        folder = path.parent
        if folder.resolve() != folder:
            raise BadFile(f"{folder} is reached through a link, and no backup is written through one. Name another")
        home = data.resolve()
        if folder.is_relative_to(home) and not folder.is_relative_to(home / BACKUPS):
            raise Conflict(
                f"{path} lies among the library's own files, where a backup would be in their way. "
                f"Name a file elsewhere, or none: then it is made in {home / BACKUPS}"
            )
        return cls(path=path, older=identity_of(path))

    def open_draft(self, draft: Path) -> IO[bytes]:
        """A new file beside it, for the backup to grow in; it must not be there yet, not even as a link."""
        return os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "w+b")

    def publish(self, draft: Path) -> None:
        """Give the finished draft the name. Conflict if something else has come there since; that stays as it is."""
        if self.older is None:
            name_new(draft, self.path)
            return
        if not exchange(draft, self.path):  # no such step here: look once more, then replace
            if identity_of(self.path) != self.older:
                raise conflict_at(self.path)
            os.replace(draft, self.path)
        elif is_other(draft, self.older):  # what lay there is the draft now
            exchange(draft, self.path)
            raise conflict_at(self.path)


def identity_of(path: Path) -> Identity | None:
    """Which backup lies there; None if nothing does. Conflict or BadFile if it is something else."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    kind = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder"}.get(stat.S_IFMT(status.st_mode), "no plain file")
    if not stat.S_ISREG(status.st_mode):
        raise BadFile(f"{path} is {kind}, and a backup is written as a file of its own. Name another")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        opened = os.fstat(file.fileno())
        if not stat.S_ISREG(opened.st_mode) or not is_backup(file):
            raise Conflict(
                f"there is a file at {path} already, and it is no backup of this program, so it is not overwritten. "
                "Name another, or move that one away"
            )
    return fields_of(opened)


def is_backup(file: IO[bytes]) -> bool:
    """Whether it can be read as a backup of this program."""
    try:
        with zipfile.ZipFile(file) as bundle:
            told = read_manifest(bundle)
    except (*DAMAGE, LookupError, OSError):
        return False
    return isinstance(told, dict) and told.get("format") == FORMAT


def read_manifest(bundle: zipfile.ZipFile) -> Any:
    """What an archive says of itself, which may be anything. KeyError or one of DAMAGE if it says nothing."""
    if bundle.getinfo(MANIFEST).file_size > MOST_BYTES:
        raise ValueError(f"its {MANIFEST} is larger than {MOST_BYTES:,} bytes")
    return parse_json(bundle.read(MANIFEST))


def fields_of(status: os.stat_result) -> Identity:
    """What tells one state of a file from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def is_other(path: Path, known: Identity) -> bool:
    """Whether something else lies there by now."""
    return fields_of(os.lstat(path)) != known


def conflict_at(path: Path) -> Conflict:
    """What is said when a file came there while the backup was made."""
    return Conflict(f"something else was put at {path} while the backup was made, and it was left there. Try again")


def name_new(draft: Path, path: Path) -> None:
    """Give a file a name that nothing has. Conflict if something has it."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise conflict_at(path) from None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # takes the name, which then is ours
        except FileExistsError:
            raise conflict_at(path) from None
        os.replace(draft, path)
        return
    draft.unlink()


def exchange(one: Path, other: Path) -> bool:
    """Let two files exchange their names at once; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), str(other))
