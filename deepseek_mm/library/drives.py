"""Which files are offline: they lie below a folder that is away as a whole, such as a drive that is not plugged in.

The folders that were indexed or watched are remembered in DATA/roots.json, the outermost of each, and with them the
places below and above at which drives were mounted. Such a folder is away when it is not there, when it is empty, or
when no drive is mounted any more where one was. What lies below it is then offline and not deleted, whatever the
system says of each file; it is back when the folder is. A file that is missing in a folder that is there is gone.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.parse.formats import named_format
from deepseek_mm.storage.files import atomic_write, read_json

ROOTS = "roots.json"  # in the library's folder
MOUNTS = Path("/proc/self/mounts")  # of Linux: a line for each drive, its second word is the place
ESCAPES = ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\"))  # of that file
REMEMBERED_S = 2.0  # how long what is away is not looked at again


@dataclass(frozen=True, kw_only=True, slots=True)
class Roots:
    """The folders that are remembered, each without a separator at its end."""

    folders: tuple[str, ...] = ()  # that were indexed or watched; none lies below another
    mounts: tuple[str, ...] = ()  # at which drives were mounted when something there was indexed

    @property
    def away(self) -> tuple[str, ...]:
        """Those that are away now, sorted."""
        lost = [folder for folder in self.mounts if not os.path.ismount(folder)]
        empty = [folder for folder in (*self.folders, *self.mounts) if is_empty(folder)]
        return tuple(sorted({*lost, *empty}))


class Drives:
    """What is remembered for one library, by any number of threads."""

    def __init__(self, data: Path, *, has_store: bool = False) -> None:
        """`has_store`: a store of files has what lies on them as well, so that it can be read while they are away."""
        self._file, self._has_store = data / ROOTS, has_store
        self._away: tuple[str, ...] = ()
        self._looked_s = -REMEMBERED_S

    def note(self, paths: Iterable[str]) -> None:
        """Remember the folders among these absolute paths that are there, and those that the files lie in."""
        known = self._read()
        named = [path for path in paths if os.path.lexists(path)]
        folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in named]
        there = [folder.rstrip(os.sep) or os.sep for folder in folders if not is_empty(folder)]
        roots = Roots(
            folders=keep_outermost([*known.folders, *there]),
            mounts=tuple(sorted({*known.mounts, *(mount for folder in there for mount in find_mounts(folder))})),
        )
        if roots != known:
            told = {"folders": roots.folders, "mounts": roots.mounts}
            atomic_write(self._file, json.dumps(told, indent=1).encode("utf-8", "surrogateescape"))
            self._looked_s = -REMEMBERED_S

    def clear(self) -> None:
        """Remember nothing any more."""
        self._file.unlink(missing_ok=True)
        self._looked_s = -REMEMBERED_S

    @property
    def remembers(self) -> bool:
        """Whether anything was remembered so far."""
        return self._file.exists()

    def list_away(self) -> tuple[str, ...]:
        """The folders that are away now, sorted; what was found out is remembered for a moment."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= REMEMBERED_S:
            self._away, self._looked_s = self._read().away, now_s
        return self._away

    def find_away(self, path: str) -> str:
        """The folder that is away and in which this path lies; "" where there is none."""
        return next((folder for folder in self.list_away() if is_below(path, folder)), "")

    def find_barrier(self, path: str) -> str:
        """The folder that is away and without which this path cannot be read; "" where there is none."""
        return "" if self._has_store else self.find_away(path)

    def list_unreadable(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths that cannot be read now, for they are offline."""
        return set() if self._has_store else self.list_offline(paths)

    def list_offline(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths that are offline now."""
        return {path for path in paths if self.find_away(path)} if self.list_away() else set()

    def _read(self) -> Roots:
        """What is remembered; nothing where the file cannot be read, for then the next indexing writes it anew."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            told = read_json(self._file)
            return Roots(folders=tuple(map(str, told["folders"])), mounts=tuple(map(str, told["mounts"])))
        return Roots()


def guess_roots(paths: Sequence[str]) -> list[str]:
    """What an earlier version indexed, as folders: a path with the ending of a file stands for its folder."""
    return [path if named_format(path) is None else os.path.dirname(path) for path in paths]


def is_empty(folder: str) -> bool:
    """Whether nothing is in it, or it is not there; of one that may not be looked into nobody knows."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def is_below(path: str, folder: str) -> bool:
    """Whether the path is the folder, or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def keep_outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """Without those that lie below another one, sorted."""
    kept: list[str] = []
    for folder in sorted(set(folders)):
        if not any(is_below(folder, other) for other in kept):
            kept.append(folder)
    return tuple(kept)


def find_mounts(folder: str) -> list[str]:
    """Where drives are mounted: at the folder, above it but for the root of the system, and below it."""
    above = [folder]
    while (parent := os.path.dirname(above[-1])) != above[-1]:
        above.append(parent)
    return [each for each in above[:-1] if os.path.ismount(each)] + list_mounts_below(folder)


def list_mounts_below(folder: str) -> list[str]:
    """As far as the system lists them; elsewhere those right in the folder."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        with suppress(OSError), os.scandir(folder) as entries:
            return [entry.path for entry in entries if os.path.ismount(entry.path)]
        return []
    places = [read_mount(line) for line in lines]
    return [place for place in places if place != folder and is_below(place, folder) and os.path.ismount(place)]


def read_mount(line: str) -> str:
    """The place that a line of MOUNTS names."""
    place = [*line.split(" "), ""][1]
    for escaped, letter in ESCAPES:
        place = place.replace(escaped, letter)
    return place
