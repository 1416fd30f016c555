"""SIGKILL at random moments of long work: what was acknowledged is there, nothing twice, nothing half.

Each test kills one kind of work twice: from its beginning, and while it is resumed. Then it is resumed once more, and
must end as a run that nobody disturbed. Ten kills in `make test`, a hundred in `make campaign`. The seed is printed:
KILL_SEED=... repeats the moments, as far as a machine does.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import COLOURS, ColourSpace, picture
from jobs_help import eventually
from killed_work import doomed, open_house
from library_help import House
from made_files import picture_bytes, zip_bytes

import deepseek_mm.factory as load
from deepseek_mm.config import Config
from index.store import RegionStore

pytestmark = pytest.mark.campaign(times=1, only=True)

ROOT = Path(__file__).parent.parent
MARKER = "xylophone"  # in a text of the library, and nowhere else
Content = dict[str, tuple]  # path -> all that is known of the source


def open_store(place: Path) -> RegionStore:
    """The store alone: nobody goes on with the work."""
    return load.open_store(Config(data=place / "data"), ColourSpace())


def content(store: RegionStore) -> Content:
    """Everything in a store but the ids."""
    sources = store.sources(limit=10_000)
    ids = [source.id for source in sources]
    regions, places = store.regions_of(ids), store.places_of(ids)
    return {
        source.path: (replace(source, id=0), places[source.id], tuple(described(store, regions[source.id])))
        for source in sources
    }


def described(store: RegionStore, regions) -> list[tuple]:
    vectors = store.vectors_of([region.id for region in regions])
    rows = zip(regions, vectors, strict=True)
    return [(r.kind, r.box_px, r.labels, r.colours, r.text, r.page, r.lines, v.tobytes()) for r, v in rows]


def check(store: RegionStore, *allowed: Content) -> None:
    """Nothing twice, and every source as it is in one of these, perhaps before a later pass over it."""
    assert store.problems() == []
    now = content(store)
    paths = [path for _, places, _ in now.values() for path in places]
    assert len(paths) == len(set(paths))
    assert len({source.digest for source, _, _ in now.values()}) == len(now)
    for path, (source, _, regions) in now.items():
        whole = [there[path] for there in allowed if path in there]
        assert source in [known for known, _, _ in whole]
        assert regions in [cut for _, _, known in whole for cut in before_passes(known)]


def before_passes(regions: tuple) -> list[tuple]:
    """As it is, and for a photo as it is before the pass that reads it and before the one that gives it words."""
    if regions[0][0] != "whole":
        return [regions]
    unread = tuple(region for region in regions if region[0] != "text")
    return [regions, unread, tuple(region for region in unread if region[0] not in ("name", "note"))]


def known_paths(store: RegionStore) -> set[str]:
    return set(store.stamps())


class Killer:
    """Begins works, and ends them at random moments."""

    def __init__(self, works: subprocess.Popen, seed: int) -> None:
        self._works, self._moments = works, random.Random(seed)

    def run(self, work: str, place: Path, *, kill_within_s: float | None = None) -> tuple[list[str], float]:
        """What the work said, and how many seconds it took."""
        said = place / "said"
        said.unlink(missing_ok=True)
        self._works.stdin.write(f"{work} {place}\n")
        self._works.stdin.flush()
        pid = int(self._works.stdout.readline())
        eventually(lambda: not lives(pid) or (said.exists() and said.read_text().startswith("ready\n")))
        began_s = time.monotonic()
        if kill_within_s is not None:
            time.sleep(self._moments.uniform(0, kill_within_s))
            if lives(pid):
                os.kill(pid, 9)
        eventually(lambda: not lives(pid))
        seconds, lines = time.monotonic() - began_s, said.read_text().splitlines()
        assert "broke" not in lines, "\n".join(lines)
        return lines[1:], seconds


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def works():
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, ROOT / "tests" / "killed_work.py"],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def killer(works):
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(10**9))
    sys.stdout.write(f"KILL_SEED={seed}\n")  # pytest shows it when the test fails
    return Killer(works, seed)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with photos, copies, texts, code, an archive and broken files, and the backup of a smaller library."""
    room = tmp_path_factory.mktemp("kills")
    photos = room / "photos"
    photos.mkdir()
    for n in range(14):
        picture(list(COLOURS)[n % 8], size=(40 + 3 * n, 60), patch="red").save(photos / f"{n:02}.png")
    for n in (3, 8):
        shutil.copyfile(photos / f"{n:02}.png", photos / f"copy-of-{n:02}.png")
    for name, text in (("a.txt", f"a {MARKER}"), ("b.md", "# Boats\n\nthey float"), ("c.py", "x = 1\n"), ("z.txt", "")):
        (photos / name).write_text(text)
    (photos / "d.zip").write_bytes(zip_bytes({"in.png": picture_bytes(), "in.txt": b"packed words", "in.zip": b"PK"}))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    other = undisturbed(room / "smaller", [photos / "00.png", photos / "b.md"])
    other.done(other.library.backup(room / "other.backup"))
    other.close()
    return room


def undisturbed(place: Path, paths: list[Path]) -> House:
    place.mkdir()
    house = open_house(place)
    house.done(house.library.add(paths))
    return house


@pytest.fixture(scope="module")
def full(room) -> Content:
    """What the library holds after a run that nobody disturbed, in a place that is only copied."""
    house = undisturbed(room / "full", [room / "photos"])
    everything = content(house.store)
    house.close()
    assert len(everything) == 19
    assert sum(len(places) for _, places, _ in everything.values()) == 21
    return everything


@pytest.fixture(scope="module")
def spans_s(works, room, full) -> dict[str, float]:
    """How long each work takes that nobody disturbs."""
    killer, spans = Killer(works, 0), {}
    for work in ("ingest", "rebuild", "delete", "exchange"):
        said, spans[work] = killer.run(work, begun(work, room))
        assert said, f"{work} did nothing"
    return spans


def begun(work: str, room: Path) -> Path:
    """A new place with what the work starts from."""
    place = room / f"{work}-{time.monotonic_ns()}"
    place.mkdir()
    if work != "ingest":
        shutil.copytree(room / "full" / "data", place / "data")
    return place


def rest(house: House) -> None:
    """Until the library has done by itself all that waited."""
    eventually(lambda: not house.library.jobs.find(states=("waiting", "running"), limit=1))


@pytest.mark.campaign(times=10)
@pytest.mark.parametrize("work", ["ingest", "rebuild"])
def test_files_that_were_taken_in_outlive_a_kill_whole_and_the_library_goes_on_by_itself(
    work, room, full, spans_s, killer
):
    place, acknowledged = begun(work, room), set()
    for _ in range(2):
        said, _ = killer.run(work, place, kill_within_s=spans_s[work])
        acknowledged |= set(said)
        with closing(open_store(place)) as store:
            check(store, full)
            assert acknowledged <= known_paths(store)
            assert work == "ingest" or known_paths(store) == {p for _, places, _ in full.values() for p in places}
    house = open_house(place)
    assert {job.state for job in house.library.jobs.find(limit=9)} <= {"waiting", "running", "done"}
    rest(house)
    house.done(house.library.add([room / "photos"]))  # a kill may have come before the job was written down
    assert content(house.store) == full
    assert {job.state for job in house.library.jobs.find(limit=9)} == {"done"}
    house.close()


@pytest.mark.campaign(times=10)
def test_what_was_taken_out_stays_out_after_a_kill_and_the_rest_stays_whole(room, full, spans_s, killer):
    place, out = begun("delete", room), set()
    everything = {path for _, places, _ in full.values() for path in places}
    targets = everything.intersection(doomed(place))
    kept = everything - targets
    for _ in range(2):
        said, _ = killer.run("delete", place, kill_within_s=spans_s["delete"])
        out |= set(said)
        with closing(open_store(place)) as store:
            assert store.problems() == []
            now = known_paths(store)
        assert not out & now
        assert kept <= now
        assert len(targets - now - out) <= 1  # the one at hand
    killer.run("delete", place)
    with closing(open_store(place)) as store:
        assert known_paths(store) == kept
        by_place = {path: entry[2] for entry in full.values() for path in entry[1]}
        assert {path: entry[2] for path, entry in content(store).items()} == {
            path: by_place[path] for path in content(store)
        }


@pytest.mark.campaign(times=10)
def test_an_exchange_that_is_killed_leaves_one_content_or_the_other_and_no_draft(room, full, spans_s, killer):
    place = begun("exchange", room)
    with closing(open_store(room / "smaller")) as store:
        smaller = content(store)
    for _ in range(2):
        said, _ = killer.run("exchange", place, kill_within_s=spans_s["exchange"])
        with closing(open_store(place)) as store:
            assert store.problems() == []
            assert content(store) in possible(said, full, smaller)
    house = open_house(place)
    rest(house)
    house.done(house.library.restore(room / "other.backup"))
    assert content(house.store) == smaller
    house.library.delete_everything()
    assert content(house.store) == {}
    house.close()
    left = [path for path in (place / "data").rglob("*") if path.is_file()]
    assert [path for path in left if MARKER.encode() in path.read_bytes()] == []
    assert [path.name for path in left if ".draft" in path.name or "bundle-" in str(path)] == []


def possible(said: list[str], full: Content, smaller: Content) -> list[Content]:
    """What may be there: of the next step nobody knows whether it was done."""
    order = [full, smaller, {}]
    return order if not said else order[1:] if said == ["restored"] else order[2:]
