"""What a library's folder holds: how much it is, and the backups that lie in it."""

import os
from datetime import datetime
from pathlib import Path

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
