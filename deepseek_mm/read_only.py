"""A library in a folder that cannot be written is searched and asked, and nothing in it changes.

Everything else writes while it works: the lock, the history, jobs, the page's copies. So it gets a folder of its own in
memory, with links to all that is only read, and a copy of the history; it goes when the program ends.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from deepseek_mm.config import Notice
from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.exchange import copy_read_only
from deepseek_mm.storage.owner import process_start
from index import IndexProblem

MEMORY = Path("/dev/shm")  # a folder in memory, where there is one
PREFIX = "deepseek-mm-"  # of our folders there; then the process, so that what a kill leaves can be told
ANEW = (  # each program's own
    "history.db", "jobs.db", "lock", "keys.lock", "page", "trash", "first-start", "server.json",
)  # fmt: skip
FILLED = "done"  # what first-start says where no bundled photos are to be indexed
SHORT = "this library can only be read: nothing in it is added or changed, and conversations end with the program"


@contextmanager
def writable_home(data: Path) -> Iterator[Path]:
    """The library's folder, or where it cannot be written the one in memory that stands for it meanwhile."""
    if not is_closed(data):
        yield data
        return
    with make_home(data) as name:
        yield Path(name)


def make_home(data: Path) -> TemporaryDirectory[str]:
    """The folder in memory, filled. LibraryError where none can be made."""
    room = memory_folder()
    try:
        sweep(room)
        home = TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=room, ignore_cleanup_errors=True)
        fill(Path(home.name), data.absolute())
    except OSError as error:
        raise LibraryError(
            f"{data} cannot be written, and neither can {room}, where what changes would be kept meanwhile: "
            f"{error.strerror or error}. Make one of them writable, or name another folder with TMPDIR=FOLDER"
        ) from error
    return home


def is_closed(data: Path) -> bool:
    """Whether a library lies there that this process may not write."""
    return any(data.glob("spaces/*/store.db")) and not os.access(data, os.W_OK | os.X_OK)


def memory_folder() -> Path:
    """Where a folder in memory can be made; else the system's folder for what does not last."""
    return MEMORY if os.access(MEMORY, os.W_OK) and MEMORY.is_dir() else Path(gettempdir())


def sweep(room: Path) -> None:
    """Remove what processes left there that were killed."""
    for folder in room.glob(f"{PREFIX}[0-9]*-*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdecimal() and process_start(int(number)) == "":
            shutil.rmtree(folder, ignore_errors=True)


def fill(home: Path, data: Path) -> None:
    """Links to what is read, a copy of the history as it is, and the word that no photos are to be taken in."""
    for entry in data.iterdir():
        if not entry.name.startswith(ANEW):
            (home / entry.name).symlink_to(entry)
    (home / "first-start").write_text(FILLED)
    if (data / "history.db").exists():
        with suppress(sqlite3.Error, IndexProblem):  # one that cannot be read is begun anew
            copy_read_only(data / "history.db", home / "history.db")


def notice_of(folder: Path) -> Notice:
    """What is said of the library whose index lies in this folder."""
    place = folder.resolve().parents[1]
    return Notice(short=SHORT, text=f"{SHORT}. To change it, make {place} writable and start again")
