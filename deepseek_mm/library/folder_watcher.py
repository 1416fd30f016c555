"""Watching a folder: a job that runs until it is cancelled, and indexes changed files once they have stopped changing.

Both give the paths of files that could be read, of folders that came, and of whatever went; a path may be a folder, and
then stands for all that is or was in it. What `parse.folder` leaves out (hidden names, what programs make, a library of
this program, where every write would lead to the next; what a .gitignore names) is left out here. Links to folders are
not followed.

All wait for each other, and what lies below a folder that is told itself is told with it. More than a thousand paths
become the whole folder: looking at everything is then cheaper, and surer, since the system drops notices in a storm.

When a watch begins, the folder itself is told first: something may have changed while nobody watched. So it is after
the folder was away. While it is away, nothing is told of its files: a drive that was pulled out is no reason to forget
the photos on it.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from watchfiles import Change, watch

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.jobs import Task
from deepseek_mm.parse.document import real_path, stat_file
from deepseek_mm.parse.folder import LIBRARY_MARKS, MACHINE_MADE, is_readable, walk
from deepseek_mm.parse.formats import named_format
from deepseek_mm.parse.repository import is_left_out
from deepseek_mm.parse.xmp.sidecars import is_sidecar
from deepseek_mm.storage.errors import IndexProblem

YIELD_S = 0.5  # something is yielded that often, if only nothing
NOTICE_S = 0.25  # the same where notices are waited for, so that code that changed is soon found
LOOK_S = 10.0  # between two looks at a folder that sends no notices; at least
REST = 4  # times as long as a look took is the pause after it, so that a slow drive is not kept busy
STEP = 500  # files looked at between two yields


def notices(folder: str) -> Iterator[set[str]]:
    """Sets of paths, also empty ones, until the folder itself goes; first the folder: from now on nothing is missed.

    OSError where the system has no notices left to give, or a folder may not be looked into (watchfiles' option to
    ignore that ignores every error, and leaves folders unwatched); RuntimeError where some were lost.
    """
    every_ms, first = int(1000 * min(YIELD_S, NOTICE_S)), {folder}
    for changes in watch(
        folder,
        watch_filter=None,
        debounce=every_ms,
        rust_timeout=every_ms,
        yield_on_timeout=True,
        force_polling=False,
        ignore_permission_denied=False,
    ):
        yield first | {file_told(path) for change, path in changes if matters(folder, path, change)}
        first = set()
        if (Change.deleted, folder) in changes:
            return


def matters(folder: str, path: str, change: Change) -> bool:
    """Whether a change at `path`, below `folder`, may be one of something that is read."""
    names = path[len(folder) :].strip(os.sep).split(os.sep)
    if not names[0] or any(name.startswith(".") or name in MACHINE_MADE for name in names):
        return False
    above = [os.path.join(folder, *names[:depth]) for depth in range(len(names))]
    if any(os.path.exists(os.path.join(each, mark)) for each in above for mark in LIBRARY_MARKS):
        return False
    if is_left_out(path, folder):
        return False
    if change == Change.deleted:
        return True  # it may have been a folder, by any name
    return is_followed(path) or (change == Change.added and os.path.isdir(path) and not os.path.islink(path))


def is_followed(path: str) -> bool:
    """Whether a file of this name is read, or says something of a photo beside it."""
    return is_readable(path) or is_sidecar(path)


def file_told(path: str) -> str:
    """What is told of a change at `path`: of a sidecar its folder, in which the photo is."""
    return os.path.dirname(path) if is_sidecar(path) else path


def looks(folder: str) -> Iterator[set[str]]:
    """The same without notices, and without an end: the files that differ between two looks."""
    before: dict[str, tuple[int, int] | None] | None = None
    while True:
        began_s = time.monotonic()
        missed: list[tuple[str, str]] = []
        now: dict[str, tuple[int, int] | None] = {}
        for n, path in enumerate(walk(folder, is_followed, missed)):
            now[path] = stat_file(path)
            if n % STEP == 0:
                yield set()
        if missed:  # what lies in a folder that could not be looked into is not gone
            now = (before or {}) | now
        yield {folder} if before is None else {file_told(path) for path, _ in before.items() ^ now.items()}
        before = now
        yield from _pause(max(LOOK_S, REST * (time.monotonic() - began_s)))


def _pause(pause_s: float) -> Iterator[set[str]]:
    until_s = time.monotonic() + pause_s
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(YIELD_S, left_s))
        yield set()


QUIET_S = 1.0  # without a further change, a path is at rest
CODE_QUIET_S = 0.4  # the same of code, which an editor saves at once and no program adds to all the time
BATCH_S = 10.0  # while other paths still change, those at rest wait this long for company
PATIENCE_S = 60.0  # a path that never comes to rest is told nevertheless
STORM = 1_000  # paths


class SettlingPaths:
    """Paths that changed below `folder` and were not told yet. Times are of a clock that never jumps."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._times: dict[str, tuple[float, float]] = {}  # path -> when it changed first and last

    def note(self, paths: Iterable[str], at_s: float) -> None:
        """These have changed."""
        for path in paths:
            first_s, _ = self._times.get(path, (at_s, at_s))
            self._times[path] = (first_s, at_s)
        if len(self._times) > STORM:
            self._times = {self._folder: (min(first for first, _ in self._times.values()), at_s)}

    def take_settled(self, at_s: float) -> tuple[str, ...]:
        """Those to be told now, sorted and without what lies below another of them; they are forgotten here."""
        rest = {path for path, (_, last_s) in self._times.items() if at_s - last_s >= quiet_s(path)}
        late = {path for path, (first_s, _) in self._times.items() if at_s - first_s >= PATIENCE_S}
        waited_s = max((at_s - first_s for first_s, _ in self._times.values()), default=0.0)
        if len(rest) < len(self._times) and waited_s < BATCH_S:
            return ()
        told = rest | late
        self._times = {path: times for path, times in self._times.items() if path not in told}
        return tuple(sorted(path for path in told if told.isdisjoint(ancestors(path))))


def quiet_s(path: str) -> float:
    """How long a path is left alone."""
    named = named_format(path)
    return min(QUIET_S, CODE_QUIET_S) if named is not None and named.kind == "code" else QUIET_S


def ancestors(path: str) -> Iterator[str]:
    """The folders that hold `path`, from its own to the root."""
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


WATCH = "watch"  # the kind of job
RESOLVED = "resolved"  # in its payload: the folder was named without links; one of an earlier version may have some


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """The handler of jobs that watch; payload: folder, RESOLVED."""

    changed: Callable[[Task, Sequence[str]], None]  # told absolute paths; one may be a folder, or gone
    poll: bool = False  # look again and again, instead of waiting for notices

    def run(self, task: Task) -> str:
        """Watch until told to stop."""
        named = task.job.payload["folder"]
        folder = os.path.abspath(named) if task.job.payload.get(RESOLVED) else real_path(named)
        watching, again = _Watching(task=task, folder=folder, changed=self.changed), ""
        while not task.stopping:
            if os.path.isdir(folder):
                watching.say(f"Watching {folder}{again}.")
                watching.while_there(poll=self.poll)
            else:
                watching.say(f"{folder} is not there. It is watched again as soon as it is back.")
                again = " again, after it was away"
                time.sleep(YIELD_S)
        return f"{folder} is no longer watched."


@dataclass(kw_only=True)
class _Watching:
    """One run: how it watches, and how much it has told."""

    task: Task
    folder: str
    changed: Callable[[Task, Sequence[str]], None]
    how: str = ""
    num_told: int = 0

    def say(self, how: str) -> None:
        """How it watches from now on."""
        if how != self.how:
            self.how = how
            self.task.report(self.num_told, message=how)

    def while_there(self, *, poll: bool) -> None:
        """Until the folder goes, or another one takes its place, or the job stops, or notices get lost."""
        settling, identity = SettlingPaths(self.folder), _identity(self.folder)
        for paths in self._changes(poll):
            if self.task.stopping or _identity(self.folder) != identity:
                return
            settling.note(paths, time.monotonic())
            self._tell(settling)

    def _changes(self, poll: bool) -> Iterator[set[str]]:
        """Ends where notices get lost; goes on without them where the system gives none."""
        if not poll:
            try:
                yield from notices(self.folder)
            except RuntimeError:
                return
            except OSError as error:
                if not os.path.isdir(self.folder):
                    return
                reason = str(error).partition(" about ")[0]
                self.say(f"Looking at {self.folder} now and then, for the system gives no notices of it: {reason}")
            else:
                return
        yield from looks(self.folder)

    def _tell(self, settling: SettlingPaths) -> None:
        paths = settling.take_settled(time.monotonic())
        if not paths:
            return
        try:
            self.changed(self.task, paths)
        except (DeepSeekMMError, IndexProblem) as error:  # a full disk, say: the watch outlasts it
            settling.note(paths, time.monotonic())
            self.task.report(self.num_told, message=str(error))
        else:
            self.num_told += len(paths)
            self.task.report(self.num_told, message=self.how)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
