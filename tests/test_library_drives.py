"""A folder that is away as a whole is offline: its files stay known, and are back when it is."""

import os

import pytest
from jobs_help import eventually
from library_help import COLOURS, House, paint

from deepseek_mm.errors import NothingThere
from deepseek_mm.library import drives
from deepseek_mm.library.drives import Drives, keep_outermost, list_mounts_below

NAMES = sorted(f"{colour}.png" for colour in COLOURS)


@pytest.fixture(autouse=True)
def _looked_at_each_time(monkeypatch):
    monkeypatch.setattr(drives, "REMEMBERED_S", 0.0)


@pytest.fixture
def stick(tmp_path):
    """A folder that stands for a drive."""
    return paint(tmp_path / "stick")


@pytest.fixture
def house(tmp_path, stick):
    house = House(tmp_path / "library")
    house.done(house.library.add([stick]))
    yield house
    house.close()


def unplug(stick, *, leaves_mount_point: bool = False) -> None:
    stick.rename(stick.with_name("in the drawer"))
    if leaves_mount_point:
        stick.mkdir()


def plug_in(stick) -> None:
    if stick.exists():
        stick.rmdir()
    stick.with_name("in the drawer").rename(stick)


@pytest.mark.parametrize("leaves_mount_point", [False, True])
def test_an_index_of_what_is_unplugged_forgets_nothing_and_says_so(house, stick, leaves_mount_point):
    unplug(stick, leaves_mount_point=leaves_mount_point)
    job = house.done(house.library.add([stick], forget=True))
    assert (job.state, job.result["offline"], job.result["vanished"]) == ("done", 4, [])
    assert job.message.endswith(f"; 4 files are offline, for {stick} is not there now")
    assert house.names() == NAMES
    plug_in(stick)
    assert house.done(house.library.add([stick], forget=True)).message == "0 added, 0 replaced, 4 unchanged"


def test_one_file_that_is_missing_in_a_folder_that_is_there_is_gone(house, stick):
    (stick / "red.png").unlink()
    job = house.done(house.library.add([stick], forget=True))
    assert (job.result["offline"], job.result["vanished"]) == (0, [str(stick / "red.png")])
    assert "red.png" not in house.names()


def test_repair_and_health_know_what_is_offline_from_what_is_gone(house, stick):
    unplug(stick)
    health = house.library.health()
    assert (health.gone, health.offline, health.away) == (0, 4, (str(stick),))
    job = house.done(house.library.repair(forget=True))
    said = "It is not there now: 4 files below it are offline. They stay known until it is back"
    assert [reason.partition(";")[0] for reason in house.failed(job).values()] == [said]
    assert house.names() == NAMES
    plug_in(stick)
    assert house.library.health().offline == 0


def test_what_must_be_opened_is_said_to_be_offline_and_is_searched_all_the_same(house, stick):
    unplug(stick)
    red = next(source for source in house.store.sources(limit=9) if source.name == "red.png")
    with pytest.raises(NothingThere, match=f"red.png is offline: {stick} is not there now. Plug in or mount the drive"):
        house.library.quarantine.read_page(red.path, 0)
    assert house.library.read_facts(red).away == str(stick)
    hits = house.store.search_many(house.space.embed_texts(["red"]), k=1)[0]
    assert hits[0].region.source.name == "red.png"


def test_pictures_that_are_offline_wait_for_their_second_pass_without_a_complaint(house, stick):
    unplug(stick)
    job = house.done(house.library.jobs.add("read text", {}))
    assert (job.num_failed, job.state) == (0, "done")


def test_a_watched_folder_is_offline_while_it_is_away_and_comes_back_by_itself(house, stick):
    house.library.watch(stick)
    eventually(lambda: len(house.library.jobs.find(kinds=("index",), states=("done",), limit=9)) == 2)
    unplug(stick)
    eventually(lambda: house.library.drives.list_away() == (str(stick),))
    plug_in(stick)
    (stick / "red.png").rename(stick / "kite.png")
    eventually(lambda: "kite.png" in house.names())
    assert len(house.names()) == 4


def test_what_an_earlier_version_indexed_is_remembered_at_the_next_start(house, stick):
    house.library.stop()
    (house.config.data / drives.ROOTS).unlink()
    house.library.start()
    unplug(stick)
    assert house.library.drives.find_away(str(stick / "red.png")) == str(stick)


def test_a_drive_that_was_mounted_below_a_folder_is_away_once_nothing_is_mounted_there(tmp_path, stick, monkeypatch):
    mounted = {str(stick)}
    monkeypatch.setattr(os.path, "ismount", lambda path: path in mounted)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 {stick} vfat rw 0 0\n/dev/sdc1 /elsewhere ext4 rw 0 0\n")
    monkeypatch.setattr(drives, "MOUNTS", mounts)
    known = Drives(tmp_path)
    known.note([str(tmp_path)])
    assert known.list_away() == ()
    mounted.clear()
    assert known.list_away() == (str(stick),)
    assert known.list_offline([str(stick / "red.png"), str(tmp_path / "other.png")]) == {str(stick / "red.png")}


def test_places_with_spaces_are_read_as_they_are_mounted(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(r"/dev/sdb1 /media/MY\040STICK vfat rw 0 0" + "\n")
    monkeypatch.setattr(drives, "MOUNTS", mounts)
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    assert list_mounts_below("/media") == ["/media/MY STICK"]


def test_of_folders_in_each_other_the_outermost_is_kept():
    assert keep_outermost(["/a/b", "/a", "/ab", "/a/c/d"]) == ("/a", "/ab")
    assert keep_outermost(["/a", "/"]) == ("/",)
