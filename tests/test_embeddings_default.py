"""The shipped space: what it says of photos that anyone can look at."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import picture
from PIL import Image

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.towers import fingerprint
from deepseek_mm.errors import MissingWeights

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"


@pytest.fixture(scope="module")
def space():
    return open_space(EncoderConfig(batch=4))


def test_vectors_of_pictures_texts_and_code_share_one_width_and_length(space):
    vectors = [
        space.embed_images([picture("red"), picture("blue")]),
        space.embed_texts(["a dog", "a cat"]),
        space.embed_code(["def f(x): return x", "ls -l"]),
    ]
    for array in vectors:
        assert (array.shape, array.dtype) == ((2, 512), np.float32)
        np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, atol=1e-4)


def test_nothing_in_is_nothing_out_of_the_right_width(space):
    assert space.embed_images([]).shape == space.embed_texts([]).shape == space.embed_code([]).shape == (0, 512)


def test_a_photo_of_a_cat_is_nearer_to_its_words_than_to_others(space):
    with Image.open(PHOTOS / "cat.jpg") as cat, Image.open(PHOTOS / "coffee.jpg") as coffee:
        photos = space.embed_images([cat.convert("RGB"), coffee.convert("RGB")])
    cosine = photos @ space.embed_texts(["a photo of a cat", "a photo of a cup of coffee"]).T
    assert cosine[0, 0] > cosine[0, 1]
    assert cosine[1, 1] > cosine[1, 0]


def test_looks_come_in_order_whatever_the_batches_and_are_those_of_a_picture_alone(space):
    colours = ["red", "green", "blue", "yellow", "black", "white"]
    looks = list(space.look_many(picture(colour) for colour in colours))
    assert len(looks) == 6
    for look, colour in zip(looks, colours, strict=True):
        alone = space.embed_images([picture(colour)])[0]
        assert look.vector_D @ alone > 0.99
        assert look.grid_HWD.shape == (9, 9, 512)
        np.testing.assert_allclose(np.linalg.norm(look.grid_HWD, axis=-1), 1, atol=1e-4)


def test_texts_come_back_in_the_order_they_went_in(space):
    texts = ["a", "a much longer text that goes on and on about nothing", "dog", "two words"] * 20
    together = space.embed_texts(texts)
    for n in (0, 1, 2, 3):
        assert together[n] @ space.embed_texts([texts[n]])[0] > 0.99


def test_an_error_in_a_picture_reaches_the_caller(space):
    def pictures():
        yield picture("red")
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        list(space.look_many(pictures()))


def test_a_space_is_known_by_the_bytes_of_its_weights(space, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    both = fingerprint((tmp_path / "a", tmp_path / "b"))
    assert both != fingerprint((tmp_path / "b", tmp_path / "a"))
    (tmp_path / "b").write_bytes(b"twO")
    assert both != fingerprint((tmp_path / "a", tmp_path / "b"))
    assert len(space.fingerprint) == 64


def test_absent_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(MissingWeights, match="python -m deepseek_mm train align"):
        DefaultSpace(tmp_path / "space.safetensors")


def test_a_space_for_engines_has_the_same_fingerprint_heads_and_tokens(space):
    left_out = DefaultSpace(for_engines=True)
    assert left_out.fingerprint == space.fingerprint
    for name, weight in left_out.model.state_dict().items():
        assert torch.equal(weight, space.model.state_dict()[name]), name
    texts = ["A dog on the Beach!", "naïve café, 3 übergroße words — 狗", "x" * 900, ""]
    ours, usual = (
        each.model.text_tower.tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        for each in (left_out, space)
    )
    assert torch.equal(ours["input_ids"], usual["input_ids"])
    assert torch.equal(ours["attention_mask"], usual["attention_mask"])
