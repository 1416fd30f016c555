"""Places of words and people, and which of them are one."""

import numpy as np
import pytest
from fakes import picture

from deepseek_mm.embeddings.space import DetectedObject, ImageEmbedding
from deepseek_mm.vision.regions import (
    LabelledBox,
    ScoredWord,
    covered_share,
    merge_places,
    narrower,
    people_in,
    place_of,
    places,
    vectors_of,
)
from index import Label, Source

SOURCE = Source(path="/photos/a.png", width_px=400, height_px=200)
CORNER = np.zeros((4, 4), np.float32)
CORNER[:2, :2] = 1


def named(name: str, score: float = 0.9, heat: np.ndarray | None = CORNER) -> ScoredWord:
    return ScoredWord(Label(name=name, score=score), heat)


def look(*things: DetectedObject) -> ImageEmbedding:
    grid = np.zeros((4, 4, 16), np.float32)
    grid.reshape(16, 16)[:] = np.eye(16)
    return ImageEmbedding(vector_D=np.eye(16, dtype=np.float32)[0], grid_HWD=grid, things=things)


def somebody(*box: float, score: float = 0.9) -> DetectedObject:
    left, top, right, bottom = box
    return DetectedObject(name="person", score=score, box=(left, top, right, bottom))


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


def test_everybody_gets_a_box_in_pixels_of_the_original():
    people = people_in(SOURCE, look(somebody(0.1, 0.2, 0.3, 1), somebody(0.5, 0, 1, 0.5, score=0.7)), [])
    assert [each.box_px for each in people] == [(40, 40, 120, 200), (200, 0, 400, 100)]
    assert [each.score for each in people] == [0.9, 0.7]


def test_who_is_alone_takes_the_words_for_kinds_of_people_and_of_several_nobody_does():
    words = [named("climber", 0.8), named("rock", 0.7), named("person", 0.9)]
    (alone,) = people_in(SOURCE, look(somebody(0, 0, 0.5, 1)), words)
    assert [label.name for label in alone.labels] == ["climber", "person"]
    two = people_in(SOURCE, look(somebody(0, 0, 0.3, 1), somebody(0.5, 0, 1, 1)), words)
    assert [[label.name for label in each.labels] for each in two] == [["person"], ["person"]]


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
    np.testing.assert_allclose(covered_share((0.125, 0.0, 0.5, 0.75), 2, 4), expected)


def test_the_vector_of_a_place_is_the_mean_of_its_cells_and_the_whole_comes_first():
    half = place_of((0.0, 0.0, 0.5, 0.25), SOURCE, ())
    vectors = vectors_of(look(), [half])
    expected = np.zeros(16)
    expected[:2] = np.sqrt(0.5)
    np.testing.assert_allclose(vectors, [np.eye(16)[0], expected], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("things", [None, ()])
def test_without_a_finder_or_without_anybody_there_are_no_people(things):
    seen = ImageEmbedding(vector_D=np.ones(16, np.float32), grid_HWD=look().grid_HWD, things=things)
    assert people_in(SOURCE, seen, [named("climber")]) == []
