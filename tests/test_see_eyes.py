"""Looking at painted pictures through the space of colours, where kite means red, grass green and sky blue."""

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.config import SeeConfig
from deepseek_mm.see.eyes import Eyes, Place, merged, on_image
from index import Label, Source


@pytest.fixture
def eyes() -> Eyes:
    return Eyes(ColourSpace(), SeeConfig())


def source(width: int = 400, height: int = 200, path: str = "/photos/a.png") -> Source:
    return Source(path=path, width_px=width, height_px=height)


def test_the_whole_picture_comes_first_and_carries_what_fills_it(eyes):
    (sight,) = eyes.see_many([(source(), picture("red"))])
    whole = sight.regions[0]
    assert (whole.kind, whole.box_px, whole.label, whole.colours[0]) == ("whole", (0, 0, 400, 200), "kite", "red")


def test_a_thing_in_a_corner_gets_a_box_in_pixels_of_the_original(eyes):
    (sight,) = eyes.see_many([(source(), picture("green", size=(80, 40), patch="red"))])
    kite = next(region for region in sight.regions if region.label == "kite" and region.kind == "part")
    assert kite.box_px == (0, 0, 200, 100)
    assert kite.colours == ("red",)


def test_every_region_has_a_unit_vector_close_to_its_word(eyes):
    (sight,) = eyes.see_many([(source(), picture("green", patch="red"))])
    np.testing.assert_allclose(np.linalg.norm(sight.vectors_ND, axis=1), 1, atol=1e-6)
    part = next(n for n, region in enumerate(sight.regions) if region.label == "kite" and region.kind == "part")
    assert sight.vectors_ND[part] @ ColourSpace().embed_texts(["kite"])[0] > 0.95


def test_sights_come_in_the_order_of_the_pictures(eyes):
    pictures = [(source(path=f"/photos/{colour}.png"), picture(colour)) for colour in ("red", "green", "blue")]
    assert [(s.regions[0].source.name, s.regions[0].label) for s in eyes.see_many(pictures)] == [
        ("red.png", "kite"),
        ("green.png", "grass"),
        ("blue.png", "sky"),
    ]


def test_a_thing_that_fills_the_picture_makes_no_part(eyes):
    (sight,) = eyes.see_many([(source(), picture("red"))])
    assert [region.kind for region in sight.regions] == ["whole"]


def test_no_more_parts_are_made_than_the_setting_allows():
    eyes = Eyes(ColourSpace(), SeeConfig(max_parts=0))
    (sight,) = eyes.see_many([(source(), picture("green", patch="red"))])
    assert len(sight.regions) == len(sight.vectors_ND) == 1


def test_presence_is_high_for_what_is_there_and_low_for_what_is_not(eyes):
    vectors = ColourSpace().embed_images([picture("red"), picture("green")])
    kite, violin = eyes.presence(["kite", "violin"], vectors).T
    assert kite[0] > 0.9 > 0.1 > kite[1]
    assert violin.max() < 0.5


def test_presence_of_nothing_is_an_empty_table(eyes):
    assert eyes.presence([], ColourSpace().embed_images([picture()])).shape == (1, 0)


def test_places_that_nearly_coincide_become_one_part_with_both_names(eyes):
    cells = np.ones((2, 2), bool)
    dog, puppy, car = (Label(name=name, score=0.9) for name in ("dog", "puppy", "car"))
    groups = merged(
        [Place(dog, (0, 0, 10, 10), cells), Place(car, (50, 0, 60, 10), cells), Place(puppy, (0, 0, 10, 9), cells)]
    )
    assert [[label.name for label in labels] for _, labels, _ in groups] == [["dog", "puppy"], ["car"]]


def test_a_box_of_the_original_is_scaled_to_the_reduced_picture_and_never_empty():
    reduced = picture(size=(100, 50))
    assert on_image((40, 20, 80, 60), source(400, 200), reduced) == (10, 5, 20, 15)
    assert on_image((0, 0, 1, 1), source(4000, 2000), reduced) == (0, 0, 1, 1)
