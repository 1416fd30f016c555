"""Matrices that make good what went wrong below them, by a case that can be solved and over a whole decoder."""

import pytest
import torch
from lm_help import decoder, experts
from rounding import off
from torch import nn

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import tiny
from deepseek_mm.training.language_model import error_compensation
from deepseek_mm.training.language_model.error_compensation import (
    ADDED,
    COMPENSATED,
    LayerInputs,
    compensate_errors,
    observed_parts,
)


@pytest.fixture(autouse=True)
def _without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


class Part(nn.Module):
    """A matrix whose output is added to what the norm was given."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.out = nn.Identity(), nn.Linear(16, 8, bias=False)

    def forward(self, x_MD, added_MF):
        return self.attention_norm(added_MF) + self.out(x_MD)


def given(part, x_MD, added_MF):
    seen = LayerInputs(part, observed_parts("out"))
    y_MF = part(x_MD, added_MF)
    seen.close()
    return seen, y_MF


@pytest.mark.parametrize(("ridge", "worst"), [(1e-9, 1e-4), (0.02, 0.25)])
def test_inputs_that_were_turned_below_are_turned_back_and_what_is_added_is_made_good(ridge, worst, monkeypatch):
    monkeypatch.setattr("deepseek_mm.training.language_model.error_compensation.RIDGE", ridge)
    part, x_MD, added_MF = Part(), torch.randn(400, 16), torch.randn(400, 8)
    before, truth_MF = given(part, x_MD, added_MF)
    x_MD, added_MF = x_MD @ (torch.eye(16) + 0.2 * torch.randn(16, 16)), added_MF + 0.3 * x_MD[:, :8]
    now, wrong_MF = given(part, x_MD, added_MF)
    compensate_errors(part.out, "out", before, now)
    assert off(part(x_MD, added_MF), truth_MF) < worst * off(wrong_MF, truth_MF)


def test_where_nothing_went_wrong_nothing_changes():
    part, x_MD, added_MF = Part(), torch.randn(40, 16), torch.randn(40, 8)
    weight_FD = part.out.weight.clone()
    before, _ = given(part, x_MD, added_MF)
    compensate_errors(part.out, "out", before, before)
    assert torch.equal(part.out.weight, weight_FD)


def test_every_matrix_of_a_layer_has_its_turn_and_those_that_add_know_what_they_add_to():
    layer = Decoder(tiny(moe=experts())).layers[-1]
    turns = {
        name: error_compensation.turn_of(name)
        for name, module in layer.named_modules()
        if isinstance(module, nn.Linear)
    }
    assert all(turns[name] == name for name in COMPENSATED)
    assert turns["moe.gate.score"] == "up"
    assert {turn for name, turn in turns.items() if ".experts." in name} == {"up", "down"}
    assert {layer.get_submodule(norm) for norm in ADDED.values()} == {layer.attention_norm, layer.ffn_norm}


def test_a_decoder_that_mends_says_more_nearly_what_it_said(monkeypatch):
    shape = tiny()
    ids = torch.randint(0, 512, (8, 64))
    segments = torch.ones_like(ids)

    def error():
        truth, made = decoder(shape), decoder(shape)
        error_compensation.fit_fp4(made, [(ids[:4], segments[:4]), (ids[4:], segments[4:])])
        hidden = [each(each.embed(ids), FullTextAttention(shape, segments), final=False)[0] for each in (truth, made)]
        return off(hidden[1], hidden[0])

    mended = error()
    monkeypatch.setattr(error_compensation, "compensate_errors", lambda *args: None)
    assert mended < 0.95 * error()
