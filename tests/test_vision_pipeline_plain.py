"""Blank pictures and noise show nothing; photos, drawings and a single line of text do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepseek_mm.vision.picture_kind import shows_nothing

PHOTOS = sorted((Path(__file__).parent.parent / "examples" / "photos").glob("*.*g"))


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (900, 700)])
def test_one_colour_shows_nothing(size):
    assert shows_nothing(Image.new("RGB", size, (90, 120, 40)))


@pytest.mark.parametrize("seed", range(5))
def test_noise_shows_nothing(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert shows_nothing(Image.fromarray(pixels))


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_every_bundled_photo_shows_something(path):
    with Image.open(path) as image:
        assert not shows_nothing(image)


def test_a_line_on_paper_is_something():
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).rectangle((40, 120, 360, 180), fill="black")
    assert not shows_nothing(image)
