"""Watching a folder, as a job with real files: what changed is told once, and what becomes of the folder is said."""

import os
import shutil

import pytest
from jobs_help import eventually
from watchfiles import Change

from deepseek_mm.errors import LibraryError
from deepseek_mm.jobs import Jobs, Worker
from deepseek_mm.library import folder_watcher
from deepseek_mm.library import folder_watcher as watch_module
from deepseek_mm.library.folder_watcher import WATCH, Watch


class Teller:
    """Remembers what it was told; refuses while it is out of room."""

    def __init__(self, folder) -> None:
        self.folder, self.batches, self.full = str(folder), [], False

    def __call__(self, task, paths) -> None:
        assert task.job.payload == {"folder": self.folder}
        if self.full:
            raise LibraryError("the disk is full. Make room on the disk")
        self.batches.append([path.removeprefix(self.folder) for path in paths])

    def was_told(self, path: str) -> bool:
        return any(path in batch for batch in self.batches)

    def covers(self, path: str) -> bool:
        return any(path == told or path.startswith(told + "/") for batch in self.batches for told in batch)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    for module in (folder_watcher, watch_module):
        monkeypatch.setattr(module, "YIELD_S", 0.1)
    monkeypatch.setattr(folder_watcher, "LOOK_S", 0.05)
    monkeypatch.setattr(folder_watcher, "REST", 0)
    monkeypatch.setattr(folder_watcher, "QUIET_S", 0.3)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "kite.jpg").write_text("kite")
    return folder


@pytest.fixture
def jobs(tmp_path):
    jobs = Jobs(tmp_path / "jobs.db")
    yield jobs
    jobs.close()


@pytest.fixture
def teller(folder):
    return Teller(folder)


@pytest.fixture
def watch(jobs, folder, teller):
    """Starts watching: a function that says how the job stands."""
    workers = []

    def start(*, poll=False):
        worker = Worker(jobs, {WATCH: Watch(changed=teller, poll=poll).run})
        workers.append(worker)
        job = jobs.add(WATCH, {"folder": str(folder)}, unique=True)
        worker.start()
        eventually(lambda: not folder.exists() or teller.batches)
        return lambda: jobs.get(job.id)

    yield start
    for worker in workers:
        worker.stop(60)


def test_the_folder_itself_is_told_first_for_what_happened_while_nobody_watched(watch, folder, teller):
    job = watch()
    assert teller.batches == [[""]]
    assert (job().state, job().message) == ("running", f"Watching {folder}.")


@pytest.mark.parametrize("poll", [False, True], ids=["by notice", "by looking"])
def test_a_file_is_told_when_it_comes_changes_and_goes(watch, folder, teller, poll):
    job = watch(poll=poll)
    for happens in (
        lambda: (folder / "new.jpg").write_text("new"),
        lambda: (folder / "new.jpg").write_text("newer"),
        lambda: (folder / "new.jpg").unlink(),
    ):
        teller.batches.clear()
        happens()
        eventually(lambda: teller.batches)
        assert teller.batches == [["/new.jpg"]]
    eventually(lambda: job().done == 4)


def test_a_moved_folder_is_told_at_both_of_its_places(watch, folder, teller):
    watch()
    teller.batches.clear()
    (folder / "old").rename(folder / "new")
    eventually(lambda: teller.covers("/old/kite.jpg") and teller.covers("/new/kite.jpg"))


@pytest.mark.parametrize("poll", [False, True], ids=["by notice", "by looking"])
def test_five_thousand_changes_are_a_handful_of_calls_that_cover_them(watch, folder, teller, poll):
    watch(poll=poll)
    teller.batches.clear()
    for n in range(5_000):
        (folder / "old" / f"{n}.jpg").touch()
    eventually(lambda: all(teller.covers(f"/old/{n}.jpg") for n in range(5_000)))
    assert len(teller.batches) < 50


@pytest.mark.parametrize("poll", [False, True], ids=["by notice", "by looking"])
def test_a_folder_that_vanishes_and_comes_back_is_said_told_and_watched_again(watch, folder, teller, tmp_path, poll):
    job = watch(poll=poll)
    teller.batches.clear()
    folder.rename(tmp_path / "away")
    eventually(lambda: job().message == f"{folder} is not there. It is watched again as soon as it is back.")
    assert teller.batches == []  # a drive that is pulled out is no reason to forget what is on it
    (tmp_path / "away").rename(folder)
    eventually(lambda: teller.was_told(""))
    assert job().message == f"Watching {folder} again, after it was away."
    (folder / "new.jpg").write_text("new")
    eventually(lambda: teller.was_told("/new.jpg"))


def test_a_folder_that_is_deleted_and_made_anew_at_once_is_watched_again(watch, folder, teller):
    watch()
    teller.batches.clear()
    shutil.rmtree(folder)
    folder.mkdir()
    eventually(lambda: teller.was_told(""))
    (folder / "new.jpg").write_text("new")
    eventually(lambda: teller.covers("/new.jpg"))


def test_a_folder_that_is_not_there_at_first_is_waited_for(watch, folder, teller):
    shutil.rmtree(folder)
    job = watch()
    eventually(lambda: "is not there" in job().message)
    folder.mkdir()
    eventually(lambda: teller.was_told(""))


def test_a_name_that_is_no_text_makes_the_whole_folder_be_looked_at(watch, folder, teller):
    watch()
    teller.batches.clear()
    (folder / os.fsdecode(b"caf\xe9.jpg")).touch()
    eventually(lambda: teller.was_told(""))
    (folder / "new.jpg").write_text("new")
    eventually(lambda: teller.covers("/new.jpg"))


def test_a_system_without_notices_is_looked_at_instead_and_says_so(watch, folder, teller, monkeypatch):
    def no_more(*_, **__):
        raise OSError('OS file watch limit reached. about ["/photos/2"] (Error { kind: MaxFilesWatch })')
        yield

    monkeypatch.setattr(folder_watcher, "watch", no_more)
    job = watch()
    eventually(lambda: "now and then" in job().message)
    assert job().message.endswith("the system gives no notices of it: OS file watch limit reached.")
    teller.batches.clear()
    (folder / "new.jpg").write_text("new")
    eventually(lambda: teller.was_told("/new.jpg"))


def test_a_change_that_cannot_be_taken_now_is_told_again_later(watch, folder, teller):
    job = watch()
    teller.batches.clear()
    teller.full = True
    (folder / "new.jpg").write_text("new")
    eventually(lambda: job().message == "the disk is full. Make room on the disk")
    teller.full = False
    eventually(lambda: teller.was_told("/new.jpg"))
    eventually(lambda: job().message == f"Watching {folder}.")


def test_a_watch_ends_when_it_is_cancelled_and_waits_when_its_worker_stops(jobs, folder, teller):
    job = jobs.add(WATCH, {"folder": str(folder)})
    for end in ("stop", "cancel"):
        worker = Worker(jobs, {WATCH: Watch(changed=teller).run})
        worker.start()
        eventually(lambda: jobs.get(job.id).state == "running" and teller.batches)
        if end == "cancel":
            jobs.cancel(job.id)
            eventually(lambda: jobs.get(job.id).is_ended)
        assert worker.stop(60)
        assert jobs.get(job.id).state == {"stop": "waiting", "cancel": "cancelled"}[end]
    assert jobs.get(job.id).message == f"{folder} is no longer watched."


def test_a_sidecar_that_changes_is_told_as_its_folder_in_which_the_photo_is(tmp_path):
    home, beside = str(tmp_path), str(tmp_path / "a.jpg.xmp")
    assert folder_watcher.matters(home, beside, Change.modified)
    assert not folder_watcher.matters(home, str(tmp_path / ".a.jpg.xmp"), Change.modified)
    assert folder_watcher.file_told(beside) == home
    assert folder_watcher.file_told(str(tmp_path / "a.jpg")) == str(tmp_path / "a.jpg")
