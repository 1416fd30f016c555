"""The table of jobs: one SQLite file that says what long work there is, who does it, and how far it came.

A job is claimed in one transaction, and carries the process that claimed it. Whoever reads the table next looks whether
that process still lives, and lets its jobs wait again if not: so a kill loses nothing, and needs no heartbeat. The
table knows no kind of work; kinds are names that handlers are found by.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs.nouns import ENDED, Failed, Job, State
from deepseek_mm.jobs.rows import job_of, leave, release_orphans
from deepseek_mm.jobs.tables import FailedRow, JobRow
from deepseek_mm.jobs.task import Task
from deepseek_mm.sqlite.file import File, Kind
from deepseek_mm.sqlite.owner import this_process

FILE = Kind(
    noun="table of jobs",
    migrations=Path(__file__).parent / "migrations",
    if_damaged="Move it away, and start again what was waiting in it: mv {path} {path}.damaged",
)


class Jobs:
    """Jobs in one SQLite file that many threads and processes may use at once. LibraryError where the disk refuses."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = File(path, FILE), clock
        self._owner = this_process()

    def add(self, kind: str, payload: Mapping[str, Any], *, title: str = "", unique: bool = False) -> Job:
        """A new job that waits. `unique` gives an equal one (kind and payload) that waits or runs instead."""
        digest = _digest(payload)
        with self._file.session(writes=True) as session:
            row = _equal(session, kind, digest) if unique else None
            if row is None:
                row = JobRow(kind=kind, title=title, payload=dict(payload), digest=digest, created_at=datetime.now(UTC))
                session.add(row)
                session.flush()
            return job_of(row)

    def get(self, job_id: int) -> Job:
        """The job as it stands now. NothingThere if there is none."""
        release_orphans(self._file, self._owner)
        with self._file.session() as session:
            return job_of(_row(session, job_id))

    def find(
        self, *, kinds: Collection[str] = (), states: Collection[State] = (), limit: int, offset: int = 0
    ) -> list[Job]:
        """Jobs of these kinds in these states (empty is any), newest first."""
        release_orphans(self._file, self._owner)
        query = select(JobRow).order_by(JobRow.id.desc()).limit(limit).offset(offset)
        query = query.where(JobRow.kind.in_(kinds)) if kinds else query
        query = query.where(JobRow.state.in_(states)) if states else query
        with self._file.session() as session:
            return [job_of(row) for row in session.scalars(query)]

    def failures(self, job_id: int, *, limit: int, offset: int = 0) -> list[Failed]:
        """What the job could not do, oldest first."""
        query = select(FailedRow).where(FailedRow.job_id == job_id).order_by(FailedRow.id)
        with self._file.session() as session:
            rows = session.scalars(query.limit(limit).offset(offset))
            return [Failed(item=row.item, reason=row.reason) for row in rows]

    def claim(self, kinds: Collection[str], *, stop: threading.Event | None = None) -> Task | None:
        """The oldest job of these kinds that waits, now ours; None if none does. `stop` tells its task to stop."""
        release_orphans(self._file, self._owner)
        query = select(JobRow).where(JobRow.state == "waiting", JobRow.kind.in_(kinds)).order_by(JobRow.id).limit(1)
        with self._file.session() as session:
            if session.scalar(query) is None:
                return None  # looking takes no lock
        with self._file.session(writes=True) as session:
            row = session.scalar(query)
            if row is None:
                return None
            row.state, row.message, row.per_second = "running", "", 0.0
            row.attempts += 1
            row.owner_pid, row.owner_started = self._owner.pid, self._owner.started
            row.started_at = row.started_at or datetime.now(UTC)
            session.flush()
            job = job_of(row)
        return Task(self._file, job, stop=stop or threading.Event(), clock=self._clock)

    def cancel(self, job_id: int) -> None:
        """A job that waits ends at once, one that runs is told, one that ended stays so. NothingThere if unknown."""
        release_orphans(self._file, self._owner)
        with self._file.session(writes=True) as session:
            row = _row(session, job_id)
            if row.state == "waiting":
                leave(session, row, "cancelled", "It was cancelled while it waited.")
            elif row.state == "running":
                row.cancelling = True

    def retry(self, job_id: int) -> Job | None:
        """A new job for the failed items only: payload | {"only": [items]}. None when nothing failed."""
        job = self.get(job_id)
        only = [failed.item for failed in self.failures(job_id, limit=-1)]
        if not only:
            return None
        return self.add(job.kind, job.payload | {"only": only}, title=job.title, unique=True)

    def forget(self, job_ids: Sequence[int]) -> int:
        """Remove these jobs and their failed items; only ended ones. Returns how many went."""
        with self._file.session(writes=True) as session:
            ended = JobRow.id.in_(job_ids) & JobRow.state.in_(ENDED)
            return len(session.scalars(delete(JobRow).where(ended).returning(JobRow.id)).all())

    def clear(self) -> None:
        """Forget every job, so that no byte of them remains; a task that still runs finds itself left."""
        self._file.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _digest(payload: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _equal(session: Session, kind: str, digest: str) -> JobRow | None:
    same = (JobRow.kind == kind) & (JobRow.digest == digest) & JobRow.cancelling.is_(False)
    active = JobRow.state.in_(("waiting", "running"))
    return session.scalar(select(JobRow).where(same, active).order_by(JobRow.id).limit(1))


def _row(session: Session, job_id: int) -> JobRow:
    row = session.get(JobRow, job_id)
    if row is None:
        raise NothingThere(f"no job {job_id} here. It ended long ago and was forgotten, or belongs to another library")
    return row
