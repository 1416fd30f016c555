"""Progressive beside full attention: the same tokens, at several lengths."""

import json
import math
from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.language import LongReport, compare_attention, cut_texts, mean_perplexity, nats_of_text
from deepseek_mm.lm.shape import tiny

CHANCE = torch.Generator().manual_seed(0)
TEXTS = {
    kind: [torch.randint(0, 512, (100,), generator=CHANCE).tolist() for _ in range(2)] for kind in ("text", "code")
}
CELLS = {(32, "text"): 20.0, (32, "code"): 8.0, (96, "text"): 10.0, (96, "code"): 4.0}


def report(factors: tuple[float, ...]) -> LongReport:
    other = {cell: CELLS[cell] * factor for cell, factor in zip(CELLS, factors, strict=True)}
    return LongReport(name="ours", full=CELLS, progressive=other, tokens=384)


def test_the_increase_is_that_of_the_worst_length_and_kind():
    made = report((1.01, 1.02, 0.99, 1.04))
    assert made.ppl_increase == pytest.approx(0.04)
    assert made.ppl_increase_mean == pytest.approx(0.015)
    figures = json.loads(made.json())
    assert figures["ppl_increase"] == pytest.approx(0.04)
    assert figures["cells"][3] == {"length": 96, "kind": "code", "full": 4.0, "ppl": pytest.approx(4.16)}
    assert "at worst 4.00%, in the mean 1.50%, over 384 tokens" in made.table()


def test_short_texts_are_pieces_of_the_long_ones_and_the_rest_is_left_out():
    assert cut_texts([list(range(10))], 4, 8) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert cut_texts([list(range(10))], 8, 8) == [list(range(8))]
    assert cut_texts([list(range(10))], 4, 10) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_perplexity_over_several_texts_counts_every_token_once():
    model = decoder()
    texts = [TEXTS["text"][0][:10], TEXTS["text"][1][:40]]
    nats = torch.cat([nats_of_text(model, text) for text in texts])
    assert mean_perplexity(model, texts) == pytest.approx(math.exp(float(nats.mean())), rel=1e-5)


def test_a_decoder_loses_nothing_against_itself_and_something_with_a_narrow_view():
    full = decoder()
    short = decoder(replace(tiny(), reaches=(NEAR,) * 4))
    assert compare_attention(full, full, TEXTS, (32, 96), chunk=32).ppl_increase == 0
    found = compare_attention(full, short, TEXTS, (32, 96), chunk=32)
    assert all(abs(found.increase(cell)) > 1e-4 for cell in found.full)
    assert found.tokens == 4 * 96


def test_texts_that_are_too_short_are_a_users_error():
    with pytest.raises(NothingThere, match="no text of 128 tokens is among those of text"):
        compare_attention(decoder(), decoder(), TEXTS, (32, 128))
