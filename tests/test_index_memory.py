"""Many small indexes that answer like one."""

import threading

import numpy as np
import pytest
from index_help import DIM, rows

from deepseek_mm.config import IndexConfig
from index.memory import FEW, Memory, merged, work_due
from index.vectors import flat_index

EXACT = IndexConfig()


def ids(first, last):
    return np.arange(first, last + 1, dtype=np.int64)


def piece(first, last):
    return flat_index(DIM, [(ids(first, last), rows(last)[first - 1 :])])


def memory_of(*steps, config=EXACT):
    """Caught up once for each step: the ids 1 to step."""
    kept = []
    memory = Memory(DIM, config, keep=kept.append)
    for newest in steps:
        memory.catch_up(newest, lambda last, newest=newest: [(ids(last + 1, newest), rows(newest)[last:])])
    return memory, kept


def test_a_memory_filled_in_steps_finds_what_one_index_finds():
    stepwise, _ = memory_of(40, 41, 47, 50)
    at_once, _ = memory_of(50)
    assert len(stepwise._indexes) > 1
    for allowed in (ids(1, 50), ids(38, 45)):
        a, b = (m.search(rows(5, seed=2), k=7, allowed=allowed) for m in (stepwise, at_once))
        assert a[1].tolist() == b[1].tolist()
        np.testing.assert_allclose(a[0], b[0], atol=1e-6)


def test_equal_scores_are_ordered_by_id():
    memory = Memory(DIM, EXACT, keep=lambda index: None)
    same = np.repeat(rows(1), 40, axis=0)
    memory.catch_up(39, lambda last: [(ids(1, 39), same[:39])])
    memory.catch_up(40, lambda last: [(ids(40, 40), same[:1])])
    assert memory.search(same[:1], k=40, allowed=ids(1, 40))[1].tolist() == [list(range(1, 41))]


def test_a_cosine_never_exceeds_one_though_rounding_does():
    memory, _ = memory_of(300)
    everything = {"k": 1, "allowed": ids(1, 300)}
    assert memory._indexes[0].search(rows(300), config=EXACT, **everything)[0].max() > 1
    assert memory.search(rows(300), **everything)[0].max() == 1


def test_an_empty_memory_finds_nothing_for_each_query():
    assert memory_of()[0].search(rows(3), k=5, allowed=ids(1, 9))[1].shape == (3, 0)


def test_adding_one_by_one_keeps_few_indexes_and_copies_little():
    indexes, copied = (), 0
    for n in range(1, 501):
        before = indexes
        indexes = merged(DIM, (*indexes, piece(n, n)))
        copied += sum(len(index) for index in indexes if index not in before)
    assert sum(len(index) for index in indexes) == 500
    assert len(indexes) <= 10
    assert copied < 500 * 10


@pytest.mark.parametrize(
    ("num_alive", "exact_up_to", "due"),
    [(100, 100, "nothing"), (100, 99, "grow"), (0, 100, "nothing"), (0, 99, "grow")],
)
def test_the_graph_grows_when_more_lie_outside_it_than_are_searched_one_by_one(num_alive, exact_up_to, due):
    assert work_due((piece(1, 60), piece(61, 100)), num_alive, exact_up_to) == due


def test_everything_is_renewed_when_a_third_of_it_was_removed():
    index = flat_index(DIM, [(ids(1, 6 * FEW), np.zeros((6 * FEW, DIM), np.float32))])
    assert work_due((index,), 4 * FEW, 10**9) == "nothing"
    assert work_due((index,), 4 * FEW - 1, 10**9) == "renew"


def test_a_search_goes_on_while_the_graph_is_built_and_the_graph_takes_over():
    memory, kept = memory_of(800, config=IndexConfig(exact_up_to=500))
    memory.tend(800, lambda: ids(1, 800))
    memory.catch_up(810, lambda last: [(ids(last + 1, 810), rows(810)[last:])])  # arrives during the work
    memory.settle()
    assert [(index.is_graph, len(index)) for index in memory._indexes] == [(True, 800), (False, 10)]
    assert kept == [memory._indexes[0]]
    assert memory.search(rows(810)[[3, 805]], k=1, allowed=ids(1, 810))[1].tolist() == [[4], [806]]


def test_renewing_drops_the_removed_and_keeps_what_came_later():
    memory, _ = memory_of(3000)
    alive = ids(1, 3000)[::4]
    memory.tend(len(alive), lambda: alive)
    memory.catch_up(3001, lambda last: [(ids(3001, 3001), rows(3001)[3000:])])
    memory.settle()
    assert sorted(n for index in memory._indexes for n in index.ids_N if n in alive or n == 3001) == [*alive, 3001]
    assert sum(len(index) for index in memory._indexes) < 800
    assert memory.last_id == 3001


def test_closing_stops_the_building_within_a_second_and_hands_over_everything():
    memory, kept = memory_of(20_000, config=IndexConfig(exact_up_to=100))
    memory.tend(20_000, lambda: ids(1, 20_000))
    closer = threading.Thread(target=memory.close)
    closer.start()
    closer.join(timeout=5)
    assert not closer.is_alive()
    assert kept == []
    assert len(memory.close()) == 20_000
    memory.tend(20_000, lambda: ids(1, 20_000))  # after closing nothing is started
    assert not memory._worker.is_alive()
