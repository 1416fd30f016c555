"""The threads that do a library's jobs, and which of its jobs this process does.

Groups of kinds are done one job at a time each. Where workers do the long work, on machines of their own perhaps, a
server does only what has to be done where it is: watching folders, backups, what is learned, models of its own.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict

from deepseek_mm.errors import BadQuestion
from deepseek_mm.jobs import Handler, Jobs, Worker
from deepseek_mm.jobs.fleet import describe_process
from deepseek_mm.library.batches import BATCH, QUEUE
from deepseek_mm.library.duplicates import DUPLICATES
from deepseek_mm.library.face_pass import FACES
from deepseek_mm.library.index_jobs import INDEX, NAME, READ, RENEW
from deepseek_mm.library.sidecar_jobs import SIDECARS

QUEUES: Mapping[str, tuple[str, ...]] = {  # name -> kinds of jobs that a worker anywhere can do
    QUEUE: (INDEX, BATCH, READ, RENEW, NAME),  # what the towers look at
    "cpu": (SIDECARS, DUPLICATES, FACES),
}
STOP_S = 5.0  # how long work may take to stop, when the program ends


def kinds_of(queues: Collection[str]) -> tuple[str, ...]:
    """The kinds of jobs in these queues. BadQuestion if one is unknown."""
    for name in queues:
        if name not in QUEUES:
            raise BadQuestion(f"no queue is called {name!r}. There are: {', '.join(sorted(QUEUES))}")
    return tuple(kind for name in queues for kind in QUEUES[name])


class Crew:
    """All threads that do jobs of one library in this process."""

    def __init__(self, jobs: Jobs, *, without: Collection[str] = ()) -> None:
        """Kinds of jobs that are `without` are left to other processes."""
        self._jobs, self._without = jobs, frozenset(without)
        self._workers: tuple[Worker, ...] = ()
        self._others: tuple[Worker, ...] = ()
        self._groups: tuple[Mapping[str, Handler], ...] = ()
        self._threads: Mapping[str, int] = {}

    @property
    def is_started(self) -> bool:
        """Whether it looks for work."""
        return any(worker.is_started for worker in self._workers)

    def set_groups(self, *groups: Mapping[str, Handler], threads: Mapping[str, int]) -> None:
        """What is done from the next start on: one job of a group at a time, or as many as `threads` say of a kind."""
        self._groups, self._threads = groups, threads
        self._workers = self._build({kind for group in groups for kind in group} - self._without)

    def add(self, handlers: Mapping[str, Handler]) -> None:
        """Have a thread of its own do other kinds of work as well, from the next start on."""
        self._others += (Worker(self._jobs, handlers),)

    def limit_to(self, kinds: Collection[str]) -> None:
        """Do these kinds and no others, from the next start on."""
        self._workers, self._others = self._build(kinds), ()

    def begin_serving(self, fingerprint: str) -> None:
        """Begin everything, as a server of the library whose encoders have these weights; over a server others hear
        that it is there.
        """
        self._jobs.describe(asdict(describe_process("server", fingerprint, queues=self._queues())))
        self.start()

    def start(self, *, everything: bool = True) -> None:
        """Begin; without `everything` only the groups."""
        for worker in (*self._workers, *(self._others if everything else ())):
            worker.start()

    def stop(self, *, everything: bool = True) -> bool:
        """Leave what is under way to the next start, or to others; whether all came to rest."""
        return all([worker.stop(STOP_S) for worker in (*self._workers, *(self._others if everything else ()))])

    def _queues(self) -> list[str]:
        return [name for name, kinds in QUEUES.items() if self._without.isdisjoint(kinds)]

    def _build(self, kinds: Collection[str]) -> tuple[Worker, ...]:
        chosen = [{kind: group[kind] for kind in group if kind in kinds} for group in self._groups]
        threads = [max(self._threads.get(kind, 1) for kind in group) for group in chosen if group]
        return tuple(
            Worker(self._jobs, group, threads=number)
            for group, number in zip(filter(None, chosen), threads, strict=True)
        )
