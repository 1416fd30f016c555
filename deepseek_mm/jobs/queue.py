"""What hands out the jobs that wait: the table itself where a library lies in files, procrastinate on a server.

The table of jobs says on both what there is and how far it came. A queue only says who is next, and always in the
transaction that changes the row: so a job is waiting in both or in neither, whatever dies in between.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from deepseek_mm.jobs.records import JobRow

WAITING = (
    select(JobRow.id).where(JobRow.state == "waiting", JobRow.kind.in_(bindparam("kinds", expanding=True))).limit(1)
)


class JobQueue(ABC):
    """Who is next. Every method is given a session of the table of jobs; all but `has_due` one that writes."""

    @abstractmethod
    def enqueue(self, session: Session, row: JobRow) -> None:
        """A new row waits. Jobs whose `row.lock` is the same are done one after the other."""

    @abstractmethod
    def has_due(self, session: Session, kinds: Collection[str]) -> bool:
        """Whether a job of these kinds may be begun now; takes no lock."""

    @abstractmethod
    def take(self, session: Session, kinds: Collection[str]) -> JobRow | None:
        """The row of the next job of these kinds, bulk last, which waits no longer; None if there is none."""

    @abstractmethod
    def put_back(self, session: Session, row: JobRow, *, after_s: float = 0.0) -> None:
        """A job that was taken waits again, and is not due before so many seconds."""

    @abstractmethod
    def remove(self, session: Session, row: JobRow) -> None:
        """A job has ended, whether it was taken or not."""

    @abstractmethod
    def renew(self, session: Session) -> None:
        """The rows were exchanged: those that wait now are what is queued, and nothing else."""


class TableQueue(JobQueue):
    """The rows that wait, in the order of their making. Nobody is kept apart: one process does the work of a file."""

    def enqueue(self, session: Session, row: JobRow) -> None:
        """It waits by its state."""

    def has_due(self, session: Session, kinds: Collection[str]) -> bool:
        """As `JobQueue.has_due`."""
        return session.connection().execute(WAITING, {"kinds": list(kinds)}).first() is not None

    def take(self, session: Session, kinds: Collection[str]) -> JobRow | None:
        """As `JobQueue.take`."""
        query = select(JobRow).where(JobRow.state == "waiting", JobRow.kind.in_(kinds))
        return session.scalar(query.order_by(JobRow.bulk, JobRow.id).limit(1))

    def put_back(self, session: Session, row: JobRow, *, after_s: float = 0.0) -> None:
        """It waits by its state, and is due at once."""

    def remove(self, session: Session, row: JobRow) -> None:
        """Nothing stands anywhere else."""

    def renew(self, session: Session) -> None:
        """The rows are the queue."""
