"""Watching a folder: a job that runs until it is cancelled, and tells what changed once it has come to rest.

When a watch begins, the folder itself is told first: something may have changed while nobody watched. So it is after
the folder was away. While it is away, nothing is told of its files: a drive that was pulled out is no reason to forget
the photos on it.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.jobs import Task
from deepseek_mm.library.changes import YIELD_S, looks, notices
from deepseek_mm.library.settle import SettlingPaths
from deepseek_mm.parse.files import real_path
from deepseek_mm.storage.errors import IndexProblem

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
