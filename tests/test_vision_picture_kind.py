"""Which kind of picture it is, by its vector and its pixels, and who keeps silent then."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import ColourSpace
from PIL import Image

from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.default import WEIGHTS as SPACE
from deepseek_mm.embeddings.default import default_fingerprint
from deepseek_mm.vision.picture_kind import (
    KINDS,
    KindClassifier,
    PictureKind,
    choose_kind,
    measure_pixels,
    read_kinds,
)
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Label, Source


def chances(**sure):
    return np.array([sure.get(name.replace(" ", "_"), 0.0) for name in KINDS], np.float32)


def test_flat_pictures_and_noise_measure_differently_and_size_hardly_matters():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8).astype(np.uint8))
    flat = Image.new("RGB", (300, 200), "white")
    assert measure_pixels(flat)[[0, 4, 8, 10]].tolist() == [1.0] * 4
    assert measure_pixels(noise)[4] < 0.5
    small = measure_pixels(flat.resize((60, 40)))
    assert np.allclose(small, measure_pixels(flat))


def test_a_kind_that_is_not_sure_is_a_photo():
    assert choose_kind(chances(drawing=0.7, photo=0.3)) == PictureKind("photo", pytest.approx(0.3))
    assert choose_kind(chances(drawing=0.9, photo=0.1)).name == "drawing"
    assert choose_kind(chances(document=0.65, photo=0.35)).name == "document"


def test_a_photo_has_no_label_of_its_kind_and_a_plot_has():
    assert PictureKind("photo", 0.9).labels == ()
    assert PictureKind("plot", 0.9).labels == (Label(name="plot", score=0.9),)
    assert [kind for kind in KINDS if PictureKind(kind, 1.0).is_made] == ["screenshot", "document", "plot"]


def test_a_garment_is_named_where_it_is_sure():
    weight_DL = np.array([[5.0, 0.0], [0.0, 5.0]], np.float32)
    namer = KindClassifier(np.zeros((2, 6)), np.zeros(6), ("hat", "skirt"), weight_DL, np.zeros(2, np.float32))
    assert [label.name for label in namer.name_garment(np.array([1.0, 0.0], np.float32))] == ["hat"]
    assert namer.name_garment(np.array([0.7, 0.7], np.float32)) == ()


def classifier_of(kind):
    """Calls every picture that."""
    bias_K = np.where(np.array(KINDS) == kind, 9.0, 0.0).astype(np.float32)
    return KindClassifier(np.zeros((ColourSpace.dim + 15, len(KINDS)), np.float32), bias_K)


def analyse(kind, image):
    eyes = VisionPipeline(ColourSpace(), SeeConfig(min_label=0.0))
    eyes.kinds = classifier_of(kind)
    (picture,) = eyes.see_many([ImageAnalysis(image, Source(path="/a.png", width_px=64, height_px=48))])
    return picture


def test_words_for_photos_keep_silent_on_a_plot_and_its_kind_is_a_label_of_the_whole():
    image = Image.radial_gradient("L").convert("RGB").resize((64, 48))
    plot, photo = analyse("plot", image), analyse("photo", image)
    assert [label.name for label in plot.regions[0].labels] == ["plot"]
    assert plot.kind.name == "plot"
    assert len(plot.regions) == 1
    assert photo.regions[0].labels
    assert "plot" not in [label.name for label in photo.regions[0].labels]


def test_what_is_shipped_fits_what_is_measured_and_is_for_its_space_alone():
    here = SimpleNamespace(fingerprint=default_fingerprint(SPACE))
    kinds = read_kinds(here)
    assert kinds is not None
    assert read_kinds(SimpleNamespace(fingerprint="elsewhere")) is None
    assert kinds.weight_FK.shape == (512 + len(measure_pixels(Image.new("RGB", (9, 9)))), len(KINDS))
    assert len(kinds.garments) == kinds.weight_DL.shape[1] == 10
