"""The cache file is a head start and never a source of error; whatever happens to the store is seen at once."""

import shutil
import sqlite3
import uuid

import numpy as np
import pytest
from index_help import brute_force, fill, found, open_store, rows
from storage_contract import only_files

from index import EVERYTHING, Filter, finder
from index.words import teach

QUERY = rows(1, seed=99)[0]
EVERY = Filter(collection=None)


@pytest.fixture(autouse=True)
def _a_few_are_many(monkeypatch):
    monkeypatch.setattr(finder, "FEW", 5)


def searched_and_closed(folder, numbers=range(8), **config):
    """A store with a cache file; returns what it found."""
    with open_store(folder, **config) as store:
        fill(store, numbers)
        answer = found(store, QUERY, k=50)
    assert (folder / "vectors.faiss").exists()
    return answer


def came_from_the_file(store) -> bool:
    return store._finder._filing.last_id > 0


def delete(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def overwrite(path):
    path.write_bytes(b"not FAISS at all" * 99)


@pytest.mark.parametrize("harm", [delete, truncate, overwrite])
@only_files
def test_a_lost_or_torn_cache_is_made_again_with_equal_results(tmp_path, harm):
    answer = searched_and_closed(tmp_path)
    harm(tmp_path / "vectors.faiss")
    with open_store(tmp_path) as store:
        assert found(store, QUERY, k=50) == answer
    before = (tmp_path / "vectors.faiss").stat()
    with open_store(tmp_path) as store:
        assert found(store, QUERY, k=50) == answer
        assert came_from_the_file(store)
    after = (tmp_path / "vectors.faiss").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # it was not written again


@only_files
def test_an_old_cache_is_completed_from_the_store(tmp_path):
    searched_and_closed(tmp_path)
    old = (tmp_path / "vectors.faiss").read_bytes()
    with open_store(tmp_path) as store:
        store.remove([2, 3])
        fill(store, range(8, 12))
        answer = found(store, QUERY, k=50)
    (tmp_path / "vectors.faiss").write_bytes(old)
    with open_store(tmp_path) as store:
        assert found(store, QUERY, k=50) == answer == brute_force(store, QUERY, k=50, where=EVERYTHING)


@only_files
def test_the_cache_of_another_store_is_not_taken_and_deleted(tmp_path):
    searched_and_closed(tmp_path / "a", range(8))
    answer = searched_and_closed(tmp_path / "b", range(20, 28))
    foreign = (tmp_path / "a" / "vectors.faiss").read_bytes()
    shutil.copy(tmp_path / "a" / "vectors.faiss", tmp_path / "b" / "vectors.faiss")
    with open_store(tmp_path / "b") as store:
        assert found(store, QUERY, k=50) == answer
    assert (tmp_path / "b" / "vectors.faiss").read_bytes() != foreign


@pytest.mark.parametrize("photos", [2, 12], ids=["store shorter than the cache", "all ids given again"])
@pytest.mark.parametrize("searched_first", [True, False])
@only_files
def test_a_store_restored_from_a_backup_does_not_trust_the_newer_cache(tmp_path, photos, searched_first):
    searched_and_closed(tmp_path)
    backup = (tmp_path / "store.db").read_bytes()
    searched_and_closed(tmp_path, range(8, 16))
    (tmp_path / "store.db").write_bytes(backup)
    with open_store(tmp_path) as store:
        if searched_first:
            assert len(found(store, QUERY, k=100)) == 24
        fill(store, range(50, 50 + photos), seed=5)
        assert found(store, QUERY, k=100) == brute_force(store, QUERY, k=100, where=EVERYTHING)


@only_files
def test_a_cache_that_cannot_be_written_costs_nothing_but_a_warning(tmp_path, caplog):
    (tmp_path / "vectors.faiss").mkdir()
    with open_store(tmp_path) as store:
        fill(store, range(3))
        assert len(found(store, QUERY, k=50)) == 9
    assert "no cache of the vectors was written" in caplog.text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store.db", "store.db-counters", "vectors.faiss"]


@only_files
def test_a_store_that_only_adds_reads_and_writes_no_cache(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(3))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store.db", "store.db-counters"]


@only_files
def test_a_process_that_is_killed_leaves_the_file_that_it_wrote_on_the_way(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(8))
        found(store, QUERY)
        store.settle()
        assert (tmp_path / "vectors.faiss").exists()
        written = (tmp_path / "vectors.faiss").stat()
        fill(store, [8])
        found(store, QUERY)  # three more are not worth a new file
        store.settle()
        assert (tmp_path / "vectors.faiss").stat() == written


@only_files
def test_a_large_store_gets_codes_that_survive_a_restart(tmp_path):
    answer = searched_and_closed(tmp_path, range(100), exact_up_to=200)
    with open_store(tmp_path, exact_up_to=200) as store:
        assert found(store, QUERY, k=50) == answer == brute_force(store, QUERY, k=50, where=EVERYTHING)
        assert len(store._finder._kept.memory._indexes[0].codes) == 300
        fill(store, [100])
        assert found(store, rows(3, seed=100)[1], k=1) == [302]  # the newest lie beside the others and are found


@only_files
def test_removing_much_renews_the_memory_and_the_file(tmp_path):
    with open_store(tmp_path) as store:
        sources = fill(store, range(60), count=30)
        found(store, QUERY)
        store.settle()
        store.remove([source.id for source in sources[:50]])
        found(store, QUERY)
        assert store._finder._kept.memory.count() == 300
        assert found(store, QUERY, k=400) == brute_force(store, QUERY, k=400, where=EVERYTHING)
    with open_store(tmp_path) as store:
        assert len(found(store, QUERY, k=400, where=EVERY)) == 300
        assert came_from_the_file(store)


@only_files
def test_a_file_with_removed_vectors_is_written_anew_at_the_next_start(tmp_path):
    searched_and_closed(tmp_path)
    with open_store(tmp_path) as store:
        gone = store.vectors_of([4])[0].tobytes()
        store.remove([2])
    assert gone in (tmp_path / "vectors.faiss").read_bytes()
    with open_store(tmp_path) as store:
        found(store, QUERY)
    assert gone not in (tmp_path / "vectors.faiss").read_bytes()


@pytest.mark.parametrize("searched", [True, False])
@only_files
def test_after_renewing_no_file_has_a_byte_of_the_removed_vectors(tmp_path, searched):
    searched_and_closed(tmp_path)
    with open_store(tmp_path) as store:
        gone, kept = (store.vectors_of([n])[0].tobytes() for n in (4, 10))
        if searched:
            found(store, QUERY)
        store.remove([2])
        with store._database.reading() as session:
            store._finder.renew(session)
        assert not (tmp_path / "vectors.faiss").exists()
        assert not searched or store._finder._kept.memory.count() == 21  # a late writer has nothing to write either
        assert len(found(store, QUERY, k=50)) == 21
    file = (tmp_path / "vectors.faiss").read_bytes()
    assert (gone in file, kept in file) == (False, True)


def fault_of(store) -> str:
    with store._database.reading() as session:
        return store._finder.fault(session)


@only_files
def test_a_file_that_agrees_with_the_store_has_no_fault_nor_has_none_at_all(tmp_path):
    with open_store(tmp_path) as store:
        assert fault_of(store) == ""
        fill(store, range(100))
        found(store, QUERY)
        store.settle()
        fill(store, [200])
        store.remove([3])
        assert (tmp_path / "vectors.faiss").exists()
        assert fault_of(store) == ""  # some more and some less is no fault


@only_files
def test_a_file_that_does_not_agree_with_the_store_says_where(tmp_path):
    searched_and_closed(tmp_path, range(100))
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE vectors SET data = ? WHERE region_id = 7", (rows(1, seed=5)[0].tobytes(),))
    connection.close()
    with open_store(tmp_path) as store:
        assert "its vector of region 7 is not the store's" in fault_of(store)
        truncate(tmp_path / "vectors.faiss")
        assert "its end is missing" in fault_of(store)


def exchange(folder, *, keep):
    """What a restore does, by another connection: another identity, and other content."""
    with sqlite3.connect(folder / "store.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        teach(connection)
        connection.execute("DELETE FROM sources WHERE id > ?", (keep,))
        turned = np.roll(rows(3, seed=0), 1, axis=1)[0].tobytes()
        connection.execute("UPDATE vectors SET data = ? WHERE region_id = 1", (turned,))
        connection.execute("UPDATE library SET identity = ?", (uuid.uuid4().hex,))
    connection.close()


@pytest.mark.parametrize("exact_up_to", [10_000, 10], ids=["exact", "codes"])
@only_files
def test_an_exchanged_store_is_read_anew_and_its_old_file_deleted(tmp_path, exact_up_to):
    with open_store(tmp_path, exact_up_to=exact_up_to) as store:
        fill(store, range(8))
        found(store, QUERY)
        store.settle()
        gone = store.vectors_of([1])[0].tobytes()
        assert gone in (tmp_path / "vectors.faiss").read_bytes()
        exchange(tmp_path, keep=4)
        assert found(store, QUERY, k=50) == brute_force(store, QUERY, k=50, where=EVERYTHING)
        assert len(found(store, QUERY, k=50)) == 12
        store.settle()
        assert gone not in (tmp_path / "vectors.faiss").read_bytes()


@only_files
def test_a_search_that_began_before_the_exchange_ends_in_the_old_content_and_leaves_nothing(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(8))
        found(store, QUERY)
        with store._database.reading() as session:
            finder.moment_of(session)  # its snapshot begins
            exchange(tmp_path, keep=0)
            assert found(store, QUERY) == []
            kept = store._finder._kept
            _, ids = store._finder.find(session, QUERY[None], k=50, where=EVERYTHING)
            assert ids.shape == (1, 24)
            assert store._finder._kept is kept  # the old content was not taken up again
        assert found(store, QUERY) == []
        store.settle()
        assert not (tmp_path / "vectors.faiss").exists()


@only_files
def test_renewing_after_an_exchange_deletes_the_file_at_once(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(8))
        found(store, QUERY)
        exchange(tmp_path, keep=0)
        with store._database.reading() as session:
            store._finder.renew(session)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store.db", "store.db-counters"]


@only_files
def test_the_reason_for_reading_everything_anew_is_logged(tmp_path, caplog):
    caplog.set_level("INFO", logger="index.finder")
    with open_store(tmp_path) as store:
        found(store, QUERY)
    assert "reading all vectors from the store" in caplog.text
