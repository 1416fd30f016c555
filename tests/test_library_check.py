"""What does not agree is found, named and mended; what does is left alone."""

import sqlite3
from contextlib import closing

import pytest
from fakes import picture
from library_help import House, everything, paint

from index.words import teach


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def test_a_sound_library_is_found_to_agree(house, photos):
    house.done(house.library.add([photos]))
    job = house.done(house.library.verify())
    assert (job.state, job.message, job.num_failed) == ("done", "everything agrees", 0)


def damage(house: House, statement: str) -> None:
    with closing(sqlite3.connect(house.store.folder / "store.db")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        teach(connection)
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        ("UPDATE vectors SET data = zeroblob(length(data)) WHERE region_id = 1", "is not what was written"),
        ("UPDATE vectors SET data = x'00' WHERE region_id = 1", "has 1 bytes, not"),
        ("UPDATE vectors SET data = zeroblob(3 * length(data)), checksum = NULL WHERE region_id = 1", "bytes, not"),
        ("DELETE FROM vectors WHERE region_id = 1", "is missing"),
        ("DELETE FROM regions WHERE source_id = 1", "no region"),
    ],
    ids=["changed bytes", "too short", "too long", "missing", "bare"],
)
def test_a_damaged_entry_is_found_named_and_mended(house, photos, statement, detail):
    house.done(house.library.add([photos]))
    before = everything(house)
    path = house.store.sources(limit=9)[-1].path
    damage(house, statement)
    job = house.done(house.library.verify())
    assert detail in house.failed(job)[path]
    house.done(house.library.repair())
    assert house.done(house.library.verify()).message == "everything agrees"
    assert everything(house) == before


def test_words_that_do_not_agree_with_the_texts_are_found_and_made_anew(house, photos):
    house.done(house.library.add([photos]))
    damage(house, "INSERT INTO words (rowid, body) VALUES (999, 'nothing')")
    job = house.done(house.library.verify())
    assert house.failed(job) == {"the index of words": "It does not agree with the texts of 1 regions."}
    house.done(house.library.repair())
    assert house.done(house.library.verify()).message == "everything agrees"


def test_rows_that_belong_to_nothing_are_found_and_the_way_out_is_named(house, photos):
    house.done(house.library.add([photos]))
    with closing(sqlite3.connect(house.store.folder / "store.db")) as connection:
        teach(connection)
        connection.execute("DELETE FROM regions WHERE id = 1")
        connection.commit()
    found = house.failed(house.done(house.library.verify()))
    assert found["the index (1)"] == "Rows of labels, vectors belong to nothing."
    assert "index --rebuild" in house.failed(house.done(house.library.repair()))["the index (1)"]


def test_changed_and_vanished_files_are_found_and_repair_brings_them_up_to_date(house, photos):
    house.done(house.library.add([photos]))
    picture("white").save(photos / "red.png")
    (photos / "blue.png").unlink()
    assert house.failed(house.done(house.library.verify())) == {
        str(photos / "red.png"): "It has changed since it was indexed.",
        str(photos / "blue.png"): "It is not there any more.",
    }
    job = house.done(house.library.repair())
    assert list(house.failed(job)) == [str(photos / "blue.png")]
    assert house.done(house.library.repair(forget=True)).num_failed == 0
    assert house.done(house.library.verify()).message == "everything agrees"
    assert house.names() == ["green.png", "red.png", "yellow.png"]


def test_a_cache_file_that_does_not_agree_is_found_and_made_anew(house, photos):
    house.done(house.library.add([photos]))
    (house.store.folder / "vectors.faiss").write_bytes(b"torn")
    job = house.done(house.library.verify())
    assert "ends after 4 bytes" in house.failed(job)["the cache"]
    assert house.done(house.library.repair()).num_failed == 0
    assert house.done(house.library.verify()).message == "everything agrees"
