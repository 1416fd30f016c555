"""Where allowed ids lie in an index: worked out by hand, and only once."""

import gc

import numpy as np
from index_help import DIM, rows

from index.vectors import AllowedIds, flat_index


def index_of(*ids):
    return flat_index(DIM, [(np.array(ids, np.int64), rows(len(ids)))])


def allowed(*ids) -> AllowedIds:
    return AllowedIds(np.array(ids, np.int64))


def test_places_are_those_of_the_allowed_ids_that_are_held():
    part = allowed(1, 4, 5, 9, 12).part_of(index_of(2, 4, 8, 9))
    assert part.places_n.tolist() == [1, 3]
    assert part.mask_N.tolist() == [False, True, False, True]


def test_everything_held_being_allowed_needs_no_places():
    assert allowed(1, 2, 4, 8, 9).part_of(index_of(2, 4, 8)) is None
    assert allowed(1).part_of(flat_index(DIM, [])) is None


def test_as_many_ids_as_are_held_but_others_are_told_apart():
    assert allowed(1, 2, 3).part_of(index_of(1, 3, 4)).places_n.tolist() == [0, 1]


def test_a_part_is_worked_out_once_and_goes_with_its_index():
    ids, index = allowed(1, 2), index_of(1, 2, 3)
    assert ids.part_of(index) is ids.part_of(index)
    del index
    gc.collect()
    assert len(ids._parts) == 0
