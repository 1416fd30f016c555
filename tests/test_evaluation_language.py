"""Perplexity by domain and by length, beside numbers worked out by hand."""

import json
import math
from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder, experts, shard
from torch.nn import functional as F

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.language import (
    DomainReading,
    LanguageReport,
    LongReport,
    compare_attention,
    cut_texts,
    evaluate_language,
    mean_perplexity,
    nats_of_text,
    perplexity,
    score_rows,
)
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.shape import Reach, tiny
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import mix_rows, pack_documents

SHAPE = tiny(reaches=(NEAR, Reach(), Reach(), Reach()))
ROWS = mix_rows([pack_documents(shard(name, [20, 11, 30], seed=n), 32, domain=n) for n, name in enumerate(DOMAINS)], 0)


def told(name: str, *perplexity: float) -> DomainReading:
    return DomainReading(name=name, perplexity=perplexity, tokens=(10,) * len(perplexity), visits=None)


def test_a_uniform_model_has_the_size_of_the_vocabulary_as_perplexity_in_every_domain():
    model = decoder(SHAPE)
    torch.nn.init.zeros_(model.embedding.weight)
    assert score_rows(model, ROWS, DOMAINS, name="flat").perplexity == pytest.approx([512] * 8, rel=1e-4)


def test_a_domains_perplexity_is_that_of_its_documents_read_one_by_one():
    model = decoder(SHAPE)
    reading = score_rows(model, ROWS, DOMAINS, name="any")
    for number, name in enumerate(DOMAINS):
        nats = torch.cat([nats_of_text(model, d.ids_T.tolist()) for d in shard(name, [20, 11, 30], seed=number)])
        assert reading.perplexity[number] == pytest.approx(float(nats.mean().exp()), rel=1e-4)
    assert reading.tokens == (19 + 10 + 29,) * 8


def test_tokens_that_are_only_read_are_not_asked_for():
    silent = replace(ROWS, learn_NT=ROWS.learn_NT & (ROWS.domains_N == 2)[:, None])
    reading = score_rows(decoder(SHAPE), silent, DOMAINS, name="any")
    assert reading.tokens == (0, 0, 58, 0, 0, 0, 0, 0)
    assert [math.isnan(each) for each in reading.perplexity] == [True, True, False, True, True, True, True, True]


def test_every_present_token_visits_two_experts_in_each_layer_that_has_them():
    reading = score_rows(decoder(replace(SHAPE, moe=experts())), ROWS, DOMAINS, name="mixture")
    assert reading.visits is not None
    assert reading.visits.count_LDE.shape == (2, 8, 8)
    assert reading.visits.count_LDE.sum(-1).tolist() == [[2 * 61] * 8] * 2


def test_the_mean_over_domains_is_geometric_and_wins_are_counted():
    better, worse = told("a", 2.0, 8.0, 5.0), told("b", 4.0, 4.0, 6.0)
    assert told("c", 2.0, 8.0).mean == pytest.approx(4.0)
    assert (better.below(worse), worse.below(better)) == (2, 1)


def test_a_mixture_is_set_beside_every_other_model_in_table_and_figures():
    models = {"base": decoder(SHAPE), "experts": decoder(replace(SHAPE, moe=experts()), seed=1)}
    report = evaluate_language(models, ROWS, DOMAINS)
    figures = json.loads(json.dumps(report.figures()))
    won = report.readings[1].below(report.readings[0])
    assert figures["domains_below"] == {"experts": {"base": won}}
    assert figures["mean"]["base"] == pytest.approx(report.readings[0].mean)
    assert list(figures["perplexity"]["experts"]) == list(DOMAINS)
    assert f"experts is below base in {won} of 8 domains" in report.table()
    assert "load max/mean" in report.table()


def test_a_table_without_mixtures_has_one_line_a_domain_and_the_mean():
    report = LanguageReport(domains=("x", "y"), readings=(told("base", 2.0, 8.0),))
    assert [line.split() for line in report.table().splitlines()] == [
        ["perplexity", "tokens", "base"],
        ["x", "10", "2.000"],
        ["y", "10", "8.000"],
        ["mean", "20", "4.000"],
    ]


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
    figures = json.loads(json.dumps(made.figures()))
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
