"""Colour names against scikit-image, a survey of 222,500 people, painted pictures, and photographs looked at by eye."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import XKCD_COLORS
from PIL import Image, ImageDraw
from skimage.color import rgb2lab

from deepseek_mm.vision.colours import NAMES, Palette, centre_weights, colours_looked_at, colours_of_thing, lab, name_of

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"


def colour_names(image: Image.Image, box_px: tuple[int, int, int, int] | None, *, limit: int = 2) -> tuple[str, ...]:
    return Palette(image).names(box_px, limit=limit)


def painted(ground: str, *patches: tuple[str, tuple[int, int, int, int]], size=(200, 100)) -> Image.Image:
    image = Image.new("RGB", size, ground)
    for colour, box in patches:
        ImageDraw.Draw(image).rectangle(box, fill=colour)
    return image


def test_lab_agrees_with_scikit_image_on_every_corner_of_the_cube():
    steps = np.array([0, 1, 5, 11, 40, 128, 200, 254, 255], dtype=np.uint8)
    rgb_P3 = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(lab(rgb_P3), rgb2lab(rgb_P3), atol=0.01)


def test_lab_of_white_black_and_red_are_the_textbook_values():
    found = lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], dtype=np.uint8))
    np.testing.assert_allclose(found, [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.02)


def test_names_agree_with_what_people_called_the_colours_of_the_xkcd_survey():
    """Survey names that end in one of ours ("dark dusty rose pink") without naming a second one ("greenish blue")."""
    right = total = 0
    for key, code in XKCD_COLORS.items():
        *qualifiers, noun = key.removeprefix("xkcd:").replace("gray", "grey").split()
        mixed = any(q in NAMES or q.endswith("ish") or q.rstrip("y") in NAMES for q in qualifiers)
        if noun not in NAMES or mixed or {"purply", "orangey", "greeny"} & set(qualifiers):
            continue
        rgb_P3 = np.array([list(bytes.fromhex(code[1:]))], dtype=np.uint8)
        total, right = total + 1, right + (NAMES[name_of(rgb_P3)[0]] == noun)
    assert total > 300
    assert right / total > 0.94


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"brown", "beige", "grey"}))
def test_a_plain_picture_in_a_css_colour_has_that_one_name(name):
    assert colour_names(painted(name), None) == (name,)


@pytest.mark.parametrize(("code", "name"), [("#6b4423", "brown"), ("#e1c699", "beige"), ("#808080", "grey")])
def test_colours_that_css_names_otherwise_have_their_everyday_name(code, name):
    assert colour_names(painted(code), None) == (name,)


def test_colours_come_with_most_of_the_area_first():
    flag = painted("blue", ("yellow", (0, 0, 59, 99)), ("white", (60, 0, 69, 99)))
    assert colour_names(flag, None) == ("blue", "yellow")
    assert colour_names(flag, None, limit=1) == ("blue",)
    assert colour_names(flag, (0, 0, 60, 100)) == ("yellow",)


def test_a_speck_of_another_colour_is_not_named():
    assert colour_names(painted("green", ("red", (90, 40, 105, 55))), None) == ("green",)


def test_shadows_and_highlights_leave_a_red_car_red():
    """Paint from deep shadow to full sun, a highlight on top, black windows and tyres."""
    shade_W = np.linspace(0.12, 1, 200)
    rgb_HW3 = np.broadcast_to(np.array([215, 20, 25]) * shade_W[:, None], (100, 200, 3)).astype(np.uint8).copy()
    rgb_HW3[10:14, 150:190] = 255
    rgb_HW3[20:40, 40:160] = 12
    assert colour_names(Image.fromarray(rgb_HW3), None)[0] == "red"


def test_brown_is_the_shadow_of_yellow_beside_it_and_brown_by_itself():
    shade, light = "#8a6a10", "#e8c020"
    assert colour_names(painted(shade), None) == ("brown",)
    assert colour_names(painted(shade, (light, (0, 0, 60, 99))), None) == ("yellow",)
    assert colour_names(painted("#6b4423", ("#2040c0", (0, 0, 60, 99))), None) == ("brown", "blue")
    assert colour_names(painted("#6b4423", ("#f0f000", (0, 0, 60, 99))), None) == ("brown", "yellow")  # another hue


def test_a_white_shirt_in_dim_light_is_white_and_a_grey_wall_stays_grey():
    dim = painted("#303030", ("#c6c6c6", (40, 10, 160, 90)))
    assert colour_names(dim, (40, 10, 160, 90)) == ("white",)
    assert colour_names(painted("#808080"), None) == ("grey",)


def test_in_a_part_the_middle_counts_for_more_than_the_background():
    """A disc on a ground that covers a little more of the box than the disc does."""
    image = painted("white", size=(300, 300))
    ImageDraw.Draw(image).rectangle((50, 50, 249, 249), fill="yellow")
    ImageDraw.Draw(image).ellipse((75, 75, 224, 224), fill="purple")
    assert colour_names(image, (50, 50, 250, 250))[0] == "purple"
    assert colour_names(image.crop((50, 50, 250, 250)), None)[0] == "yellow"


def test_the_weights_of_a_part_fall_from_the_middle_alike_on_all_sides():
    bell = centre_weights(8).reshape(8, 8)
    np.testing.assert_allclose(bell, bell.T)
    np.testing.assert_allclose(bell, bell[::-1])
    assert bell[3, 3] > 3 * bell[0, 0]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_any_kind_of_picture_has_colours(mode):
    assert colour_names(painted("black").convert(mode), None) == ("black",)


@pytest.mark.parametrize(
    ("photo", "colour"),
    [
        ("shirt-red-turkiye", "red"),
        ("trousers-dark-red", "red"),
        ("sweater-purple", "purple"),
        ("shirt-turquoise", "blue"),
        ("skirt-green-flowers", "green"),
        ("skirt-navy", "blue"),
        ("shorts-denim", "blue"),
        ("sweater-brown", "brown"),
        ("tea-fields", "green"),
        ("shop-bananas", "yellow"),
        ("shop-tomatoes-tags", "red"),
        ("shop-apples-red", "red"),
        ("shop-mushrooms", "brown"),
        ("saturn", "black"),
        ("flower-dahlia", "orange"),
        ("cap-yellow", "yellow"),
        ("sneakers-black", "black"),
        ("blouse-white", "white"),
        ("vest-grey", "grey"),
        ("coat-pink", "pink"),
        ("shoes-pink-heels", "pink"),
        ("cardigan-beige", "beige"),
    ],
)
def test_photographs_have_the_colour_that_a_person_sees(photo, colour):
    with Image.open(PHOTOS / f"{photo}.jpg") as image:
        width, height = image.size
        box_px = (width // 10, height // 10, width - width // 10, height - height // 10)
        assert colour_names(image, box_px)[0] == colour


def test_colours_are_counted_where_it_was_looked_at():
    image = Image.new("RGB", (90, 90), "#0000ff")
    image.paste(Image.new("RGB", (30, 30), "#ff0000"), (60, 0))
    heat = np.full((3, 3), 0.02, np.float32)
    heat[0, 2] = 0.84
    looked = colours_looked_at(image, heat)
    assert max(looked, key=looked.get) == "red"
    assert sum(looked.values()) == pytest.approx(1)
    elsewhere = colours_looked_at(image, np.full((3, 3), 1 / 9, np.float32))
    assert max(elsewhere, key=elsewhere.get) == "blue"


def test_the_colour_of_a_thing_is_not_that_of_its_ground():
    picture = painted("green", ("red", (80, 20, 120, 80)))
    share = (0.3, 0.1, 0.7, 0.9)  # more ground than thing
    assert next(iter(colours_of_thing(picture, share, has_ground=False))) == "green"
    measured = colours_of_thing(picture, share)
    assert next(iter(measured)) == "red"
    assert measured["red"] > 0 > measured["green"]
