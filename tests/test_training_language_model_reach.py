"""Distillation of progressive attention, and the low-rank changes that it trains."""

from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.shape import Reach, tiny
from deepseek_mm.lm.weights import merge_changes
from deepseek_mm.training.language_model.reach import ReachConfig, ReachDistiller, add_lora, measure_off
from deepseek_mm.training.loop import Optimiser, StepsConfig

SHORT = tiny(reaches=(NEAR, NEAR, Reach(), Reach()))
CONFIG = ReachConfig(rank=8, stages=(1, 2), words=0.5)


def distiller(shape=SHORT, **changes) -> ReachDistiller:
    return ReachDistiller(decoder(), decoder(shape), replace(CONFIG, **changes))


def ids(n: int) -> torch.Tensor:
    return torch.randint(512, (2, 96), generator=torch.Generator().manual_seed(n))


def lose(trainer: ReachDistiller) -> tuple[float, float]:
    with torch.no_grad():
        words, hidden = trainer.losses(ids(99), torch.Generator().manual_seed(0))
    return float(words), float(hidden)


def test_a_student_that_sees_everything_has_nothing_to_learn():
    words, hidden = lose(distiller(tiny()))
    assert words == pytest.approx(0, abs=1e-6)
    assert hidden == pytest.approx(0, abs=1e-6)


def test_a_shorter_reach_costs_and_learning_wins_some_of_it_back():
    trainer = distiller()
    before = lose(trainer)
    assert min(before) > 1e-3
    steps = Optimiser(trainer.trained, StepsConfig(steps=60, rate=1e-2))
    for n in range(60):
        trainer.backward(ids(99), torch.Generator().manual_seed(n))
        steps.update(n)
    after = lose(trainer)
    assert after[0] < 0.8 * before[0]
    assert after[1] < 0.8 * before[1]


def test_nothing_but_the_changes_of_low_rank_is_trained():
    trainer = distiller()
    trainer.backward(ids(0), torch.Generator().manual_seed(0))
    moved = {name for name, p in trainer.student.named_parameters() if p.grad is not None}
    assert moved == set(trainer.trained)
    assert all(p.grad is None for p in trainer.teacher.parameters())


def test_the_hidden_states_are_compared_behind_every_stage_but_the_last():
    assert distiller().parts == [range(1), range(1, 2), range(2, 4)]


def test_a_difference_counts_as_a_share_and_a_giant_does_not_drown_the_others():
    right = torch.tensor([[[3.0, 4.0], [0.3, 0.4]]])
    assert float(measure_off(right * 1.1, right)) == pytest.approx(0.01 / 2.21, rel=1e-3)
    assert float(measure_off(right * 1000, right)) < 2


IDS = torch.arange(40).view(1, -1)


def run(model):
    with torch.no_grad():
        return model(model.embed(IDS), FullTextAttention(model.shape, torch.ones_like(IDS)))[0]


def test_an_adapted_model_says_what_it_said_before_it_learns():
    model = decoder()
    before = run(model)
    trained = add_lora(model, names=("qkv", "down"), rank=2)
    assert len(trained) == 4 * 2 * 2
    assert torch.equal(run(model), before)


def test_only_the_factors_can_be_trained_afterwards():
    model = decoder().requires_grad_(False)
    trained = add_lora(model, names=("out",), rank=3)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == set(trained)
    assert trained["layers.0.out.thin"].shape == (3, 64)


def test_merged_weights_say_what_the_adapted_model_says():
    model, plain = decoder(), decoder()
    weights = plain.state_dict()
    trained = add_lora(model, names=("qkv", "up"), rank=2)
    with torch.no_grad():
        for parameter in trained.values():
            parameter.normal_(std=0.1)
    plain.load_state_dict(merge_changes(weights, trained))
    torch.testing.assert_close(run(plain), run(model), atol=1e-4, rtol=1e-4)
    assert (run(plain) - run(decoder())).abs().max() > 0.01
