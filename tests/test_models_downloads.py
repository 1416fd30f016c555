"""A download is a job: it shows how far it is, is paused, resumed and cancelled, and survives a kill."""

from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hub_help import FAST, NAME, SIZE, WEIGHTS, begin_anew, environ_of, model_files, parts
from hub_server import Fault, hub_server
from jobs_help import eventually

from deepseek_mm.config import Config, HubConfig
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from deepseek_mm.hub import Revisions, in_cache
from deepseek_mm.jobs import Jobs, Worker
from deepseek_mm.models.downloads import DOWNLOAD, PAUSED, Downloads, HubPermission, allow_hub
from deepseek_mm.settings_file import SettingsFile

SLOW = Fault(on="/cdn/", chunk_s=0.02, holds_at=0.6, times=99)


@pytest.fixture(scope="module")
def shared():
    with hub_server() as server:
        yield server


@pytest.fixture
def hub(shared, tmp_path, monkeypatch):
    return begin_anew(shared, monkeypatch, tmp_path / "hub")


@pytest.fixture
def config(tmp_path):
    (tmp_path / "library").mkdir()
    return Config(data=tmp_path / "library", hub=replace(FAST, allowed=True))


@pytest.fixture
def downloads(hub, config, tmp_path):
    with closing(Jobs(config.data / "jobs.db")) as jobs:
        yield Downloads(
            config=config, jobs=jobs, permission=HubPermission.of(config), environ=environ_of(hub, tmp_path)
        )


@contextmanager
def working(downloads: Downloads):
    worker = Worker(downloads.jobs, downloads.handlers)
    worker.start()
    try:
        yield
    finally:
        assert worker.stop(20)


def until(downloads: Downloads, job: int, *states: str):
    eventually(lambda: downloads.find(job).state in states)
    return downloads.find(job)


def half_way(downloads: Downloads, job: int) -> None:
    eventually(lambda: downloads.find(job).done_bytes > SIZE // 4)


def test_a_download_ends_with_a_whole_model_whose_commit_is_kept(downloads, config, hub):
    begun = downloads.start(NAME)
    assert (begun.state, begun.name) == ("waiting", NAME)
    with working(downloads):
        ended = until(downloads, begun.job, "done")
    assert in_cache(NAME) is not None
    assert Revisions(config.data).all() == {NAME: hub.repositories[NAME].main}
    assert downloads.jobs.get(ended.job).result["revision"] == hub.repositories[NAME].main


def test_progress_is_told_in_bytes_with_the_time_that_is_left(downloads, hub):
    hub.faults = [SLOW]
    with working(downloads):
        job = downloads.start(NAME).job
        eventually(lambda: downloads.find(job).seconds_left)
        now = downloads.find(job)
        assert 0 < now.done_bytes < now.total_bytes
        assert now.total_bytes == sum(
            len(data) for path, data in model_files().items() if not path.endswith((".py", ".bin"))
        )
        assert now.bytes_per_second > 0
        eventually(lambda: downloads.find(job).message == WEIGHTS)


def test_a_paused_download_stays_paused_over_starts_and_is_resumed_where_it_was(downloads, hub):
    hub.faults = [SLOW]
    with working(downloads):
        job = downloads.start(NAME).job
        half_way(downloads, job)
        paused = downloads.pause(job)
        assert paused.state == "paused"
        eventually(lambda: downloads.jobs.get(job).is_ended)
    assert paused.done_bytes > 0
    assert paused.total_bytes is not None
    (part,) = parts()
    here = part.stat().st_size
    hub.faults.clear()
    with working(downloads):  # another start: nothing goes on by itself
        assert downloads.find(job).state == "paused"
        resumed = downloads.resume(job)
        assert until(downloads, resumed.job, "done", "failed").state == "done"
    assert hub.starts(WEIGHTS) == [0, here]
    assert [each.name for each in downloads.list()] == [NAME]


def test_a_wish_to_pause_that_comes_too_late_leaves_the_download_done(downloads, monkeypatch):
    job = downloads.start(NAME).job
    with working(downloads):
        until(downloads, job, "done")
        running = replace(downloads.find(job), state="running")
        monkeypatch.setattr(Downloads, "find", lambda self, number: running)  # as it was a moment ago
        downloads.pause(job)
        monkeypatch.undo()
    assert [each.state for each in downloads.list()] == ["done"]


def test_a_download_that_only_waits_can_be_paused_and_resumed_by_its_first_number(downloads):
    job = downloads.start(NAME).job
    assert downloads.pause(job).state == "paused"
    assert downloads.pause(job).state == "paused"
    assert downloads.start(NAME).state == "waiting"  # asking for it again goes on with it
    with working(downloads):
        assert until(downloads, job, "done", "failed").state == "done"


def test_a_cancelled_download_leaves_nothing_and_can_be_begun_again(downloads, hub):
    hub.faults = [SLOW]
    with working(downloads):
        job = downloads.start(NAME).job
        half_way(downloads, job)
        downloads.cancel(job)
        until(downloads, job, "cancelled")
        assert parts() == []
        hub.faults.clear()
        assert until(downloads, downloads.resume(job).job, "done", "failed").state == "done"


def test_a_paused_download_that_is_cancelled_leaves_nothing(downloads, hub):
    hub.faults = [SLOW]
    with working(downloads):
        job = downloads.start(NAME).job
        half_way(downloads, job)
        downloads.pause(job)
        eventually(lambda: downloads.jobs.get(job).is_ended)
        assert parts() != []
        assert downloads.cancel(job).state == "cancelled"
    assert parts() == []


def test_a_download_that_is_cancelled_before_its_pause_has_come_through_leaves_nothing(downloads, hub):
    hub.faults = [replace(SLOW, chunk_s=0.2)]
    with working(downloads):
        job = downloads.start(NAME).job
        eventually(lambda: downloads.find(job).done_bytes)
        downloads.pause(job)
        assert downloads.cancel(job).state == "cancelled"  # the transfer has not noticed yet, and holds its lock
        eventually(lambda: downloads.jobs.get(job).is_ended)
    assert parts() == []


def test_asking_twice_is_one_download(downloads):
    assert downloads.start(NAME) == downloads.start(NAME)
    assert len(downloads.jobs.find(kinds=(DOWNLOAD, PAUSED), limit=9)) == 1


def test_a_failed_download_tells_why_and_goes_on_when_it_is_resumed(downloads, hub, config):
    hub.faults = [Fault(on="/cdn/", breaks_at=0.5), Fault(on="/cdn/", status=503, times=4)]
    with working(downloads):
        job = downloads.start(NAME).job
        failed = until(downloads, job, "failed", "done")
        assert "status 503" in failed.message
        assert "goes on from there when it is resumed" in failed.message
        assert Revisions(config.data).all() == {}
        assert until(downloads, downloads.resume(job).job, "done", "failed").state == "done"
    assert hub.starts(WEIGHTS) == [0, SIZE // 2]


def test_a_program_that_ends_leaves_the_download_to_the_next_start(downloads, hub):
    hub.faults = [SLOW]
    with working(downloads):
        job = downloads.start(NAME).job
        half_way(downloads, job)
    assert downloads.find(job).state == "waiting"
    hub.faults.clear()
    with working(downloads):
        assert until(downloads, job, "done", "failed").state == "done"
    assert len(hub.starts(WEIGHTS)) == 2


def test_a_kept_commit_is_downloaded_until_somebody_wants_the_newest(downloads, hub, config):
    kept = hub.repositories[NAME].main
    Revisions(config.data).keep(NAME, kept)
    newer = hub.put(NAME, model_files(seed=2))
    with working(downloads):
        until(downloads, downloads.start(NAME).job, "done", "failed")
        assert in_cache(f"{NAME}@{kept}") is not None
        until(downloads, downloads.start(NAME, newest=True).job, "done", "failed")
    assert Revisions(config.data).all() == {NAME: newer}


def test_nothing_is_downloaded_before_somebody_has_allowed_it(downloads, config, hub):
    closed = replace(config, hub=HubConfig())
    shut = replace(downloads, config=closed, permission=HubPermission.of(closed))
    with pytest.raises(Conflict, match=r"hub\.allowed is false"):
        shut.start(NAME)
    job = downloads.start(NAME).job
    with working(shut):  # a download of before, which somebody has since forbidden
        assert "hub.allowed is false" in until(shut, job, "failed", "done").message
    assert not hub.asked


def test_the_first_download_by_hand_allows_it_for_good_unless_this_start_forbids_it(config):
    plain = replace(config, hub=HubConfig())
    permission = HubPermission.of(plain)
    assert not permission.is_given()
    allow_hub(SettingsFile.of(plain))
    assert permission.is_given()  # also of a program that runs already
    assert SettingsFile.of(plain).read().config.hub.allowed
    assert not HubPermission.of(plain).is_given()  # a start whose flag says otherwise
    flag = SettingsFile({"data": str(config.data), "hub.allowed": "false"}, environ={}, cwd=Path.cwd())
    with pytest.raises(Conflict, match=r"fixed by flag hub\.allowed of this start"):
        allow_hub(flag)


def test_jobs_heed_the_settings_file_that_this_start_names(config, tmp_path):
    named = tmp_path / "named.toml"
    named.write_text("[hub]\nallowed = true\n")
    plain = replace(config, hub=HubConfig())
    permission = HubPermission.of(plain)
    assert not permission.is_given()
    permission.follow(SettingsFile({"data": str(config.data), "config": str(named)}, environ={}, cwd=tmp_path))
    assert permission.is_given()


@pytest.mark.parametrize("name", ["model", "a/b/c", "../b", "", "/etc/passwd"])
def test_only_a_hubs_name_can_be_downloaded(downloads, name):
    with pytest.raises(BadQuestion, match="OWNER/MODEL"):
        downloads.start(name)


def test_another_job_is_no_download(downloads):
    other = downloads.jobs.add("index", {"paths": []})
    with pytest.raises(NothingThere, match=f"job {other.id} is no download"):
        downloads.find(other.id)
