"""What changes below a folder: by the system's notices where there are any, by looking again and again elsewhere.

Both give the paths of files that could be read, of folders that came, and of whatever went; a path may be a folder, and
then stands for all that is or was in it. What `parse.folder` leaves out (hidden names, what programs make, a library of
this program, where every write would lead to the next; what a .gitignore names) is left out here. Links to folders are
not followed.
"""

import os
import time
from collections.abc import Iterator

from watchfiles import Change, watch

from deepseek_mm.parse.files import stat_file
from deepseek_mm.parse.folder import LIBRARY_MARK, MACHINE_MADE, is_readable, walk
from deepseek_mm.parse.repository import is_left_out

YIELD_S = 0.5  # something is yielded that often, if only nothing
NOTICE_S = 0.25  # the same where notices are waited for, so that code that changed is soon found
LOOK_S = 10.0  # between two looks at a folder that sends no notices; at least
REST = 4  # times as long as a look took is the pause after it, so that a slow drive is not kept busy
STEP = 500  # files looked at between two yields


def notices(folder: str) -> Iterator[set[str]]:
    """Sets of paths, also empty ones, until the folder itself goes; first the folder: from now on nothing is missed.

    OSError where the system has no notices left to give, or a folder may not be looked into (watchfiles' option to
    ignore that ignores every error, and leaves folders unwatched); RuntimeError where some were lost.
    """
    every_ms, first = int(1000 * min(YIELD_S, NOTICE_S)), {folder}
    for changes in watch(
        folder,
        watch_filter=None,
        debounce=every_ms,
        rust_timeout=every_ms,
        yield_on_timeout=True,
        force_polling=False,
        ignore_permission_denied=False,
    ):
        yield first | {path for change, path in changes if matters(folder, path, change)}
        first = set()
        if (Change.deleted, folder) in changes:
            return


def matters(folder: str, path: str, change: Change) -> bool:
    """Whether a change at `path`, below `folder`, may be one of something that is read."""
    names = path[len(folder) :].strip(os.sep).split(os.sep)
    if not names[0] or any(name.startswith(".") or name in MACHINE_MADE for name in names):
        return False
    above = [os.path.join(folder, *names[:depth]) for depth in range(len(names))]
    if any(os.path.exists(os.path.join(each, LIBRARY_MARK)) for each in above):
        return False
    if is_left_out(path, folder):
        return False
    if change == Change.deleted:
        return True  # it may have been a folder, by any name
    return is_readable(path) or (change == Change.added and os.path.isdir(path) and not os.path.islink(path))


def looks(folder: str) -> Iterator[set[str]]:
    """The same without notices, and without an end: the files that differ between two looks."""
    before: dict[str, tuple[int, int] | None] | None = None
    while True:
        began_s = time.monotonic()
        missed: list[tuple[str, str]] = []
        now: dict[str, tuple[int, int] | None] = {}
        for n, path in enumerate(walk(folder, is_readable, missed)):
            now[path] = stat_file(path)
            if n % STEP == 0:
                yield set()
        if missed:  # what lies in a folder that could not be looked into is not gone
            now = (before or {}) | now
        yield {folder} if before is None else {path for path, _ in before.items() ^ now.items()}
        before = now
        yield from _pause(max(LOOK_S, REST * (time.monotonic() - began_s)))


def _pause(pause_s: float) -> Iterator[set[str]]:
    until_s = time.monotonic() + pause_s
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(YIELD_S, left_s))
        yield set()
