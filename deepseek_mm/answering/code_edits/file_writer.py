"""A change that was accepted, written: all files or none, each whole, in folders that were opened without a link.

Every file must still be, byte for byte, what the change begins with, and lie below one of the folders that callers may
write to. If writing fails half way, what was written is put back.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from deepseek_mm.answering.code_edits.checks import is_current, list_stale, name_some
from deepseek_mm.answering.code_edits.records import FileChange
from deepseek_mm.errors import BadFile, Conflict, DeepSeekMMError, Forbidden, LibraryError
from deepseek_mm.parse.links import open_folder
from deepseek_mm.storage.files import atomic_write

HANDLES = Path("/proc/self/fd")  # where an open folder has a name that nobody can exchange
NEW_MODE = 0o666  # of a new file, less the umask
ROOTS = "Allow its folder where the program is started: --set serve.roots=/FOLDER"
VERSION_CONTROL = frozenset([".git", ".hg", ".svn"])
_WRITING = Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class WritableFolders:
    """Where changes may be written."""

    roots: tuple[Path, ...] = ()  # without links
    own: Path | None = None  # the library's own folder, which is no place for it even below a root

    def find_outside(self, changes: Sequence[FileChange]) -> list[str]:
        """Names of files that lie below none of the folders, or that a link leads to."""
        return [each.name for each in changes if not self.holds(each.path)]

    def holds(self, path: str) -> bool:
        """Whether a path has no link in it and lies below a root; what belongs to version control never does."""
        where = Path(path)
        if os.path.realpath(path) != path or not VERSION_CONTROL.isdisjoint(where.parts):
            return False
        if self.own is not None and where.is_relative_to(self.own):
            return False
        return any(where.is_relative_to(root) for root in self.roots)


def write_changes(changes: Sequence[FileChange], folders: WritableFolders) -> None:
    """Write all files, or none. Forbidden: one lies outside; Conflict: one is not what it was; LibraryError: the disk
    refuses, and what was written is put back.
    """
    if outside := folders.find_outside(changes):
        raise Forbidden(f"nothing was written: {name_some(outside)} lies in no folder that may be written to. {ROOTS}")
    with _WRITING:
        if stale := list_stale(changes):
            raise Conflict(f"nothing was written: {name_some(stale)} changed meanwhile. Ask for the change anew")
        written = list[FileChange]()
        try:
            for each in changes:
                written.append(each)
                write_file(each)
        except (DeepSeekMMError, OSError) as error:
            left = put_back(written)
            rest = f" {name_some(left)} could not be put back: look at it." if left else " All is as it was before."
            raise LibraryError(f"a file cannot be written ({error}).{rest} Make it writable, and try again") from error


def put_back(written: Sequence[FileChange]) -> list[str]:
    """Undo what was written; names of files where that failed."""
    left = list[str]()
    for each in reversed(written):
        if is_current(each):  # it was not written after all
            continue
        try:
            write_file(invert(each))
        except (DeepSeekMMError, OSError):
            left.append(each.name)
    return left


def invert(change: FileChange) -> FileChange:
    """What undoes a change."""
    return replace(change, before=change.after, after=change.before)


def write_file(change: FileChange) -> None:
    """Write or remove one file; it keeps its mode and its owner. BadFile, LibraryError, OSError."""
    folder, name = os.path.split(change.path)
    with open_handle(folder) as handle:
        if change.after is None:
            os.unlink(name, dir_fd=handle)
            return
        known = status_of(name, handle)
        if known is not None and not stat.S_ISREG(known.st_mode):
            raise BadFile(f"{change.name} is no plain file any more. Look at it")
        where = HANDLES / str(handle) if HANDLES.is_dir() else Path(folder)
        atomic_write(where / name, change.after, mode=stat.S_IMODE(known.st_mode) if known else NEW_MODE)
        if known is not None:
            os.chmod(name, stat.S_IMODE(known.st_mode), dir_fd=handle)
            with suppress(OSError):  # only root may give a file to others
                os.chown(name, known.st_uid, known.st_gid, dir_fd=handle)


def status_of(name: str, handle: int) -> os.stat_result | None:
    """Of a file in an open folder; None without one."""
    try:
        return os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextmanager
def open_handle(folder: str) -> Iterator[int]:
    """The folder, opened without following a link."""
    handle = open_folder(folder)
    try:
        yield handle
    finally:
        os.close(handle)
