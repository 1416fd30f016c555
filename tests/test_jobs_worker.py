"""Workers: they do what there is a handler for, end it as it deserves, and leave it whole when they must go."""

import logging
import threading

import pytest
from jobs_help import eventually, in_another_process

from deepseek_mm.errors import BadPicture, LibraryError
from deepseek_mm.jobs import Jobs, Worker
from deepseek_mm.jobs.task import Task
from deepseek_mm.storage.errors import StoreFull


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    jobs = Jobs(path)
    yield jobs
    jobs.close()


@pytest.fixture
def work(jobs):
    """Starts workers, and stops them when the test is over."""
    workers = []

    def start(**handlers) -> Worker:
        worker = Worker(jobs, handlers)
        workers.append(worker)
        worker.start()
        return worker

    yield start
    assert all(worker.stop(60) for worker in workers)


def ended(jobs: Jobs, number: int):
    eventually(lambda: jobs.get(number).is_ended)
    return jobs.get(number)


def until_told(task: Task) -> str:
    task.report(1, 2)
    eventually(lambda: task.stopping)
    return "told"


def test_a_job_is_done_with_the_message_its_handler_returns(jobs, work):
    work(add=lambda task: f"The sum is {sum(task.job.payload['numbers'])}.", other=lambda task: "no")
    job = ended(jobs, jobs.add("add", {"numbers": [1, 2]}).id)
    assert (job.state, job.message, job.attempts) == ("done", "The sum is 3.", 1)


def test_what_the_work_brought_is_kept_for_programs(jobs, path, work):
    def count(task):
        task.result["photos"] = {"added": 3}
        return "3 photos were added."

    work(count=count)
    number = jobs.add("count", {}).id
    ended(jobs, number)
    assert Jobs(path).get(number).result == {"photos": {"added": 3}}


def test_workers_look_for_work_when_a_job_of_theirs_waits_and_not_when_others_work_grows(jobs, work, monkeypatch):
    monkeypatch.setattr("deepseek_mm.jobs.worker.POLL_S", 60.0)
    looked: list[str] = []
    claim = jobs.claim

    def noted(kinds, **how):
        looked.extend(kinds)
        return claim(kinds, **how)

    monkeypatch.setattr(jobs, "claim", noted)

    def talk(task):
        for n in range(50):
            task.say("word " * n)
        return "said"

    work(talk=talk)
    work(idle=talk)
    eventually(lambda: sorted(looked) == ["idle", "talk"])
    assert ended(jobs, jobs.add("talk", {}).id).message == "said"
    eventually(lambda: looked.count("talk") == 3)  # before, for the job, and after it
    assert looked.count("idle") == 1


def test_a_worker_leaves_kinds_alone_that_it_has_no_handler_for(jobs, work):
    unknown = jobs.add("unknown", {}).id
    work(known=lambda task: "")
    ended(jobs, jobs.add("known", {}).id)
    assert jobs.get(unknown).state == "waiting"


def test_two_threads_do_two_jobs_at_once_and_one_thread_one(jobs):
    together = threading.Barrier(2)
    worker = Worker(jobs, {"meet": lambda task: f"{together.wait(60)}"}, threads=2)
    worker.start()
    made = [jobs.add("meet", {"n": n}).id for n in range(2)]
    messages = {ended(jobs, number).message for number in made}
    assert messages == {"0", "1"}
    assert worker.stop(60)


@pytest.mark.parametrize("error", [BadPicture("kite.jpg is empty. Choose another"), StoreFull("/disk")], ids=repr)
def test_an_error_that_a_user_can_fix_fails_the_job_with_its_sentence(jobs, work, caplog, error):
    def handler(task):
        raise error

    work(read=handler)
    job = ended(jobs, jobs.add("read", {}).id)
    assert (job.state, job.message) == ("failed", str(error))
    assert caplog.records == []


def test_any_other_error_fails_the_job_with_a_general_sentence_and_a_log_entry(jobs, work, caplog):
    work(divide=lambda task: str(1 / 0), add=lambda task: "2")
    job = ended(jobs, jobs.add("divide", {}).id)
    assert job.state == "failed"
    assert job.message.startswith("Something unexpected ended this (ZeroDivisionError: division by zero). The log")
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]
    assert ended(jobs, jobs.add("add", {}).id).message == "2"  # the worker goes on


def test_a_running_job_that_is_cancelled_ends_cancelled_with_its_progress(jobs, work):
    job = jobs.add("read", {})
    work(read=until_told)
    eventually(lambda: jobs.get(job.id).done)
    jobs.cancel(job.id)
    assert ended(jobs, job.id).state == "cancelled"
    assert (jobs.get(job.id).message, jobs.get(job.id).done) == ("told", 1)


def test_a_job_is_cancelled_by_another_process_too(jobs, path, work):
    job = jobs.add("read", {})
    work(read=until_told)
    eventually(lambda: jobs.get(job.id).state == "running")
    assert in_another_process("jobs.cancel(int(sys.argv[2]))", path, job.id).wait(60) == 0
    assert ended(jobs, job.id).state == "cancelled"


def test_work_that_was_whole_before_anybody_was_told_to_stop_is_done(jobs, work):
    cancelled = threading.Event()
    job = jobs.add("read", {})
    work(read=lambda task: f"{cancelled.wait(60)}")
    eventually(lambda: jobs.get(job.id).state == "running")
    jobs.cancel(job.id)
    cancelled.set()
    assert ended(jobs, job.id).state == "done"


def test_a_stopped_worker_leaves_its_job_to_the_next_one_which_goes_on(jobs):
    job = jobs.add("read", {})
    first = Worker(jobs, {"read": until_told})
    first.start()
    eventually(lambda: jobs.get(job.id).done)
    assert first.stop(60)
    left = jobs.get(job.id)
    assert (left.state, left.done) == ("waiting", 1)
    assert left.message == "It was stopped with the program, and goes on with the next start."
    second = Worker(jobs, {"read": lambda task: f"attempt {task.job.attempts} after {task.job.done}"})
    second.start()
    assert ended(jobs, job.id).message == "attempt 2 after 1"
    assert second.stop(60)


def test_a_worker_that_stops_takes_no_new_job(jobs):
    worker = Worker(jobs, {"read": until_told})
    jobs.add("read", {"n": 1})
    worker.start()
    eventually(lambda: jobs.find(states=["running"], limit=9))
    waiting = jobs.add("read", {"n": 2})
    assert worker.stop(60)
    assert jobs.get(waiting.id).attempts == 0


def test_a_handler_that_breaks_because_everything_closes_is_left_and_not_failed(jobs):
    def handler(task):
        until_told(task)
        raise LibraryError("the library is closed. Open it again")

    job = jobs.add("read", {})
    worker = Worker(jobs, {"read": handler})
    worker.start()
    eventually(lambda: jobs.get(job.id).done)
    assert worker.stop(60)
    assert jobs.get(job.id).state == "waiting"


def test_a_handler_that_breaks_after_a_cancel_is_cancelled_with_its_sentence(jobs, work):
    def handler(task):
        until_told(task)
        raise LibraryError("the library is closed. Open it again")

    job = jobs.add("read", {})
    work(read=handler)
    eventually(lambda: jobs.get(job.id).done)
    jobs.cancel(job.id)
    assert (ended(jobs, job.id).state, jobs.get(job.id).message) == (
        "cancelled",
        "the library is closed. Open it again",
    )


def test_a_handler_that_does_not_listen_is_reported_and_keeps_its_job(jobs):
    go_on = threading.Event()
    job = jobs.add("read", {})
    worker = Worker(jobs, {"read": lambda task: f"{go_on.wait(60)}"})
    worker.start()
    eventually(lambda: jobs.get(job.id).state == "running")
    assert not worker.stop(0.05)
    assert jobs.claim(["read"]) is None  # its thread may still be at it
    go_on.set()
    assert ended(jobs, job.id).state == "done"


def test_a_worker_can_be_started_again_after_a_stop(jobs):
    worker = Worker(jobs, {"read": lambda task: "read"})
    for n in range(2):
        worker.start()
        assert ended(jobs, jobs.add("read", {"n": n}).id).state == "done"
        assert worker.stop(60)


def test_a_table_that_refuses_for_a_while_costs_neither_the_worker_nor_the_end_of_a_job(jobs, monkeypatch, caplog):
    monkeypatch.setattr("deepseek_mm.jobs.worker.RETRY_S", 0.01)
    job = jobs.add("read", {})
    whole, refusals = jobs._database.writing, []

    def refuse(**options):
        if len(refusals) < 6:
            refusals.append(options)
            raise LibraryError("cannot use the table of jobs: disk is full. Make room on the disk")
        return whole(**options)

    def handler(task):
        refusals.clear()
        return "read"

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(jobs._database, "writing", refuse)
        worker = Worker(jobs, {"read": handler})
        worker.start()
        eventually(lambda: sum("is not written yet" in record.message for record in caplog.records) == 6)
    assert (ended(jobs, job.id).state, jobs.get(job.id).message) == ("done", "read")
    assert sum("no job can be taken now" in record.message for record in caplog.records) == 6
    assert worker.stop(60)
