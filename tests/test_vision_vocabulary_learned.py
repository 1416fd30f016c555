"""Learned words: a direction and an offset each, against numbers worked by hand."""

import json

import numpy as np
import pytest
from fakes import ColourSpace
from safetensors.numpy import save_file

from deepseek_mm.vision.vocabulary import Learned, read_learned, read_names

LEARNED = Learned(
    names=("kite", "grass"),
    directions_LD=np.array([[2.0, 0.0], [0.0, 4.0]], np.float32),
    offsets_L=np.array([-1.0, 0.0], np.float32),
)


def test_a_chance_is_the_sigmoid_of_the_vector_along_the_words_direction():
    expected = [[1 / (1 + np.exp(-1)), 0.5], [1 / (1 + np.exp(1)), 1 / (1 + np.exp(-4))]]
    np.testing.assert_allclose(LEARNED.chances(np.eye(2, dtype=np.float32)), expected, rtol=1e-6)


def test_heat_asks_every_cell_for_the_chosen_words_only():
    grid = np.array([[[1.0, 0.0], [0.0, 1.0]]], np.float32)
    assert LEARNED.heat(grid, [1]).tolist() == [[[0.0], [4.0]]]
    assert LEARNED.heat(grid, []).shape == (1, 2, 0)


@pytest.fixture
def file(tmp_path):
    told = {"fingerprint": ColourSpace.fingerprint, "names": ["kite"]}
    arrays = {"directions": np.ones((1, 32), np.float16), "offsets": np.full(1, -2, np.float16)}
    save_file(arrays, tmp_path / "names.safetensors", metadata={"told": json.dumps(told)})
    return tmp_path / "names.safetensors"


def test_words_are_read_back_as_they_were_written(file):
    learned = read_learned(ColourSpace(), file)
    assert (learned.names, learned.directions_LD.shape, learned.offsets_L.tolist()) == (("kite",), (1, 32), [-2.0])
    assert learned.directions_LD.dtype == np.float32


def test_words_of_another_space_and_an_absent_file_are_not_used(file):
    class Other(ColourSpace):
        fingerprint = "of other weights"

    assert read_learned(Other(), file) is None
    assert read_learned(ColourSpace(), file.with_name("absent")) is None


def test_the_shipped_words_are_words_of_the_vocabulary():
    from safetensors import safe_open

    from deepseek_mm.vision.vocabulary import FILE

    with safe_open(FILE, framework="numpy") as opened:
        names = json.loads(opened.metadata()["told"])["names"]
    assert len(names) > 150
    assert set(names) <= set(read_names())
