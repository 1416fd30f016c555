"""The table of jobs, which says what long work there is, who does it, and how far it came: in a file, or on a server.

A job is claimed in one transaction, and carries the process that claimed it. Whoever reads the table next looks whether
that process still lives, and lets its jobs wait again if not: so a kill loses nothing. The table knows no kind of work;
kinds are names that handlers are found by. A job may be cut into parts, which others take, too; they are in no list.
"""

import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, select, update
from sqlalchemy.orm import Session

from deepseek_mm.errors import Busy, Conflict, NothingThere
from deepseek_mm.jobs.queue import JobQueue, TableQueue
from deepseek_mm.jobs.records import (
    COUNTED,
    ENDED,
    Failed,
    FailedRow,
    Job,
    JobBase,
    JobRequest,
    JobRow,
    PartsProgress,
    SetAside,
    SetAsideRow,
    State,
    add_parts,
    create_tables,
    drop_parts,
    job_of,
    leave,
    owners_of,
    release,
    release_orphans,
)
from deepseek_mm.jobs.server_queue import ServerQueue, create_queue, fill_queue
from deepseek_mm.jobs.task import CANCELLED, CHANGED, KIND, Notifier, Task
from deepseek_mm.storage.database import DatabaseOwner
from deepseek_mm.storage.places import Place, open_database
from deepseek_mm.storage.portable_sql import limit_of
from deepseek_mm.storage.schema import LibraryErrors, Migration, Schema, convert


def create_all(connection: Connection) -> None:
    """Make the tables of an empty database, with the queue where a server keeps them."""
    create_tables(connection)
    if connection.dialect.name != "sqlite":
        create_queue(connection)


def add_queue(connection: Connection) -> None:
    """Bring an older database up: jobs get parts, and a server a queue."""
    add_parts(connection)
    if connection.dialect.name != "sqlite":
        create_queue(connection)


def settle_queue(connection: Connection, _: int) -> None:
    """All rows were copied to a server: those that wait are queued there."""
    fill_queue(connection)


def leave_queue(table: str, row: dict[str, Any], _: str = "") -> dict[str, Any]:
    """A row without its place in the queue, which it has in one database alone."""
    return row | {"entry": None} if table == JobRow.__tablename__ else row


JOBS = Schema(
    create=create_all,
    adapt=leave_queue,
    alike=leave_queue,
    migrations=(Migration(revision="0005", apply=add_queue),),
    settle=settle_queue,
    metadata=JobBase.metadata,
    on_server=True,
    oldest="0004",
    errors=LibraryErrors(
        noun="table of jobs",
        if_damaged="Move it away, and start again what was waiting in it: mv {path} {path}.damaged",
    ),
    counted=COUNTED,
    writable=False,
)
OURS = JobRequest(by="")  # the library's own work
TOKEN_BYTES = 16
RETRY_S = 2  # after which somebody who found too many waiting may try again


class Jobs(DatabaseOwner):
    """Jobs that many threads and processes may use at once. LibraryError where the disk, or the server, refuses.

    Once they are cleared, a task that still runs finds itself left.
    """

    def __init__(self, place: Place, *, clock: Callable[[], float] = time.monotonic, closed: str = "") -> None:
        """`closed` says why the library takes no work of its own; others may ask for some all the same."""
        super().__init__(open_database(place, JOBS, noted=True))
        self._clock, self._closed = clock, closed
        self.is_shared = not isinstance(place, Path)  # whether other machines may do its jobs
        self.notifier = Notifier(self._database.listen)
        self._queue: JobQueue = ServerQueue() if self.is_shared else TableQueue()

    def describe(self, process: Mapping[str, object]) -> None:
        """Have others who do jobs of the same table read this of the present process; nobody does in a file."""
        self._database.describe(process)

    def count_takers(self, queue: str) -> int:
        """Processes that are there and do the jobs of this queue; over a server those that describe themselves so."""
        return self._database.count_takers(queue)

    def is_first_server(self) -> bool:
        """Whether this process does what only one server of the library is to do now and then."""
        return self._database.is_first("server")

    def add(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        title: str = "",
        unique: bool = False,
        asked: JobRequest = OURS,
        lock: str = "",
    ) -> Job:
        """A new job that waits. `unique` gives an equal one (kind and payload) that waits or runs instead. Over a
        server jobs with the same `lock` are done one after the other, whoever does them.

        With a key of the asker's that was used before comes the job of that time; Conflict if it was another one.
        Busy if too many wait already, Conflict if the library takes no work.
        """
        if self._closed and not asked.by:
            raise Conflict(self._closed)
        row = JobRow(kind=kind, title=title, payload=dict(payload), digest=_digest(payload), asker=asked.by)
        row.key, row.bulk, row.token, row.created_at = asked.key, asked.bulk, new_token(), datetime.now(UTC)
        row.machine, row.lock = machine_name() if self.is_shared else "", lock
        with self._database.writing() as session:
            known = (_equal(session, row) if unique else None) or _asked_before(session, row)
            if known is not None:
                return job_of(known)
            _check_room(session, row, asked.most)
            self._write_down(session, row)
            job = job_of(row)
        self.notifier.announce(kind)
        return job

    def _write_down(self, session: Session, row: JobRow) -> None:
        session.add(row)
        session.flush()
        self._queue.enqueue(session, row)
        self._database.tell(session, f"{KIND} {row.kind}")

    def add_parts(self, task: Task, kind: str, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Cut a job that runs into parts, which are jobs of this kind; nothing where it was left meanwhile."""
        now = datetime.now(UTC)
        with self._database.writing() as session:
            if session.scalar(select(JobRow.id).where(task.mine)) is None:
                return
            for payload in payloads:
                row = JobRow(kind=kind, title=task.job.title, payload=dict(payload), digest=_digest(payload))
                row.parent, row.machine, row.created_at = task.job.id, task.job.machine, now
                self._write_down(session, row)
        self.notifier.announce(kind)

    def sum_parts(self, parent: int) -> PartsProgress:
        """How far the parts of a job are that were not collected."""
        release_orphans(self._database, self._queue)
        ended = func.count(case((JobRow.state.in_(ENDED), 1)))
        message = func.max(case((JobRow.state == "running", JobRow.message)))
        query = select(func.count(JobRow.id), ended, func.sum(JobRow.done), message).where(JobRow.parent == parent)
        with self._database.reading() as session:
            number, num_ended, done, said = session.execute(query).one()
        return PartsProgress(num_open=number - num_ended, num_ended=num_ended, done=int(done or 0), message=said or "")

    def collect_parts(self, parent: int) -> list[Job]:
        """The parts that have ended, which are forgotten with that."""
        with self._database.writing() as session:
            return drop_parts(session, parent, self._queue, states=ENDED)

    def get(self, job_id: int) -> Job:
        """The job as it stands now. NothingThere if there is none."""
        release_orphans(self._database, self._queue)
        with self._database.reading() as session:
            return self._fresh(job_of(_row(session, job_id)))

    def find_by_token(self, token: str, *, by: str) -> Job:
        """The job that its asker knows by this name. NothingThere if there is none, or it is somebody else's."""
        release_orphans(self._database, self._queue)
        with self._database.reading() as session:
            row = session.scalar(select(JobRow).where(JobRow.token == token, JobRow.asker == by, JobRow.token != ""))
            if row is None:
                raise NothingThere(f"no task {token[:64]!r} here. It ended long ago and was forgotten, or never was")
            return self._fresh(job_of(row))

    def ahead(self, job: Job, kinds: Collection[str]) -> int:
        """How many jobs of these kinds are to be begun before this one, which waits."""
        sooner = JobRow.bulk.is_(False) if job.bulk else JobRow.id < 0
        before = sooner | (JobRow.bulk.is_(job.bulk) & (JobRow.id < job.id))
        with self._database.reading() as session:
            query = select(func.count(JobRow.id)).where(JobRow.state == "waiting", JobRow.kind.in_(kinds), before)
            return session.scalar(query) or 0

    def counts(self, kinds: Collection[str]) -> dict[State, int]:
        """How many jobs of these kinds wait and run."""
        query = select(JobRow.state, func.count(JobRow.id)).where(JobRow.kind.in_(kinds)).group_by(JobRow.state)
        with self._database.reading() as session:
            found: dict[str, int] = {state: number for state, number in session.execute(query)}
        return {"waiting": found.get("waiting", 0), "running": found.get("running", 0)}

    def find(
        self,
        *,
        kinds: Collection[str] = (),
        states: Collection[State] = (),
        limit: int,
        offset: int = 0,
        by: str | None = "",
    ) -> list[Job]:
        """Jobs of these kinds in these states (empty is any), newest first: the library's own, or those that somebody
        asked for; with None whoever did.
        """
        release_orphans(self._database, self._queue)
        query = select(JobRow).where(JobRow.parent.is_(None)).order_by(JobRow.id.desc())
        query = query.limit(limit_of(limit)).offset(offset)
        query = query.where(JobRow.kind.in_(kinds)) if kinds else query
        query = query.where(JobRow.state.in_(states)) if states else query
        query = query if by is None else query.where(JobRow.asker == by)
        with self._database.reading() as session:
            return [self._fresh(job_of(row)) for row in session.scalars(query)]

    def failures(self, job_id: int, *, limit: int, offset: int = 0) -> list[Failed]:
        """What the job could not do, oldest first."""
        query = select(FailedRow).where(FailedRow.job_id == job_id).order_by(FailedRow.id)
        with self._database.reading() as session:
            rows = session.scalars(query.limit(limit_of(limit)).offset(offset))
            return [convert(row, Failed) for row in rows]

    def claim(self, kinds: Collection[str], *, stop: threading.Event | None = None) -> Task | None:
        """The oldest job of these kinds that waits, bulk last, now ours; None if none does.

        `stop` tells its task to stop.
        """
        with self._database.reading() as session:  # looking takes no lock, and is all that most calls do
            owners = owners_of(session)
            waits = self._queue.has_due(session, kinds)
        if not release(self._database, owners, self._queue) and not waits:
            return None
        me = self._database.owner
        with self._database.writing(synced=False) as session:  # by a power cut the claim is void anyway
            row = self._queue.take(session, kinds)
            if row is None:
                return None
            row.state, row.message, row.per_second, row.partial = "running", "", 0.0, ""
            row.attempts += 1
            row.owner_pid, row.owner_started = me.pid, me.started
            row.started_at = row.started_at or datetime.now(UTC)
            session.flush()
            self._database.tell(session, f"{CHANGED} {row.id}")
            job = job_of(row)
        return Task(
            self._database,
            job,
            stop=stop or threading.Event(),
            clock=self._clock,
            notifier=self.notifier,
            queue=self._queue,
        )

    def cancel(self, job_id: int) -> None:
        """A job that waits ends at once, one that runs is told with its parts, one that ended stays so. NothingThere if
        unknown.
        """
        release_orphans(self._database, self._queue)
        told = [job_id]
        with self._database.writing() as session:
            row = _row(session, job_id)
            if row.state == "waiting":
                leave(session, row, "cancelled", "It was cancelled while it waited.", self._queue)
            elif row.state == "running":
                row.cancelling = True
                drop_parts(session, job_id, self._queue, states=("waiting",))
                parts = update(JobRow).where(JobRow.parent == job_id).values(cancelling=True).returning(JobRow.id)
                told += session.scalars(parts).all()
            for each in told:
                self._database.tell(session, f"{CANCELLED} {each}")
        for each in told:
            self.notifier.cancel(each)

    def retry(self, job_id: int) -> Job | None:
        """A new job for the failed items only: payload | {"only": [items]}. None when nothing failed."""
        job = self.get(job_id)
        only = [failed.item for failed in self.failures(job_id, limit=-1)]
        if not only:
            return None
        return self.add(job.kind, job.payload | {"only": only}, title=job.title, unique=True, lock=job.lock)

    def forget(self, job_ids: Sequence[int]) -> int:
        """Remove these jobs and their failed items; only ended ones. Returns how many went."""
        with self._database.writing() as session:
            ended = JobRow.id.in_(job_ids) & JobRow.state.in_(ENDED)
            return len(session.scalars(delete(JobRow).where(ended).returning(JobRow.id)).all())

    def erase(self, job_ids: Sequence[int]) -> None:
        """Remove these jobs, whatever their state, so that no byte of them remains."""
        with self._database.writing() as session:
            for row in session.scalars(select(JobRow).where(JobRow.id.in_(job_ids))).all():
                drop_parts(session, row.id, self._queue)
                self._queue.remove(session, row)
                session.delete(row)
        self._database.cut_log()

    def put_aside(self, row: SetAside) -> None:
        """Note that a file is passed over; of a path the last note counts."""
        with self._database.writing() as session:
            session.merge(SetAsideRow(**asdict(row)))

    def set_aside(self, path: str | None = None) -> list[SetAside]:
        """What is noted of a path, or all that is, by path."""
        query = select(SetAsideRow).order_by(SetAsideRow.path)
        query = query if path is None else query.where(SetAsideRow.path == path)
        with self._database.reading() as session:
            return [convert(row, SetAside) for row in session.scalars(query)]

    def take_back(self, path: str) -> None:
        """Forget the note on a path."""
        with self._database.writing() as session:
            session.execute(delete(SetAsideRow).where(SetAsideRow.path == path))

    def _fresh(self, job: Job) -> Job:
        """With the text that a task of this process has not yet written down."""
        text = self.notifier.text(job.id) if job.state == "running" else None
        return job if text is None else replace(job, partial=text)


def machine_name() -> str:
    """What this machine is called, for people and to tell it from others that do jobs of the same library."""
    return socket.gethostname()


def new_token() -> str:
    """A name that nobody guesses."""
    return secrets.token_hex(TOKEN_BYTES)


def _digest(payload: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _equal(session: Session, row: JobRow) -> JobRow | None:
    same = _same(row) & JobRow.cancelling.is_(False)
    active = JobRow.state.in_(("waiting", "running"))
    return session.scalar(select(JobRow).where(same, active).order_by(JobRow.id).limit(1))


def _same(row: JobRow) -> ColumnElement[bool]:
    return (JobRow.kind == row.kind) & (JobRow.digest == row.digest) & (JobRow.asker == row.asker)


def _asked_before(session: Session, row: JobRow) -> JobRow | None:
    if not row.key:
        return None
    known = session.scalar(select(JobRow).where(JobRow.asker == row.asker, JobRow.key == row.key))
    if known is not None and (known.kind, known.digest) != (row.kind, row.digest):
        raise Conflict(f"the idempotency key {row.key!r} came before with another request. Take a new key for this one")
    return known


def _check_room(session: Session, row: JobRow, most: int | None) -> None:
    if most is None:
        return
    alike = (JobRow.state == "waiting") & (JobRow.asker != "") & JobRow.bulk.is_(row.bulk)
    waiting = session.scalar(select(func.count(JobRow.id)).where(alike)) or 0
    if waiting >= most:
        raise Busy(f"{waiting} tasks wait already, and no more may. Try again in {RETRY_S} s", retry_after_s=RETRY_S)


def _row(session: Session, job_id: int) -> JobRow:
    row = session.get(JobRow, job_id)
    if row is None:
        raise NothingThere(f"no job {job_id} here. It ended long ago and was forgotten, or belongs to another library")
    return row


POLL_S = 0.2
AT_LEAST_S = 1.0


def follow(jobs: Jobs, job_id: int) -> Iterator[Job]:
    """The job now, whenever it has changed, and once a second anyway; the last one has ended.

    Between two looks no transaction is open. NothingThere if the job is unknown; one that is forgotten meanwhile
    ends the series.
    """
    changed = threading.Event()  # set by this process only: of others the clock tells
    with jobs.notifier.subscribe(job_id, changed.set):
        job, said_at_s = jobs.get(job_id), time.monotonic()
        yield job
        while not job.is_ended:
            changed.wait(POLL_S)
            changed.clear()
            before = job
            try:
                job = jobs.get(job_id)
            except NothingThere:
                return
            if job != before or time.monotonic() - said_at_s >= AT_LEAST_S:
                said_at_s = time.monotonic()
                yield job
