"""The default space in eight bits: near to itself in floats, from a file that is its own, trained to be nearer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.image import squeeze, to_pixels
from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.evaluation.retrieval import CaptionRow, read_picture
from deepseek_mm.runtime.quantize.aware import make_aware
from deepseek_mm.runtime.quantize.kept import Told, write_kept
from deepseek_mm.runtime.quantize.space import (
    STATIC,
    Sample,
    calibrate,
    full_bytes,
    open_quantised,
    wanted_of,
    write_space,
)
from deepseek_mm.runtime.quantize.towers import put_in, quantised
from deepseek_mm.train.qat import Captions, QatConfig, Seen, distance, trained_of

TEXTS = ["a black dog runs over green grass", "two cups on a table", "a red kite over the sea"]


PHOTOS = sorted((Path(__file__).parent.parent / "examples" / "photos").glob("*.jpg"))[:4]


@pytest.fixture(scope="module")
def made():
    """A space, its recipe and its sample."""
    rows = [CaptionRow(image=path.name, captions=(text, text)) for path, text in zip(PHOTOS[:3], TEXTS, strict=True)]
    sample, space = Sample.of(rows, PHOTOS[0].parent, count=3), DefaultSpace()
    return space, calibrate(space, sample), sample


@pytest.fixture(scope="module")
def file(made, tmp_path_factory):
    space, recipe, sample = made
    path = tmp_path_factory.mktemp("q") / "towers-int8.safetensors"
    write_space(path, space, recipe, scheme=STATIC, calibrated=sample.told, made="a test")
    return path


@pytest.mark.parametrize("dynamic", [False, True])
def test_vectors_of_the_space_in_eight_bits_are_nearly_its_own_and_its_name_is_the_same(made, file, dynamic):
    space, _, _ = made
    eight = open_quantised(file, dynamic=dynamic)
    assert (eight.name, eight.dim, eight.fingerprint) == (space.name, space.dim, space.fingerprint)
    for ours, truth in (
        (eight.embed_texts(TEXTS), space.embed_texts(TEXTS)),
        (eight.embed_code(["x = 1"]), space.embed_code(["x = 1"])),
        (eight.embed_images([read_picture(PHOTOS[3])]), space.embed_images([read_picture(PHOTOS[3])])),
    ):
        assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-3)
        assert (ours * truth).sum(1).min() > 0.95  # calibrated on three photos; on 256 it is 0.995


def test_the_file_is_less_than_27_hundredths_of_the_space_in_float32(made, file):
    assert file.stat().st_size < 0.27 * full_bytes(made[0].model)


def test_a_file_of_another_base_is_refused(made, file, tmp_path):
    space, recipe, _ = made
    other = tmp_path / "other.safetensors"
    told = Told(scheme=STATIC, base="00" * 32, full_bytes=1, calibrated="", made="")
    write_kept(other, quantised(space.model, recipe), told)
    with pytest.raises(BadCheckpoint, match="its base is '0000"):
        open_quantised(other)


def test_every_tensor_of_a_file_is_one_that_is_wanted(made):
    space, recipe, _ = made
    held = {name: (value.dtype, tuple(value.shape)) for name, value in quantised(space.model, recipe).items()}
    assert held == dict(wanted_of(space.model))


def test_captions_share_a_picture_as_its_vector_says(made):
    space, recipe, _ = made
    rows = [CaptionRow(image="", captions=(text,)) for text in TEXTS]
    captions = Captions.of(space, recipe, rows, count=9)
    assert captions.whole_KD.shape == captions.rounded_KD.shape == (3, 512)
    first, second = (captions.whole_KD[n : n + 1] for n in range(2))
    same, other = (float(captions.apart(told, first)) for told in (first, second))
    assert abs(same) < 0.01 < other
    alike = (captions.whole_KD * captions.rounded_KD).sum(1)
    assert float(alike.min()) > 0.9
    assert float(alike.max()) < 1 - 1e-6  # the student meets captions in eight bits


@pytest.mark.campaign(times=1, only=True)
def test_training_feels_what_whole_numbers_do_and_lessens_it(made):
    space, recipe, _ = made
    aware, eight = DefaultSpace().model, DefaultSpace().model
    put_in(eight, quantised(space.model, recipe))
    layers = make_aware(aware, recipe)
    pixels = to_pixels([squeeze(read_picture(PHOTOS[0]))])
    with torch.no_grad():
        teacher = Seen(space.model, pixels)
        before = distance(Seen(aware, pixels), teacher)
        assert float(distance(Seen(aware, pixels), Seen(eight, pixels))["vectors"]) < 0.01
    trained = trained_of(layers, QatConfig(ranges=True))
    assert not any(name.endswith("weight") for name in trained)
    optimiser = torch.optim.Adam([p.requires_grad_() for p in trained.values()], lr=1e-5)
    for _ in range(3):
        optimiser.zero_grad()
        distance(Seen(aware, pixels), teacher)["loss"].backward()
        optimiser.step()
    with torch.no_grad():
        assert float(distance(Seen(aware, pixels), teacher)["loss"]) < float(before["loss"])
    learned = {name: value for own, layer in layers.items() for name, value in layer.recipe(own).items()}
    assert quantised(space.model, recipe | learned).keys() == quantised(space.model, recipe).keys()
