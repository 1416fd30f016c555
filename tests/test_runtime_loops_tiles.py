"""Packed matrices give what the float product with their levels gives, for any number of texts and threads."""

import numpy as np
import pytest
import torch

from deepseek_mm.runtime.loops.layout import BITS, INPUTS, OUTPUTS
from deepseek_mm.runtime.loops.packing import fits, pack
from deepseek_mm.runtime.loops.threads import Share
from deepseek_mm.runtime.loops.tiles import product
from deepseek_mm.runtime.quantize import eight_bits, four_bits


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


def multiplied(packed, x_BD, size=1):
    texts, outputs = len(x_BD), packed.row[OUTPUTS]
    sums_BN, y_BF = np.zeros((texts, 99), np.float32), np.full((texts, outputs), np.nan, np.float32)
    for rank in range(size):
        first, last = product(packed.row, x_BD, sums_BN, y_BF, Share(rank, size))
        assert np.isfinite(y_BF[:, :last]).all()
        assert first % 16 == 0
    return y_BF


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("texts", [1, 2, 3, 4, 7, 8, 13])
def test_every_text_gets_its_product(bits, texts):
    made = torch.Generator().manual_seed(texts)
    weight_FD, x_BD = torch.randn(80, 96, generator=made), torch.randn(texts, 96, generator=made)
    packed = pack(weight_FD, bits, most_off=9)
    assert packed.row[[OUTPUTS, INPUTS, BITS]].tolist() == [80, 96, bits]
    truth = x_BD @ kept(weight_FD, bits).T
    torch.testing.assert_close(torch.from_numpy(multiplied(packed, x_BD.numpy())), truth, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_threads_share_the_outputs_and_leave_none_out(size):
    weight_FD, x_BD = torch.randn(112, 64), torch.randn(2, 64)
    packed = pack(weight_FD, 8, most_off=9)
    np.testing.assert_allclose(multiplied(packed, x_BD.numpy(), size), multiplied(packed, x_BD.numpy()))


def test_outputs_are_filled_up_to_whole_tiles_and_inputs_must_be_whole_groups():
    packed = pack(torch.ones(5, 32), 16, most_off=9)
    assert packed.row[OUTPUTS] == 16
    assert multiplied(packed, np.ones((1, 32), np.float32))[0].tolist() == [32] * 5 + [0] * 11
    assert fits(torch.ones(5, 64))
    assert not fits(torch.ones(5, 48))


def test_a_matrix_that_four_bits_would_put_off_has_eight():
    weight_FD = torch.randn(32, 64)
    assert pack(weight_FD, 4, most_off=0.5).row[BITS] == 4
    assert pack(weight_FD, 4, most_off=0.01).row[BITS] == 8
