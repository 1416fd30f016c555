"""What a kill leaves behind: half-written drafts, and rooms of backups and uploads, with copies of what may be deleted.

Their names carry the process that made them, so whoever comes next can tell which of them nobody will finish.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from deepseek_mm.storage.owner import process_start

OWNED = re.compile(
    r"\.(\d+)-\d+\.draft(?:-wal|-shm|-journal)?$|^(?:bundle|upload)-(\d+)-"
)  # as deepseek_mm.storage.exchange names drafts
DRAFT = re.compile(r"\.draft(?:-wal|-shm|-journal)?$|^(?:bundle|upload)-")


def sweep(data: Path, *, everything: bool = False) -> None:
    """Remove what dead processes left in a library's folder; with `everything` what living ones are at as well."""
    for path in within(data):
        if DRAFT.search(path.name) if everything else is_orphan(path):
            remove(path)


def sweep_drafts_of(target: Path) -> None:
    """Remove what dead processes left beside a file that they were writing."""
    for path in target.parent.glob("*.draft"):
        if path.name.startswith(f"{target.name}.") and is_orphan(path):
            remove(path)


def within(data: Path) -> Iterable[Path]:
    """Wherever drafts and rooms are made."""
    return [*data.glob("*"), *data.glob("spaces/*/*"), *data.glob("trash/*")]


def is_orphan(path: Path) -> bool:
    """Whether its name is one of ours, and its process is gone."""
    found = OWNED.search(path.name)
    return found is not None and process_start(int(found[1] or found[2])) == ""


def remove(path: Path) -> None:
    """A file or a folder; what cannot be removed now is left to the next one who sweeps."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
