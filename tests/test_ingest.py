"""Files become regions in the store: each once, the changed ones anew, the broken ones listed, whatever interrupts."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fakes import picture
from slow_ingest import SlowSpace, open_eyes, open_store

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import NothingThere
from deepseek_mm.ingest import Hooks, Intake, Report, intake
from index import Filter

ROOT = Path(__file__).parent.parent
COLOURS = ("red", "green", "blue", "yellow", "orange", "purple")


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, colour in enumerate(COLOURS):
        picture(colour).save(folder / f"{n}-{colour}.png")
    return folder


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def space():
    return SlowSpace()


def run(paths, space, store, **options) -> Report:
    taking = Intake(eyes=open_eyes(space), store=store, config=ParseConfig())
    return taking.take(paths, anew=options.pop("anew", False), hooks=Hooks(**options))


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.added, report.replaced, report.unchanged, len(report.failed)


def names(store) -> list[str]:
    return sorted(source.name for source in store.sources(limit=1_000))


def test_copies_among_new_files_are_noted_together(photos, space, store, monkeypatch):
    for n in range(5):
        shutil.copy(photos / "0-red.png", photos / f"copy {n}.png")
        shutil.copy(photos / "1-green.png", photos / f"twin {n}.png")
    noted, note_found = [], store.note_found
    monkeypatch.setattr(store, "note_found", lambda files, **how: noted.append(len(files)) or note_found(files, **how))
    assert run([photos], space, store).counts() == {"added": 6, "replaced": 0, "unchanged": 0, "copies": 10, "moved": 0}
    assert noted == [10]
    assert len(store.places_of([store.source_at(str(photos / "0-red.png")).id]).popitem()[1]) == 6
    assert run([photos], space, store, anew=True).counts()["unchanged"] == 10


def test_every_photo_of_a_folder_is_stored_and_found_by_what_it_shows(photos, space, store):
    assert counts(run([photos], space, store)) == (6, 0, 0, 0)
    assert names(store) == [f"{n}-{colour}.png" for n, colour in enumerate(COLOURS)]
    found = store.search_many(space.embed_texts(["yellow", "blue"]), k=1, where=Filter(kinds=("whole",)))
    assert [hits[0].region.source.name for hits in found] == ["3-yellow.png", "2-blue.png"]
    assert found[0][0].region.colours == ("yellow",)


def test_photos_are_stored_in_the_order_of_their_names(photos, space, store):
    run([photos], space, store)
    assert [source.name[0] for source in store.sources(limit=9)] == list("543210")  # newest first


def test_a_second_run_opens_no_file_that_has_its_size_and_time(photos, space, store):
    """Proved by putting other bytes of the same size and time in each file's place."""
    run([photos], space, store)
    before = [store.source_at(str(path)) for path in sorted(photos.iterdir())]
    for path in photos.iterdir():
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(run([photos], space, store)) == (0, 0, 6, 0)
    assert space.looks == 6
    assert [store.source_at(str(path)) for path in sorted(photos.iterdir())] == before


def test_a_file_with_a_new_time_and_the_same_bytes_is_not_seen_again(photos, space, store):
    run([photos], space, store)
    for path in photos.iterdir():
        os.utime(path, ns=(1, 1))
    assert counts(run([photos], space, store)) == (0, 0, 6, 0)
    assert space.looks == 6


def test_a_changed_file_replaces_what_was_known_of_it(photos, space, store):
    run([photos], space, store)
    picture("white").save(photos / "0-red.png")
    assert counts(run([photos], space, store)) == (0, 1, 5, 0)
    assert len(names(store)) == 6
    hit = store.search_many(space.embed_texts(["white"]), k=1, where=Filter(kinds=("whole",)))[0][0]
    assert hit.region.source.name == "0-red.png"


def test_a_change_that_keeps_the_size_is_seen_by_the_bytes(tmp_path, space, store):
    path = tmp_path / "plain.png"
    for colour, expected in (("red", (1, 0, 0, 0)), ("blue", (0, 1, 0, 0))):
        file = picture(colour).convert("RGB")
        file.save(path, compress_level=0)
        assert counts(run([path], space, store)) == expected
    assert len({path.stat().st_size}) == 1


def test_files_that_cannot_be_read_are_listed_in_order_and_the_rest_goes_on(photos, space, store):
    whole = (photos / "1-green.png").read_bytes()
    (photos / "0-letter.jpg").write_text("<script>alert(1)</script>")
    (photos / "1-green.png").write_bytes(whole[: len(whole) // 2])
    (photos / "6-empty.jpg").touch()
    (photos / "7-nowhere.jpg").symlink_to(photos / "gone.jpg")  # a link is no failure: it is left out
    report = run([photos], space, store)
    assert counts(report) == (5, 0, 0, 3)
    assert [Path(path).name for path, _ in report.failed] == ["0-letter.jpg", "1-green.png", "6-empty.jpg"]
    assert report.left_out == ((str(photos / "7-nowhere.jpg"), "link"),)
    assert all(path in reason for path, reason in report.failed)
    assert [reason.split(str(photos))[-1].split(" ", 1)[1][:12] for _, reason in report.failed[:3]] == [
        "is no pictur",
        "is damaged o",
        "is empty: 0 ",
    ]


def test_a_photo_that_broke_since_keeps_its_old_regions_and_is_listed(photos, space, store):
    run([photos], space, store)
    (photos / "0-red.png").write_bytes(b"broken")
    report = run([photos], space, store)
    assert counts(report) == (0, 0, 5, 1)
    assert "0-red.png" in names(store)


def test_a_folder_that_does_not_exist_changes_nothing(photos, space, store):
    with pytest.raises(NothingThere, match="no file or folder at"):
        run([photos, photos / "nowhere"], space, store)
    assert names(store) == []


def test_a_name_that_no_library_can_hold_is_listed(photos, space, store):
    bad = Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png"))
    picture("red").save(photos / "x.png")
    (photos / "x.png").rename(bad)
    assert run([photos], space, store).failed == (
        (str(bad), f"the name {ascii(str(bad))} is not valid UTF-8. Rename the file"),
    )


def test_a_large_picture_has_boxes_in_its_own_pixels(tmp_path, space, store):
    large = picture("blue", size=(3200, 2400), patch="red")
    large.save(tmp_path / "large.png")
    run([tmp_path / "large.png"], space, store)
    source = store.source_at(str(tmp_path / "large.png"))
    whole, *parts = store.regions_of([source.id])[source.id]
    assert whole.box_px == (0, 0, 3200, 2400)
    kite = next(part for part in parts if part.label == "kite")
    assert kite.box_px == (0, 0, 1600, 1200)
    assert kite.colours == ("red",)


def test_progress_counts_every_file_once_and_ends_at_the_total(photos, space, store):
    run([photos / "0-red.png"], space, store)
    (photos / "1-bad.jpg").write_text("no")
    seen: list[tuple[int, int, str]] = []
    run([photos], space, store, progress=lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == list(range(1, 8))
    assert seen[0] == (1, 7, str(photos / "0-red.png"))


def test_the_next_pictures_are_decoded_in_another_thread_while_the_tower_works(photos, store):
    """The first photo is only finished once the second has been drawn, so drawing it cannot wait for the first."""
    drawn = threading.Event()

    class PatientSpace(SlowSpace):
        def look_many(self, images):
            def watched():
                for n, image in enumerate(images):
                    if n == 3:
                        drawn.set()
                    yield image

            for look in super().look_many(watched()):
                assert drawn.wait(10)
                yield look

    assert counts(run([photos], PatientSpace(), store)) == (6, 0, 0, 0)


def test_what_cannot_be_stored_is_listed_and_those_beside_it_are_stored(photos, space, store, monkeypatch):
    add_many = store.add_many

    def refuse(files):
        if any(each.source.name == "2-blue.png" for each in files):
            raise ValueError("a number that no column holds")
        return add_many(files)

    monkeypatch.setattr(store, "add_many", refuse)
    report = run([photos], space, store)
    assert [os.path.basename(path) for path, _ in report.failed] == ["2-blue.png"]
    assert "a number that no column holds" in report.failed[0][1]
    assert names(store) == [f"{n}-{colour}.png" for n, colour in enumerate(COLOURS) if n != 2]


def test_ctrl_c_keeps_what_was_stored_and_the_next_run_does_only_the_rest(photos, space, store, monkeypatch):
    monkeypatch.setattr(intake, "STORED_TOGETHER", 1)

    def interrupt(done: int, total: int, path: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([photos], space, store, progress=interrupt)
    assert names(store) == [f"{n}-{colour}.png" for n, colour in enumerate(COLOURS[:3])]
    assert counts(run([photos], space, store)) == (3, 0, 3, 0)


@pytest.mark.campaign(times=30)
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.campaign(only=True))])
def test_a_run_that_is_ended_in_the_middle_is_completed_by_the_next_with_none_twice(tmp_path, space, how):
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(40):
        picture(COLOURS[n % 6], size=(40 + n, 48)).save(photos / f"{n:02}.png")
    command = [sys.executable, Path(__file__).with_name("slow_ingest.py"), photos, tmp_path / "store"]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, **quiet) as process:
        said = [int(process.stdout.readline()) for _ in range(7)]
        process.send_signal(how)
        said += map(int, process.stdout.read().split())
    with open_store(tmp_path / "store") as store:
        kept = store.counts().sources
        assert said[-1] <= kept <= min(39, said[-1] + intake.STORED_TOGETHER)
        assert all(
            regions[0].kind == "whole" for regions in store.regions_of([s.id for s in store.sources(limit=99)]).values()
        )
        assert counts(run([photos], space, store)) == (40 - kept, 0, kept, 0)
        assert names(store) == [f"{n:02}.png" for n in range(40)]
        assert counts(run([photos], space, store)) == (0, 0, 40, 0)


def test_anew_reads_what_has_not_changed_and_keeps_each_file_once(photos, space, store):
    first = counts(run([photos], space, store))
    assert counts(run([photos], space, store, anew=True)) == (0, first[0], 0, 0)
    assert store.counts().sources == first[0]
