"""Curves for words, on data whose right answer is known."""

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.vocabulary_curves import (
    ENOUGH,
    find_caption_mentions,
    fit_vocabulary,
    fit_word_curve,
    sample_background,
    save_vocabulary,
)
from deepseek_mm.vision.vocabulary import Vocabulary, read_calibration


def row(*captions: str) -> CaptionRow:
    return CaptionRow(image="a.jpg", captions=captions)


def test_a_word_is_mentioned_in_singular_or_plural_but_not_inside_another():
    rows = [row("Two dogs run ."), row("a hot dog", "x"), row("a dogma"), row("A BUS"), row("three buses")]
    there = find_caption_mentions(rows, ["dog", "bus", "hot dog"])
    assert there[:, 0].tolist() == [True, True, False, False, False]
    assert there[:, 1].tolist() == [False, False, False, True, True]
    assert there[:, 2].tolist() == [False, True, False, False, False]


def drawn(slope: float, offset: float, size: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(size, 1)).astype(np.float32)
    return z, rng.random((size, 1)) < 1 / (1 + np.exp(-(slope * z + offset)))


def test_the_fit_finds_the_curve_that_drew_the_data():
    z, there = drawn(slope=2.0, offset=0.0)  # even by symmetry, so that the weights are one
    curve = fit_word_curve(z, there, ["thing"])
    assert curve.slope == pytest.approx(2.0, abs=0.15)
    assert curve.offset + curve.word_offsets["thing"] == pytest.approx(0.0, abs=0.1)


def test_a_rare_word_is_answered_as_if_it_were_there_half_the_time():
    z, there = drawn(slope=2.0, offset=-4.0)
    share = there.mean()
    assert share < 0.1
    chance = fit_word_curve(z, there, ["thing"]).probability(z, ["thing"])
    weight = np.where(there, 0.5 / share, 0.5 / (1 - share))
    assert np.average(chance, weights=weight) == pytest.approx(0.5, abs=0.02)


@pytest.fixture
def walls():
    colours = ["red", "green", "blue", "yellow", "black", "white"] * (ENOUGH + 2)
    looks = list(ColourSpace().look_many(picture(colour) for colour in colours))
    return looks, [row(f"a {colour} wall") for colour in colours]


def test_fitted_words_are_believed_where_they_hold_and_doubted_elsewhere(walls, tmp_path):
    looks, rows = walls
    space, names = ColourSpace(), ("red", "green", "teapot", "violin", "barcode", "harbour", "candle", "owl")
    save_vocabulary(tmp_path / "v.safetensors", space, fit_vocabulary(space, looks, rows, names))
    vocabulary = Vocabulary(space, names, read_calibration(space, tmp_path / "v.safetensors"))
    red, green = vocabulary.presence(["red"], space.embed_images([picture("red"), picture("green")]))[:, 0]
    assert red > 0.9 > 0.1 > green
    naming = vocabulary.naming(space.embed_images([picture("green")]))[0]
    assert names[naming.argmax()] == "green"


def test_too_few_photos_to_fit_a_curve_are_refused_with_both_numbers(walls):
    looks, rows = walls
    with pytest.raises(ConfigError, match="no word of the vocabulary occurs in 15 of 12 photos. Train on more"):
        fit_vocabulary(ColourSpace(), looks[:12], rows[:12], ("red", "green"))


def test_the_background_is_spread_over_the_photos_and_bounded(walls):
    looks, _ = walls
    kinds = [looks[n % 6] for n in range(6) for _ in range(500)]  # 500 red walls, then 500 green ones, and so on
    photos, cells = sample_background(kinds)
    assert (len(photos), len(cells)) == (600, 400)
    assert len(np.unique(photos.round(3), axis=0)) == 6
