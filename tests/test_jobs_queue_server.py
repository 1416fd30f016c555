"""The queue of a library on a PostgreSQL server: one row and one entry, one taker, and news from other processes."""

import signal
import threading
import time
from contextlib import closing, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from jobs_help import eventually, in_another_process
from sqlalchemy import text

from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.config import Config, LibraryConfig
from deepseek_mm.errors import BadFile, Conflict, OutOfReach, TransientError
from deepseek_mm.jobs import JobRequest, Jobs, Worker
from deepseek_mm.jobs.fleet import ListedProcess, describe_process, list_processes, refuse_stranger
from deepseek_mm.jobs.table import machine_name
from deepseek_mm.library.backup_schedule import BackupSchedule
from deepseek_mm.storage.places import ServerPlace

pytestmark = pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")
HEARD_S = 0.4  # on a busy machine; 0.01 else
ENTRIES = text("SELECT queue_name, status, priority FROM procrastinate_jobs ORDER BY id")
TAKES = """
from deepseek_mm.storage.places import ServerPlace
from deepseek_mm.storage import presence
jobs = Jobs(ServerPlace(url=sys.argv[2], name=sys.argv[3]))
"""


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture
def place(server, request):
    return ServerPlace(url=server.url(), name=f"t{abs(hash(request.node.name))}")


@pytest.fixture
def open_jobs(place):
    opened = []

    def open_table() -> Jobs:
        opened.append(Jobs(place))
        return opened[-1]

    yield open_table
    for jobs in opened:
        jobs.close()


@pytest.fixture
def jobs(open_jobs):
    return open_jobs()


def entries(jobs: Jobs) -> list[tuple]:
    with jobs._database.reading() as session:
        return [tuple(row) for row in session.execute(ENTRIES)]


def another(place: ServerPlace, tmp_path, code: str):
    return in_another_process(TAKES + code, tmp_path / "unused.db", place.url, place.name)


def test_a_job_and_its_entry_are_written_in_one_transaction_and_go_in_one(jobs, monkeypatch):
    job = jobs.add("read", {"n": 1})
    assert entries(jobs) == [("read", "todo", 0)]
    monkeypatch.setattr(jobs._database, "tell", lambda session, word: 1 / 0)
    with suppress(ZeroDivisionError):
        jobs.add("read", {"n": 2})
    monkeypatch.undo()
    assert ([each.id for each in jobs.find(limit=9)], len(entries(jobs))) == ([job.id], 1)
    task = jobs.claim(["read"])
    assert entries(jobs) == [("read", "doing", 0)]
    task.finish("done", "")
    assert entries(jobs) == []
    jobs.cancel(jobs.add("read", {"n": 3}).id)
    assert entries(jobs) == []


def test_bulk_waits_behind_what_somebody_waits_for_and_the_same_folder_is_done_once_at_a_time(open_jobs):
    one, other = open_jobs(), open_jobs()
    bulk = one.add("ask", {"n": 1}, asked=JobRequest(by="me", bulk=True))
    soon = one.add("ask", {"n": 2}, asked=JobRequest(by="me"))
    assert [one.claim(["ask"]).job.id, other.claim(["ask"]).job.id] == [soon.id, bulk.id]
    first, second, free = (one.add("index", {"n": n}, lock=lock) for n, lock in enumerate(["a", "a", "b"]))
    task = one.claim(["index"])
    assert (task.job.id, other.claim(["index"]).job.id, other.claim(["index"])) == (first.id, free.id, None)
    task.finish("done", "")
    assert other.claim(["index"]).job.id == second.id


def test_two_workers_never_have_one_job(open_jobs):
    tables = [open_jobs() for _ in range(3)]
    made = [tables[0].add("read", {"n": n}).id for n in range(24)]
    taken: list[int] = []

    def take(jobs: Jobs) -> None:
        while task := jobs.claim(["read"]):
            taken.append(task.job.id)
            task.finish("done", "")

    threads = [threading.Thread(target=take, args=(jobs,)) for jobs in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == made


def test_rows_that_came_from_elsewhere_are_queued(open_jobs, tmp_path):
    jobs = open_jobs()
    with closing(Jobs(tmp_path / "jobs.db")) as file:
        waiting, done = file.add("read", {"n": 1}), file.add("read", {"n": 2})
        file.cancel(done.id)
        file.copy_to(tmp_path / "copy.db")
    jobs.add("index", {})
    jobs.exchange(tmp_path / "copy.db")
    assert entries(jobs) == [("read", "todo", 0)]
    assert jobs.claim(["read"]).job.id == waiting.id
    jobs.clear()
    assert entries(jobs) == []


FIND = {
    "tables": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'procrast%%'",
    "types": "SELECT typname FROM pg_type WHERE typnamespace = current_schema()::regnamespace"
    " AND typname LIKE 'procrast%%'",
    "functions": "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    " AND proname LIKE 'procrast%%'",
}
BEFORE = (  # as the version before this one left it
    *(f"ALTER TABLE jobs DROP COLUMN {name}" for name in ("parent", "entry", "retries", "machine", "lock")),
    "UPDATE alembic_version SET version_num = '0004'",
)


def test_a_table_of_the_version_before_gets_a_queue_with_what_waits(open_jobs):
    old = open_jobs()
    waiting = old.add("read", {"n": 1})
    old.cancel(old.add("read", {"n": 2}).id)
    with old._database.writing() as session:
        drop_queue(session.connection())
        for statement in BEFORE:
            session.connection().exec_driver_sql(statement)
    jobs = open_jobs()
    assert (jobs.find(limit=9)[1].id, entries(jobs)) == (waiting.id, [("read", "todo", 0)])
    assert jobs.claim(["read"]).job.id == waiting.id


def drop_queue(connection) -> None:
    """Everything of procrastinate's, in the schema that is first on the path."""
    for kind, named in (("TABLE", "tables"), ("TYPE", "types"), ("FUNCTION", "functions")):
        for name in connection.exec_driver_sql(FIND[named]).scalars().all():
            connection.exec_driver_sql(f"DROP {kind} IF EXISTS {name} CASCADE")


def test_what_another_process_does_is_heard_at_once_and_it_hears_a_cancel(jobs, place, tmp_path):
    job, heard = jobs.add("read", {}), threading.Event()
    reports = """
task = jobs.claim(["read"])
say("ready")
time.sleep(0.6)
say(repr(time.time()))
task.report(3, 9, "reading")
jobs.notifier.wait(["none"], 0, 0.01)
while not task.halt.wait(0.01): pass
say(repr(time.time()))
task.stopping
task.finish("cancelled", "")
"""
    with another(place, tmp_path, reports) as worker, jobs.notifier.subscribe(job.id, heard.set):
        assert worker.stdout.readline() == "ready\n"
        time.sleep(0.2)  # this process listens by now
        heard.clear()
        reported_at = float(worker.stdout.readline())
        assert heard.wait(5)
        assert time.time() - reported_at < HEARD_S
        time.sleep(0.3)  # and so does that one
        cancelled_at = time.time()
        jobs.cancel(job.id)
        assert float(worker.stdout.readline()) - cancelled_at < HEARD_S  # nobody asks its task, which would look
    assert jobs.get(job.id).state == "cancelled"


def test_the_job_of_a_killed_process_is_done_by_another_exactly_once(jobs, place, tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.presence.GONE_S", 1.0)
    job = jobs.add("read", {})
    holds = """
presence.BEAT_S = 0.2
task = jobs.claim(["read"]); task.report(4, 9); say("ready"); time.sleep(60)
"""
    with another(place, tmp_path, holds) as holder:
        assert holder.stdout.readline() == "ready\n"
        time.sleep(1.2)
        assert jobs.claim(["read"]) is None  # it says that it lives
        holder.send_signal(signal.SIGKILL)
    eventually(lambda: jobs.get(job.id).state == "waiting", within_s=5)
    again = jobs.claim(["read"])
    assert (again.job.attempts, again.job.done, jobs.claim(["read"])) == (2, 4, None)
    again.finish("done", "")
    assert entries(jobs) == []


def test_only_what_may_pass_is_tried_again_and_later_each_time(jobs, monkeypatch):
    monkeypatch.setattr("deepseek_mm.jobs.worker.FIRST_RETRY_S", 0.05)
    monkeypatch.setattr("deepseek_mm.jobs.worker.MOST_RETRIES", 2)
    begun: dict[str, list[float]] = {"away": [], "bad": []}

    def fail(task):
        begun[task.job.kind].append(time.monotonic())
        raise TransientError("the server went away") if task.job.kind == "away" else BadFile("it is empty")

    worker = Worker(jobs, {"away": fail, "bad": fail})
    away, bad = jobs.add("away", {}), jobs.add("bad", {})
    worker.start()
    try:
        eventually(lambda: jobs.get(away.id).is_ended and jobs.get(bad.id).is_ended, within_s=20)
    finally:
        worker.stop(5)
    assert {kind: len(times) for kind, times in begun.items()} == {"away": 3, "bad": 1}
    first, second, third = begun["away"]
    assert (second - first >= 0.05, third - second >= 0.1) == (True, True)
    assert jobs.get(away.id).message == "the server went away"


def test_a_machine_that_cannot_see_a_file_leaves_the_job_to_another(open_jobs):
    blind, seeing = open_jobs(), open_jobs()

    def refuse(task):
        raise OutOfReach("/photos cannot be seen from here")

    job = blind.add("index", {})
    worker = Worker(blind, {"index": refuse})
    worker.start()
    try:
        eventually(lambda: blind.get(job.id).message == "/photos cannot be seen from here", within_s=10)
        assert blind.get(job.id).state == "waiting"
        time.sleep(1.2)
        assert blind.get(job.id).attempts == 1  # it takes no more of that kind for a while
        assert seeing.claim(["index"]).job.id == job.id
    finally:
        worker.stop(5)


def test_parts_are_in_no_list_fail_as_their_job_and_go_with_it(jobs):
    job = jobs.add("index", {})
    task = jobs.claim(["index"])
    jobs.add_parts(task, "batch", [{"n": 1}, {"n": 2}])
    assert [each.id for each in jobs.find(limit=9)] == [job.id]
    part = jobs.claim(["batch"])
    part.report(5, 9, "a.jpg")
    part.fail("a.jpg", "it is empty")
    assert jobs.get(job.id).num_failed == 1
    assert (jobs.sum_parts(job.id).num_open, jobs.sum_parts(job.id).done) == (2, 5)
    part.finish("done", "")
    assert [each.payload["n"] for each in jobs.collect_parts(job.id)] == [1]
    other = jobs.claim(["batch"])
    jobs.cancel(job.id)
    assert (other.stopping, other.told, jobs.sum_parts(job.id).num_open) == (True, "cancel", 1)
    other.finish("cancelled", "")
    assert (task.stopping, jobs.sum_parts(job.id).num_open) == (True, 0)
    task.finish("cancelled", "")
    assert entries(jobs) == []


def test_who_is_there_and_what_they_are_at_is_listed(jobs, open_jobs, place):
    assert list_processes(place) == []
    jobs.describe(described("server"))
    worker = open_jobs()
    worker.describe(described("worker", queues=("cpu",)))
    job = jobs.add("read", {}, title="Read texts")
    task = worker.claim(["read"])
    server_, worker_ = list_processes(place)
    assert (server_.jobs, worker_.jobs) == ((), (job.id,))
    assert (server_.description.role, server_.doing, worker_.doing) == ("server", (), ("Read texts",))
    assert (worker_.description.queues, worker_.description.machine) == (("cpu",), machine_name())
    task.finish("done", "")
    worker.close()
    assert [each.description.role for each in list_processes(place)] == ["server"]


def test_one_server_does_what_only_one_is_to_do_and_the_next_takes_over(open_jobs, tmp_path):
    worker, first, second = open_jobs(), open_jobs(), open_jobs()
    worker.describe(described("worker"))
    first.describe(described("server"))
    second.describe(described("server"))
    schedules = [
        BackupSchedule(config=Config(data=tmp_path, library=LibraryConfig(backup_every_h=1)), jobs=jobs)
        for jobs in (worker, second, first)
    ]
    assert [schedule.make_due() is not None for schedule in schedules] == [False, False, True]
    assert (first.is_first_server(), second.is_first_server()) == (True, False)
    first.close()
    assert second.is_first_server()


def described(role, **more):
    return asdict(describe_process(role, "f" * 64, **more))


def test_a_worker_of_another_version_or_with_other_weights_is_refused():
    me = describe_process("worker", "a" * 64)

    def serves(**changes):
        description = replace(describe_process("server", "a" * 64), **changes)
        return [ListedProcess(description=description, since=datetime.now(UTC), doing=())]

    refuse_stranger(me, serves(), ())
    refuse_stranger(me, [], ["aaaaaaaa", "bbbbbbbb"])
    refuse_stranger(me, [], [])
    with pytest.raises(Conflict, match="served by version 9.9"):
        refuse_stranger(me, serves(version="9.9"), ())
    with pytest.raises(Conflict, match="indexed with bbbbbbbb"):
        refuse_stranger(me, serves(fingerprint="b" * 64), ())
    with pytest.raises(Conflict, match="indexed with bbbbbbbb"):
        refuse_stranger(me, [], ["bbbbbbbb"])
