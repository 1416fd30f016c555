"""Big folders over a server: the files of one job are given out in batches, which any worker takes.

Whoever has the job walks the folder, gives out what is new or changed, and takes batches as well, so one worker alone
comes to the end. What the batches bring is summed up into the job: on the page it looks like any other. A batch whose
worker dies is taken by another, and files that it had stored are known by then.

A machine that cannot see a folder says so and leaves the work to others. What it does not see is no reason to think
that it is gone: only the machine that asked for the work, or two that agree, may find that.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deepseek_mm.errors import DeepSeekMMError, NothingThere, OutOfReach
from deepseek_mm.ingest import Hooks, Intake, Report
from deepseek_mm.jobs import Handler, Job, Jobs, Task
from deepseek_mm.jobs.table import machine_name
from deepseek_mm.jobs.worker import do_task
from deepseek_mm.library.drives import is_empty
from deepseek_mm.parse.repository import LeftOut
from index.region import MovedFile

BATCH = "index files"  # kind of a part of an INDEX job
SEEN = "seen"  # in a payload: paths that the machine which asked could see
STORED = "stored"  # in a payload: by path what is in the store of files, for machines that do not see the path
QUEUE = "gpu"  # of the processes that take such parts
SHARED_FROM = 64  # files: fewer are taken in about as fast as others hear of them
ALONE_FROM = 1_024  # files that are given out where nobody else is there: who comes later can still help
BATCH_FILES = 64  # of one batch at most: some 10 s of the towers
LEAST_FILES, TURNS = 3, 2  # the last batches are smaller, so that no worker waits long for another's last one
LOOK_S = 0.25  # between two looks how far the batches are


def is_visible(path: str) -> bool:
    """Whether this machine sees a file there, or a folder with something in it: an empty one may be a drive's place."""
    inside = path.partition("!/")[0]
    return os.path.lexists(inside) and not (os.path.isdir(inside) and is_empty(inside))


def refuse_unseen(seen: Sequence[str]) -> None:
    """OutOfReach if this machine does not see what the one that asked did."""
    unseen = next((path for path in seen if not is_visible(path)), None)
    if unseen is not None:
        raise OutOfReach(
            f"{unseen} cannot be seen from {machine_name()}, so this waits for a worker that sees it. Mount the folder "
            "there under the same path, or start a worker where it is: python -m deepseek_mm worker"
        )


def explain_unread(path: str, error: DeepSeekMMError, jobs: Jobs) -> str:
    """Why a file was not read: over a server one that is not here may well be elsewhere."""
    if not jobs.is_shared or not isinstance(error, NothingThere):
        return str(error)
    return f"{path} cannot be seen from {machine_name()}. Mount its folder there under the same path, and try again"


def cut(files: Sequence[str], takers: int) -> Iterator[list[str]]:
    """Batches for so many workers, each a share of what is left, within bounds: guided self-scheduling (by
    Polychronopoulos and Kuck, 1987).
    """
    start = 0
    while start < len(files):
        size = min(BATCH_FILES, max(LEAST_FILES, (len(files) - start) // (TURNS * takers)))
        yield list(files[start : start + size])
        start += size


def take_batch(task: Task, intake: Intake, jobs: Jobs) -> str:
    """Take the files of a batch in. Payload: files; seen; anew; retry; and what `Intake` was opened with.

    OutOfReach if this machine does not see the folders.
    """
    payload = task.job.payload
    refuse_unseen(payload[SEEN] if STORED not in payload else ())

    def fail(path: str, reason: str) -> None:
        missing = path not in payload.get(STORED, ()) and not os.path.lexists(path.partition("!/")[0])
        task.fail(path, explain_unread(path, NothingThere(reason), jobs) if missing else reason)

    hooks = Hooks(progress=task.report, failed=fail, stopping=lambda: task.stopping)
    report = intake.take_files(payload["files"], hooks=hooks, anew=payload["anew"], retry=payload["retry"])
    task.result = {
        "counts": report.counts(),
        "moves": [[move.old, move.new, move.digest] for move in report.moves],
        "left_out": [list(each) for each in report.left_out],
        "failed": [list(each) for each in report.failed],
    }
    return report.sentence()


@dataclass(kw_only=True, slots=True)
class SharedWork:
    """The batches of one job, in the hands of the worker that has the job."""

    task: Task
    jobs: Jobs
    take: Handler  # does one batch
    payload: Mapping[str, Any]  # of every batch, beside its files
    send: Callable[[Sequence[str]], Mapping[str, Any]] | None = None  # puts files where other machines can read them
    ended: list[Job] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def share(self, files: Sequence[str], done: int, total: int) -> Report | None:
        """Have the files taken in, by all workers; None where there are so few of either that it does not pay.

        `done` of the job's `total` files are done already.
        """
        takers = max(1, self.jobs.count_takers(QUEUE)) if len(files) >= SHARED_FROM else 1
        if len(files) < (SHARED_FROM if takers > 1 else ALONE_FROM):
            return None
        with self._telling(done, total):
            self._give_out(list(cut(files, takers)))
            while self._count_open(done, total) and not self.task.stop.is_set():
                part = None if self.task.stopping else self.jobs.claim([BATCH], stop=self.task.stop)
                if part is not None:
                    do_task(part, self.take, self.task.stop)
                else:  # also after a cancel, until others have let go of theirs
                    self.task.stop.wait(LOOK_S)
        self.ended += self.jobs.collect_parts(self.task.job.id)
        return self._sum_up()

    def _give_out(self, batches: Sequence[Sequence[str]]) -> None:
        """All at once, or each batch once its files are where other machines can read them."""
        if self.send is None:
            self.jobs.add_parts(self.task, BATCH, [{**self.payload, "files": some} for some in batches])
            return
        for some in batches:
            if self.task.stopping:
                return
            self.jobs.add_parts(self.task, BATCH, [{**self.payload, "files": some, STORED: self.send(some)}])

    def _count_open(self, done: int, total: int) -> int:
        """How many batches have not ended; what has is collected, and all is told."""
        with self.lock:
            now = self.jobs.sum_parts(self.task.job.id)  # also of those that have ended
            finished = sum(len(part.payload["files"]) for part in self.ended)
            self.task.report(done + finished + now.done, total, now.message)
            if now.num_ended:
                self.ended += self.jobs.collect_parts(self.task.job.id)
            return now.num_open

    @contextmanager
    def _telling(self, done: int, total: int) -> Iterator[None]:
        """Go on telling how far all batches are while this thread does one of them."""
        end = threading.Event()

        def tell() -> None:
            while not end.wait(LOOK_S):
                try:
                    self._count_open(done, total)
                except DeepSeekMMError:  # the thread that works meets the same, and says so
                    continue

        thread = threading.Thread(target=tell, name="batches", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def _sum_up(self) -> Report:
        counts: dict[str, Any] = dict.fromkeys(Report().counts(), 0)
        moves: list[MovedFile] = []
        left_out: list[LeftOut] = []
        failed: list[tuple[str, str]] = []
        for part in self.ended:
            if part.state == "done":
                counts = {name: count + part.result["counts"][name] for name, count in counts.items()}
                moves += [MovedFile(old=old, new=new, digest=digest) for old, new, digest in part.result["moves"]]
                left_out += [(path, reason) for path, reason in part.result["left_out"]]
                failed += [(path, reason) for path, reason in part.result["failed"]]
            elif part.state == "failed":
                failed += [(path, part.message) for path in part.payload["files"]]
                for path in part.payload["files"]:
                    self.task.fail(path, part.message)
        return Report(**counts, moves=tuple(moves), left_out=tuple(left_out), failed=tuple(failed))
