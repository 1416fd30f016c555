"""A dropped file goes when nothing knows it any more, and no other file ever does."""

import os
import time
from pathlib import Path

import pytest
from index_help import note_copy, open_store, rows

from deepseek_mm.config import Config
from deepseek_mm.dates import Ages
from deepseek_mm.jobs import Jobs
from deepseek_mm.library.dropped_files import tidy
from deepseek_mm.library.index_jobs import INDEX
from index import Source


@pytest.fixture
def data(tmp_path):
    (tmp_path / "library").mkdir()
    return tmp_path / "library"


@pytest.fixture
def jobs(data):
    jobs = Jobs(data / "jobs.db")
    yield jobs
    jobs.close()


def drop(data: Path, name: str) -> Path:
    file = data / "added" / "2026-01-02" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(name)
    return file


def know(folder: Path, *paths: Path | str) -> None:
    """A store that knows these files."""
    with open_store(folder) as store:
        for path in paths:
            store.add(Source(path=str(path)), [], rows(0))


def left(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "added").rglob("*") if path.is_file())


def test_a_dropped_file_that_any_store_or_trash_knows_stays_and_the_others_go(data, jobs):
    names = ("known.png", "elsewhere.png", "trashed.png", "packed.zip", "copied.png", "lost.png", "lost.zip")
    files = {name: drop(data, name) for name in names}
    know(data / "spaces" / "one", files["known.png"], f"{files['packed.zip']}!/in/a.png")
    know(data / "spaces" / "two", files["elsewhere.png"])
    with open_store(data / "spaces" / "one") as store:
        source = store.source_at(str(files["known.png"]))
        note_copy(store, source.id, str(files["copied.png"]), size_bytes=0, modified_ns=0)
        store.add(Source(path=str(files["trashed.png"])), [], rows(0))
        store.take_out([str(files["trashed.png"])], data / "trash" / "0.db")
    assert tidy(Config(data=data), jobs, older_s=-1, ages=Ages()) == 2
    assert left(data) == sorted(name for name in names if not name.startswith("lost"))


def test_a_file_that_was_dropped_a_moment_ago_is_left_alone(data, jobs):
    file = drop(data, "new.png")
    os.utime(file, (0, 0))  # its own time says nothing: copies keep that of the original
    assert tidy(Config(data=data), jobs, older_s=600, ages=Ages()) == 0
    assert tidy(Config(data=data), jobs, older_s=600, ages=Ages(lambda: time.time() + 601)) == 1
    drop(data, "new.png")
    assert tidy(Config(data=data), jobs, older_s=600, ages=Ages(lambda: time.time() - 3600)) == 1


def test_a_file_that_is_on_its_way_in_or_could_not_be_read_stays(data, jobs):
    waiting, broken, done = (drop(data, name) for name in ("waiting.png", "broken.png", "done.png"))
    jobs.add(INDEX, {"paths": [str(broken), str(done)]}, title="first")
    task = jobs.claim([INDEX])
    task.fail(str(broken), "it is broken")
    task.finish("done", "")
    jobs.add(INDEX, {"paths": [str(waiting)]}, title="second")
    assert tidy(Config(data=data), jobs, older_s=-1, ages=Ages()) == 1
    assert left(data) == ["broken.png", "waiting.png"]


def test_a_library_that_was_moved_knows_its_dropped_files_by_their_old_paths(data, jobs):
    drop(data, "moved.png")
    know(data / "spaces" / "one", "/where/it/was/added/2026-01-02/moved.png")
    assert tidy(Config(data=data), jobs, older_s=-1, ages=Ages()) == 0
    assert left(data) == ["moved.png"]


def test_when_a_store_cannot_be_read_every_file_stays(data, jobs):
    drop(data, "lost.png")
    (data / "spaces" / "torn").mkdir(parents=True)
    (data / "spaces" / "torn" / "store.db").write_bytes(b"SQLite format 3\0 and then nothing")
    assert tidy(Config(data=data), jobs, older_s=-1, ages=Ages()) == 0
    assert left(data) == ["lost.png"]


def test_files_of_the_user_are_not_touched_wherever_links_lead(data, jobs, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.png").write_text("mine")
    folder = drop(data, "lost.png").parent
    (folder / "link.png").symlink_to(mine / "photo.png")
    (data / "added" / "linked").symlink_to(mine)
    (data / "added" / "plain.png").write_text("not where dropped files lie")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "photo.png").write_text("nor here")
    assert tidy(Config(data=data), jobs, older_s=-1, ages=Ages()) == 1
    assert (mine / "photo.png").read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == ["deeper", "link.png"]
    assert (folder / "deeper" / "photo.png").exists()
    assert (data / "added" / "plain.png").exists()
