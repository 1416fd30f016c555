"""Packed layers: how far they are from the float product, which weight reads how many rows, and what is left alone."""

import pytest
import torch
from quantization_help import count_bits
from torch import nn

from deepseek_mm.runtime.quantization.packed_linear import (
    FEW,
    GROUP,
    Kernels,
    PackedLinear,
    eight_bits,
    find_kernels,
    four_bits,
    pack_for_decode,
    pack_linears,
)

BARE = Kernels(narrow=False, ordered=())  # a processor without anything
ORDER_ONLY = Kernels(narrow=False, ordered=(torch.bfloat16,))
narrow = pytest.mark.skipif(not find_kernels().narrow, reason="this processor has no packed products")


@pytest.fixture(autouse=True)
def _without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def packed(linear: nn.Linear, bits: int) -> PackedLinear:
    return pack_linears(nn.Sequential(linear), bits=bits)[0]


def off(ours: torch.Tensor, truth: torch.Tensor) -> float:
    """Relative error: the root mean square of the difference over that of the truth."""
    return float((ours.float() - truth.float()).norm() / truth.float().norm())


def test_eight_bits_are_off_by_half_a_step_of_the_rows_largest():
    weight_FD = torch.randn(50, 96) * torch.logspace(-6, 3, 50)[:, None]
    levels_FD, scale_F = eight_bits(weight_FD)
    error_FD = (levels_FD.float() * scale_F.float()[:, None] - weight_FD).abs()
    assert (error_FD <= 0.501 * weight_FD.abs().amax(1, keepdim=True) / 127 * (1 + 2**-8)).all()
    assert levels_FD.abs().amax(1).min() >= 126


def test_four_bits_are_off_by_half_a_step_of_their_groups_range():
    weight_FD = torch.randn(48, 128) * torch.logspace(-4, 2, 48)[:, None]
    error_FNG, step_FN1 = four_bit_error(weight_FD)
    assert (error_FNG <= 0.55 * step_FN1).all()
    assert error_FNG.mean() / step_FN1.mean() == pytest.approx(0.25, abs=0.02)  # a half at most, a quarter on average


def test_weights_that_lie_on_sixteen_levels_come_back_almost_as_they_were():
    """As those of a Q4_1 file do, after they have been rounded to bfloat16."""
    levels_FNG = torch.randint(0, 16, (64, 4, GROUP))
    levels_FNG[..., 0], levels_FNG[..., 1] = 0, 15
    step_FN1, low_FN1 = torch.rand(64, 4, 1) + 0.1, -8 * torch.rand(64, 4, 1)
    error_FNG, step = four_bit_error((levels_FNG * step_FN1 + low_FN1).flatten(1).bfloat16())
    assert (error_FNG.pow(2).mean().sqrt() / step.mean()) < 0.03  # at random it would be 0.29


def four_bit_error(weight_FD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    levels_FD, scales_NF2 = four_bits(weight_FD)
    assert (int(levels_FD.min()), int(levels_FD.max())) == (0, 15)
    scale_FN1, middle_FN1 = scales_NF2.float().permute(2, 1, 0)[..., None]
    grouped_FNG = weight_FD.float().unflatten(1, (-1, GROUP))
    again_FNG = (levels_FD.unflatten(1, (-1, GROUP)) - 8) * scale_FN1 + middle_FN1
    step_FN1 = (grouped_FNG.amax(-1, keepdim=True) - grouped_FNG.amin(-1, keepdim=True)) / 15
    return (again_FNG - grouped_FNG).abs(), step_FN1


@narrow
@pytest.mark.parametrize(("bits", "worst"), [(8, 0.01), (4, 0.09)])
def test_a_product_of_few_rows_is_as_near_to_the_float_one_as_stated(bits, worst):
    linear, x_MD = nn.Linear(576, 960), torch.randn(FEW, 576)
    linear.weight.normal_()
    error = off(packed(linear, bits)(x_MD), linear(x_MD))
    assert worst / 2 < error < worst


@narrow
@pytest.mark.parametrize("bits", [8, 4])
def test_few_rows_read_the_narrow_weight_and_many_the_wide_one(bits):
    linear, x_MD = nn.Linear(64, 32), torch.randn(FEW + 1, 64)
    layer = packed(linear, bits)
    torch.testing.assert_close(layer(x_MD), linear(x_MD))
    few = layer(x_MD[:FEW])
    assert 0.001 < off(few, linear(x_MD[:FEW])) < 0.1
    alone = torch.cat([layer(x_1D[None]) for x_1D in x_MD[:FEW]])
    torch.testing.assert_close(alone, few)


@narrow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(2, 1, 64), (64,), (0, 64), (1, 3, 3, 64)])
def test_format_and_leading_dimensions_are_kept_and_the_bias_is_added(dtype, size):
    linear, x = nn.Linear(64, 32, dtype=dtype), torch.randn(size, dtype=dtype)
    linear.bias += 100
    y = packed(linear, 8)(x)
    assert (y.dtype, y.shape) == (dtype, (*size[:-1], 32))
    torch.testing.assert_close(y, linear(x), rtol=0.02, atol=0.02)


@narrow
def test_four_bits_become_eight_where_the_shape_does_not_fit():
    model = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 8), nn.Linear(8, 16))
    pack_linears(model, bits=4)
    assert [layer.bits for layer in model] == [4, 8, 8]


class Tied(nn.Module):
    """Words in, words out, by one and the same matrix; and a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(48, 32)
        self.gate = nn.Sequential(nn.Linear(32, 32))
        self.head = nn.Linear(32, 48, bias=False)
        self.head.weight = self.embedding.weight


@narrow
def test_tied_words_keep_their_weight_while_the_head_is_packed():
    model = Tied()
    before = model.embedding.weight.clone()
    pack_linears(model, bits=4, but={"head": 8, "gate": 16})
    assert torch.equal(model.embedding.weight, before)
    assert [name for name, _ in model.named_parameters()] == ["embedding.weight"]
    assert (model.head.bits, model.gate[0].bits) == (8, 16)
    assert count_bits(model) == {8: 1, 16: 1}


@narrow
def test_a_layer_that_stands_in_two_places_is_packed_once():
    linear = nn.Linear(32, 32)
    model = pack_linears(nn.Sequential(linear, nn.Sequential(linear)), bits=8)
    assert model[0] is model[1][0]


def test_linears_that_somebody_else_reads_are_left_alone():
    attention = pack_linears(nn.MultiheadAttention(32, 2), bits=8)
    assert count_bits(attention) == {32: 1}
    x = torch.randn(3, 1, 32)
    assert attention(x, x, x)[0].shape == x.shape


def test_a_processor_without_kernels_keeps_its_layers_as_they_are():
    linear = nn.Linear(64, 32)
    assert pack_linears(nn.Sequential(linear), bits=4, kernels=BARE)[0] is linear


@pytest.mark.skipif(torch.bfloat16 not in find_kernels().ordered, reason="no bfloat16 in oneDNN's order")
def test_sixteen_bits_only_put_the_weight_in_order():
    linear = nn.Linear(64, 32, dtype=torch.bfloat16)
    model = pack_linears(nn.Sequential(linear), bits=4, kernels=ORDER_ONLY)
    x_MD = torch.randn(2, 64, dtype=torch.bfloat16)
    torch.testing.assert_close(model(x_MD), linear(x_MD))
    assert count_bits(model) == {16: 1}


def test_for_decode_only_what_was_in_four_bits_before_gets_them_again():
    if not find_kernels().narrow or torch.bfloat16 not in find_kernels().ordered:
        pytest.skip("this processor lacks the kernels")
    names = ("down", "changed", "head", "experts", "gate")
    model = nn.ModuleDict({name: nn.ModuleDict({"x": nn.Linear(64, 64, bias=False)}) for name in names}).bfloat16()
    for name in ("down", "changed"):
        model[name]["x"].weight.copy_(on_grid(64, 64))
    model["changed"]["x"].weight += 1e-3 * torch.randn(64, 64)
    pack_for_decode(model)
    assert [model[name]["x"].bits for name in names] == [4, 8, 8, 8, 16]


def on_grid(rows: int, width: int) -> torch.Tensor:
    """A weight as GGUF's Q4_1 has it: sixteen levels between the smallest and the largest of 32."""
    levels = torch.randint(16, (rows, width // 32, 32))
    levels[..., 0], levels[..., 1] = 0, 15
    return (0.01 * torch.rand(rows, width // 32, 1) * levels - 0.05).flatten(1)
