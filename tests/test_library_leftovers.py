"""What kills leave behind goes with the next start; what a living process is at stays."""

import os
import subprocess
import sys
import time

import pytest
from library_help import House

from deepseek_mm.library.trash import sweep, sweep_drafts_of


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def data(tmp_path):
    (tmp_path / "spaces" / "colours-1").mkdir(parents=True)
    return tmp_path


def names(data) -> list[str]:
    return sorted(path.name for path in data.rglob("*") if path.is_file())


def test_drafts_and_rooms_of_the_dead_go_and_everything_else_stays(data, dead):
    room = data / f"bundle-{dead}-x7"
    room.mkdir()
    (room / "history.db").touch()
    (data / f"upload-{dead}-x7" / "0").mkdir(parents=True)
    (data / f"upload-{dead}-x7" / "0" / "kite.jpg").touch()
    for name in (f"store.db.{dead}-12.draft", f"store.db.{dead}-12.draft-wal", "store.db", f"store.db.{dead}-12.copy"):
        (data / "spaces" / "colours-1" / name).touch()
    (data / f"store.db.{os.getpid()}-12.draft").touch()
    (data / "vectors.faiss.0a.draft").touch()
    sweep(data)
    assert names(data) == sorted(
        ["store.db", f"store.db.{dead}-12.copy", f"store.db.{os.getpid()}-12.draft", "vectors.faiss.0a.draft"]
    )
    sweep(data, everything=True)
    assert names(data) == ["store.db", f"store.db.{dead}-12.copy"]


def test_in_a_folder_that_machines_share_only_what_is_old_counts_as_left(data, dead):
    for name, age_s in (("old", 90_000), ("new", 10)):
        draft = data / f"{name}.{dead}-1.draft"
        draft.touch()
        os.utime(draft, (time.time() - age_s,) * 2)
    sweep(data, is_shared=True)
    assert names(data) == [f"new.{dead}-1.draft"]


def test_beside_a_file_only_its_own_drafts_are_swept(tmp_path, dead):
    for name in (f"a.backup.{dead}-0.draft", f"b.backup.{dead}-0.draft", "a.backup", "a.backup.my.draft"):
        (tmp_path / name).touch()
    sweep_drafts_of(tmp_path / "a.backup")
    assert names(tmp_path) == ["a.backup", "a.backup.my.draft", f"b.backup.{dead}-0.draft"]


def test_a_library_sweeps_when_it_starts(tmp_path, dead):
    (tmp_path / f"history.db.{dead}-12.draft").write_text("what was restored")
    house = House(tmp_path)
    assert f"history.db.{dead}-12.draft" not in names(tmp_path)
    house.close()
