"""Following a job: its states in their order, the end last, and no hold on the file meanwhile."""

import sqlite3
import threading
from contextlib import closing

import pytest

from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs import Jobs, Worker, follow


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    jobs = Jobs(path)
    yield jobs
    jobs.close()


def test_a_job_is_followed_from_waiting_to_its_end(jobs):
    go_on = threading.Event()

    def handler(task):
        for n in range(1, 4):
            task.report(n, 3)
            go_on.wait(60)
        return "read"

    job = jobs.add("read", {})
    worker = Worker(jobs, {"read": handler})
    seen = []
    for state in follow(jobs, job.id):
        seen.append(state)
        if state.state == "waiting" and not worker._threads:
            worker.start()
        if state.done:
            go_on.set()
    assert worker.stop(60)
    assert [seen[0].state, seen[-1].state, seen[-1].message, seen[-1].done] == ["waiting", "done", "read", 3]
    assert [job.done for job in seen] == sorted(job.done for job in seen)
    assert [job.is_ended for job in seen] == [False] * (len(seen) - 1) + [True]


def test_a_job_that_has_ended_is_one_state(jobs):
    job = jobs.add("read", {})
    jobs.cancel(job.id)
    assert [state.state for state in follow(jobs, job.id)] == ["cancelled"]


def test_a_job_that_nothing_happens_to_is_told_again_so_that_a_follower_can_leave(jobs):
    job = jobs.add("read", {})
    states = follow(jobs, job.id)
    assert [next(states), next(states)] == [job, job]
    states.close()


def test_an_unknown_job_cannot_be_followed_and_a_forgotten_one_ends(jobs):
    with pytest.raises(NothingThere):
        next(follow(jobs, 77))
    job = jobs.add("read", {})
    states = follow(jobs, job.id)
    next(states)
    jobs.cancel(job.id)
    jobs.forget([job.id])
    assert list(states) == []


def test_between_two_looks_the_file_is_free(jobs, path):
    states = follow(jobs, jobs.add("read", {}).id)
    next(states)
    with closing(sqlite3.connect(path, timeout=0)) as other:
        busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0  # no reader holds on to an old moment
