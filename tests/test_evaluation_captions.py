"""Sentences about photos, scored against the captions of people."""

from argparse import ArgumentParser

import pytest

from deepseek_mm.errors import MissingWeights
from deepseek_mm.evaluation.captions import bleu4, cider, split_caption
from deepseek_mm.evaluation.commands import add_arguments
from deepseek_mm.vision.captioner import read_captioner


def test_other_weights_can_be_named_and_all_of_them_must_be_there(tmp_path):
    parser = ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["caption"]).captioner is None
    files = parser.parse_args(["caption", "--captioner", str(tmp_path / "a"), str(tmp_path / "b")]).captioner
    assert [file.name for file in files] == ["a", "b"]
    with pytest.raises(MissingWeights, match="train caption"):
        read_captioner(None, files)


SAID = ["A dog runs over the grass .", "Two people on a beach", "a red car"]
REFERENCES = [
    ["A brown dog runs across the green grass .", "A dog is running on grass ."],
    ["Two people walk along a beach .", "A couple stands on the beach at sunset ."],
    ["A red sports car on a road .", "The red car drives by ."],
]


def test_the_scores_are_those_of_the_reference_scorer():
    assert cider(SAID, REFERENCES) == pytest.approx(194.69562061610458)
    assert bleu4(SAID, REFERENCES) == pytest.approx(8.56180572896715e-07)


def test_saying_what_a_reference_says_is_perfect_for_bleu():
    assert bleu4([refs[1] for refs in REFERENCES], REFERENCES) == pytest.approx(100.0)


def test_a_short_caption_is_punished_and_nothing_said_scores_nothing():
    whole = [refs[0] for refs in REFERENCES]
    short = [" ".join(split_caption(caption)[:5]) for caption in whole]
    assert bleu4(short, REFERENCES) < 0.9 * bleu4(whole, REFERENCES)
    assert (bleu4(["", "", ""], REFERENCES), cider(["", "", ""], REFERENCES)) == (pytest.approx(0.0), 0.0)


def test_what_every_photo_is_said_to_show_counts_for_nothing():
    references = [["a dog", "a dog"], ["a dog", "a dog"]]
    assert cider(["a dog", "a dog"], references) == 0.0


def test_repeating_a_word_gains_nothing():
    assert cider(["dog dog dog dog", *SAID[1:]], REFERENCES) < cider(SAID, REFERENCES)


def test_words_are_lower_case_without_punctuation():
    assert split_caption("The dog's ball, at 3.5 m -- RED!") == ["the", "dog", "'s", "ball", "at", "3.5", "m", "red"]
