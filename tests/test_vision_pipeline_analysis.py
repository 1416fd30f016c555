"""One picture, decoded once and looked at once, whoever wants something of it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import COLOURS, ColourSpace, picture

from deepseek_mm.embeddings.default import DefaultSpace, looks_of, maps_of_many
from deepseek_mm.errors import NothingThere
from deepseek_mm.vision.pipeline import AnalysisCache, ImageAnalysis, VqaPrediction, add_features, only_once
from index import Source


class CountingSpace(ColourSpace):
    """Counts the pictures that its tower gets."""

    def __init__(self) -> None:
        self.looked = 0

    def look_many(self, images):
        for look in super().look_many(images):
            self.looked += 1
            yield look


def source(path: Path) -> Source:
    return Source(path=str(path), width_px=64, height_px=48)


def test_pixels_are_decoded_when_they_are_first_wanted_and_then_never_again():
    decoded = []

    def decode():
        decoded.append(1)
        return picture("red")

    analysis = ImageAnalysis(decode)
    assert decoded == []
    assert analysis.image is analysis.image
    assert analysis.is_blank
    assert len(decoded) == 1


def test_what_cannot_be_decoded_says_so_each_time_and_is_tried_again():
    tries = []

    def decode():
        tries.append(1)
        if len(tries) < 3:
            raise NothingThere("no file")
        return picture("red")

    analysis = ImageAnalysis(decode)
    for _ in range(2):
        with pytest.raises(NothingThere):
            analysis.image  # noqa: B018
    assert analysis.image.size == (64, 48)


@pytest.mark.parametrize("known", [(), (0,), (1, 3), (0, 1, 2, 3)])
def test_only_pictures_without_features_pass_the_tower_and_all_come_back_in_order(known):
    space, pictures = CountingSpace(), [ImageAnalysis(picture(colour)) for colour in ("red", "green", "blue", "black")]
    for n in known:
        list(add_features(ColourSpace(), [pictures[n]]))
    assert list(add_features(space, pictures)) == pictures
    assert space.looked == 4 - len(known)
    hottest = [list(COLOURS)[int(each.look.vector_D[: len(COLOURS)].argmax())] for each in pictures]
    assert hottest == ["red", "green", "blue", "black"]


def test_a_picture_that_comes_twice_keeps_its_own_features():
    red, blue = ImageAnalysis(picture("red")), ImageAnalysis(picture("blue"))
    assert list(add_features(CountingSpace(), [red, red, blue])) == [red, red, blue]
    assert (red.look.vector_D.argmax(), blue.look.vector_D.argmax()) == (0, 2)
    assert only_once([red, red, blue, red]) == [red, blue]


def test_a_drawing_is_looked_for_once_even_where_there_is_none():
    asked, analysis = [], ImageAnalysis(picture("red"))
    list(add_features(ColourSpace(), [analysis]))
    for _ in range(2):
        assert analysis.drawing(lambda vector_D, image: asked.append(image)) is None
    assert len(asked) == 1


def test_readings_are_kept_by_question():
    analysis, reading = (
        ImageAnalysis(picture("red")),
        VqaPrediction("closed", {"yes": 1.0}, np.ones((1, 1), np.float32)),
    )
    analysis.add_reading("is it red?", reading)
    assert analysis.reading("is it red?") is reading
    assert analysis.reading("is it blue?") is None


def test_a_file_has_one_analysis_until_it_changes_and_a_missing_one_has_none(tmp_path):
    path, read = tmp_path / "a.png", []
    cache = AnalysisCache(lambda name, page: read.append(name) or picture("red"))
    gone = cache.get(source(path))
    assert cache.get(source(path)) is not gone
    picture("red").save(path)
    first = cache.get(source(path))
    assert cache.get(source(path)) is first
    assert (first.image.size, first.image.size, read) == ((64, 48), (64, 48), [str(path)])
    os.utime(path, ns=(1, 1))
    assert cache.get(source(path)) is not first


def test_an_analysis_that_was_made_elsewhere_is_the_file_s_and_the_oldest_goes_first(tmp_path):
    cache = AnalysisCache(lambda name, page: picture("red"), maxsize=2)
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for path in paths:
        picture("red").save(path)
    made = ImageAnalysis(picture("red"), source(paths[0]))
    assert cache.add(made) is made
    cache.get(source(paths[1]))
    assert cache.get(source(paths[0])) is made  # used again: the other one is older now
    cache.get(source(paths[2]))
    assert cache.get(source(paths[0])) is made


@pytest.mark.slow
def test_cells_are_what_the_reader_was_trained_on():
    space, image = DefaultSpace(), picture("red")
    (analysis,) = add_features(space, [ImageAnalysis(image)])
    (cells_PC,) = maps_of_many(space.model, [image])
    torch.testing.assert_close(analysis.features.cells_PC, cells_PC)
    (look,) = looks_of(space, cells_PC[None].float())
    np.testing.assert_allclose(analysis.look.vector_D, look.vector_D, atol=0.01)
