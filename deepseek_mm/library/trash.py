"""The trash, from which removed files can be put back for a while, and the clean-up of what a killed process left.

Their names carry the process that made them, so whoever comes next can tell which of them nobody will finish.

One file per taking below DATA/trash, named by a token: a small store with all that was known (`index.trash`). It is
whole on the disk before the library forgets, and goes after the library has everything again. So a kill at any moment
leaves a file known in one of the two at least, and the library keeps what it knows already when the trash has it too.
"""

import re
import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from deepseek_mm.dates import Ages
from deepseek_mm.errors import LibraryError, NothingThere
from deepseek_mm.storage.owner import process_start
from deepseek_mm.storage.stored_files import StoredFiles
from index.database import OtherStore
from index.places import files_in
from index.store import RegionStore

RECENT_S = 86_400.0
OWNED = re.compile(r"\.(\d+)-\d+\.draft(?:-wal|-shm|-journal)?$|^(?:bundle|upload)-(\d+)-")  # see storage.exchange
DRAFT = re.compile(r"\.draft(?:-wal|-shm|-journal)?$|^(?:bundle|upload)-")


def sweep(data: Path, *, everything: bool = False, is_shared: bool = False) -> None:
    """Remove what dead processes left in a library's folder; with `everything` what living ones are at as well.

    In a folder that several machines share the process may live on another one: only what is old counts as left.
    """
    for path in within(data):
        if DRAFT.search(path.name) if everything else is_orphan(path) and not (is_shared and is_recent(path)):
            remove(path)


def is_recent(path: Path) -> bool:
    """Whether it changed within the last day."""
    try:
        return time.time() - path.stat().st_mtime < RECENT_S
    except OSError:  # gone
        return True


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


FOLDER = "trash"
TOKEN = re.compile(r"[0-9a-f]{16}")
SUFFIX = ".db"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What was taken out, and by what name it can be put back."""

    token: str  # empty when nothing was known
    num_sources: int


class Trash:
    """The trash of one library; safe in many threads."""

    def __init__(
        self, data: Path, store: RegionStore, *, ages: Ages | None = None, files: StoredFiles | None = None
    ) -> None:
        """`files` is where bytes are let go of with what was taken out for good."""
        self._folder, self._store, self._ages, self._files = data / FOLDER, store, ages or Ages(), files
        self._turn = Lock()
        self._taken: list[Taken] = []  # by this process, the newest last

    def take(self, paths: Sequence[str]) -> Taken:
        """These paths out of the store into a file of their own. LibraryError says why not; then all of it stays."""
        token = secrets.token_hex(8)
        try:
            with self._turn:
                count = self._store.take_out(paths, self._file(token))
        except OSError as error:
            raise LibraryError(
                f"nothing was taken out, for {self._folder} cannot be written: {error.strerror or error}. "
                "Free some space there, or give yourself the right to write"
            ) from error
        taken = Taken(token=token if count else "", num_sources=count)
        self._taken += [taken] if count else []
        return taken

    def list_taken(self, younger_s: float) -> list[Taken]:
        """What this process took out not longer ago than that and was not put back, the newest first."""
        self._taken = [each for each in self._taken if self._file(each.token).exists()]
        return [each for each in reversed(self._taken) if self._ago_s(self._file(each.token)) <= younger_s]

    def put_back(self, token: str) -> int:
        """The number of sources that are in the library again; NothingThere when they are gone for good."""
        with self._turn:
            if not TOKEN.fullmatch(token) or not self._file(token).exists():
                raise NothingThere("what was taken out is gone for good by now. Add the files again")
            try:
                count = self._store.restore(self._file(token))
            except OtherStore as error:
                raise NothingThere(str(error)) from error
            self._drop(self._file(token))
        return count

    def purge(self, older_s: float) -> int:
        """What was taken out longer ago goes for good; returns how many takings that were.

        A clock that was set back makes a taking lie in the future: it counts as long ago.
        """
        with self._turn:
            old = [file for file in self.files() if self._ago_s(file) > older_s]
            digests = {digest for file in old for _, digest in files_in(file)} if self._files else set()
            for file in old:
                self._drop(file)
            if self._files:
                self._files.drop_unused(digests)
        return len(old)

    def clear(self) -> None:
        """Everything goes for good."""
        with self._turn:
            remove(self._folder)

    def files(self) -> list[Path]:
        """The stores that the trash consists of."""
        return sorted(self._folder.glob(f"*{SUFFIX}"))

    def _file(self, token: str) -> Path:
        return self._folder / f"{token}{SUFFIX}"

    def _ago_s(self, file: Path) -> float:
        return self._ages.ago_s(_made_s(file))

    def _drop(self, file: Path) -> None:
        """The logs first: a file without its log is still whole, a log without its file is nothing."""
        for ending in ("-wal", "-shm", ""):
            remove(file.with_name(file.name + ending))


def _made_s(file: Path) -> float:
    """When the file was written; of one that another process has just removed, long ago."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
