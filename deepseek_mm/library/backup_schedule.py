"""Backups that are made by themselves, and the check that one can be restored: it is, into a temporary folder.

With `library.backup_every_h` above 0 a backup becomes due so many hours after the last one of its kind was begun, as a
job that begins soon after the program does. It lies in DATA/backups with "auto" in its name, and is checked as soon as
it is made. Only once that went well the oldest ones of its kind go, beyond `library.backups_kept`; a backup that
somebody made by hand never does.

A check restores the backup as a restore does, but into an empty library that is removed afterwards, and then looks at
all that came back. Nothing of the library at work is changed.
"""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from deepseek_mm.config import Config
from deepseek_mm.database_places import keep_in_files
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.errors import BadFile, DeepSeekMMError, LibraryError
from deepseek_mm.history import History
from deepseek_mm.jobs import Job, Jobs, State, Task
from deepseek_mm.library.backup import BACKUP, STORE, SUFFIX, Bundle, backups_in, new_backup
from deepseek_mm.library.trash import Trash
from deepseek_mm.storage.errors import IndexProblem
from index.store import RegionStore

CHECK_BACKUP = "check backup"  # kind of job
AUTO = ".auto"  # before the suffix of a backup that was made by itself
SCHEDULED = "scheduled"  # in the payload of the job that makes one
FIRST_S, EVERY_S = 60.0, 300.0  # how long a program runs before it looks whether one is due, and between two looks
ROOM = 2.2  # times the size of a backup that its trial takes on the disk
BEGUN: tuple[State, ...] = ("waiting", "running")
log = logging.getLogger(__name__)


class ScheduleClock:
    """A thread that looks now and then, until it is told to stop."""

    def __init__(self, *, first_s: float = FIRST_S, every_s: float = EVERY_S) -> None:
        self._first_s, self._every_s = first_s, every_s
        self._stop = threading.Event()

    def start(self, look: Callable[[], object]) -> None:
        """Begin; also again after a stop."""
        self._stop = stop = threading.Event()
        threading.Thread(target=self._look, args=(look, stop), name="backups", daemon=True).start()

    def stop(self) -> None:
        """Look no longer; a look under way is the last."""
        self._stop.set()

    def _look(self, look: Callable[[], object], stop: threading.Event) -> None:
        wait_s = self._first_s
        while not stop.wait(wait_s):
            try:
                look()
            except (DeepSeekMMError, IndexProblem, OSError) as error:  # a full disk, a table that is locked
                log.warning("whether a backup is due could not be found out: %s", error)
            wait_s = self._every_s


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupSchedule:
    """Makes backups of one library when they are due, and lets old ones go."""

    config: Config
    jobs: Jobs
    clock: ScheduleClock = field(default_factory=ScheduleClock)

    def start(self) -> None:
        """Look now and then whether one is due, if that is wished."""
        if self.config.library.backup_every_h > 0:
            self.clock.start(self.make_due)

    def stop(self) -> None:
        """Look no longer."""
        self.clock.stop()

    def make_due(self) -> Job | None:
        """The job of a backup that is due; None if none is, or another server sees to them."""
        if not self.jobs.is_first_server():
            return None
        last = self.last_begun()
        due = last is None or datetime.now(UTC) - last >= timedelta(hours=self.config.library.backup_every_h)
        if not due or self.jobs.find(kinds=(BACKUP, CHECK_BACKUP), states=BEGUN, limit=1):
            return None
        file = new_backup(self.config.data)
        file = file.with_name(file.name.removesuffix(SUFFIX) + AUTO + SUFFIX)
        return self.jobs.add(BACKUP, {"file": str(file), SCHEDULED: True}, title=f"Back up to {file}", unique=True)

    def last_begun(self) -> datetime | None:
        """When the last one was begun, as far as jobs and files tell: one that failed is not tried again at once."""
        tried = [job.created_at for job in self.jobs.find(kinds=(BACKUP,), limit=-1) if job.payload.get(SCHEDULED)]
        tried = [each.replace(tzinfo=UTC) for each in tried]
        made = [datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in self.list_files()[:1]]
        return max([*tried, *made], default=None)

    def list_files(self) -> list[Path]:
        """Those that were made by themselves, the newest first."""
        return [file for file in backups_in(self.config.data) if file.name.endswith(AUTO + SUFFIX)]

    def drop_old(self) -> int:
        """Let those go that are more than are kept; returns how many."""
        old = self.list_files()[self.config.library.backups_kept :]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupTrial:
    """Backs up a library as its jobs say, and restores backups of it as a trial."""

    bundle: Bundle
    schedule: BackupSchedule
    space: EmbeddingModel

    def backup(self, task: Task) -> str:
        """As `Bundle.backup`; one that was made by itself is checked next."""
        said = self.bundle.backup(task)
        if task.job.payload.get(SCHEDULED) and not task.stopping:
            self.check_later(Path(task.job.payload["file"]))
        return said

    def check_later(self, file: Path) -> Job:
        """The job that restores this file as a trial."""
        return self.bundle.jobs.add(CHECK_BACKUP, {"file": str(file)}, title=f"Check the backup {file}", unique=True)

    def check(self, task: Task) -> str:
        """Payload: file. BadFile says what is wrong with it, LibraryError that there is no room to try it."""
        file = Path(task.job.payload["file"])
        with self._room_for(file) as room:
            told = self._restore(task, room)
        if task.stopping or not told:
            return "stopped before everything was looked at"
        task.result = told | {"file": str(file)}
        dropped = self.schedule.drop_old() if file.name.endswith(AUTO + SUFFIX) else 0
        went = f"; {dropped} older ones were removed" if dropped else ""
        return f"restored as a trial: {told['sources']} files, {told['conversations']} conversations, all whole{went}"

    def _restore(self, task: Task, room: Path) -> dict[str, int]:
        """What came back, counted; nothing when stopped. BadFile where something of it is not whole."""
        config = keep_in_files(self.bundle.config, room)
        folder = room / "spaces" / self.bundle.store.folder.name
        folder.mkdir(parents=True)
        name, fingerprint, dim = self.space.name, self.space.fingerprint, self.space.dim
        with (
            RegionStore(folder, space_name=name, fingerprint=fingerprint, dim=dim, config=config.index) as store,
            closing(History(room / "history.db")) as history,
            closing(Jobs(room / "jobs.db")) as jobs,
        ):
            trash = Trash(room, store)
            Bundle(config=config, store=store, history=history, jobs=jobs, trash=trash).restore(task)
            if task.stopping:
                return {}
            others = [path for path in room.glob(f"spaces/*/{STORE}") if path.parent != folder]
            found = [*(each.detail for each in store.problems()), *history.problems()]
            found += [detail for path in others for detail in list_problems(path.parent, config)]
            if found:
                raise BadFile(
                    f"{task.job.payload['file']} comes back with {len(found)} faults: {found[0]} {MAKE_ANOTHER}"
                )
            return {"sources": store.counts().sources, "conversations": history.num_conversations()}

    @contextmanager
    def _room_for(self, file: Path) -> Iterator[Path]:
        """An empty folder on the library's own disk, gone at the end. LibraryError if it is too full for a trial."""
        try:
            needed = round(ROOM * file.stat().st_size)
        except OSError as error:
            raise BadFile(f"no backup at {file}. Check the name") from error
        data = self.bundle.config.data
        if (free := shutil.disk_usage(data).free) < needed:
            raise LibraryError(
                f"a trial of {file} takes {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free at {data}. "
                "Free some space, and check it again"
            )
        with TemporaryDirectory(prefix=f"bundle-{os.getpid()}-", dir=data, ignore_cleanup_errors=True) as room:
            yield Path(room)


MAKE_ANOTHER = "Make another backup"


def list_problems(folder: Path, config: Config) -> list[str]:
    """What does not fit together in the store of another space."""
    with RegionStore.open_known(folder, config.index) as store:
        return [each.detail for each in store.problems()]
