"""Pixels and files say whether a photo has colours, is sharp, which way it lies, how large it is."""

import numpy as np
from photo_turns import turn_of
from PIL import Image, ImageFilter

from deepseek_mm.answering.skills.measure import answer_measured, measure_edges
from deepseek_mm.config import Config

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))


def say(text: str, image: Image.Image | None = None, **act: str) -> str:
    draft = answer_measured(turn_of(text, image=image, **act), Config())
    assert draft is not None, text
    return draft.claims[0].text


def test_a_grey_picture_is_black_and_white_and_a_red_one_is_not() -> None:
    grey = NOISE.convert("L").convert("RGB")
    assert say("is the picture in color?", grey, form="yes_no") == "No, the picture is black and white"
    assert say("is it a black and white photo", grey, form="yes_no") == "Yes, the picture is black and white"
    assert say("is this a black and white photo", form="yes_no") == "No, the picture is in colour"


def test_soft_edges_are_blurred_and_hard_ones_are_not() -> None:
    soft = NOISE.filter(ImageFilter.GaussianBlur(9))
    assert measure_edges(soft) < measure_edges(NOISE)
    assert say("is it blurry?", soft, form="yes_no").startswith("Yes")
    assert say("is it blurry?", NOISE, form="yes_no").startswith("No")


def test_the_file_says_its_size_and_that_it_has_no_date() -> None:
    assert "200 x 200 pixels" in say("how large is this file", attribute="file")
    assert say("when was this taken", attribute="date") == "This photo does not say when it was taken"
    assert "here.jpg" in say("what is the file name", attribute="file")


def test_the_shape_of_the_picture_comes_from_its_file() -> None:
    assert "square" in say("is it portrait or landscape format?")


def test_other_questions_are_not_measured() -> None:
    assert answer_measured(turn_of("what colour is the car", attribute="colour"), Config()) is None
    assert answer_measured(turn_of("when is the party", attribute="date"), Config()) is None
