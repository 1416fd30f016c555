"""Many processes at one table, and some that are killed: each job is done once, and none is forgotten."""

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from jobs_help import in_another_process

from deepseek_mm.jobs import Failed, Jobs
from deepseek_mm.jobs.records import MAX_DEATHS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    jobs = Jobs(path)
    yield jobs
    jobs.close()


@pytest.mark.campaign(times=1, only=True)
def test_eight_processes_take_each_of_two_hundred_jobs_exactly_once(jobs, path):
    takes = """
say("ready")
while not Path(sys.argv[2]).exists():
    time.sleep(0.001)
while task := jobs.claim(["read"]):
    say(task.job.id)
    task.finish("done", "")
"""
    made = [jobs.add("read", {"n": n}).id for n in range(200)]
    start = path.with_name("start")
    takers = [in_another_process(takes, path, start) for _ in range(8)]
    assert [taker.stdout.readline() for taker in takers] == ["ready\n"] * 8
    start.touch()
    outputs = [taker.communicate(timeout=120)[0].split() for taker in takers]
    assert [taker.returncode for taker in takers] == [0] * 8
    assert sum(output != [] for output in outputs) > 1  # there was a race
    taken = [int(number) for output in outputs for number in output]
    assert sorted(taken) == made
    assert Counter(job.state for job in jobs.find(limit=999)) == {"done": 200}


def test_sixteen_threads_take_each_of_fifty_jobs_exactly_once(jobs):
    def take() -> None:
        while task := jobs.claim(["read"]):
            taken.append(task.job.id)

    taken: list[int] = []
    made = [jobs.add("read", {"n": n}).id for n in range(50)]
    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == made


HOLDS = """
task = jobs.claim(["read"])
task.fail("a.jpg", "it is empty")
task.report(int(sys.argv[2]), 9, "reading")
say("ready")
time.sleep(60)
"""


def killed_at(path: Path, done: int) -> None:
    """A process takes a job, comes to item `done`, and is killed."""
    with in_another_process(HOLDS, path, done) as holder:
        assert holder.stdout.readline() == "ready\n"
        holder.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # a zombie now, as under a careless parent


def test_the_job_of_a_living_process_is_its_own_and_after_a_kill_it_is_claimed_again(jobs, path):
    job = jobs.add("read", {})
    with in_another_process(HOLDS, path, 4) as holder:
        assert holder.stdout.readline() == "ready\n"
        assert jobs.claim(["read"]) is None
        assert jobs.get(job.id).state == "running"
        holder.kill()
    left = jobs.get(job.id)
    assert (left.state, left.done, left.total) == ("waiting", 4, 9)
    assert left.message == "It was interrupted, and goes on where it stopped."
    assert jobs.failures(job.id, limit=9) == [Failed(item="a.jpg", reason="it is empty")]
    again = jobs.claim(["read"]).job
    assert (again.id, again.attempts, again.done) == (job.id, 2, 4)


def test_a_job_that_takes_three_processes_down_at_the_same_place_fails_and_says_so(jobs, path):
    job = jobs.add("read", {})
    for deaths in range(MAX_DEATHS):
        assert jobs.get(job.id).state == "waiting", f"after {deaths} deaths"
        killed_at(path, 4)
    failed = jobs.get(job.id)
    assert (failed.state, failed.attempts) == ("failed", 3)
    assert failed.message.startswith("The process ended 3 times in the middle of this, the last time after 4 items.")
    assert jobs.claim(["read"]) is None


def test_a_long_job_that_gets_further_each_time_may_be_killed_more_often(jobs, path):
    job = jobs.add("read", {})
    for done in range(MAX_DEATHS):
        killed_at(path, done)
    assert jobs.get(job.id).state == "waiting"


def test_a_job_that_was_being_cancelled_when_its_process_died_is_cancelled(jobs, path):
    job = jobs.add("read", {})
    with in_another_process(HOLDS, path, 4) as holder:
        assert holder.stdout.readline() == "ready\n"
        jobs.cancel(job.id)
        holder.kill()
    assert jobs.claim(["read"]) is None
    assert jobs.get(job.id).state == "cancelled"
    assert jobs.get(job.id).message == "It was cancelled, and its process ended before it could say so."


def test_a_job_whose_process_died_can_be_cancelled_without_any_worker(jobs, path):
    job = jobs.add("read", {})
    killed_at(path, 4)
    jobs.cancel(job.id)
    assert jobs.get(job.id).state == "cancelled"


BUSY = """
import deepseek_mm.jobs.records as rows
rows.KEEP = 10**6
while True:
    job = jobs.add("read", {"items": 5})
    say("added", job.id)
    for _ in range(2):
        task = jobs.claim(["read"])
        if task is None: break
        say("took", task.job.id)
        for n in range(5):
            task.fail(f"item {n}", "bad")
            say("failed", task.job.id, n)
            task.report(n + 1, 5)
        task.finish("done", "all five")
        say("done", task.job.id)
"""


def killed_while_busy(path: Path, moment: random.Random) -> list[tuple[str, ...]]:
    """What a process said before it was killed at a random moment: (word, number of the job, item)."""
    with in_another_process(BUSY, path) as busy:
        first = busy.stdout.readline()
        time.sleep(moment.uniform(0, 0.3))
        busy.kill()
        lines = [first, *busy.stdout]
    return [tuple(line.split()) for line in lines if line.endswith("\n")]


@pytest.mark.campaign(times=25, only=True)
def test_a_kill_at_any_moment_loses_no_acknowledged_job_and_repeats_no_finished_one(path, request):
    moment = random.Random(request.node.name)
    said: list[tuple[str, ...]] = []
    for _ in range(4):
        said += killed_while_busy(path, moment)
        with closing(Jobs(path)) as jobs:
            check(jobs, said)
            assert jobs.find(states=["running"], limit=1) == []


def check(jobs: Jobs, said: list[tuple[str, ...]]) -> None:
    kept = {str(job.id): job for job in jobs.find(limit=10**6)}
    last_take = {number: n for n, (word, number, *_) in enumerate(said) if word == "took"}
    assert {job.state for job in kept.values()} <= {"waiting", "done"}
    assert {number for word, number, *_ in said if word == "added"} <= set(kept)
    for n, (word, number, *_) in enumerate(said):
        if word == "done":
            assert (kept[number].state, kept[number].done, kept[number].message) == ("done", 5, "all five")
            assert last_take[number] < n  # nobody took it again
    items = {number: {f.item for f in jobs.failures(int(number), limit=9)} for number in kept}
    assert [words for words in said if words[0] == "failed" and f"item {words[2]}" not in items[words[1]]] == []
