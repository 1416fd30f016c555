"""Faces near each other on average are one person's, and what somebody has said is never undone."""

import numpy as np
import pytest

from index.face_groups import group_faces


def line(*places: float) -> np.ndarray:
    """Faces on a line, so that distances can be read off."""
    return np.array([[place, 0.0] for place in places], np.float32).reshape(-1, 2)


def grouped(vectors, people=(), named=None, refusals=None, limit=1.0):
    people = people or [0] * len(vectors)
    found = group_faces(vectors, people, named or {}, refusals or {}, limit=limit)
    return sorted(sorted(rows) for rows in found)


def test_faces_within_the_limit_are_one_group_and_others_are_not():
    assert grouped(line(0.0, 0.5, 3.0, 3.9, 9.0)) == [[0, 1], [2, 3], [4]]


def test_the_distance_of_groups_is_the_mean_of_their_faces_so_a_chain_does_not_join_all():
    # 0 and 0.9 join; 1.8 is 0.9 from one and 1.8 from the other: sqrt((0.81 + 3.24) / 2) = 1.42
    assert grouped(line(0.0, 0.9, 1.8), limit=1.41) == [[0, 1], [2]]
    assert grouped(line(0.0, 0.9, 1.8), limit=1.43) == [[0, 1, 2]]


def test_a_new_face_comes_to_the_nearest_person():
    assert grouped(line(0.0, 2.0, 0.8), people=[7, 8, 0]) == [[0, 2], [1]]


def test_two_people_with_names_never_become_one_however_alike_they_are():
    twins = line(0.0, 0.1)
    assert grouped(twins, people=[7, 8], named={7: True, 8: True}) == [[0], [1]]
    assert grouped(twins, people=[7, 8], named={7: True, 8: False}) == [[0, 1]]


def test_faces_that_somebody_has_put_together_stay_together_though_they_are_far_apart():
    assert grouped(line(0.0, 50.0), people=[7, 7]) == [[0, 1]]


def test_a_face_comes_to_nobody_whom_it_was_said_not_to_be_nor_through_another_face():
    assert grouped(line(0.0, 0.1), people=[7, 0], refusals={1: {7}}) == [[0], [1]]
    # the faces 1 and 2 are the nearest pair; together they may not come to 7 either
    assert grouped(line(0.0, 0.5, 0.6), people=[7, 0, 0], refusals={2: {7}}) == [[0], [1, 2]]


@pytest.mark.parametrize("count", [0, 1])
def test_few_faces_are_grouped_too(count):
    assert grouped(line(*[0.0] * count)) == [[0]] * count


def test_a_thousand_faces_of_ten_people_are_ten_groups():
    chance = np.random.default_rng(3)
    middles = np.eye(10, 16) * 5
    vectors = (middles.repeat(100, axis=0) + chance.normal(0, 0.1, (1000, 16))).astype(np.float32)
    assert grouped(vectors) == [list(range(100 * n, 100 * n + 100)) for n in range(10)]
