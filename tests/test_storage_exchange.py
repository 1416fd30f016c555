"""A store is copied, filled from a copy and emptied while others use it, and nothing of the old content remains."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_help import DIM, fill, finished, found, in_another_process, open_store, photo, regions_for, rows

from deepseek_mm.storage.errors import StoreBusy
from deepseek_mm.storage.exchange import copy_database, draft_beside, exchange_database
from index import Counts
from index.database import SpaceMismatch, StoreDamaged

SECRET = "nobody-may-read-this"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spaces").mkdir()
    return tmp_path / "spaces"


@pytest.fixture
def store(folder):
    with open_store(folder) as store:
        yield store


def everything(store) -> list:
    sources = store.sources(limit=1000)
    return [(source, store.regions_of([source.id])[source.id]) for source in sources]


def holders_of(word: bytes, folder: Path) -> list[str]:
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and word in path.read_bytes()]


def test_a_copy_holds_what_the_store_held_and_later_changes_do_not_reach_it(store, tmp_path):
    fill(store, range(3), labels=["dog"])
    before = everything(store)
    store.copy_to(tmp_path / "copy.db")
    fill(store, [3])
    store.remove([before[0][0].id])
    store.exchange(tmp_path / "copy.db")
    assert everything(store) == before
    assert len(found(store, rows(1)[0])) == 9


def test_a_copy_is_of_one_moment_while_another_process_goes_on_adding(folder, store, tmp_path):
    adding = in_another_process("s = open_store(folder)\nfor n in range(60): fill(s, [n])\nprint('done')", folder)
    try:
        for n in range(8):
            store.copy_to(tmp_path / f"{n}.db")
    finally:
        assert finished(adding) == "done"
    for n in range(8):
        with closing(sqlite3.connect(tmp_path / f"{n}.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert copy.execute("SELECT count(*) FROM regions").fetchone()[0] % 3 == 0  # whole photos only


def test_every_store_that_is_open_sees_the_new_content_and_finds_no_old_vector(folder, store, tmp_path):
    fill(store, range(4))
    store.copy_to(tmp_path / "copy.db")
    with open_store(folder) as other:
        fill(other, range(10, 16), seed=3)
        assert len(found(other, rows(1)[0], k=50)) == len(found(store, rows(1)[0], k=50)) == 30
        other.exchange(tmp_path / "copy.db")
        fill(store, [20], seed=5)  # takes the region ids that photo 10 had
        query = rows(3, seed=5020)[0]
        for each in (store, other):
            (hit,) = each.search_many(query[None], k=1)[0]
            assert (hit.region.source.path, round(hit.score, 4)) == (photo(20).path, 1.0)
            assert len(found(each, rows(1)[0], k=50)) == 15


def test_a_cleared_store_holds_nothing_and_takes_new_photos(store):
    fill(store, range(4))
    store.clear()
    assert store.counts() == Counts(sources=0, regions=0)
    assert found(store, rows(1)[0]) == []
    fill(store, [1])
    assert len(found(store, rows(1)[0])) == 3


def test_nothing_of_a_cleared_store_remains_in_any_file_of_its_folder(folder, store):
    vectors = rows(3, seed=9)
    for n in range(40):
        store.add(replace(photo(n), path=f"/{SECRET}/{n}.jpg"), regions_for(photo(n), labels=[SECRET]), vectors)
    store.remove([store.sources(limit=1)[0].id])
    assert holders_of(SECRET.encode(), folder) != []
    store.clear()
    assert holders_of(SECRET.encode(), folder) == []
    assert holders_of(vectors[0].astype("<f4").tobytes(), folder) == []
    store.close()
    assert holders_of(SECRET.encode(), folder) == []


def test_a_cache_file_from_before_is_of_no_use_after_the_exchange(folder):
    with open_store(folder) as store:
        store.add(photo(0), regions_for(photo(0), 1200), rows(1200, seed=1))
        found(store, rows(1)[0])
        store.settle()
        old = (folder / "vectors.faiss").read_bytes()
        store.clear()
        assert not (folder / "vectors.faiss").exists()
        store.add(photo(0), regions_for(photo(0), 1200), rows(1200, seed=2))
    (folder / "vectors.faiss").write_bytes(old)
    with open_store(folder) as store:
        hit = store.search_many(rows(1200, seed=2)[7][None], k=1)[0][0]
        assert round(hit.score, 4) == 1.0


def test_a_copy_of_another_space_is_refused_and_nothing_changes(store, tmp_path):
    fill(store, [1])
    with open_store(tmp_path / "other", fingerprint="e" * 64) as other:
        other.copy_to(tmp_path / "copy.db")
    with pytest.raises(SpaceMismatch):
        store.exchange(tmp_path / "copy.db")
    assert store.counts().sources == 1


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_copy_is_refused_and_nothing_changes(folder, store, tmp_path, content):
    fill(store, [1])
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(StoreDamaged):
        store.exchange(tmp_path / "copy.db")
    assert store.counts().sources == 1
    assert [path.name for path in folder.iterdir() if "draft" in path.name] == []


def database(path: Path, *words: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE words (word)")
        connection.executemany("INSERT INTO words VALUES (?)", [(word,) for word in words])
        connection.commit()
    return path


def test_an_exchange_that_is_locked_out_leaves_the_old_content(tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.exchange.PATIENCE_S", 0.1)
    live, by = database(tmp_path / "live.db", "old"), database(tmp_path / "by.db", "new")
    with closing(sqlite3.connect(live, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="locked by another process"):
            exchange_database(live, by)
        writer.execute("ROLLBACK")
        assert writer.execute("SELECT word FROM words").fetchall() == [("old",)]


def test_a_copy_that_cannot_be_finished_leaves_no_file(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        copy_database(tmp_path / "nowhere.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_draft_and_its_logs_are_removed_even_after_an_error(tmp_path):
    def leave_in_the_middle() -> None:
        with draft_beside(tmp_path / "store.db") as draft:
            for ending in ("", "-wal", "-shm"):
                Path(f"{draft}{ending}").touch()
            raise KeyError

    with pytest.raises(KeyError):
        leave_in_the_middle()
    assert list(tmp_path.iterdir()) == []


def test_what_is_removed_is_overwritten_in_the_file(folder, store):
    (source,) = fill(store, [1], labels=[SECRET])
    vector = np.asarray(store.vectors_of([store.regions_of([source.id])[source.id][0].id]), "<f4").tobytes()
    assert len(vector) == 4 * DIM
    store.remove([source.id])
    store.close()  # the last one to leave empties the log
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert holders_of(vector, folder) == []
    assert holders_of(SECRET.encode(), folder) == []
