import math

import pytest
import torch

from deepseek_mm.lm.moe import Expert, relu2
from deepseek_mm.lm.shape import EXPERTS, ExpertSpec

X = torch.tensor([[1.0, -2.0]])
BY_HAND = {  # of a gate of 1 and -2, times an "up" of 1 and 1
    "silu": [1 / (1 + math.exp(-1)), -2 / (1 + math.exp(2))],
    "gelu": [0.5 * (1 + math.erf(1 / math.sqrt(2))), -1 * (1 + math.erf(-2 / math.sqrt(2)))],
    "relu2": [1.0, 0.0],
    "tanh": [math.tanh(1), math.tanh(-2)],
}


def test_the_table_has_eight_experts_and_no_two_are_alike():
    assert len(EXPERTS) == len({spec.name for spec in EXPERTS}) == len({spec.domain for spec in EXPERTS}) == 8
    assert len({spec.width for spec in EXPERTS}) == 8
    assert len({spec.activation for spec in EXPERTS}) == 4


def test_together_they_are_as_wide_as_the_feed_forward_beside_them_in_steps_of_32():
    assert sum(spec.width for spec in EXPERTS) == 1_536
    assert [spec.name for spec in EXPERTS if spec.width % 32] == []


def test_a_new_expert_adds_exactly_nothing_and_learns_from_its_first_step():
    expert, x_ND = Expert(16, EXPERTS[0]), torch.randn(3, 16)
    assert torch.equal(expert(x_ND), torch.zeros(3, 16))
    (expert(x_ND) - 1).square().sum().backward()
    assert expert.down.weight.grad.abs().max() > 0


@pytest.mark.parametrize("activation", BY_HAND)
def test_an_expert_computes_what_its_formula_says(activation):
    expert = Expert(2, ExpertSpec(name="x", domain="code", width=2, activation=activation))
    with torch.no_grad():
        expert.up.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]))
        expert.down.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    first, second = BY_HAND[activation]
    torch.testing.assert_close(expert(X), torch.tensor([[3 * first, second]]))


def test_the_squared_relu_is_zero_below_zero_and_the_square_above():
    assert relu2(torch.tensor([-3.0, 0.0, 3.0])).tolist() == [0.0, 0.0, 9.0]


def test_an_expert_in_bfloat16_agrees_with_itself_in_float32():
    torch.manual_seed(0)
    expert, x_ND = Expert(32, EXPERTS[3]), torch.randn(5, 32)
    torch.nn.init.normal_(expert.down.weight)
    exact = expert(x_ND)
    rough = expert.to(torch.bfloat16)(x_ND.to(torch.bfloat16)).float()
    assert (rough - exact).norm() < 0.02 * exact.norm()
