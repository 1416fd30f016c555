"""Boxes and cells, against maps drawn by hand."""

import numpy as np
import pytest

from deepseek_mm.embeddings.space import area
from deepseek_mm.vision.regions import connected_cells, overlap


def test_cells_that_hang_together_with_the_seed_are_reached_round_corners():
    hot = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 1, 0]], bool)
    assert connected_cells(hot, (0, 0)).astype(int).tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]]


def test_cells_that_touch_at_a_corner_only_are_not_connected():
    hot = np.array([[True, False], [False, True]])
    assert connected_cells(hot, (0, 0)).tolist() == [[True, False], [False, False]]


def test_a_seed_that_is_not_hot_itself_is_kept_alone_or_with_its_neighbours():
    assert connected_cells(np.zeros((2, 2), bool), (1, 1)).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 0, 10, 10), 1.0), ((10, 0, 20, 10), 0.0), ((5, 0, 15, 10), 1 / 3), ((50, 50, 60, 60), 0.0)],
)
def test_overlap_is_shared_area_over_joined_area(other, expected):
    assert overlap((0, 0, 10, 10), other) == pytest.approx(expected)


def test_area_counts_square_pixels_of_a_box():
    assert area((2, 3, 5, 7)) == 12
