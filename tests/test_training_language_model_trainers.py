"""Distillation of progressive attention, and the low-rank changes that it trains."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from lm_help import NEAR, decoder, experts, shard

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.shape import Reach, tiny
from deepseek_mm.lm.weights import merge_changes
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import mix_rows, pack_documents
from deepseek_mm.training.language_model.trainers import (
    DenseAdapter,
    ExpertTrainer,
    MixtureConfig,
    ReachConfig,
    ReachDistiller,
    add_lora,
    compute_active_width,
    make_dense,
    measure_off,
)
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
        trainer.backward(SimpleNamespace(ids_NT=ids(99)), chance=torch.Generator().manual_seed(n))
        steps.update(n)
    after = lose(trainer)
    assert after[0] < 0.8 * before[0]
    assert after[1] < 0.8 * before[1]


def test_nothing_but_the_changes_of_low_rank_is_trained():
    trainer = distiller()
    trainer.backward(SimpleNamespace(ids_NT=ids(0)), chance=torch.Generator().manual_seed(0))
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


SHAPE = tiny(reaches=(NEAR, Reach(), Reach(), Reach()), moe=experts())
ROWS = mix_rows([pack_documents(shard(name, [16] * 8, seed=n), 32, domain=n) for n, name in enumerate(DOMAINS)], 0)


def mixture(config: MixtureConfig | None = None, **moe: object) -> ExpertTrainer:
    return ExpertTrainer(decoder(replace(SHAPE, moe=experts(**moe))), config or MixtureConfig())


def test_only_experts_and_gates_are_trained():
    trainer = mixture()
    assert all(".moe." in name for name in trainer.trained)
    trainer.backward(ROWS, over=0.0)
    assert {name for name, p in trainer.decoder.named_parameters() if p.grad is not None} <= set(trainer.trained)


def test_the_balance_loss_moves_the_gate_and_only_the_gate():
    quiet = MixtureConfig(hint_weight=0.0)
    found = []
    for weight in (0.0, 0.1):
        trainer = mixture(quiet, balance_weight=weight)
        trainer.backward(ROWS, over=0.0)
        found.append({name: p.grad for name, p in trainer.trained.items() if p.grad is not None})
    without, within = found
    gate = "layers.3.moe.gate.score.weight"  # experts answer nothing at first, so no other loss reaches the gate
    assert without[gate].abs().max() < 1e-9
    assert within[gate].abs().max() > 1e-6
    expert = "layers.3.moe.experts.0.down.weight"
    assert torch.equal(without[expert], within[expert])


@pytest.mark.campaign(times=1, only=True)
def test_the_hint_leads_each_domain_to_its_own_expert_and_fades():
    trainer = mixture(MixtureConfig(hint_weight=1.0, hint_until=0.5))
    assert [trainer.hint_weight(over) for over in (0.0, 0.25, 0.5, 1.0)] == [1.0, 0.5, 0.0, 0.0]
    first = trainer.backward(ROWS, over=0.0)["hint"]
    steps = Optimiser(trainer.trained, StepsConfig(steps=40, rate=1e-2))
    steps.update(0)
    for n in range(1, 40):
        trainer.backward(ROWS, over=0.0)
        steps.update(n)
    with torch.no_grad():
        _, routings = trainer.losses(ROWS)
    assert first == pytest.approx(2.08, abs=0.5)  # about ln 8: it knows nothing yet
    favourite = routings[1].experts_BTk[..., 0]
    own = trainer.own_E[ROWS.domains_N][:, None]
    assert (favourite == own)[ROWS.segments_NT > 0].float().mean() > 0.9


@pytest.mark.campaign(times=1, only=True)
def test_learning_lowers_the_loss_of_the_next_token():
    trainer = mixture()
    first = trainer.backward(ROWS, over=0.0)["loss"]
    steps = Optimiser(trainer.trained, StepsConfig(steps=30, rate=1e-2))
    for n in range(30):
        steps.update(n)
        last = trainer.backward(ROWS, over=n / 30)["loss"]
    assert last < first - 1.0


def test_the_dense_adapter_is_no_smaller_than_what_a_token_meets():
    moe = experts()
    gate = sum(p.numel() for p in decoder(SHAPE).layers[3].moe.gate.parameters())
    width = compute_active_width(64, moe)
    assert 3 * 64 * width >= 3 * 64 * 2 * 32 + gate > 3 * 64 * (width - 32)


def test_a_dense_adapter_takes_the_mixtures_place_and_is_trained_alike():
    trainer = ExpertTrainer(make_dense(decoder(SHAPE)), MixtureConfig())
    assert isinstance(trainer.decoder.layers[2].moe, DenseAdapter)
    told = trainer.backward(ROWS, over=0.0)
    assert set(told) == {"loss"}
    assert set(trainer.trained) == {f"layers.{n}.moe.expert.{part}.weight" for n in (2, 3) for part in ("up", "down")}


def test_every_row_counts_alike_however_little_of_it_is_learned():
    trainer = mixture()
    learn = ROWS.learn_NT.clone()
    learn[0] = False
    learn[0, 5] = True
    learn[1] = False  # nothing of this one
    rows = replace(ROWS, learn_NT=learn)
    with torch.no_grad():
        alone = [float(trainer.losses(rows.take([n]))[0]) for n in range(len(rows))]
        together = float(trainer.losses(rows)[0])
    assert alone[1] == 0
    assert together == pytest.approx(sum(alone) / (len(rows) - 1), rel=0.02)
