"""Words and their probabilities, against numbers worked by hand."""

import json

import numpy as np
import pytest
from fakes import ColourSpace, picture
from safetensors.numpy import save_file

from deepseek_mm.vision.vocabulary import (
    Calibration,
    NamingCurve,
    Vocabulary,
    against,
    read_calibration,
    read_names,
    standing_out,
    usual,
    word_cache,
    word_vectors,
)

NAMES = ("kite", "grass", "sky", "sun", "teapot", "violin", "barcode", "harbour", "letter", "candle", "owl", "zebra")


def test_a_curve_turns_deviations_into_a_probability_and_a_word_may_shift_it():
    curve = NamingCurve(slope=2.0, offset=-1.0, word_offsets={"dog": 3.0})
    expected = [[1 / (1 + np.exp(1.0)), 1 / (1 + np.exp(-2.0))]]
    np.testing.assert_allclose(curve.probability(np.zeros((1, 2), np.float32), ("cat", "dog")), expected, rtol=1e-6)


def test_a_similarity_is_measured_in_deviations_of_the_background():
    background = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)  # cosines +1 and -1: mean 0, deviation 1
    mean, deviation = usual(background, np.array([[1.0, 0.0]], np.float32))
    assert (mean.tolist(), deviation.tolist()) == ([0.0], [1.0])
    np.testing.assert_allclose(against((mean + 0.1, deviation * 2), np.array([[0.5]], np.float32)), [[0.2]], atol=1e-5)


def test_without_a_background_a_word_is_measured_against_the_other_words():
    cosine = np.array([[0.0, 0.0, 0.0, 4.0]], np.float32)  # mean 1, deviation sqrt(3)
    np.testing.assert_allclose(standing_out(cosine, cosine)[0, 3], 3 / np.sqrt(3), atol=1e-5)


def test_word_vectors_have_length_one_and_one_row_a_word():
    vectors = word_vectors(ColourSpace(), ["kite", "grass", "teapot"])
    assert vectors.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


class Counting(ColourSpace):
    """Counts the texts that it reads."""

    read = 0

    def embed_texts(self, texts):
        self.read += len(texts)
        return super().embed_texts(texts)


def test_words_are_read_once_and_come_out_as_they_would_alone():
    space = Counting()
    words = word_cache(space)
    first = words.vectors(["kite", "grass"])
    read = space.read
    again = words.vectors(["grass", "kite", "grass"])
    assert space.read == read
    np.testing.assert_array_equal(again, first[[1, 0, 1]])
    np.testing.assert_allclose(words.vectors(["teapot", "kite"]), word_vectors(ColourSpace(), ["teapot", "kite"]))
    assert words.vectors([]).shape == (0, space.dim)


def test_the_words_longest_unasked_are_forgotten_first():
    space = Counting()
    words = word_cache(space, maxsize=2)
    words.vectors(["kite", "grass"])
    words.vectors(["kite", "teapot"])
    read = space.read
    words.vectors(["kite", "teapot"])
    assert space.read == read
    words.vectors(["grass"])
    assert space.read == read + 2  # a text for each template


def test_names_are_read_without_comments_empty_lines_and_repeats(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_text("# people\ndog\n\ncat\ndog\n")
    assert read_names(file) == ("dog", "cat")


def test_the_shipped_names_are_many_and_each_stands_once():
    names = read_names()
    assert len(names) > 300
    assert len(set(names)) == len(names)


def test_vectors_of_the_names_are_made_once_for_each_space_and_list(tmp_path):
    class Counting(ColourSpace):
        read, off = 0, 0.0

        def embed_texts(self, texts):
            self.read += len(texts)
            return super().embed_texts(texts) + self.off

    space = Counting()
    first = Vocabulary(space, NAMES, folder=tmp_path).vectors_LD
    np.testing.assert_array_equal(first, Vocabulary(space, NAMES).vectors_LD)
    space.read = 0
    np.testing.assert_array_equal(Vocabulary(space, NAMES, folder=tmp_path).vectors_LD, first)
    assert space.read == 4  # two probes, a text for each template
    space.off = 0.001  # another engine of the same space rounds otherwise
    np.testing.assert_array_equal(Vocabulary(space, NAMES, folder=tmp_path).vectors_LD, word_vectors(space, NAMES))
    Vocabulary(space, NAMES[:5], folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    for file in tmp_path.iterdir():
        file.write_bytes(b"torn")
    np.testing.assert_array_equal(Vocabulary(space, NAMES, folder=tmp_path).vectors_LD, word_vectors(space, NAMES))


def calibrated(space: ColourSpace) -> Calibration:
    backdrop = space.embed_images([picture("green"), picture("blue"), picture("white"), picture("black")])
    return Calibration(photos_MD=backdrop, cells_QD=backdrop, curve=NamingCurve(slope=3.0, offset=-3.0))


def test_a_calibrated_vocabulary_asks_how_unusual_the_picture_is_for_the_word():
    space = ColourSpace()
    vocabulary = Vocabulary(space, NAMES, calibrated(space))
    kite, grass = vocabulary.naming(space.embed_images([picture("red")]))[0][:2]
    assert kite > 0.95
    assert grass < 0.2


def test_being_unusually_close_to_every_word_alike_speaks_for_none_of_them():
    close_to_all = np.full((1, 12), 5.0, np.float32)
    assert standing_out(close_to_all, close_to_all).tolist() == [[0.0] * 12]


def test_the_slightest_likeness_does_not_stand_out_where_nothing_else_is_alike():
    hardly = np.array([[0.002] + [0.0] * 399], np.float32)
    assert standing_out(hardly, hardly).max() < 0.3


def test_a_thing_outside_the_list_is_measured_like_the_words_in_it():
    space = ColourSpace()
    vocabulary = Vocabulary(space, NAMES, calibrated(space))
    vectors = space.embed_images([picture("red"), picture("green")])
    np.testing.assert_allclose(
        vocabulary.presence(["grass"], vectors)[:, 0], vocabulary.naming(vectors)[:, 1], rtol=1e-4
    )
    purple = vocabulary.presence(["purple"], space.embed_images([picture("purple"), picture("green")]))[:, 0]
    assert purple[0] > 0.9 > 0.1 > purple[1]


def test_heat_is_highest_where_the_thing_is():
    space = ColourSpace()
    vocabulary = Vocabulary(space, NAMES, calibrated(space))
    (look,) = space.look_many([picture("green", patch="red")])
    assert np.unravel_index(vocabulary.heat(look.grid_HWD, [0])[..., 0].argmax(), (4, 4)) in {
        (r, c) for r in (0, 1) for c in (0, 1)
    }


@pytest.fixture
def curves_file(tmp_path):
    told = {
        "fingerprint": ColourSpace.fingerprint,
        "curve": {"slope": 1.0, "offset": -1.0, "word_offsets": {"dog": 0.5}},
    }
    arrays = {"photos": np.ones((2, 32), np.float16), "cells": np.ones((3, 32), np.float16)}
    save_file(arrays, tmp_path / "v.safetensors", metadata={"curves": json.dumps(told)})
    return tmp_path / "v.safetensors"


def test_a_calibration_is_read_back_as_it_was_written(curves_file):
    calibration = read_calibration(ColourSpace(), curves_file)
    assert calibration.curve == NamingCurve(slope=1.0, offset=-1.0, word_offsets={"dog": 0.5})
    assert (calibration.photos_MD.shape, calibration.cells_QD.dtype) == ((2, 32), np.float32)


def test_a_calibration_of_another_space_is_not_used(curves_file):
    class Other(ColourSpace):
        fingerprint = "of other weights"

    assert read_calibration(Other(), curves_file) is None
    assert read_calibration(ColourSpace(), curves_file.with_name("absent")) is None
