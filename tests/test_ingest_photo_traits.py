"""What is added to a photo while its pixels are at hand: a guess that only searches hear, and that it is blurred."""

import numpy as np
import pytest
import torch
from fakes import ColourSpace
from PIL import Image, ImageDraw, ImageFilter
from torch import nn

from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.heads import ClassGuess, ImageNetTagger, read_class_names
from deepseek_mm.ingest.photo_traits import BLURRY, PhotoTraits, is_blurred
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Source


def stripes(size: int = 300) -> Image.Image:
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    for at in range(0, size, 20):
        draw.rectangle((at, 0, at + 9, size), fill="black")
    return image


def seen(image: Image.Image) -> ImageAnalysis:
    source = Source(path="/photos/a.jpg", width_px=image.width, height_px=image.height)
    (picture,) = VisionPipeline(ColourSpace(), SeeConfig()).see_many([ImageAnalysis(image, source)])
    return picture


@pytest.mark.parametrize(("radius_px", "blurred"), [(0, False), (1, False), (8, True), (15, True)])
def test_a_photo_without_fine_edges_is_blurred(radius_px, blurred):
    image = stripes().filter(ImageFilter.GaussianBlur(radius_px)) if radius_px else stripes()
    photo = Image.composite(image, Image.new("RGB", image.size, "grey"), Image.new("L", image.size, 255))
    assert is_blurred(photo) is blurred


def test_a_picture_of_one_colour_is_not_called_blurred():
    assert not is_blurred(Image.new("RGB", (300, 300), "grey"))


def test_the_whole_of_a_blurred_photo_is_labelled_so_and_that_of_a_sharp_one_is_not():
    traits = PhotoTraits(VisionPipeline(ColourSpace(), SeeConfig()))
    for image, labelled in ((stripes().filter(ImageFilter.GaussianBlur(12)), True), (stripes(), False)):
        (whole, *_), vectors_RD = traits.regions(seen(image))
        assert (BLURRY in [label.name for label in whole.labels]) is labelled
    assert len(vectors_RD) == len(seen(image).regions)  # a space without a classifier guesses nothing


def test_a_guess_is_the_mean_of_the_names_by_the_roots_of_their_chances():
    traits = PhotoTraits(VisionPipeline(ColourSpace(), SeeConfig()))
    mean_D = traits._mean_of((ClassGuess("goldfish", 0.64), ClassGuess("hen", 0.04)))
    fish_D, hen_D = ColourSpace().embed_texts(["goldfish", "hen"])
    expected_D = 0.8 * fish_D + 0.2 * hen_D
    assert np.allclose(mean_D, expected_D / np.linalg.norm(expected_D), atol=1e-5)


def test_the_likeliest_classes_are_guessed_with_their_chances():
    classifier = nn.Linear(4, 1000)
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    with torch.no_grad():
        classifier.bias[430] = 8.0  # basketball
        classifier.bias[2] = 9.0
    first, second, *others = ImageNetTagger(classifier, ()).guess(torch.zeros(4))
    assert (first.name, second.name) == (read_class_names()[2][0], "basketball")
    assert first.chance > second.chance > 0.2
    assert not others  # what is as likely as any other class is no guess


def test_every_class_has_a_name_and_some_have_several():
    names = read_class_names()
    assert len(names) == 1000
    assert names[610] == ("jersey", "T-shirt", "tee shirt")
