"""Quantisation-aware training: what the student is compared with, and that it feels and lessens the rounding."""

from pathlib import Path

import pytest
import torch

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.towers import squeeze, to_pixels
from deepseek_mm.evaluation.retrieval import CaptionRow, read_picture
from deepseek_mm.training.int8_space import CalibrationSample, calibrate, put_in, quantize_model
from deepseek_mm.training.qat import CaptionVectors, TowerOutputs, make_aware, measure_distance

pytestmark = pytest.mark.lab
TEXTS = ["a black dog runs over green grass", "two cups on a table", "a red kite over the sea"]
PHOTOS = sorted((Path(__file__).parent.parent / "examples" / "photos").glob("*.jpg"))[:3]


@pytest.fixture(scope="module")
def made():
    """A space and its recipe."""
    rows = [CaptionRow(image=path.name, captions=(text, text)) for path, text in zip(PHOTOS, TEXTS, strict=True)]
    space = DefaultSpace()
    return space, calibrate(space, CalibrationSample.of(rows, PHOTOS[0].parent, count=3))


def test_captions_share_a_picture_as_its_vector_says(made):
    space, recipe = made
    rows = [CaptionRow(image="", captions=(text,)) for text in TEXTS]
    captions = CaptionVectors.of(space, recipe, rows, count=9)
    assert captions.whole_KD.shape == captions.rounded_KD.shape == (3, 512)
    first, second = (captions.whole_KD[n : n + 1] for n in range(2))
    same, other = (float(captions.measure_order(told, first)) for told in (first, second))
    assert abs(same) < 0.01 < other
    alike = (captions.whole_KD * captions.rounded_KD).sum(1)
    assert float(alike.min()) > 0.9
    assert float(alike.max()) < 1 - 1e-6  # the student meets captions in eight bits


@pytest.mark.campaign(times=1, only=True)
def test_training_feels_what_whole_numbers_do_and_lessens_it(made):
    space, recipe = made
    aware, eight = DefaultSpace().model, DefaultSpace().model
    put_in(eight, quantize_model(space.model, recipe))
    layers = make_aware(aware, recipe)
    pixels = to_pixels([squeeze(read_picture(PHOTOS[0]))])
    with torch.no_grad():
        teacher = TowerOutputs(space.model, pixels)
        before = measure_distance(TowerOutputs(aware, pixels), teacher)
        assert float(measure_distance(TowerOutputs(aware, pixels), TowerOutputs(eight, pixels))["vectors"]) < 0.01
    trained = [p for layer in layers.values() for name, p in layer.named_parameters() if name != "weight"]
    optimiser = torch.optim.Adam([p.requires_grad_() for p in trained], lr=1e-5)
    for _ in range(3):
        optimiser.zero_grad()
        measure_distance(TowerOutputs(aware, pixels), teacher)["loss"].backward()
        optimiser.step()
    with torch.no_grad():
        assert float(measure_distance(TowerOutputs(aware, pixels), teacher)["loss"]) < float(before["loss"])
    learned = {name: value for own, layer in layers.items() for name, value in layer.recipe(own).items()}
    assert quantize_model(space.model, recipe | learned).keys() == quantize_model(space.model, recipe).keys()
