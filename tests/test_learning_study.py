"""Training on real features: what is shipped for replay keeps the shipped reader, and wrong labels show in the report.

The corrections come out of the built-in questions themselves: those that the shipped reader answers wrong, with what is
right, or with what is not.
"""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from deepseek_mm.config import LearningConfig
from deepseek_mm.errors import MissingWeights
from deepseek_mm.learning.memory import Builtin, Corrections, ReaderRows, ReplayMemory, no_corrections, read_builtin
from deepseek_mm.learning.study import Material, StudyResult, chances_of, changes, head_of, rightly, study, widen_head
from deepseek_mm.vision.small_nets import read_any_weights
from deepseek_mm.vision.vqa import MAKE, WEIGHTS, AnswerHead

CONFIG = LearningConfig()


@cache
def shipped() -> AnswerHead:
    state, told = read_any_weights(WEIGHTS, make=MAKE)
    out = nn.Linear(*reversed(state["out.weight"].shape)).requires_grad_(False)
    out.load_state_dict({"weight": state["out.weight"], "bias": state["out.bias"]})
    return AnswerHead(tuple(told["answers"]), out)


@cache
def builtin() -> Builtin:
    return read_builtin()


def of_dev(builtin: Builtin, some_K: Tensor, right_K: Tensor | None = None) -> Corrections:
    rows = builtin.dev.at(some_K)
    rows = replace(rows, right_N=right_K) if right_K is not None else rows
    return Corrections(rows=rows, closed_N=builtin.closed_N[some_K], asks_N=some_K)


def without(builtin: Builtin, some_K: Tensor) -> Builtin:
    """The rest: what is corrected is not asked as a built-in question too."""
    kept = torch.ones(len(builtin.dev), dtype=torch.bool)
    kept[some_K] = False
    sets = tuple(name for name, stays in zip(builtin.sets, kept.tolist(), strict=True) if stays)
    return replace(builtin, dev=builtin.dev.at(kept), closed_N=builtin.closed_N[kept], sets=sets)


def learned(some_K: Tensor, right_K: Tensor | None = None) -> StudyResult:
    """From these of the dev questions, every fourth of them held out."""
    known, corrections = builtin(), of_dev(builtin(), some_K, right_K)
    held_K = torch.arange(len(some_K)) % 4 == 0
    material = Material(
        now=shipped(), shipped=shipped(), new_answers=(), trained=corrections.at(~held_K),
        held_out=corrections.at(held_K), earlier=ReplayMemory.nothing(256), builtin=without(known, some_K),
    )  # fmt: skip
    return study(material, CONFIG)


def drawn(right: bool, count: int, seed: int) -> Tensor:
    """Numbers of dev questions that the shipped reader answers right, or wrong."""
    known = builtin()
    asked = of_dev(known, torch.arange(len(known.dev)))
    same_N = rightly(widen_head(shipped().out, 0), asked, shipped().answers)
    fitting = (same_N == right).nonzero().squeeze(1)
    return fitting[torch.randperm(len(fitting), generator=torch.Generator().manual_seed(seed))[:count]]


def mixed_up(some_K: Tensor, seed: int) -> Tensor:
    """Wrong answers: yes for no and no for yes, and any other answer of these questions for the rest."""
    right_K = builtin().dev.right_N[some_K]
    closed_K, answers = builtin().closed_N[some_K], shipped().answers
    yes, no = answers.index("yes"), answers.index("no")
    flipped_K = torch.where(right_K == yes, no, yes)
    shuffled_K = right_K[torch.randperm(len(right_K), generator=torch.Generator().manual_seed(seed))]
    other_K = torch.where(shuffled_K == right_K, (right_K + 7) % len(answers), shuffled_K)
    return torch.where(closed_K, flipped_K, other_K)


def test_corrections_are_learned_and_nothing_built_in_is_lost():
    studied = learned(drawn(False, 40, seed=0))
    scores = {score.name: score for score in studied.scores}
    assert studied.objections == ()
    assert scores["trained"].before == 0
    assert scores["trained"].after >= 0.3 * scores["trained"].count
    assert scores["built-in"].net >= -CONFIG.tolerated * scores["built-in"].count


@pytest.mark.parametrize("seed", [0, 1])
def test_a_batch_of_wrong_labels_is_caught_by_the_report(seed):
    some_K = drawn(True, 40, seed=seed)
    assert learned(some_K, mixed_up(some_K, seed)).objections


def test_the_same_material_gives_the_same_layer():
    some_K = drawn(False, 12, seed=3)
    assert torch.equal(learned(some_K).out.weight, learned(some_K).out.weight)


def test_a_layer_comes_back_from_what_was_kept_of_it():
    studied = learned(drawn(False, 12, seed=3))
    saved = {name: value.float() for name, value in changes(shipped(), studied).items()}
    answers, out = head_of(shipped(), (), saved)
    assert answers == studied.answers
    assert torch.allclose(out.weight, studied.out.weight, atol=2e-3)


def test_a_new_answer_begins_unlikely_and_changes_no_other():
    wide, asked = widen_head(shipped().out, 2), of_dev(builtin(), torch.arange(50))
    before = chances_of(widen_head(shipped().out, 0), asked, shipped().answers)
    after = chances_of(wide, asked, (*shipped().answers, "rex", "mimi"))
    assert after[:, -2:].max() < 0.5
    assert torch.equal(before.argmax(-1), after.argmax(-1))


def test_a_sample_of_another_reader_is_refused(tmp_path):
    other = tmp_path / "reader.safetensors"
    other.write_bytes(b"another")
    with pytest.raises(MissingWeights, match="--stage memory"):
        read_builtin(reader=other)


def test_the_sample_is_small_and_holds_every_kind_of_question():
    known = builtin()
    assert {"there", "closed", "count", "colour", "open", "bundled"} <= set(known.sets)
    assert len(known.replay) >= 1_000
    assert known.stiff["weight"].shape == shipped().out.weight.shape
    assert isinstance(known.replay, ReaderRows)
    assert len(no_corrections(256)) == 0
