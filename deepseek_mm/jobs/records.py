"""What the table of jobs gives back, the rows behind it, and changes of a row: ending it, or taking it from the dead.

Ids are never used again (AUTOINCREMENT) and order the jobs by their making; `ended_as` orders them by their end. No
clock is asked for either, so one that jumps mixes nothing up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import JSON, Connection, ForeignKey, Index, UniqueConstraint, delete, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, column_property, mapped_column

from deepseek_mm.storage.counters import make_counters
from deepseek_mm.storage.database import Database
from deepseek_mm.storage.owner import Owner
from deepseek_mm.storage.schema import COLUMNS, convert, where

if TYPE_CHECKING:
    from deepseek_mm.jobs.queue import JobQueue

State = Literal["waiting", "running", "done", "cancelled", "failed"]
ENDED: tuple[State, ...] = ("done", "cancelled", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of long work, as it stood when it was read."""

    id: int  # rises with every job; orders them by their making
    kind: str  # chooses the handler
    title: str  # for people
    payload: dict[str, Any]  # for the handler
    state: State
    cancelling: bool  # it still runs, and was asked to stop for good
    done: int  # items
    total: int | None  # items; None while nobody knows
    per_second: float  # items, over the last seconds; 0 while unknown
    seconds_left: float | None  # at that speed; None while unknown, and unless it runs
    message: str  # what it is at, or how it ended
    result: dict[str, Any]  # what it brought, for programs; empty until it ended well
    num_failed: int  # items
    attempts: int  # how often it was begun; more than 1 after an interruption
    created_at: datetime  # UTC, like the other two; for people, no order rests on them
    started_at: datetime | None  # for the first time
    ended_at: datetime | None
    token: str = ""  # what it is called by those outside; cannot be guessed
    asker: str = ""  # who asked for it over the API; empty for the library's own work
    bulk: bool = False  # nobody sits waiting for it: others of its kind go first
    partial: str = ""  # the text that it has written so far, where it writes one
    parent: int | None = None  # the job that this is a part of; parts are in no list
    machine: str = ""  # where it was asked for, on a server
    lock: str = ""  # jobs with the same one are done one after the other
    retries: int = 0  # how often it was put off since the server was away

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """Who asks for a job over the API, and how."""

    by: str  # the asker's session
    key: str = ""  # with the same key comes the same job, once made; empty is none
    bulk: bool = False
    most: int | None = None  # jobs that may wait of the same kind and haste; None is any number


@dataclass(frozen=True, kw_only=True, slots=True)
class PartsProgress:
    """How far the parts of a job are that were not collected."""

    num_open: int  # that have not ended
    num_ended: int
    done: int  # items
    message: str  # what one of them is at


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAside:
    """A file that is passed over as long as it stays as it is."""

    path: str
    size_bytes: int
    modified_ns: int
    limits: str  # in force when it could not be read
    reason: str  # a whole sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """An item that a job could not do, and why."""

    item: str
    reason: str


COUNTED = ("jobs",)  # tables whose rows are counted with every write


class JobBase(DeclarativeBase):
    """Maps Python's types to columns, alike in every version of SQLAlchemy."""

    type_annotation_map = COLUMNS


class FailedRow(JobBase):
    """One item that a job could not do."""

    __tablename__ = "failed"
    __table_args__ = (UniqueConstraint("job_id", "item", name="once_a_job"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    item: Mapped[str]
    reason: Mapped[str]


class SetAsideRow(JobBase):
    """A file that is passed over; the columns are the fields of `records.SetAside`."""

    __tablename__ = "set_aside"

    path: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]
    limits: Mapped[str]
    reason: Mapped[str]


KEYED = text("key <> ''")


class JobRow(JobBase):
    """One piece of long work."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("once_asked", "asker", "key", unique=True, **where(KEYED)),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str]  # of the payload, so that an equal job is found
    state: Mapped[str] = mapped_column(index=True, default="waiting")  # records.State
    cancelling: Mapped[bool] = mapped_column(default=False)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    per_second: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(default="")
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    attempts: Mapped[int] = mapped_column(default=0)  # how often it was claimed; also the number of the newest claim
    deaths: Mapped[int] = mapped_column(default=0)  # processes in a row that died without getting further
    furthest: Mapped[int] = mapped_column(default=-1)  # the highest `done` that a dead process left
    owner_pid: Mapped[int] = mapped_column(default=0)
    owner_started: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[int | None] = mapped_column(index=True)  # 1 for the first job that ended
    token: Mapped[str] = mapped_column(index=True, default="")
    asker: Mapped[str] = mapped_column(default="")
    key: Mapped[str] = mapped_column(default="")  # of the asker, for the same job once more
    bulk: Mapped[bool] = mapped_column(default=False)
    partial: Mapped[str] = mapped_column(default="")
    parent: Mapped[int | None] = mapped_column(index=True)  # id of the job that this is a part of
    machine: Mapped[str] = mapped_column(default="")  # name of the one where it was asked for
    lock: Mapped[str] = mapped_column(default="")  # jobs with the same one are done one after the other
    entry: Mapped[int | None]  # its number in a server's queue, while it waits or runs
    retries: Mapped[int] = mapped_column(default=0)
    num_failed: Mapped[int] = column_property(
        select(func.count(FailedRow.id)).where(FailedRow.job_id == id).correlate_except(FailedRow).scalar_subquery()
    )


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty database."""
    JobBase.metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        make_counters(connection, COUNTED)


def add_parts(connection: Connection) -> None:
    """Jobs from now on may be parts of others, keep each other waiting, and say where they were asked for."""
    number = "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
    columns = {"parent": number, "entry": number, "retries": f"{number} NOT NULL DEFAULT 0"}
    columns |= dict.fromkeys(("machine", "lock"), "TEXT NOT NULL DEFAULT ''")
    for name, kind in columns.items():
        connection.exec_driver_sql(f"ALTER TABLE jobs ADD COLUMN {name} {kind}")
    connection.exec_driver_sql("CREATE INDEX ix_jobs_parent ON jobs (parent)")


KEEP = 200  # ended jobs of the library; those that ended earlier are forgotten
KEEP_ASKED = 1_000  # the same of those that somebody asked for over the API
OWNERS = select(JobRow.owner_pid, JobRow.owner_started).where(JobRow.state == "running").distinct()
MAX_DEATHS = 3  # processes that may die with a job at the same place before it fails


def job_of(row: JobRow) -> Job:
    """A row as the record that leaves this folder."""
    left = None if row.total is None or row.state != "running" else max(0, row.total - row.done)
    return convert(row, Job, seconds_left=left / row.per_second if left is not None and row.per_second > 0 else None)


def leave(
    session: Session, row: JobRow, state: State, message: str, queue: "JobQueue", *, after_s: float = 0.0
) -> None:
    """The work on `row` stops: for good, or ("waiting") until somebody goes on with it, `after_s` at the earliest.

    Its parts go: whoever goes on with it looks anew what is left to do.
    """
    if state == "waiting" and row.cancelling:
        state = "cancelled"
    row.state, row.message, row.cancelling = state, message, False
    drop_parts(session, row.id, queue)
    if state not in ENDED:
        queue.put_back(session, row, after_s=after_s)
    else:
        queue.remove(session, row)
        row.ended_at = datetime.now(UTC)
        row.ended_as = (session.scalar(select(func.max(JobRow.ended_as))) or 0) + 1
        session.flush()
        _prune(session, asked=row.asker != "")


def drop_parts(session: Session, parent: int, queue: "JobQueue", *, states: Sequence[State] = ()) -> list[Job]:
    """Forget the parts of a job, or those in these states; whoever does one finds it left. Returns what they were."""
    query = select(JobRow).where(JobRow.parent == parent).order_by(JobRow.id)
    rows = session.scalars(query.where(JobRow.state.in_(states)) if states else query).all()
    parts = [job_of(row) for row in rows]
    for row in rows:
        queue.remove(session, row)
        session.delete(row)
    return parts


def _prune(session: Session, *, asked: bool) -> None:
    alike = JobRow.asker != "" if asked else JobRow.asker == ""
    alike &= JobRow.parent.is_(None)
    ended = select(JobRow.id).where(JobRow.ended_as.is_not(None), alike).order_by(JobRow.ended_as.desc())
    most = KEEP_ASKED if asked else KEEP
    session.execute(delete(JobRow).where(JobRow.id.in_(ended.offset(most))))


def owners_of(session: Session) -> list[Owner]:
    """Who has running jobs."""
    return [Owner(pid=pid, started=started) for pid, started in session.connection().execute(OWNERS)]


def release_orphans(database: Database, queue: "JobQueue") -> None:
    """Jobs whose process is gone wait again; or end, if they were being cancelled or take every process with them."""
    with database.reading() as session:
        owners = owners_of(session)
    release(database, owners, queue)


def release(database: Database, owners: Sequence[Owner], queue: "JobQueue") -> bool:
    """The same for these who have running jobs: whether one of them is gone."""
    gone = database.find_gone(owners)
    for owner in gone:
        with database.writing() as session:
            for row in _held_by(session, owner):
                leave(session, row, *_after_a_death(row), queue)
                database.tell(session, f"kind {row.kind}")
    return bool(gone)


def _held_by(session: Session, owner: Owner) -> Iterator[JobRow]:
    theirs = (JobRow.owner_pid == owner.pid) & (JobRow.owner_started == owner.started)
    yield from session.scalars(select(JobRow).where(theirs, JobRow.state == "running").order_by(JobRow.id)).all()


def _after_a_death(row: JobRow) -> tuple[State, str]:
    row.deaths = 1 if row.done > row.furthest else row.deaths + 1
    row.furthest = max(row.furthest, row.done)
    if row.cancelling:
        return "cancelled", "It was cancelled, and its process ended before it could say so."
    if row.deaths < MAX_DEATHS:
        return "waiting", "It was interrupted, and goes on where it stopped."
    return "failed", (
        f"The process ended {row.deaths} times in the middle of this, the last time after {row.done} items. "
        f"Something there takes it down: look at what comes next, or free some memory, and start it again."
    )
