"""The default space in eight bits: near to itself in floats, from a file that is its own."""

from pathlib import Path

import numpy as np
import pytest

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.evaluation.retrieval import CaptionRow, read_picture
from deepseek_mm.runtime.quantization.weight_files import QuantizedFileInfo, write_quantized
from deepseek_mm.training.int8_space import (
    STATIC,
    CalibrationSample,
    calibrate,
    full_bytes,
    open_quantised,
    quantize_model,
    wanted_of,
    write_space,
)

TEXTS = ["a black dog runs over green grass", "two cups on a table", "a red kite over the sea"]


PHOTOS = sorted((Path(__file__).parent.parent / "examples" / "photos").glob("*.jpg"))[:4]


@pytest.fixture(scope="module")
def made():
    """A space, its recipe and its sample."""
    rows = [CaptionRow(image=path.name, captions=(text, text)) for path, text in zip(PHOTOS[:3], TEXTS, strict=True)]
    sample, space = CalibrationSample.of(rows, PHOTOS[0].parent, count=3), DefaultSpace()
    return space, calibrate(space, sample), sample


@pytest.fixture(scope="module")
def file(made, tmp_path_factory):
    space, recipe, sample = made
    path = tmp_path_factory.mktemp("q") / "towers-int8.safetensors"
    write_space(path, space, recipe, scheme=STATIC, calibrated=sample.description, made="a test")
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
    told = QuantizedFileInfo(scheme=STATIC, base="00" * 32, full_bytes=1, calibrated="", made="")
    write_quantized(other, quantize_model(space.model, recipe), told)
    with pytest.raises(BadCheckpoint, match="its base is '0000"):
        open_quantised(other)


def test_every_tensor_of_a_file_is_one_that_is_wanted(made):
    space, recipe, _ = made
    held = {name: (value.dtype, tuple(value.shape)) for name, value in quantize_model(space.model, recipe).items()}
    assert held == dict(wanted_of(space.model))
