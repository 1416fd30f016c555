"""Changes below a folder, with real files: heard of by notice, and found by looking. Both tell the same."""

import os
import shutil
import threading
from itertools import islice

import pytest
from jobs_help import eventually
from watchfiles import Change

from deepseek_mm.library import folder_watcher
from deepseek_mm.library.folder_watcher import looks, matters, notices


class Ear:
    """Collects what a series of changes tells, in a thread of its own."""

    def __init__(self, series, folder) -> None:
        self.told, self.error, self.ended = set(), None, False
        self._folder, self._rounds, self._stop = str(folder), 0, threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(series(str(folder)),), daemon=True)
        self._thread.start()
        self.hears("")  # the folder itself: from now on nothing is missed
        self.told.clear()

    def _listen(self, series) -> None:
        try:
            for paths in series:
                self.told |= {path.removeprefix(self._folder) for path in paths}
                self._rounds += 1
                if self._stop.is_set():
                    return
        except (OSError, RuntimeError) as error:
            self.error = error
        self.ended = True

    def hears(self, *paths: str) -> None:
        eventually(lambda: set(paths) <= self.told)

    def two_rounds(self) -> None:
        """What happened before has been told after this."""
        until = self._rounds + 3
        eventually(lambda: self._rounds >= until)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(60)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "kite.jpg").write_text("kite")
    return folder


@pytest.fixture(params=[notices, looks], ids=["by notice", "by looking"])
def listen(request, monkeypatch):
    monkeypatch.setattr(folder_watcher, "LOOK_S", 0.05)
    monkeypatch.setattr(folder_watcher, "REST", 0)
    monkeypatch.setattr(folder_watcher, "YIELD_S", 0.1)
    ears = []

    def listen(folder) -> Ear:
        ears.append(Ear(request.param, folder))
        ears[-1].two_rounds()
        return ears[-1]

    yield listen
    for ear in ears:
        ear.close()


def test_files_that_come_change_and_go_are_told(folder, listen):
    ear = listen(folder)
    assert ear.told == set()
    (folder / "a\nb.jpg").write_text("new")
    ear.hears("/a\nb.jpg")
    ear.told.clear()
    (folder / "old" / "kite.jpg").write_text("another kite")
    ear.hears("/old/kite.jpg")
    ear.told.clear()
    (folder / "a\nb.jpg").unlink()
    ear.hears("/a\nb.jpg")


def test_by_looking_the_folder_itself_comes_only_after_a_first_look_at_everything(folder, monkeypatch):
    monkeypatch.setattr(folder_watcher, "STEP", 1)
    for n in range(5):
        (folder / f"{n}.jpg").touch()
    assert list(islice(looks(str(folder)), 7)) == [set()] * 6 + [{str(folder)}]  # six files


def test_what_is_left_out_of_every_reading_is_not_told(folder, listen):
    ear = listen(folder)
    for name in (".hidden.jpg", "notes.part", ".cache/a.jpg", "node_modules/a.jpg", "library/history.db"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    (folder / "library" / "uploads.jpg").write_text("x")
    (folder / "last.jpg").write_text("x")
    ear.hears("/last.jpg")
    ear.two_rounds()
    assert ear.told - {"/library", "/node_modules", "/.cache"} == {"/last.jpg"}  # "/library" was told before its mark


def covers(told: set[str], path: str) -> bool:
    return any(path == each or path.startswith(each + "/") for each in told)


def test_a_moved_folder_is_told_at_both_of_its_places_and_heard_of_afterwards(folder, listen):
    ear = listen(folder)
    (folder / "old").rename(folder / "new")
    eventually(lambda: covers(ear.told, "/old/kite.jpg") and covers(ear.told, "/new/kite.jpg"))
    ear.two_rounds()
    ear.told.clear()
    (folder / "new" / "kite.jpg").write_text("another kite")
    ear.hears("/new/kite.jpg")


def test_a_folder_that_is_moved_in_or_out_is_told(folder, listen, tmp_path):
    ear = listen(folder)
    (folder / "old").rename(tmp_path / "out")
    eventually(lambda: covers(ear.told, "/old/kite.jpg"))
    (tmp_path / "out").rename(folder / "in")
    eventually(lambda: covers(ear.told, "/in/kite.jpg"))


def test_folders_that_are_made_and_filled_at_once_lose_nothing(folder, listen):
    ear = listen(folder)
    for n in range(20):
        deep = folder / f"{n}" / "x" / "y"
        deep.mkdir(parents=True)
        (deep / "a.jpg").write_text("a")
    eventually(lambda: all(covers(ear.told, f"/{n}/x/y/a.jpg") for n in range(20)))


def test_a_loop_of_links_neither_ends_nor_repeats_the_series(folder, listen):
    (folder / "old" / "loop").symlink_to(folder)
    ear = listen(folder)
    (folder / "old" / "other").symlink_to(folder / "old")
    (folder / "a.jpg").write_text("a")
    ear.hears("/a.jpg")
    ear.two_rounds()
    assert ear.told == {"/a.jpg"}
    assert not ear.ended


def test_five_thousand_files_in_a_storm_are_all_told(folder, monkeypatch):
    ear = Ear(notices, folder)
    ear.two_rounds()
    for n in range(5_000):
        (folder / "old" / f"{n}.jpg").touch()
    ear.hears(*(f"/old/{n}.jpg" for n in range(5_000)))
    ear.close()


def test_notices_end_when_the_folder_itself_goes(folder):
    ear = Ear(notices, folder)
    ear.two_rounds()
    shutil.rmtree(folder)
    eventually(lambda: ear.ended)
    assert ear.error is None
    assert "" not in ear.told


def test_notices_of_a_folder_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        next(notices(str(tmp_path / "nowhere")))


def test_a_name_that_is_no_text_breaks_the_notices_off_openly(folder):
    ear = Ear(notices, folder)
    ear.two_rounds()
    (folder / os.fsdecode(b"caf\xe9.jpg")).touch()
    eventually(lambda: ear.ended)
    assert isinstance(ear.error, RuntimeError)


def test_looking_bears_a_name_that_is_no_text(folder, monkeypatch):
    monkeypatch.setattr(folder_watcher, "LOOK_S", 0)
    monkeypatch.setattr(folder_watcher, "REST", 0)
    series = looks(str(folder))
    assert str(folder) in set().union(*islice(series, 2))
    (folder / os.fsdecode(b"caf\xe9.jpg")).touch()
    assert any(os.fsdecode(b"caf\xe9.jpg") in path for paths in islice(series, 3) for path in paths)


class SlowDrive:
    """A clock that a look at one file moves on by half a minute."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, nap_s: float) -> None:
        self.now_s += nap_s

    def stat_file(self, path: str) -> None:
        self.now_s += 30.0


def test_a_slow_drive_rests_four_times_as_long_as_a_look_at_it_took(folder, monkeypatch):
    drive = SlowDrive()
    monkeypatch.setattr(folder_watcher, "time", drive)
    monkeypatch.setattr(folder_watcher, "stat_file", drive.stat_file)
    times_s = [drive.now_s for _ in islice(looks(str(folder)), 2 + 240 + 1)]  # a look yields twice, each nap once
    assert (times_s[1], times_s[241], times_s[242]) == (30.0, 150.0, 180.0)


def test_what_cannot_be_looked_into_for_a_while_is_not_told_as_gone(folder, monkeypatch):
    monkeypatch.setattr(folder_watcher, "LOOK_S", 0)
    monkeypatch.setattr(folder_watcher, "REST", 0)
    seen = folder_watcher.walk
    series = looks(str(folder))
    assert set().union(*islice(series, 2)) == {str(folder)}

    def glitch(path, wanted, failed):
        failed.append((path, "Input/output error"))
        return []

    monkeypatch.setattr(folder_watcher, "walk", glitch)
    assert list(islice(series, 2)) == [set(), set()]
    monkeypatch.setattr(folder_watcher, "walk", seen)
    (folder / "old" / "kite.jpg").unlink()
    assert set().union(*islice(series, 3)) == {f"{folder}/old/kite.jpg"}


@pytest.mark.parametrize(
    ("name", "change", "answer"),
    [
        ("old/kite.jpg", Change.modified, True),
        ("old/kite.xyz", Change.modified, False),
        ("old/kite.xyz", Change.deleted, True),  # perhaps a folder of that name
        ("old", Change.added, True),
        ("old", Change.modified, False),  # its times, its rights
        ("old/.kite.jpg", Change.added, False),
        (".git/kite.jpg", Change.deleted, False),
        ("", Change.deleted, False),
    ],
)
def test_a_change_matters_if_it_may_be_one_of_something_that_is_read(folder, name, change, answer):
    assert matters(str(folder), str(folder / name) if name else str(folder), change) is answer
