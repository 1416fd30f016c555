"""Many small indexes that answer like one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from index_help import DIM, rows

from deepseek_mm.config import IndexConfig
from index.memory import VectorMemory
from index.vectors import AllowedIds, Codes

EXACT, CODED = IndexConfig(), IndexConfig(exact_up_to=300)


def ids(first, last):
    return np.arange(first, last + 1, dtype=np.int64)


def memory_of(*steps, config=EXACT) -> VectorMemory:
    """Caught up once for each step: the ids 1 to step."""
    memory = VectorMemory(DIM, config)
    for newest in steps:
        memory.catch_up(newest, lambda last, newest=newest: [(ids(last + 1, newest), rows(newest)[last:])])
    return memory


def nearest(memory, queries, *, k=1, allowed):
    return memory.search(queries, k=k, allowed=AllowedIds(allowed))[1].tolist()


@pytest.mark.parametrize("config", [EXACT, CODED], ids=["exact", "codes"])
def test_a_memory_filled_in_steps_finds_what_one_index_finds(config):
    stepwise, at_once = memory_of(900, 901, 1500, 1800, config=config), memory_of(1800, config=config)
    assert len(stepwise._indexes) > 1
    for allowed in (ids(1, 1800), ids(895, 905)):
        a, b = (m.search(rows(5, seed=2), k=7, allowed=AllowedIds(allowed)) for m in (stepwise, at_once))
        assert a[1].tolist() == b[1].tolist()
        np.testing.assert_allclose(a[0], b[0], atol=1e-6)


def test_equal_scores_are_ordered_by_id():
    memory = VectorMemory(DIM, EXACT)
    same = np.repeat(rows(1), 40, axis=0)
    memory.catch_up(39, lambda last: [(ids(1, 39), same[:39])])
    memory.catch_up(40, lambda last: [(ids(40, 40), same[:1])])
    assert nearest(memory, same[:1], k=40, allowed=ids(1, 40)) == [list(range(1, 41))]


def test_a_cosine_never_exceeds_one_though_rounding_does():
    memory = memory_of(300)
    everything = {"k": 1, "allowed": AllowedIds(ids(1, 300))}
    assert memory._indexes[0].search(rows(300), config=EXACT, **everything)[0].max() > 1
    assert memory.search(rows(300), **everything)[0].max() == 1


def test_an_empty_memory_finds_nothing_for_each_query():
    memory = memory_of()
    assert memory.search(rows(3), k=5, allowed=AllowedIds(ids(1, 9)))[1].shape == (3, 0)
    assert (memory.count(), memory.last_id, len(memory.as_one(ids(1, 9)))) == (0, 0, 0)


def test_adding_one_by_one_keeps_few_indexes_and_copies_little():
    memory, copied = VectorMemory(DIM, EXACT), 0
    for n in range(1, 501):
        before = memory._indexes
        memory.catch_up(n, lambda last, n=n: [(ids(n, n), rows(1, seed=n))])
        copied += sum(len(index) for index in memory._indexes if index not in before)
    assert memory.count() == 500
    assert len(memory._indexes) <= 10
    assert copied < 500 * 10


def test_long_indexes_have_codes_and_each_vector_is_encoded_once_for_each_book(monkeypatch):
    encoded, add = [], Codes.add
    monkeypatch.setattr(Codes, "add", lambda self, vectors: encoded.append(len(vectors)) or add(self, vectors))
    long, short = memory_of(400, 530, 660, 790, config=CODED)._indexes
    assert (len(long.codes), len(long), short.codes) == (660, 660, None)
    assert encoded == [400, 260]  # the first ones were copied


@pytest.mark.parametrize(("learn_up_to", "books"), [(200_000, 2), (900, 1)])
def test_a_memory_that_has_outgrown_its_book_learns_another_unless_that_takes_too_long(monkeypatch, learn_up_to, books):
    learnt, learn = [], Codes.learn
    monkeypatch.setattr(Codes, "learn", lambda vectors: learnt.append(len(vectors)) or learn(vectors))
    monkeypatch.setattr("index.memory.LEARN_UP_TO", learn_up_to)
    memory = memory_of(400, 700, 1700, config=CODED)
    assert learnt == [400, 1000][:books]
    assert nearest(memory, rows(1700)[[3, 1650]], allowed=ids(1, 1700)) == [[4], [1651]]


def test_an_index_of_the_old_book_answers_beside_one_of_the_new(monkeypatch):
    monkeypatch.setattr("index.memory.OUTGROWN", 0)  # every index gets a book of its own
    memory = memory_of(1500, 2100, config=CODED)
    old, new = memory._indexes
    assert not new.codes.shares_book(old.codes)
    assert nearest(memory, rows(2100)[[3, 2050]], allowed=ids(1, 2100)) == [[4], [2051]]
    assert len(memory.as_one(ids(1, 2100)).codes) == 2100


def test_counts_look_at_the_ids_above_and_up_to():
    memory = memory_of(40, 47, 50)
    assert (memory.count(), memory.count(after=45), memory.count(up_to=45), memory.count(after=50)) == (50, 5, 45, 0)


@pytest.mark.parametrize("config", [EXACT, CODED], ids=["exact", "codes"])
def test_dropping_keeps_the_living_and_what_came_later(config):
    memory = memory_of(3000, 3001, config=config)
    alive = ids(1, 3000)[::4]
    memory.drop(alive, newest=3000)
    assert [n for index in memory._indexes for n in index.ids_N] == [*alive, 3001]
    assert nearest(memory, rows(3001)[[4, 5, 3000]], allowed=ids(1, 3001))[::2] == [[5], [3001]]
    before = memory._indexes
    memory.drop(alive, newest=3000)
    assert memory._indexes is before  # nothing to do is nothing done
    memory.drop(alive[:0], newest=3001)
    assert memory.count() == 0


def test_one_index_for_the_file_holds_the_living_of_all_and_changes_nothing():
    memory = memory_of(1000, 1400, 1410, config=CODED)
    before, whole = memory._indexes, memory.as_one(ids(1, 1410))
    assert whole.ids_N.tolist() == list(range(1, 1411))
    np.testing.assert_array_equal(whole.vectors_ND, rows(1410))
    assert len(whole.codes) == 1410
    assert memory.as_one(ids(5, 10)).ids_N.tolist() == [5, 6, 7, 8, 9, 10]
    assert memory._indexes is before
    single = memory_of(1000)
    assert single.as_one(ids(1, 1000)) is single._indexes[0]  # no copy where there is one already


def test_a_memory_goes_on_from_an_index_of_a_file_with_its_book():
    memory = VectorMemory(DIM, CODED)
    memory.start_with(memory_of(1000, config=CODED).as_one(ids(1, 1000)))
    memory.catch_up(1900, lambda last: [(ids(last + 1, 1900), rows(1900)[last:])])
    assert [len(index.codes) for index in memory._indexes] == [1900]
    assert nearest(memory, rows(1900)[[3, 1800]], allowed=ids(1, 1900)) == [[4], [1801]]


def test_codes_are_made_for_a_long_index_of_a_file_that_has_none():
    memory = VectorMemory(DIM, CODED)
    memory.start_with(memory_of(1000, config=EXACT).as_one(ids(1, 1000)))
    assert len(memory._indexes[0].codes) == 1000


def test_searches_while_the_memory_grows_and_shrinks_never_miss_what_stays():
    memory, queries = memory_of(1000, config=CODED), rows(1000)[:50]

    def change():
        for newest in range(1100, 4001, 100):
            memory.catch_up(newest, lambda last, newest=newest: [(ids(last + 1, newest), rows(newest)[last:])])
            if newest % 500 == 0:
                memory.drop(np.concatenate([ids(1, 50), ids(newest - 200, newest)]), newest=newest)
        return []

    def search():
        return [nearest(memory, queries, allowed=ids(1, 4000)) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(change), *(pool.submit(search) for _ in range(3))]
        for answer in [answer for future in answers for answer in future.result()]:
            assert answer == [[n] for n in range(1, 51)]
