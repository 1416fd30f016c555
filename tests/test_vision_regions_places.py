"""Places of words and boxes, and which of them are one."""

import numpy as np
import pytest
from fakes import picture

from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.vision.box_scorer import covered_shares
from deepseek_mm.vision.regions import (
    LabelledBox,
    ScoredWord,
    coincide,
    merge_places,
    name_boxes,
    narrower,
    place_of,
    places,
    sort_labels,
    vectors_of,
)
from index import Label, Source

SOURCE = Source(path="/photos/a.png", width_px=400, height_px=200)
CORNER = np.zeros((4, 4), np.float32)
CORNER[:2, :2] = 1


def named(name: str, score: float = 0.9, heat: np.ndarray | None = CORNER) -> ScoredWord:
    return ScoredWord(Label(name=name, score=score), heat)


def look() -> ImageEmbedding:
    grid = np.zeros((4, 4, 16), np.float32)
    grid.reshape(16, 16)[:] = np.eye(16)
    return ImageEmbedding(vector_D=np.eye(16, dtype=np.float32)[0], grid_HWD=grid)


def place(name: str, box: tuple[int, int, int, int], score: float = 0.9) -> LabelledBox:
    return LabelledBox((Label(name=name, score=score),), box, (0.0, 0.0, 1.0, 1.0))


def test_a_word_is_boxed_where_it_is_hot_and_its_colour_ends():
    (found,) = places(SOURCE, picture("green", size=(80, 40), patch="red"), [named("kite")])
    assert (found.box_px, [label.name for label in found.labels]) == ((0, 0, 200, 100), ["kite"])


def test_a_word_without_a_map_or_with_one_that_is_hot_everywhere_makes_no_place():
    words = [named("kite", heat=None), named("sky", heat=np.ones((4, 4), np.float32))]
    assert places(SOURCE, picture("red"), words) == []


def test_a_wide_word_joins_the_narrow_one_instead_of_a_place_of_its_own():
    words = [named("fruit", 0.9), named("apple", 0.7), named("carton", 0.8), named("juice carton", 0.6)]
    found = places(SOURCE, picture("green", patch="red"), words)
    assert [[label.name for label in each.labels] for each in found] == [["apple", "fruit"], ["juice carton", "carton"]]
    assert narrower(words[0], words) == [words[1]]
    assert narrower(words[1], words) == []


def test_a_name_stays_at_the_surest_of_boxes_that_coincide_and_a_box_may_have_several():
    boxes = [(0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 0.5, 0.9), (0.6, 0.0, 1.0, 1.0)]
    chances = np.array([[0.9, 0.5, 0.2], [0.8, 0.1, 0.1], [0.7, 0.2, 0.96]], np.float32)
    found = name_boxes(boxes, ["dog", "pet", "woman"], chances, 0.4)
    assert [[label.name for label in box.labels] for box in found] == [["dog", "pet"], ["dog"]]
    assert [box.share for box in found] == [boxes[0], boxes[2]]  # whether it is a woman is not sure enough


def test_a_narrow_name_comes_before_a_wide_one_that_is_hardly_surer():
    names = {"fruit": 0.9, "apple": 0.8, "bowl": 0.85}
    labels = [Label(name=name, score=score) for name, score in names.items()]
    assert [label.name for label in sort_labels(labels)] == ["apple", "fruit", "bowl"]
    unsure = [Label(name="fruit", score=0.9), Label(name="apple", score=0.3)]
    assert [label.name for label in sort_labels(unsure)] == ["fruit", "apple"]


@pytest.mark.parametrize(
    ("other", "same"),
    [((0.0, 0.0, 0.5, 0.6), True), ((0.1, 0.1, 0.2, 0.2), True), ((0.45, 0.0, 0.9, 0.5), False)],
)
def test_boxes_coincide_that_overlap_much_or_lie_in_each_other(other, same):
    assert coincide((0.0, 0.0, 0.5, 0.5), other) is same


def test_places_that_nearly_coincide_become_one_under_the_box_of_the_surest():
    found = merge_places(
        [
            place("puppy", (0, 0, 10, 9), 0.7),
            place("car", (50, 0, 60, 10), 0.8),
            place("dog", (0, 0, 10, 10), 0.9),
        ]
    )
    assert [[label.name for label in each.labels] for each in found] == [["dog", "puppy"], ["car"]]
    assert found[0].box_px == (0, 0, 10, 10)


def test_a_box_is_never_empty_even_in_a_picture_of_one_pixel():
    tiny = Source(path="/a.png", width_px=1, height_px=1)
    assert place_of((0.9, 0.9, 0.95, 0.95), tiny, ()).box_px == (0, 0, 1, 1)
    assert place_of((0.999, 0.0, 1.0, 0.001), SOURCE, ()).box_px == (399, 0, 400, 1)


def test_a_cell_counts_as_far_as_the_box_covers_it():
    expected = [[0.5, 1.0, 0.0, 0.0], [0.25, 0.5, 0.0, 0.0]]
    np.testing.assert_allclose(covered_shares([(0.125, 0.0, 0.5, 0.75)], 2, 4)[0], expected)


def test_the_vector_of_a_place_is_the_mean_of_its_cells_and_the_whole_comes_first():
    half = place_of((0.0, 0.0, 0.5, 0.25), SOURCE, ())
    vectors = vectors_of(look(), [half])
    expected = np.zeros(16)
    expected[:2] = np.sqrt(0.5)
    np.testing.assert_allclose(vectors, [np.eye(16)[0], expected], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
