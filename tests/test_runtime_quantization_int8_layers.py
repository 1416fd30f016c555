"""Layers of whole numbers against the same arithmetic in floats, and ranges by hand."""

import pytest
import torch
from rounding import off
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from deepseek_mm.runtime.quantization.int8_layers import (
    ConvWindow,
    DynamicLinear,
    Int8Chain,
    Int8Conv,
    Int8Embedding,
    Range,
    eight_bits_of,
    levels_of,
    range_of,
    same_pads,
    smooth_of,
)
from deepseek_mm.training.int8_space import Int8Linear, RangeObserver, best_range


@pytest.fixture(autouse=True)
def _without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_a_range_holds_both_ends_and_zero_exactly():
    how = range_of(-1.0, 1.55)
    assert how == Range(pytest.approx(0.01), 100)
    assert levels_of(torch.tensor([0.0, -1.0, 1.55, 9.0]), how).tolist() == [100, 0, 255, 255]
    assert range_of(2.0, 4.0).zero == 0


def test_one_far_away_number_is_clipped_where_that_errs_less():
    sample = torch.cat((torch.randn(1_000_000), torch.tensor([40.0])))
    assert best_range(sample).scale < 40 / 255 * 0.8
    assert best_range(torch.rand(10_000)).scale == pytest.approx(1 / 255, rel=0.05)


def test_a_static_layer_is_the_product_of_rounded_inputs_and_rounded_weights():
    weight, x, bias = torch.randn(32, 48), torch.randn(2, 5, 48), torch.randn(32)
    levels, scale = eight_bits_of(weight)
    how = range_of(-4, 4)
    truth = (levels_of(x, how).float() - how.zero) * how.scale @ (levels * scale[:, None]).T + bias
    torch.testing.assert_close(Int8Linear(levels, scale, bias, how)(x), truth, rtol=1e-4, atol=1e-4)
    assert off(truth, x @ weight.T + bias) < 0.02


def test_a_dynamic_layer_follows_the_size_of_every_row():
    weight = torch.randn(32, 48)
    layer, x = DynamicLinear(*eight_bits_of(weight)), torch.randn(6, 48) * torch.logspace(-3, 3, 6)[:, None]
    for row, truth in zip(layer(x), x @ weight.T, strict=True):
        assert off(row, truth) < 0.02
    assert layer(x.bfloat16()).dtype == torch.bfloat16


def test_a_fine_layer_keeps_the_small_inputs_beside_a_large_one_without_touching_its_weights():
    weight, x, bias = torch.randn(32, 48), torch.randn(2, 20, 48), torch.randn(32)
    x[..., 3] *= 300
    weight[:, 3] /= 300
    levels, scale = eight_bits_of(weight)
    truth = x @ (levels * scale[:, None]).T
    plain, fine = (off(DynamicLinear(levels, scale, bias, fine=which)(x) - bias, truth) for which in (False, True))
    assert fine < 0.01 * plain
    assert DynamicLinear(levels, scale, fine=True)(x[0, 0]).shape == (32,)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_smoothing_saves_the_small_inputs_beside_a_large_one(kind):
    weight, x = torch.randn(32, 48), torch.randn(40, 48)
    x[:, 3] *= 300
    weight[:, 3] /= 300

    def made(smooth):
        levels, scale = eight_bits_of(weight * smooth)
        if kind == "dynamic":
            return DynamicLinear(levels, scale, smooth_D=smooth)
        return Int8Linear(levels, scale, None, best_range(x / smooth), smooth_D=smooth)

    plain, even = (off(made(s)(x), x @ weight.T) for s in (torch.ones(48), smooth_of(x.abs().amax(0), weight)))
    assert even < 0.05 < plain


def test_an_embedding_of_eight_bits_gives_its_rows():
    weight = torch.randn(10, 16)
    layer = Int8Embedding(*eight_bits_of(weight))
    assert off(layer(torch.tensor([[1, 9]])), weight[[1, 9]]) < 0.01


@pytest.mark.parametrize("side", [17, 260, 130])
@pytest.mark.parametrize("size", [3, 5])
def test_same_padding_is_what_timm_does(side, size):
    conv, x = Conv2dSame(4, 4, size, stride=2, groups=4, bias=False), torch.randn(1, 4, side, side)
    padded = nn.functional.pad(x, same_pads(x, ConvWindow(2, -1, 4, size)))
    torch.testing.assert_close(nn.functional.conv2d(padded, conv.weight, None, 2, 0, 1, 4), conv(x))


def test_a_chain_is_its_convolutions_with_activations_that_stop_at_six():
    first, second = torch.randn(24, 8, 1, 1), torch.randn(24, 1, 3, 3)
    x = torch.randn(2, 8, 9, 9).contiguous(memory_format=torch.channels_last)
    whole = range_of(float(x.min()), float(x.max()))
    last = torch.randn(8, 24, 1, 1) * 0.1
    stops = Range(6 / 255, 0)
    chain = Int8Chain(
        [
            Int8Conv(*eight_bits_of(first), torch.randn(24), whole, ConvWindow(1, 0, 1, 1)),
            Int8Conv(*eight_bits_of(second), torch.zeros(24), stops, ConvWindow(1, 1, 24, 3)),
            Int8Conv(*eight_bits_of(last), torch.zeros(8), stops, ConvWindow(1, 0, 1, 1)),
        ],
        skips=True,
        stops=False,
    )
    bias = chain._convs[0].bias_F
    y = nn.functional.conv2d(x, first, bias).clamp(0, 6)
    y = nn.functional.conv2d(y, second, None, 1, 1, 1, 24).clamp(0, 6)
    assert off(chain(x), nn.functional.conv2d(y, last) + x) < 0.02


def test_ranges_look_while_the_model_works_and_then_no_longer():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    ranges = RangeObserver([("0", model[0])], [("1", model[1])])
    model(torch.rand(50, 4))
    found, smooth = ranges.close(), ranges.smooth()
    model(100 * torch.rand(50, 4))
    assert found["0"] == Range(pytest.approx(1 / 255, rel=0.1), 0)
    assert (set(found), smooth["1"].shape) == ({"0", "1"}, (4,))
