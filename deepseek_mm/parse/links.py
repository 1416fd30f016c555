"""Files are opened without following a link, at any step of their path: what is read is what was indexed, or nothing.

A path that a person names may contain links; it is resolved once, when it is named. From then on the library knows the
resolved path. Whoever puts a link into a folder later, or makes a folder of the path into one, reads nothing with it.
Each step is opened from the one before it, so nothing can be exchanged between a check and the reading.
"""

import os
import re
import stat
from typing import IO

from deepseek_mm.errors import BadFile
from deepseek_mm.storage.absent_files import find_copy
from deepseek_mm.storage.files import is_held

MARK = "!/"  # between an archive and the name of its member
NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to does not hold the work up
STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LAST = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | NO_WAIT


def open_plain(path: str) -> IO[bytes]:
    """The file at this absolute path, which no link leads to; of one that only another machine has a copy. BadFile for
    a link, a pipe, a device, a live database; OSError as the system has it, TransientError if a copy cannot be brought.
    """
    try:
        return _open_here(path)
    except (FileNotFoundError, NotADirectoryError):
        copy = find_copy(path)
        if not copy:
            raise
    return _open_here(copy)


def _open_here(path: str) -> IO[bytes]:
    folder, _, last = path.rstrip(os.sep).rpartition(os.sep)
    last = last or os.curdir
    here = open_folder(folder)
    try:
        check_plain(os.stat(last, dir_fd=here, follow_symlinks=False), path)
        file = os.open(last, LAST, dir_fd=here)
    finally:
        os.close(here)
    return _as_stream(file, path)


def open_folder(path: str) -> int:
    """A handle of the folder at this absolute path, which no link leads to; whoever asks closes it. As `open_plain`
    raises.
    """
    here = os.open(os.sep, STEP)
    try:
        for folder in filter(None, path.split(os.sep)):
            above, here = here, _step(here, folder, path)
            os.close(above)
    except BaseException:
        os.close(here)
        raise
    return here


def resolve_path(path: str | os.PathLike[str]) -> str:
    """The absolute path that a named one leads to, without links; of an archive's member the archive's."""
    name = os.path.abspath(path)
    if not os.path.lexists(name):
        for found in re.finditer(re.escape(MARK), name):
            if os.path.isfile(archive := name[: found.start()]):
                return os.path.realpath(archive) + name[found.start() :]
    return os.path.realpath(name)


def link_in(path: str) -> str:
    """The first link on the way to this absolute path, or the path itself; empty if there is none."""
    if os.path.realpath(path) == path:
        return ""
    parts = path.split(os.sep)
    steps = (os.sep.join(parts[:depth]) for depth in range(2, len(parts) + 1))
    return next((step for step in steps if os.path.islink(step)), "")


def refuse_link(path: str) -> BadFile:
    """The refusal of a path that a link leads to."""
    return BadFile(f"{path} is a link, or lies behind one, and links are not followed. Name the file that it leads to")


def check_plain(status: os.stat_result, path: str) -> None:
    """BadFile or IsADirectoryError if a file of this status is not one to read."""
    if stat.S_ISLNK(status.st_mode):
        raise refuse_link(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(status.st_mode):
        raise BadFile(f"{path} is a pipe or a device, not a file. Save what comes out of it as a file first")
    if is_held(status):
        raise BadFile(f"{path} is a database of the open library, which is read by no other way. Name another file")


def _step(here: int, name: str, path: str) -> int:
    """The folder of this name in the one that is open."""
    try:
        return os.open(name, STEP, dir_fd=here)
    except OSError:
        if stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            raise refuse_link(path) from None
        raise


def _as_stream(file: int, path: str) -> IO[bytes]:
    """The open file as a stream, if it is still what it was a moment ago."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise BadFile(f"{path} was exchanged while it was opened. Try again")
        return os.fdopen(file, "rb")
    except BaseException:
        os.close(file)
        raise
