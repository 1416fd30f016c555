"""Experts and gates learn, the decoder around them stands still, and the balance loss is really in the total."""

from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder, experts, shard

from deepseek_mm.lm.shape import Reach, tiny
from deepseek_mm.training.corpus import DOMAINS
from deepseek_mm.training.corpus.token_shards import mix_rows, pack_documents
from deepseek_mm.training.language_model.experts import (
    DenseAdapter,
    ExpertTrainer,
    MixtureConfig,
    compute_active_width,
    make_dense,
)
from deepseek_mm.training.loop import Optimiser, StepsConfig

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
