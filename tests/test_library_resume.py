"""After a kill the library goes on by itself: what was under way is done, and a watched folder is watched again."""

import subprocess
import sys
from pathlib import Path

import pytest
from fakes import picture
from jobs_help import eventually
from library_help import House

from deepseek_mm.library import folder_watcher
from deepseek_mm.library import folder_watcher as watch_module
from deepseek_mm.library.folder_watcher import WATCH
from deepseek_mm.library.index_jobs import INDEX

pytestmark = pytest.mark.campaign(times=1, only=True)

ROOT = Path(__file__).parent.parent
WORKS = """
import sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from library_help import House
from slow_ingest import SlowSpace
data, photos = map(Path, sys.argv[1:3])
house = House(data, space=SlowSpace(seconds=60), read_text=False)
house.library.watch(photos)
"""


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """The data of a library whose process was killed while it watched a folder and took its first photo in."""
    for module in (folder_watcher, watch_module):
        monkeypatch.setattr(module, "YIELD_S", 0.1)
    monkeypatch.setattr(folder_watcher, "QUIET_S", 0.3)
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "green", "blue"):
        picture(colour).save(photos / f"{colour}.png")
    data = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", WORKS + "import time; time.sleep(600)", data, photos, ROOT, ROOT / "tests"]
    ) as process:
        eventually(lambda: (data / "jobs.db").exists())
        eventually(lambda: {job["kind"] for job in running(data)} == {INDEX, WATCH})
        process.kill()
    return data


def running(data: Path) -> list[dict[str, str]]:
    """The rows as they lie there, read without telling anybody."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(data / "jobs.db")) as jobs:
        try:
            rows = jobs.execute("SELECT kind, state, attempts FROM jobs WHERE state = 'running'").fetchall()
        except sqlite3.OperationalError:  # the table is not made yet
            return []
    return [dict(zip(("kind", "state", "attempts"), row, strict=True)) for row in rows]


def test_work_of_a_dead_process_goes_on_with_the_next_start_by_itself(killed):
    assert {(job["kind"], job["attempts"]) for job in running(killed)} == {(INDEX, 1), (WATCH, 1)}
    house = House(killed, read_text=False)
    eventually(lambda: house.library.jobs.find(kinds=(INDEX,), states=("done",), limit=1))
    (job, *_) = reversed(house.library.jobs.find(kinds=(INDEX,), limit=9))
    assert (job.state, job.attempts, job.message) == ("done", 2, "3 added, 0 replaced, 0 unchanged")
    assert house.names() == ["blue.png", "green.png", "red.png"]
    house.close()


def test_a_folder_that_a_dead_process_watched_is_watched_again(killed):
    photos = killed.parent / "photos"
    house = House(killed, read_text=False)
    assert house.library.list_watched() == [str(photos)]
    eventually(lambda: len(house.names()) == 3)
    picture("yellow").save(photos / "yellow.png")
    eventually(lambda: "yellow.png" in house.names())
    (photos / "red.png").unlink()
    house.close()
