"""Loops over rows, and keys and values in bfloat16, against torch."""

import numpy as np
import pytest
import torch
from numba import njit

from deepseek_mm.runtime.compiled import vectors
from deepseek_mm.runtime.compiled.attention import score, weigh


@njit
def calls(x, y, out):
    """Every loop once, on rows that stand at `x`, `y` and `out`."""
    vectors.silu_times(x[0].ctypes.data, y[0].ctypes.data, out[0].ctypes.data, 3)
    vectors.multiply_scaled(x[0].ctypes.data, y[0].ctypes.data, np.float32(0.5), out[1].ctypes.data, 3)
    vectors.add_times(out[2].ctypes.data, x[0].ctypes.data, np.float32(-2), 3)
    vectors.sum_groups(x[1].ctypes.data, 1, out[3].ctypes.data)
    out[4, 0] = vectors.sum_squares(x[0].ctypes.data, 3)
    out[4, 1] = vectors.largest_of(x[0].ctypes.data, 3)
    out[5] = x[0]
    out[4, 2] = vectors.exp_shifted(out[5].ctypes.data, 3, np.float32(1.5))
    vectors.clear(out[6].ctypes.data, 64)


@njit
def rounded(x, halves, back):
    vectors.store_rounded(x.ctypes.data, halves.ctypes.data, len(x) // 16)
    vectors.add_halves(halves.ctypes.data, back.ctypes.data, len(x) // 16)


def test_every_loop_does_what_its_name_says():
    x, y, out = torch.randn(2, 48), torch.randn(2, 48), torch.ones(7, 48)
    calls(x.numpy(), y.numpy(), out.numpy())
    torch.testing.assert_close(out[0], torch.nn.functional.silu(x[0]) * y[0])
    torch.testing.assert_close(out[1], x[0] * y[0] / 2)
    torch.testing.assert_close(out[2], 1 - 2 * x[0])
    torch.testing.assert_close(out[3, 1], x[1, :32].sum())
    torch.testing.assert_close(out[5], (x[0] - 1.5).exp())
    torch.testing.assert_close(out[4, :3], torch.stack((x[0].square().sum(), x[0].max(), (x[0] - 1.5).exp().sum())))
    assert out[6].tolist() == [0] * 16 + [1] * 32


def test_exponentials_are_right_to_a_hundred_thousandth_from_nothing_to_the_end_of_a_float():
    x = torch.linspace(-90, 88, 4_800)
    found, truth = x.clone(), x.double().exp()

    @njit
    def run(x):
        return vectors.exp_shifted(x.ctypes.data, len(x) // 16, np.float32(0))

    run(found.numpy())
    seen = x > -87
    assert ((found[seen] - truth[seen]).abs() / truth[seen]).max() < 1e-5
    assert found[x < -87.01].abs().max() == 0


def test_numbers_are_rounded_to_bfloat16_as_torch_rounds_them():
    x = torch.cat(
        (torch.randn(2_000) * torch.logspace(-30, 30, 2_000), torch.tensor([0.0, -0.0, 1 + 2**-8, 1 + 3 * 2**-8]))
    )
    x = torch.cat((x, torch.zeros(-len(x) % 16)))
    halves, back = torch.zeros(len(x), dtype=torch.bfloat16), torch.zeros(len(x))
    rounded(x.numpy(), halves.view(torch.int16).numpy(), back.numpy())
    assert torch.equal(halves, x.bfloat16())
    assert torch.equal(back, x.bfloat16().float())


@pytest.mark.parametrize(("width", "heads"), [(16, 2), (32, 1), (64, 1), (64, 2), (64, 3), (128, 1), (128, 4)])
@pytest.mark.parametrize("count", [1, 3, 4, 37, 128])
def test_keys_and_values_are_met_by_all_heads(width, heads, count):
    made = torch.Generator().manual_seed(count)
    q_RK = torch.randn(heads, width, generator=made)
    k_SK, v_SK = (torch.randn(count, width, generator=made).bfloat16() for _ in range(2))
    scores_RS, sums_RK = torch.full((heads, 140), 7.0), torch.ones(heads, width)
    score(q_RK.numpy(), k_SK.data_ptr(), count, scores_RS.numpy())
    torch.testing.assert_close(scores_RS[:, :count], q_RK @ k_SK.float().T * width**-0.5, atol=1e-4, rtol=1e-4)
    assert (scores_RS[:, count:] == 7).all()
    weigh(scores_RS.numpy(), v_SK.data_ptr(), count, sums_RK.numpy())
    torch.testing.assert_close(sums_RK, 1 + scores_RS[:, :count] @ v_SK.float(), atol=1e-3, rtol=1e-3)
