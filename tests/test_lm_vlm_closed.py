"""Yes or no out of the scores of the first word, worked by hand."""

import math

import pytest
import torch
from tiny_lm import tiny_tokenizer

from deepseek_mm.lm.backends.vision_language_model import yes_probability

TOKENIZER = tiny_tokenizer()


def scores(**by_text: float) -> torch.Tensor:
    """(V,): these first letters have these scores, nothing else is likely."""
    logits_V = torch.full((300,), -30.0)
    for text, score in by_text.items():
        logits_V[TOKENIZER(text)["input_ids"][0]] = score
    return logits_V


def test_yes_beside_no_is_what_the_two_scores_say_and_capitals_count_alike():
    assert yes_probability(scores(Yes=3.0, No=2.0), TOKENIZER) == pytest.approx(1 / (1 + math.exp(-1)))
    assert yes_probability(scores(Yes=1.0, yes=1.0, no=1.0), TOKENIZER) == pytest.approx(2 / 3)


def test_a_model_that_is_about_to_say_something_else_says_neither():
    both = math.exp(2) + math.exp(2)
    for other, heard in ((both * 3.9, True), (both * 4.1, False)):  # 20.4 and 19.6 % of yes or no
        chance = yes_probability(scores(Yes=2.0, No=2.0, dog=math.log(other)), TOKENIZER)
        assert chance == (pytest.approx(0.5) if heard else None)


def test_a_first_token_that_yes_and_no_share_speaks_for_neither():
    space = TOKENIZER(" yes")["input_ids"][0]
    assert space == TOKENIZER(" no")["input_ids"][0]
    logits_V = scores(Yes=0.0, No=0.0)
    logits_V[space] = 1.0
    assert yes_probability(logits_V, TOKENIZER) == pytest.approx(0.5)
