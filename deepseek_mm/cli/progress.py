"""Long work on the command line: do the library's jobs here, show their progress on standard error, list failures."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from deepseek_mm.jobs import Job
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import Desk
from deepseek_mm.errors import JobFailed

if TYPE_CHECKING:
    from deepseek_mm.jobs import Job
    from deepseek_mm.library import Library


EVERY_S = {True: 0.1, False: 5.0}  # on a terminal, elsewhere
PATIENCE_S = 1.0  # until it is said that a job waits


def sentence(job: "Job") -> str:
    """How far, how fast, how long still, and what was just done."""
    if job.state == "waiting":
        return f"waiting: {job.title}"
    far = f"{job.done}/{job.total}" if job.total is not None else str(job.done)
    left = "" if job.seconds_left is None else f", {job.seconds_left:.0f} s left"
    pace = f"{job.per_second:.1f}/s{left}" if job.per_second else "looking"
    return f"{far}  {pace}  {PurePath(job.message).name}".rstrip()


@dataclass(kw_only=True, slots=True)
class Meter:
    """Shows a job, not more often than a reader can follow; `close` leaves the cursor on a fresh line."""

    err: TextIO
    clock: Callable[[], float] = time.monotonic
    shown_at: float = float("-inf")
    open_line: bool = False

    def __call__(self, job: "Job") -> None:
        """Show it, or let it pass. An ended job is not shown: its message is a result."""
        terminal, now = self.err.isatty(), self.clock()
        if job.state == "waiting" and self.shown_at == float("-inf"):
            self.shown_at = now - EVERY_S[terminal] + PATIENCE_S  # it is about to begin, most of the time
        if job.is_ended or now - self.shown_at < EVERY_S[terminal]:
            return
        self.shown_at, self.open_line = now, terminal
        text = printable(sentence(job))
        width = shutil.get_terminal_size().columns - 1
        self.err.write(f"\r{text[:width]:<{width}}" if terminal else f"{text}\n")
        self.err.flush()

    def close(self) -> None:
        """End a line that is still open."""
        if self.open_line:
            self.err.write("\n")
            self.err.flush()
            self.open_line = False


def printable(text: str) -> str:
    """A file's name may hold control characters; a terminal must not obey them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@contextmanager
def run_jobs(library: "Library") -> Iterator["Library"]:
    """The library does its jobs meanwhile; what is not done in the end is left to the next start."""
    library.start()
    try:
        yield library
    finally:
        library.stop()


def finish(library: "Library", job: "Job", desk: Desk) -> "Job":
    """Show the job until it has ended, whichever process does it. JobFailed carries the reason of one that failed."""
    from deepseek_mm.jobs import table

    with closing(Meter(err=desk.err)) as meter:
        for now in table(library.jobs, job.id):
            job = now
            meter(job)
    if job.state == "failed":
        raise JobFailed(job.message)
    return job


def tell_failures(library: "Library", job: "Job", desk: Desk) -> list[dict[str, str]]:
    """Note every item that could not be done; returns them for machines."""
    failed = library.jobs.failures(job.id, limit=-1)
    for each in failed:
        desk.note(f"not read: {each.reason if each.item in each.reason else f'{each.item}: {each.reason}'}")
    return [{"path": each.item, "reason": each.reason} for each in failed]
