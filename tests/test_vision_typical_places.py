"""Where signs are and where hats are worn."""

import pytest

from deepseek_mm.vision.typical_places import find_worn, find_writing, is_near

SIGN = [((0.1, 0.1, 0.3, 0.15), "SALE"), ((0.1, 0.16, 0.3, 0.2), "today")]
TAG = ((0.6, 0.8, 0.7, 0.85), "24.90")


def test_lines_near_each_other_are_one_sign_and_the_largest_comes_first():
    sign, tag = find_writing("sign", [SIGN[0], TAG, SIGN[1]])
    assert sign == pytest.approx((0.07, 0.085, 0.33, 0.215))
    assert tag == pytest.approx((0.585, 0.7925, 0.715, 0.8575))


def test_a_price_tag_is_where_a_price_is():
    (found,) = find_writing("price tag", [*SIGN, TAG])
    assert found == pytest.approx((0.585, 0.7925, 0.715, 0.8575))
    assert find_writing("price tag", []) == []


def test_lines_further_apart_than_they_are_high_are_not_near():
    assert is_near(SIGN[0][0], SIGN[1][0])
    assert not is_near(SIGN[0][0], TAG[0])


def test_a_hat_is_on_top_of_a_head_that_is_no_wider_than_half_of_somebody():
    left, top, right, bottom = find_worn("hat", (0.4, 0.2, 0.6, 1.0), 1.0)
    assert (left, right) == pytest.approx((0.45, 0.55))
    assert top < 0.2 < bottom < 0.3
    glasses = find_worn("glasses", (0.4, 0.2, 0.6, 1.0), 1.0)
    assert glasses[1] > top
    assert find_worn("hat", (0.0, 0.0, 1.0, 1.0), 1.0)[1] == 0.0  # never above the picture
