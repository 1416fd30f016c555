"""Where a photo was taken, on the drawing of the world: numbers worked out by hand, and the drawing itself."""

import re

import make_world_map
import pytest

from ui import html
from ui.photo_info import MapWindow, project, render_maps, window_around
from ui.words import ENGLISH

MOST_BYTES = 50_000


@pytest.mark.parametrize(
    ("degrees", "point"),
    [((0, 0), (1800, 900)), ((90, -180), (0, 0)), ((-90, 180), (3600, 1800)), ((41.89, 12.49), (1924.9, 481.1))],
)
def test_degrees_become_tenths_of_a_degree_from_the_upper_left(degrees, point):
    assert project(*degrees) == pytest.approx(point)


def test_the_closer_window_is_sixteen_degrees_high_and_as_much_wider_as_degrees_are_shorter():
    assert window_around(0, 0) == MapWindow(left=1640, top=820, wide=320, high=160)
    far_north = window_around(60, 10)  # a degree of longitude is half as long there
    assert (far_north.wide, far_north.left) == (pytest.approx(640), pytest.approx(1900 - 320))
    assert far_north.place(*project(60, 10)) == pytest.approx((0.5, 0.5))


def test_near_a_pole_the_window_ends_with_the_drawing():
    assert (window_around(-89, 0).top, window_around(89, 0).top) == (1640, 0)
    assert window_around(90, 0).wide == 3600


def test_the_pin_stands_at_its_share_of_both_maps():
    pins = re.findall(r"left:([\d.]+)%;top:([\d.]+)%", render_maps(45, 90, ENGLISH))
    assert pins == [("75.00", "25.00"), ("50.00", "50.00")]


def test_beyond_the_line_where_dates_change_the_drawing_goes_on():
    assert set(re.findall(r'x="(-?\d+)"', render_maps(-17.7, 178.0, ENGLISH))) == {"0", "3600"}
    assert set(re.findall(r'x="(-?\d+)"', render_maps(-17.7, -178.0, ENGLISH))) == {"0", "-3600"}
    assert set(re.findall(r'x="(-?\d+)"', render_maps(48, 9, ENGLISH))) == {"0"}


def test_a_ring_of_arcs_becomes_a_line_of_differences_and_a_shared_arc_a_border():
    transform = {"scale": [1, 1], "translate": [-180, -90]}
    square = {"arcs": [[[0, 90], [10, 0], [0, -10], [-10, 0], [0, 10]]]}
    land = {"transform": transform, **square, "objects": {"land": {"geometries": [{"type": "Polygon", "arcs": [[0]]}]}}}
    halves = [[[5, 90], [0, -10]], [[5, 80], [5, 0], [0, 10], [-5, 0]], [[5, 80], [-5, 0], [0, 10], [5, 0]]]
    two = [{"type": "Polygon", "arcs": [[0, 1]]}, {"type": "MultiPolygon", "arcs": [[[~0, ~2]]]}]
    countries = {"transform": transform, "arcs": halves, "objects": {"countries": {"geometries": two}}}
    drawn = make_world_map.draw(land, countries)
    assert 'id="land" d="M0 900l100 0 0 100-100 0z"' in drawn
    assert 'd="M50 900l0 100"' in drawn


def test_a_ring_across_the_line_where_dates_change_is_drawn_on_both_sides():
    ring = [(3590, 10), (10, 10), (10, 20), (3590, 20), (3590, 10)]
    assert make_world_map.unroll(ring) == [
        [(-10, 10), (10, 10), (10, 20), (-10, 20), (-10, 10)],
        [(3590, 10), (3610, 10), (3610, 20), (3590, 20), (3590, 10)],
    ]


def test_the_drawing_is_small_names_its_source_and_has_both_parts():
    drawing = html.world()
    assert len(drawing) < MOST_BYTES
    assert "Natural Earth" in drawing
    assert set(re.findall(r'<path id="(\w+)"', drawing)) == {"land", "borders"}
