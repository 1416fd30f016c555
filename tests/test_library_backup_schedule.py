"""Backups that are made by themselves: due by the hour, restored as a trial, and not too many of them."""

import os
import threading
import time
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from jobs_help import eventually
from library_help import House, everything, paint

from deepseek_mm.library import backup_schedule
from deepseek_mm.library.backup import backups_in
from deepseek_mm.library.backup_schedule import AUTO, CHECK_BACKUP, BackupSchedule, ScheduleClock
from deepseek_mm.types import Answer, Question


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library", backup_every_h=1.0, backups_kept=2)
    house.done(house.library.add([paint(tmp_path / "photos")]))
    _, turn = house.history.begin(Question(text="what flies?"), image_path="", settings={}, fingerprint="f")
    house.history.finish(turn, Answer(text="a kite"))
    yield house
    house.close()


@pytest.fixture
def schedule(house):
    return BackupSchedule(config=house.config, jobs=house.library.jobs)


def done(house, job):
    """The job when it has ended, and its check."""
    job = house.done(job)
    eventually(lambda: not house.library.jobs.find(kinds=(CHECK_BACKUP,), states=("waiting", "running"), limit=1))
    return job


def age(file, hours: float) -> None:
    then = time.time() - 3600 * hours
    os.utime(file, (then, then))


def test_a_backup_is_due_once_the_hours_are_over_and_not_before(house, schedule, monkeypatch):
    job = done(house, schedule.make_due())
    assert job.state == "done"
    (file,) = schedule.list_files()
    assert file.name.endswith(f"{AUTO}.deepseek-mm")
    assert schedule.make_due() is None
    monkeypatch.setattr(backup_schedule, "datetime", Later)
    age(file, 2)
    assert schedule.make_due() is not None


class Later(datetime):
    """Two hours from now."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(hours=2)


def test_one_that_failed_is_not_tried_again_at_once(house, schedule):
    house.library.stop()
    job = schedule.make_due()
    (house.config.data / "backups").rmdir()
    house.library.start()
    assert done(house, job).state == "failed"
    assert schedule.make_due() is None


def test_a_new_one_is_restored_as_a_trial_and_then_the_oldest_go_but_none_that_somebody_made(house, schedule):
    folder = house.config.data / "backups"
    folder.mkdir()
    done(house, house.library.backup(folder / "2020-01-01-000000.deepseek-mm"))
    for day in (1, 2, 3):
        done(house, house.library.backup(folder / f"2020-02-0{day}-000000{AUTO}.deepseek-mm"))
    for each in backups_in(house.config.data):
        age(each, 48)
    before = everything(house)
    done(house, schedule.make_due())
    newest, kept = schedule.list_files()
    assert kept.name == f"2020-02-03-000000{AUTO}.deepseek-mm"
    assert (folder / "2020-01-01-000000.deepseek-mm").exists()
    check = house.library.last_check()
    assert check.message == "restored as a trial: 4 files, 1 conversations, all whole; 2 older ones were removed"
    assert (check.result["sources"], check.result["conversations"], check.payload["file"]) == (4, 1, str(newest))
    assert everything(house) == before
    assert not list(house.config.data.glob("bundle-*"))


def test_a_backup_that_cannot_be_restored_is_told_and_lets_no_older_one_go(house, schedule, tmp_path):
    folder = house.config.data / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        done(house, house.library.backup(folder / f"2020-02-0{day}-000000{AUTO}.deepseek-mm"))
    file = schedule.list_files()[0]
    with zipfile.ZipFile(file) as bundle:
        parts = {name: bundle.read(name) for name in bundle.namelist()}
    parts["history.db"] = parts["history.db"][:-4096] + bytes(4096)
    with zipfile.ZipFile(file, "w") as bundle:
        for name, data in parts.items():
            bundle.writestr(name, data)
    job = house.done(house.library.check_backup(file))
    assert job.state == "failed"
    assert "is damaged: history.db is not what was packed" in job.message
    assert house.library.last_check().id == job.id
    assert len(schedule.list_files()) == 3


def test_a_trial_for_which_the_disk_has_no_room_says_how_much_it_takes(house, schedule, monkeypatch):
    job = done(house, schedule.make_due())
    usage = type("Usage", (), {"free": 1})
    monkeypatch.setattr(backup_schedule.shutil, "disk_usage", lambda path: usage)
    check = house.done(house.library.check_backup(job.payload["file"]))
    assert check.state == "failed"
    assert "Free some space, and check it again" in check.message


def test_without_hours_none_is_made_and_with_them_the_clock_looks(tmp_path, monkeypatch):
    looked = threading.Event()
    clock = ScheduleClock(first_s=0.0, every_s=60.0)
    clock.start(looked.set)
    assert looked.wait(10)
    clock.stop()
    monkeypatch.setattr(ScheduleClock, "start", lambda self, look: looked.clear())
    House(tmp_path / "library").close()
    assert looked.is_set()
    House(tmp_path / "library", backup_every_h=1.0).close()
    assert not looked.is_set()


def test_the_time_of_the_last_one_is_the_later_of_its_job_and_its_file(house, schedule):
    assert schedule.last_begun() is None
    done(house, schedule.make_due())
    age(schedule.list_files()[0], -1)
    assert schedule.last_begun() > datetime.now(UTC) + timedelta(minutes=59)
