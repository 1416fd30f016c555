"""Small copies of pictures, and the colours of boxes."""

import pytest
from PIL import Image

from ui.pictures import INKS, blank, ink, shrink


def contrast_with_white(colour: str) -> float:
    """WCAG 2.2: (1.05) / (L + 0.05), L the relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@pytest.mark.parametrize("colour", INKS)
def test_a_white_number_can_be_read_on_every_ink(colour):
    assert contrast_with_white(colour) >= 4.5


def test_neighbouring_numbers_have_different_inks_and_the_table_starts_over():
    assert len(set(INKS)) == len(INKS)
    assert ink(1) == ink(len(INKS) + 1) == INKS[0]
    assert all(ink(n) != ink(n + 1) for n in range(1, 20))


@pytest.mark.parametrize(
    ("size", "longest", "result"),
    [((4000, 3000), 512, (512, 384)), ((300, 200), 512, (300, 200)), ((10_000, 2), 100, (100, 1))],
)
def test_a_copy_keeps_its_shape_and_never_grows(size, longest, result):
    assert shrink(Image.new("L", size), longest).size == result


def test_a_copy_is_rgb_and_the_original_stays(tmp_path):
    image = Image.new("RGBA", (20, 10), (255, 0, 0, 255))
    copy = shrink(image, 512)
    assert (copy.mode, copy.getpixel((0, 0))) == ("RGB", (255, 0, 0))
    copy.putpixel((0, 0), (0, 0, 0))
    assert image.getpixel((0, 0)) == (255, 0, 0, 255)


def test_a_plate_says_what_it_is_told():
    assert blank("gone").size == (384, 288)
    assert len(blank("gone").getcolors(1000)) > 1
    assert len(blank("").getcolors()) == 1
