"""Flat drawings: what is in them, and what is none."""

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepseek_mm.vision.drawings import EVEN, TINTS, away, brought, may_be_flat, most_frequent, shapes_in
from deepseek_mm.vision.drawings import GROUND as LEAST

GROUND = (240, 236, 228)
CORNERS = {
    "rectangle": lambda x, y, r: [
        (x - r, y - r * 0.6),
        (x + r, y - r * 0.6),
        (x + r, y + r * 0.6),
        (x - r, y + r * 0.6),
    ],
    "triangle": lambda x, y, r: [(x, y - r), (x + r, y + r), (x - r, y + r)],
}


def drawing(*shapes, side=64, fine=8):
    """Shapes (name, colour, x, y, half) on a plain ground, with soft edges; places are shares of the side."""
    image = Image.new("RGB", (side * fine, side * fine), GROUND)
    pen = ImageDraw.Draw(image)
    for name, colour, *place in shapes:
        x, y, r = (each * side * fine for each in place)
        if name == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        elif name == "ellipse":
            pen.ellipse((x - r, y - r / 2, x + r, y + r / 2), fill=colour)
        else:
            pen.polygon(CORNERS[name](x, y, r), fill=colour)
    return image.resize((side, side), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("side", [48, 64, 300])
@pytest.mark.parametrize("shape", ["circle", "ellipse", "rectangle", "triangle"])
def test_a_shape_is_known_at_any_size(shape, side):
    chance = Random(f"{shape} {side}")
    for _ in range(10):
        half, (x, y) = chance.uniform(0.14, 0.2), (chance.uniform(0.25, 0.75) for _ in range(2))
        (item,) = shapes_in(drawing((shape, "#1e90ff", x, y, half), side=side))
        assert item.traits == {"colour": "blue", "shape": shape}
        assert item.middle == pytest.approx((x, y), abs=0.03)


@pytest.mark.parametrize(
    ("name", "code"), [(name, code) for name, codes in TINTS.items() for code in codes.split() if name != "white"]
)
def test_colours_are_called_by_their_names(name, code):
    (item,) = shapes_in(drawing(("circle", f"#{code}", 0.5, 0.5, 0.2)))
    assert item.traits["colour"] == name


def test_several_shapes_are_told_from_left_to_right_and_a_square_is_a_rectangle():
    image = drawing(("circle", "red", 0.8, 0.3, 0.1), ("triangle", "teal", 0.2, 0.6, 0.12))
    ImageDraw.Draw(image).rectangle((28, 28, 36, 36), fill="black")
    found = shapes_in(image)
    assert [item.traits["shape"] for item in found] == ["triangle", "rectangle", "circle"]
    assert [item.names for item in found] == [("triangle",), ("rectangle", "square"), ("circle",)]
    assert [item.number for item in found] == [1, 2, 3]


def test_what_is_transparent_lies_on_white():
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((20, 20, 44, 44), fill=(200, 0, 0, 255))
    (item,) = shapes_in(image)
    assert item.traits == {"colour": "red", "shape": "circle"}


def ring(pen):
    pen.ellipse((20, 20, 44, 44), outline="red", width=4)


def star(pen):
    pen.polygon(
        [(32, 8), (38, 28), (58, 28), (42, 40), (48, 60), (32, 48), (16, 60), (22, 40), (6, 28), (26, 28)], "red"
    )


def two_coloured(pen):
    pen.rectangle((16, 16, 31, 48), fill="red")
    pen.rectangle((32, 16, 48, 48), fill="blue")


def writing(pen):
    pen.text((8, 24), "hello", fill="black")


@pytest.mark.parametrize("strange", [ring, star, two_coloured, writing])
def test_a_drawing_with_anything_else_in_it_is_left_to_others(strange):
    image = drawing()
    strange(ImageDraw.Draw(image))
    assert shapes_in(image) == ()


def test_noise_a_shade_and_an_empty_page_are_no_drawings():
    shade = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (64, 1))
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for image in (Image.fromarray(shade), Image.fromarray(noise), drawing(), Image.new("RGB", (1, 1))):
        assert shapes_in(image) == ()


def test_a_photo_is_told_from_drawings_at_a_glance():
    noise = np.random.default_rng(3).integers(0, 255, (300, 400, 3), np.uint8)
    assert not may_be_flat(Image.fromarray(noise))
    assert not may_be_flat(Image.linear_gradient("L").convert("RGB"))


@pytest.mark.parametrize("half", [0.15, 0.3, 0.41])
def test_no_ground_that_a_full_look_finds_is_missed_at_a_glance(half):
    image = drawing(("rectangle", "red", 0.5, 0.5, half), ("circle", "blue", 0.5, 0.5, half / 2), side=301)
    pixels = brought(image)
    assert (away(pixels, most_frequent(pixels)) <= EVEN).mean() >= LEAST
    assert may_be_flat(image)
