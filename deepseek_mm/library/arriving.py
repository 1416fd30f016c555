"""Files that were dropped on the page or uploaded, kept in the library: they arrive in a place that does not last.

They lie in DATA/added/DATE/NAME. The same file dropped twice on a day is kept once; another one of the same name gets a
number.
"""

import filecmp
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from deepseek_mm.errors import LibraryError
from deepseek_mm.library.dropped_files import FOLDER


def keep_dropped(files: Sequence[str], data: Path) -> list[Path]:
    """Where each file now lies, in order. LibraryError if the disk refuses."""
    folder = data.absolute() / FOLDER / date.today().isoformat()
    try:
        folder.mkdir(parents=True, exist_ok=True) if files else None
        return [_keep(Path(file), folder) for file in files]
    except OSError as error:
        raise LibraryError(
            f"the files cannot be kept in {folder}: {error.strerror or error}. Free some space, or index them "
            "where they lie by typing their path"
        ) from error


def _keep(file: Path, folder: Path) -> Path:
    for target in _names(folder, file.name):
        if not target.exists():
            return _place(file, target)
        if filecmp.cmp(file, target, shallow=False):
            return target
    raise AssertionError("the names never end")


def _names(folder: Path, name: str) -> Iterator[Path]:
    """NAME, then "NAME 2" and so on."""
    yield folder / name
    for n in itertools.count(2):
        yield folder / f"{Path(name).stem} {n}{Path(name).suffix}"


def _place(file: Path, target: Path) -> Path:
    """Copy it, whole or not at all."""
    draft = target.with_name(f".{os.getpid()}-{file.stat().st_ino}.draft")
    try:
        shutil.copyfile(file, draft)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target
