"""Known files: read from any store, however ill the others are."""

import sqlite3
from contextlib import closing

import numpy as np
from index_help import note_copy
from slow_ingest import open_store

from index.places import known_paths
from index.region import Region, Source


def fill(folder, *paths: str, collection: str = "library"):
    with open_store(folder) as store:
        for path in paths:
            source = Source(path=path, collection=collection, digest=path, width_px=8, height_px=8)
            whole = Region(source=source, kind="whole", box_px=(0, 0, 8, 8))
            store.add(source, [whole], np.eye(1, 32, dtype=np.float32))
    return folder / "store.db"


def test_the_files_of_two_stores_are_told_once_each_in_the_order_of_their_coming(tmp_path):
    one, two = fill(tmp_path / "one", "/b.jpg", "/a.jpg"), fill(tmp_path / "two", "/c.jpg", "/a.jpg")
    assert known_paths([one, two]) == ["/b.jpg", "/a.jpg", "/c.jpg"]


def test_pictures_that_came_with_questions_are_not_files_of_the_library(tmp_path):
    assert known_paths([fill(tmp_path, "/upload.jpg", collection="uploads")]) == []


def test_a_store_that_is_torn_absent_or_of_another_kind_knows_nothing_and_stays_as_it_is(tmp_path):
    torn, other = tmp_path / "torn.db", tmp_path / "empty.db"
    torn.write_bytes(b"SQLite format 3\0" + b"\1" * 500)
    other.touch()
    well = fill(tmp_path / "well", "/a.jpg")
    assert known_paths([torn, tmp_path / "none.db", other, well]) == ["/a.jpg"]
    assert (torn.stat().st_size, other.stat().st_size, (tmp_path / "none.db").exists()) == (516, 0, False)


def test_a_name_with_every_odd_letter_is_found_in_a_folder_with_odd_letters(tmp_path):
    assert known_paths([fill(tmp_path / "a ?#%20", "/ä 'x\".jpg")]) == ["/ä 'x\".jpg"]


def test_every_place_of_a_file_is_known_after_the_files_themselves(tmp_path):
    path = fill(tmp_path, "/b.jpg", "/a.jpg")
    with open_store(tmp_path) as store:
        note_copy(store, store.source_at("/b.jpg").id, "/copy.jpg", size_bytes=1, modified_ns=1)
    assert known_paths([path]) == ["/b.jpg", "/a.jpg", "/copy.jpg"]


def test_a_store_of_the_first_version_is_read_as_it_is(tmp_path):
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("CREATE TABLE sources (id INTEGER PRIMARY KEY, path, collection)")
        connection.execute("INSERT INTO sources VALUES (1, '/old.jpg', 'library')")
        connection.commit()
    assert known_paths([tmp_path / "store.db"]) == ["/old.jpg"]
