"""Full attention in pieces equals torch's own, whatever the chunk, and survives scores that overflow."""

import pytest
import torch
from kernels_help import LENGTH, by_mask, made_text

from deepseek_mm.lm.attention_kernels import PIECE, TILE, attend_full, later
from deepseek_mm.lm.shape import FULL

CHUNKS = [(0, LENGTH), (0, 1), (0, 40), (700, LENGTH), (699, 731), (TILE, 2 * TILE), (LENGTH - 1, LENGTH)]


@pytest.mark.parametrize(("start", "stop"), CHUNKS)
def test_a_chunk_sees_everything_before_it_and_nothing_behind(start, stop):
    q, k, v = made_text()
    seen = attend_full(q[start:stop], k[:stop], v[:stop], start=start)
    torch.testing.assert_close(seen, by_mask(FULL, q, k, v)[start:stop], atol=1e-5, rtol=0)


def test_in_bfloat16_it_is_nearly_as_close_to_the_truth_as_torchs_own():
    q, k, v = made_text(dtype=torch.bfloat16)
    truth = by_mask(FULL, q.float(), k.float(), v.float())
    ours = (attend_full(q, k, v, start=0) - truth).square().mean()
    torchs = (by_mask(FULL, q, k, v) - truth).square().mean()
    assert ours.sqrt() < 2 * torchs.sqrt()


def test_it_does_not_matter_whether_heads_or_tokens_lie_together():
    q, k, v = made_text()
    by_head = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in (k, v)]
    assert torch.equal(attend_full(q, *by_head, start=0), attend_full(q, k, v, start=0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_far_key_whose_weight_would_overflow_is_found(dtype):
    q, k, v = made_text(dtype=dtype)
    k[600] = 200 * q[-1].unflatten(0, (2, 3)).mean(1)  # neither among the first keys nor in the last tile
    scores = (q[-1].unflatten(0, (2, 3)) * k[600][:, None]).sum(-1) / 4
    assert scores.max() > 200, "the exponential of this overflows bfloat16 and float32"
    seen = attend_full(q[1_100:], k, v, start=1_100)
    torch.testing.assert_close(
        seen, by_mask(FULL, q, k, v)[1_100:], atol=1e-4 if dtype == torch.float32 else 0.05, rtol=0
    )


def test_rows_whose_scores_are_all_far_below_zero_still_sum_to_one():
    q, k, _ = made_text(PIECE + 90)
    k[:] = k.abs() + 1
    seen = attend_full(-200 * q.abs(), k, torch.ones_like(k), start=0)
    torch.testing.assert_close(seen, torch.ones_like(q))


def test_a_number_that_is_none_is_not_hidden():
    q, k, v = made_text(PIECE + 90)
    k[3] = torch.nan
    assert attend_full(q[500:], k, v, start=500)[:, :3].isnan().all()


def test_the_shared_mask_is_made_once_and_hides_later_keys_only():
    mask = later(3, torch.float32, torch.device("cpu"))
    low = -torch.inf
    assert mask.tolist() == [[0, low, low], [0, 0, low], [0, 0, 0]]
    assert later(3, torch.float32, torch.device("cpu")) is mask
