"""The cache file is a head start and never a source of error; the graph works behind the scenes."""

import shutil

import pytest
from index_help import brute_force, fill, found, open_store, rows

from index import EVERYTHING, Filter

QUERY = rows(1, seed=99)[0]


def searched_and_closed(folder, numbers=range(8), **config):
    """A store with a cache file; returns what it found."""
    with open_store(folder, **config) as store:
        fill(store, numbers)
        answer = found(store, QUERY, k=50)
        store.settle()
    assert (folder / "vectors.faiss").exists()
    return answer


def delete(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def overwrite(path):
    path.write_bytes(b"not FAISS at all" * 99)


@pytest.mark.parametrize("harm", [delete, truncate, overwrite])
def test_a_lost_or_torn_cache_is_made_again_with_equal_results(tmp_path, harm):
    answer = searched_and_closed(tmp_path)
    harm(tmp_path / "vectors.faiss")
    with open_store(tmp_path) as store:
        assert found(store, QUERY, k=50) == answer
    with open_store(tmp_path) as store:
        assert found(store, QUERY, k=50) == answer
        assert store._finder._on_file is not None  # this time it was read


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
        assert store._finder._on_file is not None


def test_the_cache_of_another_store_is_not_taken(tmp_path):
    searched_and_closed(tmp_path / "a", range(8))
    answer = searched_and_closed(tmp_path / "b", range(20, 28))
    shutil.copy(tmp_path / "a" / "vectors.faiss", tmp_path / "b" / "vectors.faiss")
    with open_store(tmp_path / "b") as store:
        assert found(store, QUERY, k=50) == answer


@pytest.mark.parametrize("photos", [2, 12], ids=["store shorter than the cache", "all ids given again"])
@pytest.mark.parametrize("searched_first", [True, False])
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


def test_a_cache_that_cannot_be_written_costs_nothing_but_a_warning(tmp_path, caplog):
    (tmp_path / "vectors.faiss").mkdir()
    with open_store(tmp_path) as store:
        fill(store, range(3))
        assert len(found(store, QUERY, k=50)) == 9
    assert "no cache of the vectors was written" in caplog.text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store.db", "vectors.faiss"]


def test_a_store_that_only_adds_reads_and_writes_no_cache(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(3))
    assert [p.name for p in tmp_path.iterdir()] == ["store.db"]


def test_a_large_store_gets_a_graph_that_survives_a_restart(tmp_path):
    answer = searched_and_closed(tmp_path, range(100), exact_up_to=200)
    with open_store(tmp_path, exact_up_to=200) as store:
        again = found(store, QUERY, k=50)
        assert store._finder._memory._indexes[0].is_graph
        assert len(set(again) & set(answer)) >= 48
        fill(store, [100])
        assert found(store, rows(3, seed=100)[1], k=1) == [302]  # the newest lie beside the graph and are found


def test_removing_much_renews_the_memory_and_the_file(tmp_path):
    with open_store(tmp_path) as store:
        sources = fill(store, range(60), count=30)
        found(store, QUERY)
        store.remove([source.id for source in sources[:50]])
        found(store, QUERY)
        store.settle()
        assert sum(len(index) for index in store._finder._memory._indexes) == 300
        assert found(store, QUERY, k=400) == brute_force(store, QUERY, k=400, where=EVERYTHING)
    with open_store(tmp_path) as store:
        assert len(found(store, QUERY, k=400, where=Filter(collection=None))) == 300
        assert len(store._finder._on_file) == 300


def test_the_reason_for_reading_everything_anew_is_logged(tmp_path, caplog):
    caplog.set_level("INFO", logger="index.finder")
    with open_store(tmp_path) as store:
        found(store, QUERY)
    assert "reading all vectors from the store" in caplog.text
