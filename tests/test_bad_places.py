"""Folders and disks that misbehave while files go in: the rest go on, the reason is listed, nothing is lost.

Root may read everything, so some of this happens in a process that gives its rights up, or has a small disk of its own.
"""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fakes import picture
from jobs_help import eventually
from library_help import House
from made_files import zip_bytes
from slow_ingest import SlowSpace

ROOT = Path(__file__).parent.parent
COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for colour in COLOURS:
        picture(colour, size=(48, 64)).save(folder / f"{colour}.png")
    return folder


@pytest.fixture
def house(tmp_path, photos):
    """A library that knows the four photos."""
    house = House(tmp_path / "data", read_text=False)
    house.done(house.library.add([photos]))
    yield house
    assert house.store.problems() == []
    house.close()


def elsewhere(code: str, *arguments: object, before: tuple[str, ...] = ()) -> str:
    """What a process of its own prints, which has `house` open on the library in its first argument."""
    done = subprocess.run(
        [*before, sys.executable, "-c", PROLOGUE + code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PROLOGUE = """
import os, shutil, sys, time
from pathlib import Path
from library_help import House
place = Path(sys.argv[1])
photos = place / "photos"
def opened():
    return House(place / "data", read_text=False)
def tell(job):
    print(job.state, job.message)
    for item, reason in sorted(house.failed(job).items()):
        print(Path(item).name, reason)
"""
AS_OWNER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()  # as others are


def test_a_file_without_permission_is_listed_and_the_others_go_in(tmp_path, photos):
    code = 'house = opened(); (photos / "red.png").chmod(0); tell(house.done(house.library.add([photos])))'
    lines = elsewhere(code, tmp_path, before=AS_OWNER).splitlines()
    path = photos / "red.png"
    assert lines == [
        "done 3 added, 0 replaced, 0 unchanged, 1 not read",
        f"red.png {path} cannot be read: Permission denied. Check its permissions and its disk",
    ]


@pytest.mark.campaign(times=1, only=True)
def test_what_lies_in_a_folder_that_cannot_be_looked_into_is_never_forgotten(tmp_path, photos):
    """Not even where forgetting what is gone is wished: nobody can tell that it is gone."""
    code = """
(photos / "deep").mkdir()
(photos / "red.png").rename(photos / "deep" / "red.png")
house = opened()
house.done(house.library.add([photos]))
(photos / "deep").chmod(0)
(photos / "blue.png").unlink()
tell(house.done(house.library.add([photos], forget=True)))
print(house.names())
job = house.done(house.library.repair(forget=True))
print(house.names(), *house.failed(job).values())
tell(house.done(house.library.add([photos / "deep" / "red.png"], forget=True)))
(photos / "deep").chmod(0o755)
print(house.names())
"""
    path = photos / "deep"
    left = "['green.png', 'red.png', 'yellow.png']"
    assert elsewhere(code, tmp_path, before=AS_OWNER).splitlines() == [
        "done 0 added, 0 replaced, 2 unchanged, 1 not read, 1 no longer there; 1 paths that are gone were taken out",
        f"deep {path} cannot be looked into: Permission denied. Check its permissions",
        left,
        left,
        "done 0 added, 0 replaced, 0 unchanged",
        left,
    ]


@pytest.mark.campaign(times=1, only=True)
def test_a_library_that_became_read_only_says_so_and_keeps_what_it_has(tmp_path, photos):
    code = """
from deepseek_mm.errors import LibraryError
from index import IndexProblem
house = opened()
house.done(house.library.add([photos]))
house.close()
for path in sorted((place / "data").rglob("*"), reverse=True):
    path.chmod(0o555 if path.is_dir() else 0o444)
house = opened()
try:
    house.store.remove_places(list(house.store.stamps()))
except (LibraryError, IndexProblem) as error:
    print(error)
print(house.names())
house.close()
for path in sorted((place / "data").rglob("*")):
    path.chmod(0o755)
house = opened()
print(house.names())
"""
    said, names, names_later = elsewhere(code, tmp_path, before=AS_OWNER).splitlines()
    assert said.startswith(f"the index at {tmp_path}/data/spaces/")
    assert said.endswith(
        "cannot be written. Give yourself the right to write there (chmod u+w), or choose another folder with --data"
    )
    assert names_later == names == str(sorted(f"{colour}.png" for colour in COLOURS))


OWN_DISK = ("unshare", "--user", "--map-root-user", "--mount")


def has_own_disks() -> bool:
    try:
        return subprocess.run([*OWN_DISK, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.skipif(not has_own_disks(), reason="this system gives no process a disk of its own")
def test_a_full_disk_is_named_what_went_in_stays_and_the_rest_follows_when_there_is_room(tmp_path):
    """A disk of 24 megabytes, most of it taken; the job's own end is written as soon as there is room."""
    code = """
import subprocess
from fakes import picture
photos.mkdir()
for n in range(150):
    picture("red", size=(40 + n, 60), patch="blue").save(photos / f"{n:03}.png")
(place / "data").mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "small", place / "data"], check=True)
house = opened()
status = os.statvfs(place / "data")
(place / "data" / "ballast").write_bytes(bytes(status.f_bavail * status.f_bsize - 200_000))
job = house.library.add([photos])
kept, since = 0, time.monotonic()
while not house.library.jobs.get(job.id).is_ended and not (kept and time.monotonic() - since > 3):
    if len(house.store.stamps()) != kept:
        kept, since = len(house.store.stamps()), time.monotonic()
    time.sleep(0.05)
print("kept", len(house.store.stamps()))
(place / "data" / "ballast").unlink()
tell(house.done(job))
print(len(house.store.problems()))
tell(house.done(house.library.add([photos])))
print(len(house.store.stamps()), len(house.store.problems()))
"""
    lines = elsewhere(code, tmp_path, before=OWN_DISK).splitlines()
    assert lines[0].split()[0] == "kept"
    kept = int(lines[0].split()[1])
    assert 0 < kept < 150
    assert lines[1].startswith("failed no room left on the disk of ")
    assert lines[1].endswith("the last change was not made. Free some space and repeat it")
    assert lines[2:] == ["0", f"done {150 - kept} added, 0 replaced, {kept} unchanged", "150 0"]


class Meddling(SlowSpace):
    """Does something once, when so many pictures were looked at."""

    def __init__(self, after: int, meddle) -> None:
        super().__init__()
        self._after, self._meddle = after, meddle

    def look_many(self, images):
        for n, look in enumerate(super().look_many(images), 1):
            yield look
            if n == self._after:
                self._meddle()


def test_a_folder_that_vanishes_midway_costs_only_what_was_not_read_yet(tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    for n in range(60):
        picture("red", size=(40 + n, 60)).save(folder / f"{n:02}.png")
    house = House(tmp_path / "data", space=Meddling(5, lambda: shutil.rmtree(folder)), read_text=False)
    job = house.done(house.library.add([folder]))
    failed = house.failed(job)
    assert job.state == "done"
    assert 5 <= job.result["added"] < 60
    assert job.result["added"] + len(failed) == 60
    assert set(failed.values()) == {f"no file at {path}. Check the name" for path in failed}
    assert len(house.store.stamps()) == job.result["added"]  # gone from the disk, and not forgotten
    house.close()


def test_a_drive_that_was_pulled_out_is_no_reason_to_forget_its_photos(house, photos, tmp_path):
    """An empty folder is what remains of it, beside another folder that is there."""
    (tmp_path / "more").mkdir()
    picture("black").save(tmp_path / "more" / "black.png")
    photos.rename(tmp_path / "pulled-out")
    photos.mkdir()
    job = house.done(house.library.add([photos, tmp_path / "more"], forget=True))
    offline = f"4 files are offline, for {photos} is not there now"
    assert job.message == f"1 added, 0 replaced, 0 unchanged; {offline}"
    assert house.failed(job) == {}
    assert len(house.names()) == 5


def test_a_file_that_is_still_being_copied_is_refused_and_taken_in_once_it_is_whole(house, photos, tmp_path):
    picture("black", size=(640, 480)).effect_spread(20).save(tmp_path / "slow.jpg")
    whole = (tmp_path / "slow.jpg").read_bytes()
    for share in (0.1, 0.5, 0.9):
        (photos / "slow.jpg").write_bytes(whole[: int(share * len(whole))])
        job = house.done(house.library.add([photos]))
        (reason,) = house.failed(job).values()
        assert reason.startswith(f"{photos / 'slow.jpg'} is damaged or cut short")
    (photos / "slow.jpg").write_bytes(whole)
    assert house.done(house.library.add([photos])).message == "1 added, 0 replaced, 4 unchanged"


@pytest.mark.campaign(times=1, only=True)
def test_a_file_that_never_stops_growing_holds_nobody_up(house, photos):
    stop = threading.Event()

    def write() -> None:
        with (photos / "a.log").open("w") as file:
            while not stop.is_set():
                print("a line of the log", file=file, flush=True)

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: (photos / "a.log").exists() and (photos / "a.log").stat().st_size > 1_000)
    job = house.done(house.library.add([photos]))
    assert (job.state, job.result["added"], house.failed(job)) == ("done", 1, {})
    stop.set()
    writer.join()
    assert house.done(house.library.add([photos])).message == "0 added, 1 replaced, 4 unchanged"


def test_a_file_that_became_a_folder_is_gone_and_what_is_in_the_folder_is_there(house, photos):
    (photos / "red.png").unlink()
    (photos / "red.png").mkdir()
    picture("orange").save(photos / "red.png" / "orange.png")
    job = house.done(house.library.add([photos], forget=True))
    assert job.result["vanished"] == [str(photos / "red.png")]
    assert house.names() == ["blue.png", "green.png", "orange.png", "yellow.png"]


def test_an_archive_that_changes_is_followed_and_a_damaged_one_keeps_what_is_known(house, tmp_path):
    archive = tmp_path / "a.zip"

    def take(data: bytes):
        archive.write_bytes(data)
        return house.done(house.library.add([archive], forget=True))

    texts = {name: f"words of {name}".encode() for name in ("a.txt", "b.txt", "c.txt")}
    whole = zip_bytes({name: texts[name] for name in ("a.txt", "b.txt")})
    assert take(whole).result["added"] == 2
    job = take(whole[: len(whole) // 2])
    assert job.state == "failed"
    assert "is no zip archive, or it is damaged" in job.message
    assert {"a.txt", "b.txt"} < set(house.names())
    job = take(zip_bytes({name: texts[name] for name in ("b.txt", "c.txt")}))
    assert (job.result["added"], job.result["vanished"]) == (1, [f"{archive}!/a.txt"])
    assert {"b.txt", "c.txt"} == set(house.names()) - {f"{colour}.png" for colour in COLOURS}


def test_the_same_bytes_in_a_hundred_places_are_one_photo_with_a_hundred_places(house, photos):
    for n in range(100):
        shutil.copyfile(photos / "red.png", photos / f"copy-{n}.png")
    assert house.done(house.library.add([photos])).message == (
        "0 added, 0 replaced, 4 unchanged, 100 copies of known files"
    )
    red = house.store.source_at(str(photos / "copy-7.png"))
    assert house.store.counts().sources == 4
    assert len(house.store.places_of([red.id])[red.id]) == 101
    for path in sorted(photos.glob("copy-*"))[:99] + [photos / "red.png"]:
        path.unlink()
    house.done(house.library.add([photos], forget=True))
    assert house.store.places_of([red.id])[red.id] == (str(photos / "copy-99.png"),)


def test_a_folder_that_is_given_twice_and_through_a_link_holds_each_photo_once(house, photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    job = house.done(house.library.add([photos, photos, f"{photos}/../photos", tmp_path / "link"]))
    assert job.message == "0 added, 0 replaced, 4 unchanged"
    assert house.store.counts().sources == 4


TAKES = """
house = opened()
while not (place / "start").exists():
    time.sleep(0.001)
job = house.done(house.library.add([place / name for name in sys.argv[2:]]))
tell(job)
"""


@pytest.mark.campaign(times=1, only=True)
def test_two_instances_that_take_in_the_same_folder_at_once_have_each_file_once(tmp_path, photos):
    """One has the folder, the other the one above it, so that neither can leave the work to the other."""
    for n in range(60):
        picture("blue", size=(40 + n, 50), patch="red").save(photos / f"{n}.png")
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda names=names: said.append(elsewhere(TAKES, tmp_path, *names)))
        for names in (["photos"], ["photos", "."])
    ]
    for thread in threads:
        thread.start()
    (tmp_path / "start").touch()
    for thread in threads:
        thread.join()
    assert [line.split()[0] for output in said for line in output.splitlines()] == ["done", "done"]
    house = House(tmp_path / "data", read_text=False)
    assert len(house.store.sources(limit=999)) == len(house.store.stamps()) == 64
    assert house.store.problems() == []
    house.close()
