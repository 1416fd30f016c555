"""How well a store does on its own data, and whether deleted things are gone."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from index_help import DIM, fill, open_store, photo, regions_for, rows
from storage_contract import only_files

from index import Region
from index.health import DeletedTraces, exact_scores, free_pages, recall, sample_vectors


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as store:
        yield store


def test_a_sound_store_finds_all_of_the_nearest_and_has_left_nothing(store):
    fill(store, range(30))
    health = store.health()
    assert (health.recall, health.sampled, health.regions) == (1.0, 50, 90)
    assert health.traces == DeletedTraces()


def test_an_empty_store_is_well_and_a_small_one_is_asked_for_all_it_has(store):
    assert (store.health().recall, store.health().sampled) == (1.0, 0)
    fill(store, [1])
    assert (store.health().recall, store.health().sampled) == (1.0, 3)


def test_recall_is_the_share_of_the_nearest_that_a_search_finds(store):
    fill(store, range(20))

    def half_blind(queries_QD, k):
        scores_Qk, ids_Qk = exact_in(store, queries_QD, k), np.zeros((len(queries_QD), k), np.int64)
        scores_Qk[:, k // 2 :] = -1.0  # it finds the better half, and then anything
        return scores_Qk, ids_Qk

    with store._database.reading() as session:
        assert recall(session, half_blind, DIM, sample=7, k=10) == (0.5, 7)


def exact_in(store, queries_QD, k):
    with store._database.reading() as session:
        return exact_scores(session, queries_QD, DIM, k)


def test_the_exact_nearest_are_those_of_one_large_product(store):
    fill(store, range(25), count=4)
    with store._database.reading() as session:
        every = sample_vectors(session, DIM, 100)
    assert len(every) == 100
    expected = -np.sort(-(every[:5] @ every.T), axis=1)[:, :10]
    np.testing.assert_allclose(exact_in(store, every[:5], 10), expected, atol=1e-6)


@only_files
def test_what_was_deleted_is_zeros_on_every_free_page(store):
    fill(store, range(60), count=6)
    store.remove_places([photo(n).path for n in range(60)])
    store.renew_cache()
    left = store.health().traces
    assert left.free_pages > 3
    assert left == DeletedTraces(free_pages=left.free_pages)


@only_files
def test_pages_that_were_freed_without_overwriting_are_found_and_counted(store):
    fill(store, range(60), count=6)
    with closing(sqlite3.connect(store._database.path)) as careless:  # another program, with SQLite's usual settings
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("DELETE FROM vectors")
        careless.commit()
    left = store.health().traces
    assert left.dirty_pages > 3
    assert left.dirty_pages <= left.free_pages == len(list(free_pages(store._database.path)))


@only_files
def test_words_of_a_text_that_is_gone_are_counted_and_found_by_their_phrase(store):
    source = photo(1)
    text = Region(source=source, kind="text", box_px=(0, 0, 9, 9), text="the secret recipe")
    store.add(source, [*regions_for(source, 1), text], rows(2))
    assert (store.count_phrase("Secret recipe"), store.count_phrase("recipe secret"), store.count_phrase("?")) == (
        1,
        0,
        0,
    )
    with closing(sqlite3.connect(store._database.path)) as careless:
        careless.execute("DROP TRIGGER IF EXISTS words_gone")
        names = [name for (name,) in careless.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in names:
            careless.execute(f"DROP TRIGGER {name}")
        careless.execute("DELETE FROM regions WHERE text != ''")
        careless.commit()
    assert store.health().traces.words == 1
    assert store.count_phrase("secret recipe") == 1
