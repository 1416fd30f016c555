"""Pointing at things that were asked for: what pieces of a picture say, and where the shipped space points."""

from pathlib import Path

import numpy as np
import pytest
from fakes import ColourSpace
from PIL import Image

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.evaluation.pointing_game import ALL, is_inside
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.vision.detector.detector import NAMES, Detection, Detections
from deepseek_mm.vision.localizer import (
    Localizer,
    choose_boxes,
    cut,
    overlay_views,
    read_pointer,
    views_of,
    weigh_boxes,
    where_coloured,
)
from deepseek_mm.vision.vocabulary import Vocabulary, read_learned

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"


@pytest.fixture(scope="module")
def pointer() -> Localizer:
    space = open_space(EncoderConfig())
    found = read_pointer(space, read_learned(space), Vocabulary(space, ("dog", "cup")), None)
    assert found is not None
    return found


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def thing(name: str, colour: str = "") -> ThingPhrase:
    return ThingPhrase(f"{colour} {name}".strip(), name, colour)


def middle(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_the_views_are_the_picture_four_pieces_and_nine_that_reach_every_edge():
    views = views_of()
    assert views[0] == (ALL, 0)
    assert [kind for _, kind in views] == [0] + [1] * 4 + [2] * 9
    for kind in (1, 2):
        shares = np.array([share for share, own in views if own == kind])
        assert (shares[:, :2].min(), shares[:, 2:].max()) == (0, pytest.approx(1))


def test_a_piece_is_cut_out_and_never_empty():
    image = Image.new("RGB", (100, 50))
    assert cut(image, (0.4, 0.4, 1.0, 1.0)).size == (60, 30)
    assert cut(Image.new("RGB", (1, 1)), (0.58, 0.58, 1.0, 1.0)).size == (1, 1)


def test_what_one_piece_says_is_laid_where_the_piece_lies():
    views = views_of()
    heat = np.zeros((len(views), 9, 9), np.float32)
    heat[4] = 1  # the fourth large piece: below, on the right
    laid = overlay_views(heat, views)
    assert laid[35, 35] == pytest.approx(1)  # nobody else sees that corner
    assert laid[0, 0] == 0
    assert 0 < laid[18, 18] < 1  # the middle is seen by all four


def test_a_colour_that_is_hardly_there_is_nowhere():
    image = Image.new("RGB", (64, 64), "blue")
    assert not where_coloured(image, "red").any()
    image.paste("red", (0, 0, 16, 16))
    found = where_coloured(image, "red")
    assert found[2, 2] == 1
    assert found[30, 30] == 0


def test_a_space_without_a_classifier_points_at_nothing():
    space = ColourSpace()
    assert read_pointer(space, None, Vocabulary(space, ("red",)), None) is None


@pytest.mark.parametrize(
    ("name", "asked", "box"),
    [
        ("dogs-window.jpg", thing("dog"), (0.3, 0.23, 0.68, 0.66)),
        ("wine-and-drum.jpg", thing("drum"), (0.03, 0.48, 0.62, 0.75)),
        ("moose.jpg", thing("moose"), (0.12, 0.14, 0.8, 0.92)),  # no name of the classifier: deer speak for it
        ("fig-red-bowl.jpg", thing("fig"), (0.41, 0.35, 0.7, 0.75)),
        ("shop-peppers-red.jpg", thing("pepper", "yellow"), (0.85, 0.13, 1, 0.9)),
    ],
)
def test_the_middle_of_the_place_lies_on_the_thing(pointer, name, asked, box):
    ((place,),) = pointer.find_many(photo(name), [asked])
    assert not place.is_box
    assert is_inside(middle(place.share), (box,))


def test_several_things_are_found_in_order_and_a_colour_that_is_not_there_has_no_place(pointer):
    one, other = pointer.find_many(photo("coffee.jpg"), [thing("cup"), thing("cup", "blue")])
    assert len(one) == 1
    assert other == []
    assert pointer.find_many(photo("coffee.jpg"), [thing("cup")]) == [one]


def found(*boxes: tuple[float, float, float, float], person: float = 0.0) -> Detections:
    chances = np.zeros(len(NAMES), np.float32)
    chances[0] = person
    return Detections(boxes=tuple(Detection(box=box, chances_C=chances) for box in boxes), most_C=chances)


ROW = [(x, 0.4, x + 0.1, 0.5) for x in (0.0, 0.2, 0.4)]


def test_boxes_that_are_like_the_surest_are_of_the_thing_and_others_must_be_surer():
    boxes = found(*ROW, (0.5, 0.6, 1.0, 1.0))
    chances = np.array([0.8, 0.7, 0.5, 0.7], np.float32)
    assert [place.share for place in choose_boxes(boxes, chances)] == ROW[:2]
    assert choose_boxes(boxes, np.full(4, 0.1, np.float32)) == []


def test_among_many_that_are_alike_the_less_sure_ones_count_too():
    row = [(x / 10, 0.4, x / 10 + 0.1, 0.5) for x in range(6)]
    chances = np.array([0.4, 0.39, 0.38, 0.36, 0.22, 0.1], np.float32)
    assert [place.share for place in choose_boxes(found(*row), chances)] == row[:5]
    assert len(choose_boxes(found(*row[2:]), chances[2:])) == 2


def test_a_box_counts_less_for_a_thing_where_somebody_is_and_for_another_colour():
    image, even = Image.new("RGB", (90, 90), "red"), np.full(3, 0.5, np.float32)
    assert weigh_boxes(image, thing("cup"), found(*ROW, person=0.9), even).max() < 0.1
    assert weigh_boxes(image, thing("woman"), found(*ROW, person=0.9), even).min() == 0.5
    assert weigh_boxes(image, thing("cup", "red"), found(*ROW), even).min() == 0.5
    assert weigh_boxes(image, thing("cup", "blue"), found(*ROW), even).max() == 0
    assert weigh_boxes(image, thing("sky"), found(*ROW), even).max() == 0  # it has no end


def test_names_of_the_vocabulary_are_read_once(pointer):
    place = pointer.groups.index("dog")
    np.testing.assert_array_equal(pointer.names_KD[place], pointer.vocabulary.vectors_LD[0])
    assert pointer.names_KD.shape == (len(pointer.groups) + len(pointer.words), 512)
