"""Jobs that somebody asks for over the API: names, keys, haste, a limited queue, and the text that grows."""

import threading

import pytest
from jobs_help import eventually

from deepseek_mm.errors import Busy, Conflict, NothingThere
from deepseek_mm.jobs import JobRequest, Jobs, Worker

ME, YOU = JobRequest(by="me"), JobRequest(by="you")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    jobs = Jobs(path)
    yield jobs
    jobs.close()


def test_a_job_is_known_by_its_name_to_its_asker_alone(jobs):
    mine = jobs.add("ask", {"n": 1}, asked=ME)
    assert jobs.find_by_token(mine.token, by="me") == mine
    for token, by in ((mine.token, "you"), (mine.token, ""), ("", ""), ("x" * 999, "me")):
        with pytest.raises(NothingThere):
            jobs.find_by_token(token, by=by)
    assert len({mine.token, jobs.add("ask", {"n": 1}, asked=ME).token}) == 2


def test_the_librarys_own_list_leaves_out_what_others_asked_for(jobs):
    own, mine, yours = jobs.add("read", {}), jobs.add("ask", {}, asked=ME), jobs.add("ask", {}, asked=YOU)
    assert [job.id for job in jobs.find(limit=9)] == [own.id]
    assert [job.id for job in jobs.find(limit=9, by="me")] == [mine.id]
    assert [job.id for job in jobs.find(limit=9, by=None)] == [yours.id, mine.id, own.id]


def test_one_key_gives_one_job_even_when_it_ended_long_ago(jobs, path):
    first = jobs.add("ask", {"n": 1}, asked=JobRequest(by="me", key="k"))
    jobs.claim(["ask"]).finish("done", "")
    again = Jobs(path).add("ask", {"n": 1}, asked=JobRequest(by="me", key="k"))
    assert (again.id, again.state) == (first.id, "done")
    with pytest.raises(Conflict, match="'k' came before with another request"):
        jobs.add("ask", {"n": 2}, asked=JobRequest(by="me", key="k"))
    assert jobs.add("ask", {"n": 1}, asked=JobRequest(by="you", key="k")).id != first.id
    assert jobs.add("ask", {"n": 1}, asked=ME).id != jobs.add("ask", {"n": 1}, asked=ME).id  # no key, no memory


def test_threads_that_bring_one_key_at_once_get_one_job(jobs):
    together, seen = threading.Barrier(8), []

    def add():
        together.wait()
        seen.append(jobs.add("ask", {}, asked=JobRequest(by="me", key="k")).id)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1


def test_bulk_waits_until_nobody_sits_waiting(jobs):
    bulk = [jobs.add("ask", {}, asked=JobRequest(by="me", bulk=True)).id for _ in range(2)]
    quick = [jobs.add("ask", {}, asked=YOU).id for _ in range(2)]
    assert [jobs.ahead(jobs.get(number), ["ask"]) for number in (*quick, *bulk)] == [0, 1, 2, 3]
    assert [jobs.claim(["ask"]).job.id for _ in range(4)] == [*quick, *bulk]


def test_more_than_may_wait_are_sent_away_and_room_comes_back(jobs):
    few = JobRequest(by="me", most=2)
    for _ in range(2):
        jobs.add("ask", {}, asked=few)
    with pytest.raises(Busy, match="2 tasks wait already") as caught:
        jobs.add("ask", {}, asked=few)
    assert caught.value.retry_after_s >= 1
    jobs.add("ask", {}, asked=JobRequest(by="me", most=2, bulk=True))  # a queue of its own
    jobs.add("read", {})  # and the library's own work is never sent away
    jobs.claim(["ask"])
    jobs.add("ask", {}, asked=few)


def test_a_key_finds_its_job_also_when_the_queue_is_full(jobs):
    first = jobs.add("ask", {}, asked=JobRequest(by="me", key="k", most=1))
    assert jobs.add("ask", {}, asked=JobRequest(by="me", key="k", most=1)).id == first.id


def test_the_text_so_far_is_heard_at_once_here_and_read_from_the_file_elsewhere(jobs, path):
    number = jobs.add("ask", {}, asked=ME).id
    task = jobs.claim(["ask"])
    task.say("A red")
    task.say("A red kite")
    assert jobs.get(number).partial == "A red kite"
    eventually(lambda: Jobs(path).get(number).partial == "A red kite")
    task.say("A red kite.")
    task.finish("done", "")
    assert jobs.get(number).partial == Jobs(path).get(number).partial == "A red kite."


def test_a_job_that_is_begun_again_has_no_text_yet(jobs):
    number = jobs.add("ask", {}, asked=ME).id
    task = jobs.claim(["ask"])
    task.say("Half")
    task.finish("waiting", "")
    jobs.claim(["ask"])
    assert jobs.get(number).partial == ""


def test_cancelling_in_this_process_halts_the_work_at_once(jobs):
    number = jobs.add("ask", {}, asked=ME).id
    task = jobs.claim(["ask"])
    assert not task.stopping
    jobs.cancel(number)
    assert task.halt.is_set()
    assert task.stopping
    assert task.told == "cancel"


def test_a_worker_that_stops_halts_its_work_and_leaves_it_waiting(jobs):
    begun = threading.Event()

    def wait(task):
        begun.set()
        assert task.halt.wait(60)
        return "" if task.stopping else "nobody told me"

    worker = Worker(jobs, {"ask": wait}, threads=3)
    worker.start()
    number = jobs.add("ask", {}, asked=ME).id
    assert begun.wait(60)
    assert worker.stop(60)
    assert jobs.get(number).state == "waiting"


def test_ended_tasks_are_kept_apart_from_the_librarys_own(jobs, monkeypatch):
    monkeypatch.setattr("deepseek_mm.jobs.records.KEEP", 9)
    own = jobs.add("read", {}).id
    jobs.claim(["read"]).finish("done", "")
    for _ in range(10):
        jobs.add("ask", {}, asked=ME)
        jobs.claim(["ask"]).finish("done", "")
    assert jobs.get(own).state == "done"
    assert len(jobs.find(limit=-1, by="me")) == 10


def test_what_waits_and_runs_is_counted_by_kind(jobs):
    for kind in ("ask", "ask", "read"):
        jobs.add(kind, {}, asked=ME)
    jobs.claim(["ask"])
    assert jobs.counts(["ask"]) == {"waiting": 1, "running": 1}
    assert jobs.counts(["nothing"]) == {"waiting": 0, "running": 0}
