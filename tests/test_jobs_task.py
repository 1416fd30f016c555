"""A task: its reports are cheap and the last one arrives, its failures stay, and it hears when to stop."""

import os
import threading

import pytest
from jobs_help import eventually, in_another_process
from sqlalchemy import event
from storage_contract import only_files

from deepseek_mm.jobs import Failed, Jobs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    jobs = Jobs(path)
    yield jobs
    jobs.close()


def begin(jobs: Jobs, **payload):
    jobs.add("read", payload)
    return jobs.claim(["read"])


def test_a_report_is_seen_with_its_total_and_message_which_stay_until_changed(jobs):
    task = begin(jobs)
    task.report(3, 10, "kite.jpg")
    assert (jobs.get(task.job.id).done, jobs.get(task.job.id).total) == (3, 10)
    assert jobs.get(task.job.id).message == "kite.jpg"
    task.report(4)
    eventually(lambda: jobs.get(task.job.id).done == 4)
    assert (jobs.get(task.job.id).total, jobs.get(task.job.id).message) == (10, "kite.jpg")


@only_files
def test_a_thousand_reports_a_second_are_five_writes_a_second(path):
    now_s = [0.0]
    jobs = Jobs(path, clock=lambda: now_s[0])
    task = begin(jobs)
    writes = []
    event.listen(jobs._database.engine, "commit", lambda connection: writes.append(now_s[0]))
    for n in range(10_000):
        now_s[0] = n / 1000
        task.report(n, 10_000)
    assert 10 <= len(writes) <= 52  # ten seconds; a loaded machine may add one by its timer
    task.finish("done", "")
    assert (jobs.get(task.job.id).done, jobs.get(task.job.id).per_second) == (9_999, pytest.approx(1000))


def test_the_last_report_before_a_long_silence_reaches_the_disk(jobs):
    task = begin(jobs)
    for n in range(1, 51):
        task.report(n, 50, f"file {n}")
    eventually(lambda: jobs.get(task.job.id).done == 50)
    assert jobs.get(task.job.id).message == "file 50"


def test_the_end_takes_the_last_report_along(jobs):
    task = begin(jobs)
    for n in range(1, 51):
        task.report(n, 50)
    task.finish("done", "All 50 are read.")
    job = jobs.get(task.job.id)
    assert (job.state, job.done, job.total, job.message) == ("done", 50, 50, "All 50 are read.")


def test_a_task_that_was_finished_says_nothing_more(jobs):
    task = begin(jobs)
    task.report(1, 2)
    task.finish("done", "read")
    before = jobs.get(task.job.id)
    task.report(2, 2, "late")
    task.fail("late", "late")
    task.finish("failed", "late")
    assert jobs.get(task.job.id) == before
    assert task.stopping


def test_a_task_of_an_earlier_claim_cannot_touch_the_later_one(jobs):
    early = begin(jobs)
    early.finish("waiting", "left")
    late = jobs.claim(["read"])
    assert (late.job.id, late.job.attempts) == (early.job.id, 2)
    early.report(99)
    early.fail("a", "b")
    early.finish("failed", "late")
    assert early.stopping
    assert not late.stopping
    job = jobs.get(late.job.id)
    assert (job.state, job.done, job.num_failed) == ("running", 0, 0)


def test_a_job_that_is_left_waits_with_its_progress_and_its_first_start(jobs):
    task = begin(jobs)
    task.report(7, 9)
    task.finish("waiting", "It goes on later.")
    job = jobs.get(task.job.id)
    assert (job.state, job.done, job.total, job.message) == ("waiting", 7, 9, "It goes on later.")
    assert (job.ended_at, job.started_at) == (None, task.job.started_at)
    again = jobs.claim(["read"]).job
    assert (again.done, again.message, again.started_at) == (7, "", task.job.started_at)


def test_a_finished_task_may_not_still_be_running(jobs):
    with pytest.raises(AssertionError, match="does not run"):
        begin(jobs).finish("running", "")


def test_an_item_that_fails_twice_is_listed_once_with_its_last_reason(jobs):
    task = begin(jobs)
    name = os.fsdecode(b"caf\xe9.jpg")
    for item, reason in (("a", "busy"), (name, "torn"), ("a", "gone")):
        task.fail(item, reason)
    assert jobs.failures(task.job.id, limit=9) == [
        Failed(item="a", reason="gone"),
        Failed(item=name, reason="torn"),
    ]
    assert jobs.get(task.job.id).num_failed == 2


def test_failures_from_eight_threads_are_all_there(jobs):
    task = begin(jobs)

    def work(me: int) -> None:
        for n in range(20):
            task.fail(f"{me}/{n}", "bad")
            task.report(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert jobs.get(task.job.id).num_failed == 160


def test_a_task_hears_of_a_cancel_by_another_process_within_a_second_of_its_clock(path):
    now_s = [0.0]
    jobs = Jobs(path, clock=lambda: now_s[0])
    task = begin(jobs)
    assert not task.stopping
    assert in_another_process("jobs.cancel(int(sys.argv[2]))", path, task.job.id).wait(60) == 0
    now_s[0] = 1.0
    assert task.stopping
    assert task.told == "cancel"


def test_asking_whether_to_stop_costs_two_looks_a_second(path):
    now_s = [0.0]
    jobs = Jobs(path, clock=lambda: now_s[0])
    task = begin(jobs)
    looks = []
    event.listen(jobs._database.engine, "begin", lambda connection: looks.append(now_s[0]))
    for n in range(10_000):
        now_s[0] = n / 1000
        assert not task.stopping
    assert looks == [second / 2 for second in range(20)]


def test_a_task_hears_at_once_when_its_worker_stops_and_remembers_it(jobs):
    stop = threading.Event()
    jobs.add("read", {})
    task = jobs.claim(["read"], stop=stop)
    assert not task.stopping
    stop.set()
    assert task.stopping
    stop.clear()
    assert task.stopping
    assert task.told == "stop"


def test_what_the_work_brought_is_kept_with_its_end(path, jobs):
    task = begin(jobs)
    assert task.job.result == {}
    task.result = {"added": 3}
    task.finish("done", "3 added")
    jobs.close()
    assert Jobs(path).get(task.job.id).result == {"added": 3}
