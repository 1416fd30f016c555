import math

import pytest
import torch
from moe_help import Memory, small
from torch import nn

from deepseek_mm.lm.moe import Gate

T, D = 12, 32


@pytest.fixture
def gate():
    torch.manual_seed(0)
    return Gate(D, small()).requires_grad_(False)


@pytest.fixture
def x_BTD():
    return torch.randn(2, T, D, generator=torch.Generator().manual_seed(1))


def norm(x, layer):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt() * layer.weight + layer.bias


def by_hand(gate: Gate, x_TD: torch.Tensor, window: int) -> torch.Tensor:
    """The gate of one text, token by token and head by head, from the letter of its description."""
    h_TW = norm(x_TD, gate.norm) @ gate.enter.weight.T
    inside = norm(h_TW, gate.layer_norm) @ gate.split_up.weight.T
    q, k, v, inner = inside.split([16, 16, 16, 32], -1)
    seen = torch.zeros_like(q)
    for t in range(len(x_TD)):
        past = slice(max(0, t - window + 1), t + 1)
        for head in (slice(0, 8), slice(8, 16)):
            shares = (k[past, head] @ q[t, head] / math.sqrt(8)).softmax(0)
            seen[t, head] = shares @ v[past, head]
    gelu = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
    h_TW = h_TW + seen @ gate.join.weight[:, :16].T + gelu @ gate.join.weight[:, 16:].T
    return norm(h_TW, gate.last_norm) @ gate.score.weight.T


def test_the_gate_computes_what_its_description_says(gate, x_BTD):
    logits_BTE = gate(x_BTD, Memory())
    assert logits_BTE.shape == (2, T, 3)
    for text in range(2):
        torch.testing.assert_close(logits_BTE[text], by_hand(gate, x_BTD[text], window=4))


def test_a_later_token_changes_no_earlier_score(gate, x_BTD):
    before = gate(x_BTD, Memory())
    x_BTD[:, 7] = torch.randn(D)
    after = gate(x_BTD, Memory())
    assert torch.equal(after[:, :7], before[:, :7])
    assert not torch.allclose(after[:, 7], before[:, 7])


def test_a_score_depends_on_the_tokens_of_the_window_and_on_none_before(gate, x_BTD):
    before = gate(x_BTD, Memory(window=4))
    x_BTD[:, 2] = torch.randn(D)
    after = gate(x_BTD, Memory(window=4))
    changed = (after - before).abs().amax((0, 2)) > 1e-6
    assert changed.tolist() == [2 <= t < 6 for t in range(T)]


@pytest.mark.parametrize("steps", [[1] * T, [5, 1, 1, 1, 4], [3, 9]])
def test_scores_token_by_token_are_those_of_the_whole_text(gate, x_BTD, steps):
    whole, memory = gate(x_BTD, Memory()), Memory()
    pieces = [gate(piece, memory) for piece in x_BTD.split(steps, 1)]
    torch.testing.assert_close(torch.cat(pieces, 1), whole)


def test_a_gate_without_its_memory_would_score_otherwise(gate, x_BTD):
    forgetful = torch.cat([gate(piece, Memory()) for piece in x_BTD.split(1, 1)], 1)
    assert (forgetful - gate(x_BTD, Memory())).abs().max() > 0.01


def test_every_linear_is_a_module_that_can_be_swapped_from_outside(gate):
    linears = [name for name, module in gate.named_modules() if isinstance(module, nn.Linear)]
    assert linears == ["enter", "split_up", "join", "score"]
    assert not any(isinstance(module, nn.TransformerEncoderLayer) for module in gate.modules())
