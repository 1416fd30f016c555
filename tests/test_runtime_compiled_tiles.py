"""Packed matrices give what the float product with their levels gives, for any number of texts and threads."""

import numba
import numpy as np
import pytest
import torch

from deepseek_mm.runtime.compiled.jit import HAS_DOTS, HAS_TABLES, ThreadShare
from deepseek_mm.runtime.compiled.layout import BITS, INPUTS, OUTPUTS, QuantizedInputs
from deepseek_mm.runtime.compiled.tiles import FLOATING, fits, pack_fp4_matrix, pack_matrix, product, tile_for_all
from deepseek_mm.runtime.compiled.vectors import quantize_groups
from deepseek_mm.runtime.quantization.fp4 import quantise, restore
from deepseek_mm.runtime.quantization.packed_linear import eight_bits, four_bits


def kept(weight_FD, bits):
    """What is left of a weight in so few bits."""
    if bits == 16:
        return weight_FD.bfloat16().float()
    if bits == 8:
        levels_FD, scale_F = eight_bits(weight_FD)
        return levels_FD.float() * scale_F.float()[:, None]
    levels_FD, scales_NF2 = four_bits(weight_FD)
    scale_FN1, middle_FN1 = scales_NF2.float().transpose(0, 1).split(1, -1)
    lowest_FN1 = (middle_FN1 - 8 * scale_FN1).bfloat16().float()
    return (levels_FD.unflatten(1, (-1, 32)) * scale_FN1 + lowest_FN1).flatten(1)


def rounded(x_BD, bits, *, by_dots=HAS_DOTS):
    """Inputs as the product takes them."""
    if bits == 16 or not by_dots:
        return x_BD
    groups_BN32 = x_BD.unflatten(1, (-1, 32))
    unit_BN1 = groups_BN32.abs().amax(-1, keepdim=True) / 127
    return ((groups_BN32 / unit_BN1.clamp_min(1e-30)).round() * unit_BN1).flatten(1)


def multiplied(packed, x_BD, size=1):
    texts, outputs = len(x_BD), packed.row[OUTPUTS]
    ready = QuantizedInputs(np.zeros((texts, 999), np.int8), np.zeros((texts, 99, 2), np.float32))
    y_BF = np.full((texts, outputs), np.nan, np.float32)
    for rank in range(size):
        first, last = product(packed.row, x_BD, ready, y_BF, ThreadShare(rank, size))
        assert np.isfinite(y_BF[:, :last]).all()
        assert first % 16 == 0
    return y_BF


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("texts", [1, 2, 3, 4, 7, 8, 13])
def test_every_text_gets_its_product(bits, texts):
    made = torch.Generator().manual_seed(texts)
    weight_FD, x_BD = torch.randn(80, 96, generator=made), torch.randn(texts, 96, generator=made)
    packed = pack_matrix(weight_FD, bits, most_off=9)
    assert packed.row[[OUTPUTS, INPUTS, BITS]].tolist() == [80, 96, bits]
    truth = rounded(x_BD, bits) @ kept(weight_FD, bits).T
    torch.testing.assert_close(torch.from_numpy(multiplied(packed, x_BD.numpy())), truth, atol=1e-3, rtol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_processor_without_products_of_bytes_multiplies_floats(bits):
    """Code for another processor is compiled here, and all its sizes of a batch run: 8, 4, 2 and 1."""
    by_floats = tile_for_all(bits, by_dots=False)

    @numba.njit
    def go(order_F, tiles):
        for tile in range(tiles):
            by_floats(order_F.ctypes.data, tile)
        return order_F[0]

    weight_FD, x_BD = torch.randn(48, 64), torch.randn(15, 64).numpy()
    packed, y_BF = pack_matrix(weight_FD, bits, most_off=9), np.zeros((15, 48), np.float32)
    sums_BN2 = np.zeros((15, 2, 2), np.float32)
    sums_BN2[:, :, 1] = x_BD.reshape(15, 2, 32).sum(-1)
    pairs = [(each.ctypes.data, each.strides[0]) for each in (x_BD, sums_BN2, y_BF)]
    go(np.array([bits, *packed.row[:2], 2, *pairs[0], *pairs[1], *pairs[2], 15, 3], np.int64), 3)
    truth = torch.from_numpy(x_BD) @ kept(weight_FD, bits).T
    torch.testing.assert_close(torch.from_numpy(y_BF), truth, atol=1e-3, rtol=0)


def test_inputs_are_rounded_to_127_levels_a_group():
    x_BD = torch.randn(3, 96) * torch.tensor([1e-3, 1.0, 1e3])[:, None]
    x_BD[1, 32:64] = 0
    ready = QuantizedInputs(np.full((3, 96), 99, np.int8), np.zeros((3, 3, 2), np.float32))

    @numba.njit
    def go(x_BD, levels_BD, sums_BN2):
        for b in range(3):
            quantize_groups(x_BD[b].ctypes.data, 3, levels_BD[b].ctypes.data, sums_BN2[b].ctypes.data)
        return levels_BD[0, 0], x_BD[0, 0], sums_BN2[0, 0, 0]

    go(x_BD.numpy(), *ready)
    back = torch.from_numpy(ready.levels).unflatten(1, (-1, 32)) * torch.from_numpy(ready.sums)[..., :1]
    torch.testing.assert_close(back.flatten(1), rounded(x_BD, 4, by_dots=True), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(torch.from_numpy(ready.sums)[..., 1], back.sum(-1), rtol=1e-4, atol=1e-3)
    assert ready.levels.max() == 127 or ready.levels.min() == -127
    assert not ready.levels[1, 32:64].any()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_threads_share_the_outputs_and_leave_none_out(size):
    weight_FD, x_BD = torch.randn(112, 64), torch.randn(2, 64)
    packed = pack_matrix(weight_FD, 8, most_off=9)
    np.testing.assert_allclose(multiplied(packed, x_BD.numpy(), size), multiplied(packed, x_BD.numpy()))


def test_outputs_are_filled_up_to_whole_tiles_and_inputs_must_be_whole_groups():
    packed = pack_matrix(torch.ones(5, 32), 16, most_off=9)
    assert packed.row[OUTPUTS] == 16
    assert multiplied(packed, np.ones((1, 32), np.float32))[0].tolist() == [32] * 5 + [0] * 11
    assert fits(torch.ones(5, 64))
    assert not fits(torch.ones(5, 48))


def test_a_matrix_that_four_bits_would_put_off_has_eight():
    weight_FD = torch.randn(32, 64)
    assert pack_matrix(weight_FD, 4, most_off=0.5).row[BITS] == 4
    assert pack_matrix(weight_FD, 4, most_off=0.01).row[BITS] == 8


@pytest.mark.parametrize("tables", [True, False])
@pytest.mark.parametrize("texts", [1, 3, 8])
def test_small_floats_are_multiplied_with_the_scales_of_both_halves_of_a_group(tables, texts, monkeypatch):
    if not tables and HAS_TABLES:
        monkeypatch.setattr("deepseek_mm.runtime.compiled.jit.HAS_TABLES", False)
    by_floats = tile_for_all(FLOATING, by_dots=False)

    @numba.njit
    def go(order_F, tiles):
        for tile in range(tiles):
            by_floats(order_F.ctypes.data, tile)
        return order_F[0]

    made = torch.Generator().manual_seed(texts)
    matrix, x_BD = quantise(torch.randn(72, 96, generator=made)), torch.randn(texts, 96, generator=made).numpy()
    packed, y_BF, sums = pack_fp4_matrix(matrix), np.zeros((texts, 80), np.float32), np.zeros((texts, 3, 2), np.float32)
    weights, scales = (held.data_ptr() for held in packed.held)
    inputs, outputs = (x_BD.ctypes.data, x_BD.strides[0]), (y_BF.ctypes.data, y_BF.strides[0])
    order = [FLOATING, weights, scales, 3, *inputs, sums.ctypes.data, sums.strides[0], *outputs, texts, 5]
    go(np.array(order, np.int64), 5)
    truth = torch.from_numpy(x_BD) @ restore(matrix).T
    torch.testing.assert_close(torch.from_numpy(y_BF[:, :72]), truth, atol=0.05, rtol=0.01)
    assert not y_BF[:, 72:].any()
