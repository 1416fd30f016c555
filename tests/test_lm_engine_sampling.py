"""Choosing a token against transformers' processors, and by counting many draws."""

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from deepseek_mm.errors import ConfigError, ModelFailed
from deepseek_mm.lm.engine import sampling as sampling_file
from deepseek_mm.lm.engine.sampling import Sampling, choose_token, keep_nucleus, make_generator, weigh_tokens

CHI_SQUARE_9 = 27.88  # what nine degrees of freedom exceed once in a thousand times


def scores(seed=0, *, vocab=5000, spread=4.0):
    return torch.randn(vocab, generator=torch.Generator().manual_seed(seed)) * spread


def reference(logits_V, sampling, seen):
    """The distribution that transformers would draw from."""
    steps = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty),
            TemperatureLogitsWarper(sampling.temperature),
            TopPLogitsWarper(sampling.top_p),
            MinPLogitsWarper(sampling.min_p),
        ]
    )
    return steps(torch.tensor([list(seen)]), logits_V[None].clone())[0].softmax(dim=-1)


def normal(weights_V):
    return weights_V / weights_V.sum()


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.7},
        {"temperature": 1.0, "top_p": 0.9},
        {"temperature": 1.0, "min_p": 0.05},
        {"temperature": 1.0, "repetition_penalty": 1.3},
        {"temperature": 1.5, "top_p": 0.95, "min_p": 0.02, "repetition_penalty": 1.1},
        {"temperature": 0.4, "top_p": 0.3, "min_p": 0.2, "repetition_penalty": 0.8},
        {"temperature": 50.0, "top_p": 0.99},  # nearly even: more tokens than HEAD
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_distribution_is_the_one_that_transformers_draws_from(settings, seed):
    sampling, seen = Sampling(**settings), [3, 17, 17, 4000]
    logits_V = scores(seed)
    expected_V = reference(logits_V, sampling, seen)
    torch.testing.assert_close(normal(weigh_tokens(logits_V, sampling, seen)), expected_V, rtol=1e-4, atol=1e-7)
    assert settings == {"temperature": 0.7} or (expected_V == 0).any() or sampling.repetition_penalty != 1


def test_a_penalty_makes_scores_of_either_sign_worse():
    logits_V = torch.tensor([2.0, -2.0, 2.0, -2.0])
    weights_V = weigh_tokens(logits_V, Sampling(temperature=1, repetition_penalty=2), [0, 1])
    torch.testing.assert_close(normal(weights_V), torch.tensor([1.0, -4.0, 2.0, -2.0]).softmax(0))


def test_a_nucleus_is_the_fewest_likeliest_tokens_that_reach_the_share():
    probs_V = torch.tensor([0.1, 0.4, 0.2, 0.3])
    assert keep_nucleus(probs_V, 0.65).nonzero().flatten().tolist() == [1, 3]
    assert keep_nucleus(probs_V, 0.75).nonzero().flatten().tolist() == [1, 2, 3]
    assert keep_nucleus(probs_V, 0.0).nonzero().flatten().tolist() == [1]


def test_a_nucleus_wider_than_the_head_equals_one_found_by_sorting_all(monkeypatch):
    probs_V = scores(spread=1).softmax(0)
    wide_V = keep_nucleus(probs_V, 0.9)
    monkeypatch.setattr(sampling_file, "HEAD", len(probs_V))
    assert (wide_V > 0).sum() > 1024
    assert torch.equal(keep_nucleus(probs_V, 0.9), wide_V)


@pytest.mark.parametrize("settings", [{}, {"top_p": 0.8}, {"min_p": 0.15}, {"temperature": 2.0}])
def test_ten_thousand_draws_have_the_distribution_that_was_asked_for(settings):
    sampling = Sampling(**{"temperature": 1.0, "seed": 7, **settings})
    logits_V = torch.tensor([1.0, 0.5, 2.0, -1.0, 0.0, 1.5, -0.5, 0.8, 0.2, 1.2])
    generator, num_draws = make_generator(sampling), 10_000
    drawn = [choose_token(logits_V, sampling, generator) for _ in range(num_draws)]
    counts_V = torch.bincount(torch.tensor(drawn), minlength=10)
    expected_V = reference(logits_V, sampling, [0]) * num_draws
    assert counts_V[expected_V == 0].sum() == 0
    kept = expected_V > 0
    assert ((counts_V[kept] - expected_V[kept]) ** 2 / expected_V[kept]).sum() < CHI_SQUARE_9


def test_without_a_temperature_the_likeliest_token_is_chosen_whatever_the_seed():
    logits_V = scores()
    for seed in range(3):
        sampling = Sampling(seed=seed, top_p=0.5)
        assert choose_token(logits_V, sampling, make_generator(sampling)) == int(logits_V.argmax())


def test_a_greedy_choice_heeds_the_penalty_as_well():
    logits_V, sampling = torch.tensor([1.0, 3.0, 2.5]), Sampling(repetition_penalty=2)
    assert choose_token(logits_V, sampling, make_generator(sampling), {1}) == 2
    assert choose_token(logits_V, sampling, make_generator(sampling), ()) == 1


def test_a_tiny_temperature_is_greedy_and_overflows_nowhere():
    logits_V, sampling = scores() * 1e4, Sampling(temperature=1e-30, seed=0)
    assert choose_token(logits_V, sampling, make_generator(sampling)) == int(logits_V.argmax())


def test_a_seed_gives_the_same_answer_alone_and_among_others():
    sampling, others = Sampling(temperature=1, seed=5), Sampling(temperature=1)
    steps = [scores(n) for n in range(12)]
    alone, among = [], []
    generator = make_generator(sampling)
    for logits_V in steps:
        alone.append(choose_token(logits_V, sampling, generator))
    generator, noise = make_generator(sampling), make_generator(others)
    for logits_V in steps:
        choose_token(logits_V.flip(0), others, noise)
        among.append(choose_token(logits_V, sampling, generator))
        choose_token(logits_V * 2, others, noise)
    assert among == alone


def test_different_seeds_and_no_seed_give_different_answers():
    def answer(sampling):
        generator = make_generator(sampling)
        return [choose_token(scores(n), sampling, generator) for n in range(12)]

    answers = [answer(Sampling(temperature=1, seed=seed)) for seed in (1, 2, None, None)]
    assert len(set(map(tuple, answers))) == 4


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("bad", [[0.0, torch.nan, 1.0], [0.0, torch.inf, 1.0], [-torch.inf] * 3])
def test_scores_that_are_no_numbers_are_an_error_and_not_a_token(bad, temperature):
    sampling = Sampling(temperature=temperature, top_p=0.9)
    with pytest.raises(ModelFailed, match="scores are not numbers"):
        choose_token(torch.tensor(bad), sampling, make_generator(sampling))
    assert choose_token(torch.tensor([-torch.inf, -torch.inf, 0.0]), sampling, make_generator(sampling)) == 2


def test_a_forbidden_token_is_never_drawn():
    sampling = Sampling(temperature=100, repetition_penalty=2)
    logits_V = torch.tensor([-torch.inf, 1.0, -torch.inf, 1.0])
    generator = make_generator(sampling)
    assert {choose_token(logits_V, sampling, generator, [0, 1]) for _ in range(200)} == {1, 3}


@pytest.mark.parametrize("point", [0.0, 1 - 2**-53])
def test_the_ends_of_chance_hit_a_token_that_is_allowed(point, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([point], dtype=torch.float64))
    logits_V = torch.tensor([-torch.inf, 1.0, 0.3, -torch.inf])
    sampling = Sampling(temperature=1)
    assert choose_token(logits_V, sampling, make_generator(sampling)) == (1 if point == 0 else 2)


def test_scores_in_half_precision_are_chosen_from_like_any_other():
    sampling = Sampling(temperature=0.8, seed=3, top_p=0.9)
    logits_V = scores().bfloat16()
    assert choose_token(logits_V, sampling, make_generator(sampling)) == choose_token(
        logits_V.float(), sampling, make_generator(sampling)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_p": 1.01},
        {"min_p": -1},
        {"repetition_penalty": 0},
        {"max_tokens": 0},
        {"seed": 2**64},
        {"stop": ("",)},
        {"stop": ("x",) * 17},
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(settings):
    with pytest.raises(ConfigError, match=rf"sampling.{next(iter(settings))}="):
        Sampling(**settings)
