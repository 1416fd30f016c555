"""What a text costs a decoder, chunk by chunk, is what it costs read as a whole."""

import math

import pytest
import torch
from lm_help import NEAR, decoder
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.evaluation.language import nats_of_text
from deepseek_mm.evaluation.language import perplexity
from deepseek_mm.lm.shape import Reach, tiny

IDS = torch.randint(0, 512, (150,), generator=torch.Generator().manual_seed(0)).tolist()
TABLES = {"full": (), "progressive": (NEAR, NEAR, Reach(kind="window", window=64), Reach())}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("chunk", [32, 48, 512])
def test_a_text_costs_the_same_in_chunks_as_under_the_masks_of_the_whole(table, chunk):
    model = decoder(tiny(reaches=TABLES[table]))
    ids = torch.tensor([IDS])
    with torch.no_grad():
        hidden, _ = model(model.embed(ids), FullTextAttention(model.shape, torch.ones_like(ids)))
        expected = F.cross_entropy(model.logits(hidden[0, :-1]), ids[0, 1:], reduction="none")
    torch.testing.assert_close(nats_of_text(model, IDS, chunk=chunk), expected, atol=1e-4, rtol=1e-4)


def test_a_decoder_that_knows_nothing_is_as_surprised_as_the_vocabulary_is_large():
    model = decoder()
    torch.nn.init.zeros_(model.embedding.weight)
    nats = nats_of_text(model, IDS, chunk=64)
    assert perplexity(float(nats.sum()), len(nats)) == pytest.approx(512, rel=1e-4)


def test_perplexity_is_the_exponential_of_the_mean_and_nothing_asked_is_no_number():
    assert perplexity(2 * math.log(2) + math.log(16), 3) == pytest.approx(4)
    assert math.isnan(perplexity(0.0, 0))
