"""The engine whose weights learned to be rounded: it sees as the space does, or says what makes its file."""

from pathlib import Path

import pytest
from towers_help import TinySpace

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.evaluation.retrieval import CaptionRow, read_picture
from deepseek_mm.runtime.calibration import calibrate
from deepseek_mm.runtime.engines import BY_NAME
from deepseek_mm.runtime.hardware import Hardware
from deepseek_mm.runtime.quantization.weight_files import cache_file
from deepseek_mm.runtime.towers.backends import engines_folder, install, parts_of
from deepseek_mm.runtime.towers.parts import Samples
from deepseek_mm.training import int8_space
from deepseek_mm.training.int8_space import QAT, CalibrationSample, write_space

PHOTOS = sorted((Path(__file__).parent.parent / "examples" / "photos").glob("*.jpg"))[:4]
ROW, MACHINE = BY_NAME["torch-qat-int8"], Hardware()


@pytest.fixture(scope="module")
def space():
    return DefaultSpace()


@pytest.fixture
def cache(space, tmp_path):
    """With a file as `train qat` writes it; what training would have found is what calibration did."""
    rows = [CaptionRow(image=path.name, captions=("a", "b")) for path in PHOTOS[:3]]
    sample = CalibrationSample.of(rows, PHOTOS[0].parent, count=3)
    recipe = int8_space.calibrate(space, sample)
    write_space(cache_file(tmp_path, QAT), space, recipe, scheme=QAT, calibrated=sample.description, made="a test")
    return tmp_path


def test_pictures_look_nearly_as_before_and_everything_comes_out_again(space, cache):
    picture, lower = read_picture(PHOTOS[3]), space.model.image_tower.lower
    truth = space.embed_images([picture])[0]
    folder = engines_folder(cache, space.fingerprint, MACHINE)
    installed = install(space.model, parts_of(space, "image", Samples()), ROW, folder)
    ours = space.embed_images([picture])[0]
    installed.remove()
    assert 0.95 < ours @ truth < 0.9999  # eight bits, calibrated on three photos
    assert space.embed_images([picture])[0] @ truth > 0.9999
    assert space.model.image_tower.lower is lower
    assert installed.size_bytes < 10e6  # three parts, a byte a weight


@pytest.mark.parametrize("there", [True, False])
def test_a_calibration_refuses_it_with_the_command_where_its_file_is_missing_or_another_spaces(cache, tmp_path, there):
    if not there:
        cache_file(cache, QAT).unlink()
    folder = engines_folder(cache, TinySpace.fingerprint, MACHINE)
    (timing,) = [t for t in calibrate(TinySpace(), MACHINE, folder, rows=[ROW]) if t.engine == ROW.name]
    assert ("its base is" if there else "no weights at") in timing.refused
    assert "python -m deepseek_mm train qat --data" in timing.refused
