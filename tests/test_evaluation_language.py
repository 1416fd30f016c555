"""Perplexities of several models on the same tokens, domain by domain."""

import json
import math
from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder, experts, shard

from deepseek_mm.evaluation.language import DomainReading, LanguageReport, evaluate_language, nats_of_text, score_rows
from deepseek_mm.lm.shape import Reach, tiny
from deepseek_mm.train.corpus import DOMAINS
from deepseek_mm.train.rows import mix, pack

SHAPE = tiny(reaches=(NEAR, Reach(), Reach(), Reach()))
ROWS = mix([pack(shard(name, [20, 11, 30], seed=n), 32, domain=n) for n, name in enumerate(DOMAINS)], 0)


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
    figures = json.loads(report.json())
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
