"""Extents on painted pictures, where the right one is known to the pixel."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepseek_mm.vision.regions import SIDE, Canvas, blur, spread_out, trim_extent


def painted(box: tuple[int, int, int, int], *, ink: str = "#c02020", ground: str = "#a0c0a0") -> Image.Image:
    image = Image.new("RGB", (360, 180), ground)
    left, top, right, bottom = box
    ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=ink)
    return image


def heat_at(row: int, column: int) -> np.ndarray:
    """A blob of three cells around a place on a map of nine."""
    down, across = np.mgrid[0:9, 0:9]
    return np.exp(-((down - row) ** 2 + (across - column) ** 2) / 3).astype(np.float32)


def box_of(image: Image.Image, heat: np.ndarray) -> tuple[float, ...]:
    box = trim_extent(Canvas.of(image).extent(heat))
    return tuple(edge / SIDE * side for edge, side in zip(box, (360, 180, 360, 180), strict=True))


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return (
        shared / sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
        if shared == 0
        else (shared / (sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)) - shared))
    )


@pytest.mark.parametrize("box", [(90, 40, 270, 140), (20, 60, 130, 170), (200, 0, 350, 100)])
def test_a_thing_is_boxed_to_its_own_edges_although_only_its_middle_is_hot(box):
    row, column = (box[1] + box[3]) / 2 / 20 - 0.5, (box[0] + box[2]) / 2 / 40 - 0.5
    found = box_of(painted(box), heat_at(round(row), round(column)))
    assert overlap(found, box) > 0.85


def test_heat_alone_decides_where_everything_has_one_colour():
    left, top, right, bottom = box_of(painted((0, 0, 1, 1), ink="#a0c0a0"), heat_at(4, 4))
    assert (left + right) / 2 == pytest.approx(180, abs=20)
    assert (top + bottom) / 2 == pytest.approx(90, abs=10)
    assert right - left < 250


def test_a_second_thing_of_the_same_colour_far_away_is_left_out():
    image = painted((30, 40, 120, 140))
    ImageDraw.Draw(image).rectangle((260, 40, 340, 140), fill="#c02020")
    assert box_of(image, heat_at(4, 1))[2] < 160


def test_a_map_that_is_hot_everywhere_covers_the_picture():
    assert Canvas.of(painted((90, 40, 270, 140))).extent(np.ones((9, 9), np.float32)).all()


def test_a_map_is_stretched_from_its_median_to_its_peak_and_never_quite_sure():
    stretched = spread_out(heat_at(4, 4) * 7 + 3)
    assert stretched.shape == (SIDE, SIDE)
    assert (stretched.min(), stretched.max()) == (pytest.approx(0.02), pytest.approx(0.98, abs=0.02))
    assert np.unravel_index(stretched.argmax(), stretched.shape)[0] in (SIDE // 2 - 1, SIDE // 2)


def test_blurring_spreads_one_point_over_its_neighbours_and_keeps_the_sum():
    point = np.zeros((5, 5))
    point[2, 2] = 16
    assert blur(point)[1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert blur(point).sum() == 16


def test_single_points_that_stick_out_do_not_widen_a_box():
    within = np.zeros((SIDE, SIDE), bool)
    within[10:20, 10:20] = True
    within[15, 20:23] = True
    within[9, 15] = True
    assert trim_extent(within) == (10, 10, 21, 20) or trim_extent(within) == (10, 10, 22, 20)
    within[15, 20:23] = False
    assert trim_extent(within) == (10, 10, 20, 20)


def test_a_picture_in_any_mode_and_of_any_size_makes_a_canvas():
    for image in (Image.new("L", (1, 1), 7), Image.new("RGBA", (5000, 3)), painted((0, 0, 50, 50)).convert("P")):
        assert len(Canvas.of(image).kind_P) == SIDE * SIDE
