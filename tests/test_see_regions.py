"""Boxes from heat maps, against maps drawn by hand."""

import numpy as np
import pytest

from deepseek_mm.see.regions import area, box_of, connected, hot_cells, overlap


def heat(rows: list[str]) -> np.ndarray:
    return np.array([[float(cell) for cell in row] for row in rows], np.float32)


def test_the_box_surrounds_the_hot_cells_around_the_peak():
    cells = hot_cells(heat(["0000", "0980", "0760", "0000"]))
    assert cells.astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert box_of(cells, 400, 200) == (100, 50, 300, 150)


def test_a_second_hot_place_that_does_not_touch_is_left_out():
    cells = hot_cells(heat(["9000", "0000", "0008"]))
    assert box_of(cells, 40, 30) == (0, 0, 10, 10)


def test_cells_that_touch_at_a_corner_only_are_not_connected():
    hot = np.array([[True, False], [False, True]])
    assert connected(hot, (0, 0)).tolist() == [[True, False], [False, False]]


def test_a_flat_map_is_one_box_over_the_whole_picture():
    assert box_of(hot_cells(np.ones((3, 3), np.float32)), 90, 60) == (0, 0, 90, 60)


def test_a_box_in_a_picture_of_one_pixel_is_that_pixel():
    assert box_of(np.eye(9, dtype=bool), 1, 1) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 0, 10, 10), 1.0), ((10, 0, 20, 10), 0.0), ((5, 0, 15, 10), 1 / 3), ((50, 50, 60, 60), 0.0)],
)
def test_overlap_is_shared_area_over_joined_area(other, expected):
    assert overlap((0, 0, 10, 10), other) == pytest.approx(expected)


def test_area_counts_square_pixels_of_a_box():
    assert area((2, 3, 5, 7)) == 12
