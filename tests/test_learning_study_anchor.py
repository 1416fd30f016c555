"""The anchor: Fisher information against its closed form, and a pull that knows which weights matter."""

import pytest
import torch
from torch import nn

from deepseek_mm.learning.study import Anchor, fisher_of, weights_of


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.zeros(len(weight))})
    return layer


def test_fisher_of_a_softmax_layer_is_its_closed_form():
    layer, x_W = linear([[1.0, 0.0], [0.0, 0.5], [-1.0, 0.2]]), torch.tensor([2.0, -1.0])
    found = fisher_of(layer, x_W.expand(4_000, 2))
    p_V = layer(x_W).softmax(-1).detach()
    spread_V = p_V * (1 - p_V)
    assert torch.allclose(found["bias"], spread_V, atol=0.02)
    assert torch.allclose(found["weight"], spread_V[:, None] * x_W.square(), atol=0.06)


def test_inputs_that_are_never_there_need_no_weight():
    found = fisher_of(linear([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0]] * 50))
    assert (found["weight"][:, 0] > 0).all()
    assert (found["weight"][:, 1] == 0).all()


def test_the_pull_is_half_the_stiffness_times_the_squared_way():
    layer = linear([[1.0, 2.0]])
    stiff = {"weight": torch.tensor([[4.0, 0.0]]), "bias": torch.zeros(1)}
    anchor = Anchor({"weight": torch.tensor([[0.5, 9.0]]), "bias": torch.zeros(1)}, stiff)
    assert float(anchor.pull(layer).detach()) == pytest.approx(0.5 * 4.0 * 0.25)


def test_rows_for_new_answers_are_free():
    small, stiff = linear([[1.0, 2.0]]), {"weight": torch.ones(1, 2), "bias": torch.ones(1)}
    wide = linear([[1.0, 2.0], [50.0, 50.0]])
    assert float(Anchor(weights_of(small), stiff).pull(wide).detach()) == 0.0


def test_stiffness_of_one_task_adds_to_that_of_the_others():
    layer, ones = linear([[1.0]]), {"weight": torch.ones(1, 1), "bias": torch.ones(1)}
    twice = Anchor(weights_of(linear([[0.0]])), ones).move_to(layer, ones)
    assert float(twice.stiff["weight"]) == 2.0
    assert float(twice.at["weight"]) == 1.0
