"""Changes of a row that more than one part needs: reading it, ending it, and taking it from a process that died."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from deepseek_mm.jobs.records import ENDED, Job, State
from deepseek_mm.jobs.tables import JobRow
from deepseek_mm.storage.database import Database
from deepseek_mm.storage.owner import Owner

KEEP = 200  # ended jobs of the library; those that ended earlier are forgotten
KEEP_ASKED = 1_000  # the same of those that somebody asked for over the API
OWNERS = select(JobRow.owner_pid, JobRow.owner_started).where(JobRow.state == "running").distinct()
MAX_DEATHS = 3  # processes that may die with a job at the same place before it fails


def job_of(row: JobRow) -> Job:
    """A row as the record that leaves this folder."""
    running, to_do = row.state == "running", None if row.total is None else max(0, row.total - row.done)
    return Job(
        id=row.id,
        kind=row.kind,
        title=row.title,
        payload=row.payload,
        state=row.state,  # type: ignore[arg-type]  # only a State is ever written
        cancelling=row.cancelling,
        done=row.done,
        total=row.total,
        per_second=row.per_second,
        seconds_left=to_do / row.per_second if running and to_do is not None and row.per_second > 0 else None,
        message=row.message,
        result=row.result,
        num_failed=row.num_failed,
        attempts=row.attempts,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        token=row.token,
        asker=row.asker,
        bulk=row.bulk,
        partial=row.partial,
    )


def leave(session: Session, row: JobRow, state: State, message: str) -> None:
    """The work on `row` stops: for good, or ("waiting") until somebody goes on with it."""
    if state == "waiting" and row.cancelling:
        state = "cancelled"
    row.state, row.message, row.cancelling = state, message, False
    if state in ENDED:
        row.ended_at = datetime.now(UTC)
        row.ended_as = (session.scalar(select(func.max(JobRow.ended_as))) or 0) + 1
        session.flush()
        _prune(session, asked=row.asker != "")


def _prune(session: Session, *, asked: bool) -> None:
    alike = JobRow.asker != "" if asked else JobRow.asker == ""
    ended = select(JobRow.id).where(JobRow.ended_as.is_not(None), alike).order_by(JobRow.ended_as.desc())
    most = KEEP_ASKED if asked else KEEP
    session.execute(delete(JobRow).where(JobRow.id.in_(ended.offset(most).limit(-1))))


def owners_of(session: Session) -> list[Owner]:
    """Who has running jobs."""
    return [Owner(pid=pid, started=started) for pid, started in session.connection().execute(OWNERS)]


def release_orphans(database: Database, me: Owner) -> None:
    """Jobs whose process is gone wait again; or end, if they were being cancelled or take every process with them."""
    with database.reading() as session:
        owners = owners_of(session)
    release(database, owners, me)


def release(database: Database, owners: Sequence[Owner], me: Owner) -> bool:
    """The same for these who have running jobs: whether one of them is gone."""
    gone = [owner for owner in owners if owner != me and not owner.lives]
    for owner in gone:
        with database.writing() as session:
            for row in _held_by(session, owner):
                leave(session, row, *_after_a_death(row))
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
