"""Which pictures lie below a folder: by name, in sorted order, each once.

Links to folders are not followed, so a loop of links does no harm. Names that begin with a dot are left out (caches,
and the notes that some systems write beside each file), and so is a library of this program: its pictures came with
questions. Only named pictures are looked for in folders; a file that is given by its own path is always taken.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.errors import NothingThere

SUFFIXES = (".jpg", ".jpeg", ".png")  # in capitals as well
LIBRARY_MARK = "history.db"  # a folder with this file is a library of this program

Failure = tuple[str, str]  # a path, and a sentence that names it and says why it was not read


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the paths hold."""

    files: tuple[Path, ...]  # absolute, in the order of the paths given, sorted within each
    failed: tuple[Failure, ...]  # folders without a picture, or that could not be looked into


def find_pictures(paths: Sequence[Path]) -> Found:
    """Every picture file that is given or lies below a folder given.

    NothingThere if a path does not exist, or if there is no picture in any of them.
    """
    files: dict[Path, None] = {}
    failed: list[Failure] = []
    for path in map(Path, map(os.path.abspath, paths)):
        if not os.path.lexists(path):
            raise NothingThere(f"no file or folder at {path}. Check the name")
        below = pictures_below(path, failed) if path.is_dir() else [path]
        if not below:
            failed.append((str(path), f"no picture in {path}. Pictures are files that end in {', '.join(SUFFIXES)}"))
        files.update(dict.fromkeys(below))
    if not files:
        raise NothingThere("; ".join(reason for _, reason in failed) or "nothing to index. Name a folder of pictures")
    return Found(files=tuple(files), failed=tuple(failed))


def pictures_below(folder: Path, failed: list[Failure]) -> list[Path]:
    """Sorted picture files; folders that cannot be looked into are added to `failed`."""

    def missed(error: OSError) -> None:
        reason = f"{error.filename} cannot be looked into: {error.strerror}. Check its permissions"
        failed.append((str(error.filename), reason))

    found = []
    for here, folders, names in os.walk(folder, onerror=missed):
        if LIBRARY_MARK in names:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        pictures = (name for name in sorted(names) if name.lower().endswith(SUFFIXES) and not name.startswith("."))
        found += [Path(here, name) for name in pictures]
    return found
