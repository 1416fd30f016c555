"""Linear layers of any model as whole numbers, wherever our objects hold the models."""

from dataclasses import dataclass

import torch
from lm_help import decoder
from torch import nn

from deepseek_mm.evaluation.quant import bytes_of, full_bytes_of, make_dynamic, models_in
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.quantization.int8_layers import DynamicLinear


class Net(nn.Module):
    """A linear layer twice, and one that somebody else reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.again = nn.Sequential(self.first, nn.GELU())
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, x):
        return self.again(self.first(x))


@dataclass(frozen=True)
class Holder:
    """Holds models in a list, and itself in a circle."""

    nets: list
    other: list


def test_a_layer_that_stands_in_two_places_is_swapped_once_and_answers_nearly_the_same():
    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(5, 8)
    with torch.inference_mode():
        truth = net(x)
        assert make_dynamic(net) == 1
        assert net.first is net.again[0]
        assert isinstance(net.first, DynamicLinear)
        assert type(net.attention.out_proj) is not DynamicLinear
        assert (net(x) - truth).norm() / truth.norm() < 0.02


def test_models_are_found_in_what_holds_them_each_once_and_without_their_parts():
    net = Net()
    holder = Holder([net, net.again], [])
    holder.other.append(holder)
    assert models_in(holder, net) == [net]


def test_words_that_share_a_layers_weight_go_with_it_and_are_counted_once():
    model = decoder(tiny()).eval()
    ids, full = torch.tensor([[3, 400]]), full_bytes_of(model)
    assert full == bytes_of(model) == 4 * sum(p.numel() for p in model.parameters())
    with torch.inference_mode():
        truth = model.embed(ids)
        make_dynamic(model)
        assert (model.embed(ids) - truth).norm() / truth.norm() < 0.01
    assert 0.25 < bytes_of(model) / full < 0.27
