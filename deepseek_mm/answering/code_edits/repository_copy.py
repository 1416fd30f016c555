"""A repository's files as bytes, for tests to run over: no link is followed, and large ones are left out."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm.errors import BadFile
from deepseek_mm.parse.links import open_plain
from index.store import RegionStore

MOST_FILES, MOST_BYTES, MOST_OF_ONE = 3_500, 48_000_000, 4_000_000
LEFT_OUT = frozenset(["__pycache__", "node_modules", "site-packages", "venv", "build", "dist"])
TOPS = (".git", "pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini")  # any of them marks a repository
HIGHEST = 8  # folders above a file in which its repository is looked for
FIRST = (".py", ".toml", ".cfg", ".ini")  # what goes in before data


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryFiles:
    """What was read of a repository."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)  # path below the root -> bytes
    left_out: int = 0  # files that had no room


class FileVisibility:
    """Which files of a repository may be read for a caller: what the library shows them; of somebody on this machine
    whatever lies there, but for what is closed to them.
    """

    def __init__(self, *, store: RegionStore, root: Path, sees_disk: bool) -> None:
        self._store, self._sees_disk = store, sees_disk
        self._known = store.stamps(within=[str(root)])

    def sees(self, path: str) -> bool:
        """Whether this one may be."""
        return path in self._known or (self._sees_disk and not self._store.is_hidden(path))


def find_repository(path: Path) -> Path | None:
    """The folder of the repository that a file lies in; None where nothing marks one."""
    for folder in path.parents[:HIGHEST]:
        if any((folder / name).exists() for name in TOPS):
            return folder
    return None


def copy_repository(root: Path, sees: Callable[[str], bool] = lambda path: True) -> RepositoryFiles:
    """The plain files below a folder, code first; `sees` says of an absolute path whether it may be read."""
    found, size, left_out = dict[str, bytes](), 0, 0
    for path in sorted(walk_files(root), key=lambda path: (not path.endswith(FIRST), path)):
        if not sees(path):
            continue
        data = read_bytes(path)
        if data is None or len(found) >= MOST_FILES or size + len(data) > MOST_BYTES:
            left_out += 1
            continue
        found[Path(path).relative_to(root).as_posix()] = data
        size += len(data)
    return RepositoryFiles(root=root, files=found, left_out=left_out)


def walk_files(root: Path) -> Iterator[str]:
    """Paths of files below a folder, but for those that are made, installed or begin with a dot."""
    for here, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        yield from (os.path.join(here, name) for name in names if not name.startswith("."))


def read_bytes(path: str) -> bytes | None:
    """A plain file's bytes; None for a link, a pipe, what is too large or may not be read."""
    try:
        with open_plain(path) as file:
            data = file.read(MOST_OF_ONE + 1)
    except (BadFile, OSError):
        return None
    return data if len(data) <= MOST_OF_ONE else None
