"""What was acknowledged and is gone is told by a check: an older file put back, a removed log, rows others deleted."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from fakes import picture
from library_help import House, paint

from deepseek_mm.storage.counters import ENDING, read_note
from deepseek_mm.types import Answer, Question
from index.words import teach

pytestmark = pytest.mark.campaign(times=1, only=True)

ROOT = Path(__file__).parent.parent
LOST = "writes that were acknowledged are not in it"
DOOMED = """
import os, sys
from pathlib import Path
from test_library_losses import files, more, opened
tmp_path = Path(sys.argv[1])
house = opened(tmp_path)
for ending in ("-wal", "-shm"):
    for path in files(house).values():
        Path(f"{path}{ending}").unlink(missing_ok=True)
more(house, tmp_path / "photos")
os._exit(9)
"""
PARTS = {"index": "the index (1)", "history": "the history", "jobs": "the table of jobs"}


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


def opened(tmp_path) -> House:
    return House(tmp_path / "library", read_text=False)


def files(house: House) -> dict[str, Path]:
    data = house.config.data
    return {"index": house.store.folder / "store.db", "history": data / "history.db", "jobs": data / "jobs.db"}


def ask(house: House) -> None:
    _, turn = house.history.begin(Question(text="what flies?"), image_path="", settings={}, fingerprint="f")
    house.history.finish(turn, Answer(text="a kite", state="done"))


def more(house: House, folder: Path) -> None:
    """A write to each file that is acknowledged."""
    picture("white").save(folder / "white.png")
    house.done(house.library.add([folder]))
    ask(house)


def told(house: House) -> dict[str, str]:
    return house.failed(house.done(house.library.verify()))


def run_doomed(tmp_path) -> bool:
    """Whether it was killed after its writes: its own worker may read while the logs go, and SQLite then says so."""
    shutil.rmtree(tmp_path / "library")
    shutil.copytree(tmp_path / "before", tmp_path / "library")
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    return subprocess.run([sys.executable, "-c", DOOMED, tmp_path], env=environ, check=False).returncode == 9


def test_older_files_put_in_the_place_of_newer_ones_are_told_until_they_are_repaired(tmp_path, photos):
    house = opened(tmp_path)
    house.done(house.library.add([photos]))
    ask(house)
    paths = files(house)
    house.close()
    for part, path in paths.items():
        shutil.copy(path, tmp_path / part)
    house = opened(tmp_path)
    more(house, photos)
    assert told(house) == {}
    house.close()
    for part, path in paths.items():
        shutil.copy(tmp_path / part, path)
    for _ in range(2):  # later writes do not make it forgotten
        house = opened(tmp_path)
        ask(house)
        assert {item for item, reason in told(house).items() if LOST in reason} == set(PARTS.values())
        house.close()
    house = opened(tmp_path)
    assert set(house.failed(house.done(house.library.repair()))) >= set(PARTS.values())
    assert told(house) == {}
    house.close()


def test_logs_that_were_removed_under_a_process_that_is_then_killed_are_told(tmp_path, photos):
    """As it was: a command beside a server that had lost its locks removed the logs, and the server wrote on."""
    house = opened(tmp_path)
    house.done(house.library.add([photos]))
    ask(house)
    house.close()
    shutil.copytree(tmp_path / "library", tmp_path / "before")
    assert any(run_doomed(tmp_path) for _ in range(10))
    house = opened(tmp_path)
    assert len(house.store.stamps()) == 4  # the fifth is lost
    assert {item for item, reason in told(house).items() if LOST in reason} == set(PARTS.values())
    house.done(house.library.repair())  # looks at the folder again
    assert len(house.store.stamps()) == 5
    assert told(house) == {}
    house.close()


def test_rows_that_another_program_deleted_are_told(tmp_path, photos):
    house = opened(tmp_path)
    house.done(house.library.add([photos]))
    ask(house)
    paths = files(house)
    house.close()
    for part, statement in (("index", "DELETE FROM sources WHERE id = 1"), ("history", "DELETE FROM turns")):
        with closing(sqlite3.connect(paths[part])) as other:
            other.execute("PRAGMA foreign_keys = ON")
            teach(other)
            other.execute(statement)
            other.commit()
    house = opened(tmp_path)
    found = told(house)
    assert found["the index (1)"] == "It holds 3 sources, and 4 were written: another program changed it."
    assert found["the history"] == "It holds 0 turns, and 1 were written: another program changed it."
    house.close()


def test_what_a_library_itself_removes_restores_and_clears_is_no_loss(tmp_path, photos):
    house = opened(tmp_path)
    house.done(house.library.add([photos]))
    ask(house)
    backup = tmp_path / "backup.deepseek-mm"
    house.done(house.library.backup(backup))
    more(house, photos)
    taken = house.library.take_out([photos / "red.png"])
    assert told(house) == {}
    house.library.put_back(taken.token)
    house.library.take_out([photos / "red.png"])
    house.library.purge(older_s=-1)
    (thread,) = {each.id for each in house.history.conversations(session="", limit=1)}
    house.history.delete(thread, session="")
    house.history.purge(older_s=-1)
    assert told(house) == {}
    house.done(house.library.restore(backup))
    assert told(house) == {}
    house.close()
    house = opened(tmp_path)
    assert told(house) == {}
    house.library.delete_everything()
    assert told(house) == {}
    house.close()
    house = opened(tmp_path)
    assert told(house) == {}
    house.close()


def test_the_note_beside_a_file_holds_two_numbers_and_a_torn_one_is_none(tmp_path, photos):
    house = opened(tmp_path)
    ask(house)
    path = files(house)["history"]
    identity, written = read_note(path)
    assert written >= 2
    ask(house)
    assert read_note(path) == (identity, written + 2)
    house.close()
    path.with_name(path.name + ENDING).write_bytes(b"torn")
    assert read_note(path) is None
    house = opened(tmp_path)
    assert told(house) == {}
    house.close()
