"""The queue of a library on a PostgreSQL server: procrastinate's tables and functions, beside the table of jobs.

Each kind of job is a queue of procrastinate's, so that whoever does only some kinds asks for those. Its functions are
called in the transaction that changes the row. Locks, priorities, times before which nothing is due and rows that two
takers skip are procrastinate's; who lives and who is gone is told by `storage.presence`, which knows every process.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select, text, update
from sqlalchemy.orm import Session

from deepseek_mm.errors import MissingPackage
from deepseek_mm.jobs.queue import JobQueue
from deepseek_mm.jobs.records import JobRow

BULK = -1  # priority of what nobody waits for; 0 is that of all else
ENTER = text(
    "SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[ROW(CAST(:kind AS varchar), CAST(:kind AS varchar),"
    " CAST(:priority AS integer), CAST(:lock AS text), CAST(NULL AS text),"
    " jsonb_build_object('job', CAST(:job AS bigint)),"
    " CAST(NULL AS timestamptz))]::procrastinate_job_to_defer_v1[]))"
)
DUE = text(
    "SELECT 1 FROM procrastinate_jobs AS mine WHERE status = 'todo' AND queue_name = ANY(CAST(:kinds AS varchar[]))"
    " AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())"
    " AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs AS other WHERE other.lock = mine.lock AND status = 'doing')"
    " LIMIT 1"
)
TAKE = text("SELECT id, args FROM procrastinate_fetch_job_v2(CAST(:kinds AS varchar[]), NULL)")
PUT_BACK = text(
    "SELECT procrastinate_retry_job_v2(id, clock_timestamp() + make_interval(secs => :after_s), NULL, NULL, NULL)"
    " FROM procrastinate_jobs WHERE id = :entry AND status = 'doing'"
)
REMOVE = text(
    "SELECT procrastinate_finish_job_v1(id, 'succeeded', true)"
    " FROM procrastinate_jobs WHERE id = :entry AND status IN ('todo', 'doing')"
)
EMPTY = text("DELETE FROM procrastinate_jobs")
KNOWN = text("SELECT to_regclass('procrastinate_jobs')")


class ServerQueue(JobQueue):
    """procrastinate, called in the session's own transaction."""

    def enqueue(self, session: Session, row: JobRow) -> None:
        """As `JobQueue.enqueue`; the row has an id by then."""
        values = {"kind": row.kind, "priority": BULK if row.bulk else 0, "lock": row.lock or None, "job": row.id}
        row.entry = session.connection().execute(ENTER, values).scalar_one()

    def has_due(self, session: Session, kinds: Collection[str]) -> bool:
        """As `JobQueue.has_due`."""
        return session.connection().execute(DUE, {"kinds": list(kinds)}).first() is not None

    def take(self, session: Session, kinds: Collection[str]) -> JobRow | None:
        """As `JobQueue.take`; an entry without a row that waits is dropped."""
        while (found := session.connection().execute(TAKE, {"kinds": list(kinds)}).one()).id is not None:
            row = session.get(JobRow, found.args["job"])
            if row is not None and row.state == "waiting" and row.entry == found.id:
                return row
            session.connection().execute(REMOVE, {"entry": found.id})
        return None

    def put_back(self, session: Session, row: JobRow, *, after_s: float = 0.0) -> None:
        """As `JobQueue.put_back`; one that lost its entry gets another."""
        values = {"entry": row.entry, "after_s": after_s}
        if session.connection().execute(PUT_BACK, values).first() is None:
            self.enqueue(session, row)

    def remove(self, session: Session, row: JobRow) -> None:
        """As `JobQueue.remove`."""
        session.connection().execute(REMOVE, {"entry": row.entry})
        row.entry = None

    def renew(self, session: Session) -> None:
        """As `JobQueue.renew`."""
        fill_queue(session.connection())


def create_queue(connection: Connection) -> None:
    """procrastinate's tables and functions in the schema that is first on the path, with what waits already.

    MissingPackage.
    """
    if connection.execute(KNOWN).scalar() is None:
        try:
            from procrastinate.schema import SchemaManager  # here, because a library in files does without
        except ModuleNotFoundError as error:
            raise MissingPackage("procrastinate", needed_for="storage.url", extra="cluster") from error
        driver: Any = connection.connection.driver_connection
        driver.execute(SchemaManager.get_schema())
    fill_queue(connection)


def fill_queue(connection: Connection) -> None:
    """Have all rows that wait queued, by their ids, and nothing else."""
    connection.execute(EMPTY)
    queue = ServerQueue()
    with Session(connection, join_transaction_mode="rollback_only") as session:
        session.execute(update(JobRow).values(entry=None))
        for row in session.scalars(select(JobRow).where(JobRow.state == "waiting").order_by(JobRow.id)).all():
            queue.enqueue(session, row)
        session.flush()
