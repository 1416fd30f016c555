"""The small space: it reads as the default one does, sees for itself, and is never taken for it."""

from pathlib import Path

import numpy as np
import pytest
from fakes import picture
from PIL import Image

from deepseek_mm.config import Config, EncoderConfig
from deepseek_mm.encoders import open_space
from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.encoders.small import SmallSpace
from deepseek_mm.errors import MissingWeights
from deepseek_mm.load import glance_of, open_store, open_trained

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
TEXTS = ["a photo of a cat", "two dogs run over a field of grass"]


@pytest.fixture(scope="module")
def space():
    return open_space(EncoderConfig(name="small", batch=4))


@pytest.fixture(scope="module")
def usual():
    return DefaultSpace()


def test_texts_and_code_have_the_very_vectors_of_the_default_space(space, usual):
    np.testing.assert_array_equal(space.embed_texts(TEXTS), usual.embed_texts(TEXTS))
    np.testing.assert_array_equal(space.embed_code(["x = 1"]), usual.embed_code(["x = 1"]))


def test_pictures_have_vectors_of_their_own_and_the_spaces_are_told_apart(space, usual, tmp_path):
    with Image.open(PHOTOS / "cat.jpg") as opened:
        cat = opened.convert("RGB")
    ours, theirs = space.embed_images([cat])[0], usual.embed_images([cat])[0]
    assert 0.3 < ours @ theirs < 0.999
    assert space.fingerprint != usual.fingerprint
    with open_store(Config(data=tmp_path), space), open_store(Config(data=tmp_path), usual):
        assert len(list((tmp_path / "spaces").iterdir())) == 2


def test_what_the_towers_own_classifier_is_sure_of_is_named(space):
    with Image.open(PHOTOS / "cat.jpg") as cat, Image.open(PHOTOS / "coffee.jpg") as coffee:
        looks = list(space.look_many([cat.convert("RGB"), coffee.convert("RGB")]))
    assert any("cat" in tag.name for tag in looks[0].tags)
    assert any("cup" in tag.name for tag in looks[1].tags)
    assert looks[0].things is None


def test_a_look_has_a_unit_vector_for_each_of_seven_by_seven_cells(space):
    (look,) = space.look_many([picture("red")])
    assert look.grid_HWD.shape == (7, 7, 512)
    np.testing.assert_allclose(np.linalg.norm(look.grid_HWD, axis=-1), 1, atol=1e-3)
    assert space.embed_images([]).shape == (0, 512)


def test_what_was_trained_on_the_default_towers_maps_is_not_opened_over_it(space):
    def never(space):
        raise AssertionError("it was opened")

    assert open_trained(never, space) is None
    assert glance_of(space, Config()) is None


def test_without_its_weights_the_command_is_named_that_makes_them(tmp_path):
    with pytest.raises(MissingWeights, match="train small"):
        SmallSpace(tmp_path / "small.safetensors")
