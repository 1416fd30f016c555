"""The table of jobs: what is added is kept in order, found, cancelled, retried, forgotten; equal ones can be one."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs import Failed, Jobs

FEW = 20  # ended jobs that are kept here


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    jobs = Jobs(path)
    yield jobs
    jobs.close()


def end(jobs: Jobs, kind: str, state="done", message="") -> int:
    """Adds a job and ends it: its number."""
    job = jobs.add(kind, {})
    task = jobs.claim([kind])
    assert task.job.id == job.id
    task.finish(state, message)
    return job.id


def test_a_job_comes_back_as_it_was_added_even_after_a_restart(jobs, path):
    payload = {"paths": ["/photos/\u2603", os.fsdecode(b"caf\xe9.jpg")], "k": 6, "deep": {"x": None, "y": 0.5}}
    before = datetime.now(UTC)
    job = jobs.add("read", payload, title="Photos \u2603")
    jobs.close()
    again = Jobs(path).get(job.id)
    assert again == job
    assert (again.kind, again.title, again.payload, again.state) == ("read", "Photos \u2603", payload, "waiting")
    assert (again.done, again.total, again.per_second, again.seconds_left) == (0, None, 0, None)
    assert (again.num_failed, again.attempts, again.started_at, again.ended_at) == (0, 0, None, None)
    assert before <= again.created_at <= datetime.now(UTC)


def test_jobs_are_claimed_oldest_first_and_only_of_the_kinds_asked_for(jobs):
    first, other, second = (jobs.add(kind, {"n": n}) for n, kind in enumerate(["read", "train", "read"]))
    claimed = [jobs.claim(["read", "write"]) for _ in range(3)]
    assert [task and task.job.id for task in claimed] == [first.id, second.id, None]
    assert jobs.get(other.id).state == "waiting"
    assert jobs.claim([]) is None


def test_a_claimed_job_runs_and_is_claimed_by_nobody_else_in_this_process(jobs, path):
    job = jobs.add("read", {})
    task = jobs.claim(["read"])
    assert (task.job.state, task.job.attempts) == ("running", 1)
    assert task.job.started_at >= job.created_at
    assert Jobs(path).claim(["read"]) is None


def test_jobs_are_found_newest_first_by_kind_and_state_a_page_at_a_time(jobs):
    done = end(jobs, "read")
    train = jobs.add("train", {}).id
    reads = [jobs.add("read", {}).id for _ in range(4)]
    assert [job.id for job in jobs.find(limit=9)] == [*reversed(reads), train, done]
    assert [job.id for job in jobs.find(kinds=["read"], states=["waiting"], limit=2, offset=1)] == [reads[2], reads[1]]
    assert [job.id for job in jobs.find(states=["done", "failed"], limit=9)] == [done]


def test_an_unknown_job_is_nothing_there_for_everybody(jobs):
    for act in (jobs.get, jobs.cancel, jobs.retry):
        with pytest.raises(NothingThere, match="no job 77 here"):
            act(77)
    assert jobs.failures(77, limit=9) == []


def test_a_waiting_job_that_is_cancelled_ends_at_once_and_is_never_claimed(jobs):
    job = jobs.add("read", {})
    jobs.cancel(job.id)
    cancelled = jobs.get(job.id)
    assert (cancelled.state, cancelled.message, cancelled.is_ended) == (
        "cancelled",
        "It was cancelled while it waited.",
        True,
    )
    assert cancelled.ended_at >= job.created_at
    assert jobs.claim(["read"]) is None


def test_an_ended_job_that_is_cancelled_stays_as_it_ended(jobs):
    done = end(jobs, "read", message="all read")
    before = jobs.get(done)
    jobs.cancel(done)
    assert jobs.get(done) == before


def test_a_running_job_that_is_cancelled_is_told_and_ends_as_its_task_says(jobs):
    job = jobs.add("read", {})
    task = jobs.claim(["read"])
    jobs.cancel(job.id)
    assert (jobs.get(job.id).state, jobs.get(job.id).cancelling) == ("running", True)
    task.finish("waiting", "left")  # as a worker that stops just then would say
    assert (jobs.get(job.id).state, jobs.get(job.id).cancelling) == ("cancelled", False)


def test_a_unique_job_is_the_equal_one_that_waits_or_runs(jobs):
    payload = {"paths": ["/a", "/b"], "deep": True}
    job = jobs.add("read", payload)
    assert jobs.add("read", dict(reversed(payload.items())), unique=True).id == job.id
    task = jobs.claim(["read"])
    assert jobs.add("read", payload, unique=True).id == job.id
    others = [jobs.add("read", {"paths": ["/b", "/a"]}, unique=True), jobs.add("train", payload, unique=True)]
    assert job.id not in [other.id for other in others]
    assert jobs.add("read", payload).id != job.id  # unless it is not asked to be unique
    task.finish("done", "")
    assert jobs.add("read", payload, unique=True).id != job.id


def test_a_unique_job_is_new_when_the_equal_one_is_being_cancelled(jobs):
    job = jobs.add("read", {})
    jobs.claim(["read"])
    jobs.cancel(job.id)
    assert jobs.add("read", {}, unique=True).id != job.id


def test_a_retry_is_a_new_job_with_only_what_failed(jobs):
    job = jobs.add("read", {"paths": ["/photos"], "only": ["old"]}, title="Photos")
    task = jobs.claim(["read"])
    task.fail("/photos/b.jpg", "it is empty")
    task.fail("/photos/a.jpg", "it is no picture")
    task.finish("done", "2 of 9 could not be read")
    again = jobs.retry(job.id)
    assert (again.kind, again.title, again.state) == ("read", "Photos", "waiting")
    assert again.payload == {"paths": ["/photos"], "only": ["/photos/b.jpg", "/photos/a.jpg"]}
    assert jobs.get(job.id).num_failed == 2
    assert jobs.retry(job.id).id == again.id  # pressed twice


def test_a_retry_of_a_job_without_failures_is_no_job(jobs):
    assert jobs.retry(end(jobs, "read")) is None
    assert len(jobs.find(limit=9)) == 1


def test_forgetting_removes_ended_jobs_with_their_failures_and_no_others(jobs):
    waiting, running = jobs.add("train", {}).id, jobs.add("read", {}).id
    task = jobs.claim(["read"])
    task.fail("a", "b")
    assert jobs.forget([waiting, running, 77]) == 0
    task.finish("done", "")
    assert jobs.forget([waiting, running, running]) == 1
    assert [job.id for job in jobs.find(limit=9)] == [waiting]
    assert jobs.failures(running, limit=9) == []


def test_the_number_of_a_forgotten_job_is_not_given_again(jobs):
    gone = end(jobs, "read")
    jobs.forget([gone])
    assert jobs.add("read", {}).id > gone


def test_ended_jobs_beyond_the_number_kept_go_with_their_failures(jobs, monkeypatch):
    monkeypatch.setattr("deepseek_mm.jobs.records.KEEP", FEW)
    long = jobs.add("long", {}).id
    task = jobs.claim(["long"])
    first = jobs.add("read", {}).id
    reading = jobs.claim(["read"])
    reading.fail("a", "b")
    reading.finish("done", "")
    ended = [end(jobs, "read") for _ in range(FEW)]
    with pytest.raises(NothingThere):
        jobs.get(first)
    assert jobs.failures(first, limit=9) == []
    task.finish("done", "")  # the oldest by its number, and the newest by its end
    assert [job.id for job in jobs.find(limit=999)] == [*reversed(ended[1:]), long]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)], ids=["back", "forward"])
def test_a_clock_that_jumps_changes_no_order(jobs, monkeypatch, jump):
    class Jumping(datetime):
        days = 0

        @classmethod
        def now(cls, tz=None):
            cls.days += 1
            return datetime.now(tz) + cls.days * jump

    for module in ("table", "records"):
        monkeypatch.setattr(f"deepseek_mm.jobs.{module}.datetime", Jumping)
    monkeypatch.setattr("deepseek_mm.jobs.records.KEEP", 2)
    made = [jobs.add("read", {}).id for _ in range(4)]
    for number in made:
        task = jobs.claim(["read"])
        assert task.job.id == number
        task.finish("done", "")
    assert [job.id for job in jobs.find(limit=9)] == [made[3], made[2]]


def test_failures_come_in_their_order_a_page_at_a_time(jobs):
    job = jobs.add("read", {})
    task = jobs.claim(["read"])
    for n in range(5):
        task.fail(f"{n}", f"reason {n}")
    assert jobs.failures(job.id, limit=2, offset=1) == [
        Failed(item="1", reason="reason 1"),
        Failed(item="2", reason="reason 2"),
    ]


def test_seconds_left_are_known_while_it_runs_at_a_known_speed_towards_a_known_end(jobs, path):
    now_s = [0.0]
    jobs = Jobs(path, clock=lambda: now_s[0])
    job = jobs.add("read", {})
    task = jobs.claim(["read"])
    task.report(0, 100)
    assert jobs.get(job.id).seconds_left is None  # no speed yet
    now_s[0] = 2.0
    task.report(10)
    now = jobs.get(job.id)
    assert (now.per_second, now.seconds_left) == (5, 18)
    task.finish("done", "")
    assert jobs.get(job.id) == replace(
        now, state="done", message="", seconds_left=None, ended_at=jobs.get(job.id).ended_at
    )
