"""Databases of a library that cannot be used, and clocks that jump: one sentence, and nothing is changed or lost."""

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from fakes import picture
from library_help import COLOURS, House
from test_main_index import Shop

DATABASES = {  # file -> what its messages call it
    "spaces/*/store.db": "index",
    "history.db": "history",
    "jobs.db": "table of jobs",
}


@pytest.fixture
def shop(tmp_path):
    """A library that knows four photos, and a fifth that it does not know yet."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in COLOURS:
        picture(colour, size=(48, 64)).save(photos / f"{colour}.png")
    shop = Shop(tmp_path)
    assert shop("index", str(photos)) == 0
    picture("white").save(photos / "white.png")
    return shop


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()


def letters(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 500)


def noise(path: Path) -> None:
    """Every page but the first holds noise."""
    data = path.read_bytes()
    path.write_bytes(data[:8192] + random.Random(0).randbytes(len(data) - 8192))


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def strange(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE recipes (id INTEGER)")
        database.commit()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE = {  # what was done -> words of the message about the index, and about the other two
    newer: ("has schema version 9999, this program knows up to", "was written by a newer version (revision '9999'"),
    letters: ("is damaged (file is not a database)", "file is not a database"),
    noise: ("is damaged", "The file is damaged"),
    half: ("is damaged", "The file is damaged"),
    strange: ("it holds tables of another program", "its tables: recipes"),
    folder: ("is damaged (it is a folder)", "cannot use the"),
}
STEPS = ("--data", "index --rebuild", "mv ", "Make the folder writable")  # one of them must be named


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_database_that_cannot_be_used_is_named_left_alone_and_missed_by_nobody_once_it_is_back(shop, name, damage):
    (path,) = (shop.folder / "library").glob(name)
    kept = path.with_name("kept")
    path.rename(kept)
    path.write_bytes(kept.read_bytes())
    damage(path)
    there = None if path.is_dir() else path.read_bytes()
    assert shop("index", str(shop.folder / "photos")) == 2
    assert DAMAGE[damage][name != "spaces/*/store.db"] in shop.err
    assert str(path) in shop.err
    assert any(step in shop.err for step in STEPS)
    assert "Traceback" not in shop.err
    assert there is None or path.read_bytes() == there
    path.rmdir() if path.is_dir() else path.unlink()
    for log in path.parent.glob(f"{path.name}-*"):
        log.unlink()
    kept.rename(path)
    assert shop("index", str(shop.folder / "photos")) == 0
    assert shop.out.startswith("1 added, 0 replaced, 4 unchanged")
    assert shop.stored() == 5


@pytest.mark.parametrize("name", ["spaces/*/store.db", "jobs.db"])
def test_a_database_that_another_program_holds_is_named_and_used_once_it_is_free(shop, name, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.sqlite_database.TIMEOUT_S", 0.3)
    (path,) = (shop.folder / "library").glob(name)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert shop("index", str(shop.folder / "photos")) == 2
        assert "locked" in shop.err
        assert str(path) in shop.err
        assert "end it" in shop.err or "end that one, or wait" in shop.err
        assert "Traceback" not in shop.err
    assert shop("index", str(shop.folder / "photos")) == 0
    assert shop.stored() == 5


# clocks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "data", read_text=False)
    yield house
    house.close()


def plain(path: Path, colour: str, at_s: float) -> Path:
    """A picture of one colour, whose file has the same size whatever the colour, changed at this time."""
    picture(colour).convert("RGB").save(path, compress_level=0)
    os.utime(path, (at_s, at_s))
    return path


@pytest.mark.parametrize("times", [(2e9, 1e9), (0, -1), (1e9, 7e9)], ids=["back", "before 1970", "far ahead"])
def test_a_file_that_changed_is_read_again_whatever_its_time_says(house, tmp_path, times):
    path = plain(tmp_path / "a.png", "red", times[0])
    assert house.done(house.library.add([path])).result["added"] == 1
    plain(path, "blue", times[1])
    assert house.done(house.library.add([path])).result["replaced"] == 1
    source = house.store.source_at(str(path))
    assert house.store.regions_of([source.id])[source.id][0].colours == ("blue",)


def test_a_change_that_hides_behind_its_old_size_and_time_is_found_by_a_check_and_mended(house, tmp_path):
    path = plain(tmp_path / "a.png", "red", 1e9)
    house.done(house.library.add([path]))
    plain(path, "blue", 1e9)
    assert house.done(house.library.add([path])).result["unchanged"] == 1
    job = house.done(house.library.verify())
    assert house.failed(job) == {str(path): "It has changed since it was indexed."}
    house.done(house.library.repair())
    assert house.done(house.library.verify()).message == "everything agrees"
    source = house.store.source_at(str(path))
    assert house.store.regions_of([source.id])[source.id][0].colours == ("blue",)


def test_a_clock_that_jumps_by_years_at_every_look_changes_nothing(house, tmp_path, monkeypatch):
    jumps = random.Random(0)
    monkeypatch.setattr(time, "time", lambda: jumps.uniform(0, 4e9))
    for n, colour in enumerate(COLOURS):
        plain(tmp_path / f"{n}.png", colour, jumps.uniform(0, 4e9))
    paths = sorted(tmp_path.glob("*.png"))
    assert house.done(house.library.add(paths)).result["added"] == 4
    assert house.done(house.library.add(paths)).message == "0 added, 0 replaced, 4 unchanged"
    assert house.names() == [f"{n}.png" for n in range(4)]
