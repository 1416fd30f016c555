"""A cache of files that engines make of a part, each folder with a checksum: a damaged one is made again.

It has a folder for each space and machine, `engines/SPACE-MACHINE`, outside the library's data.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from deepseek_mm.runtime.hardware import Hardware

SUM = "sum"  # the file that says what the others must be
SHORT = 16  # letters of a fingerprint


def engines_folder(cache: Path, fingerprint: str, hardware: Hardware) -> Path:
    """Of this space on this machine."""
    return cache / "engines" / f"{fingerprint[:SHORT]}-{hardware.key}"


def cache_of(folder: Path) -> Path:
    """The cache that the folder of a space's engines lies in."""
    return folder.parent.parent


def make_cached(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder with what `make` writes into an empty one; made once, and again where its checksum differs.

    OSError where nothing can be written; whatever `make` raises.
    """
    if is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        make(beside)
        (beside / SUM).write_text(sum_of(beside))
        _flush(beside)
        shutil.rmtree(folder, ignore_errors=True)
        if not is_whole(folder):  # another process may have been faster
            os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether its files are what they were when they were made."""
    try:
        return (folder / SUM).read_text() == sum_of(folder)
    except OSError:
        return False


def sum_of(folder: Path) -> str:
    """Names and SHA-256 of all files but the sum, a line each."""
    files = sorted(file for file in folder.iterdir() if file.name != SUM)
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def size_bytes(folder: Path) -> int:
    """Of all its files."""
    return sum(file.stat().st_size for file in folder.iterdir())


def _flush(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
