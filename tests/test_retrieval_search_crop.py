"""A part of a picture by its box."""

import pytest
from PIL import Image

from deepseek_mm.errors import BadFile
from deepseek_mm.retrieval.heat import cut


def halves() -> Image.Image:
    image = Image.new("RGB", (100, 50), (255, 0, 0))
    image.paste((0, 0, 255), (50, 0, 100, 50))
    return image


def test_a_box_in_the_originals_pixels_cuts_a_reduced_copy_at_the_same_place():
    part = cut(halves(), (2000, 0, 4000, 1000), (4000, 2000))
    assert part.size == (50, 25)
    assert part.getcolors() == [(50 * 25, (0, 0, 255))]


def test_what_lies_beside_the_picture_is_left_out_of_the_part():
    assert cut(halves(), (-20, -20, 10, 500), (100, 50)).size == (10, 50)


@pytest.mark.parametrize("box", [(100, 0, 200, 50), (-9, -9, 0, 0), (40, 10, 40, 30), (60, 10, 40, 30)])
def test_a_box_that_holds_nothing_is_refused_with_the_pictures_size(box):
    with pytest.raises(BadFile, match=r"holds nothing of this picture, which is 100 x 50\. Name another"):
        cut(halves(), box, (100, 50))
