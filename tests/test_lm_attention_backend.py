"""The truth about what a layer sees, on rows small enough to be drawn."""

import pytest
import torch

from deepseek_mm.lm.attention_backend import FullTextAttention, best_blocks, is_visible, positions_in_segments
from deepseek_mm.lm.shape import BLOCK, Reach, tiny


def picture(reach: Reach, length: int = 6) -> list[str]:
    """A row of x and . for every query, the first token first."""
    place = torch.arange(length)
    seen = is_visible(reach, place[:, None], place[None, :])
    return ["".join("x" if each else "." for each in row) for row in seen.tolist()]


def test_full_attention_sees_everything_before_and_itself():
    assert picture(Reach(), 3) == ["x..", "xx.", "xxx"]


def test_a_window_sees_the_last_tokens_and_the_sinks():
    assert picture(Reach(kind="window", window=2, sinks=1)) == [
        "x.....",
        "xx....",
        "xxx...",
        "x.xx..",
        "x..xx.",
        "x...xx",
    ]


def test_a_local_layer_cannot_see_past_its_window():
    assert picture(Reach(kind="window", window=1), 3) == ["x..", ".x.", "..x"]


def test_places_start_again_in_every_segment():
    assert positions_in_segments(torch.tensor([[1, 1, 2, 2, 2, 0, 0]])).tolist() == [[0, 1, 0, 1, 2, 0, 1]]


def see(reach: Reach, segments: list[int], change: int) -> list[int]:
    """Places whose view changes with the value of one token."""
    torch.manual_seed(0)
    whole = FullTextAttention(tiny(reaches=(reach,) * 4), torch.tensor([segments]))
    q, k, v = (torch.randn(1, len(segments), heads, 16) for heads in (4, 2, 2))
    before = whole(0, q, k, v)
    v[0, change] += 1
    apart = (whole(0, q, k, v) - before).abs().amax((0, 2, 3))
    return [n for n, each in enumerate(apart.tolist()) if each > 1e-6]


def test_packed_texts_do_not_see_each_other_and_nobody_sees_padding():
    segments = [1, 1, 1, 2, 2, 0]
    assert see(Reach(), segments, 0) == [0, 1, 2]
    assert see(Reach(), segments, 3) == [3, 4]
    assert see(Reach(), segments, 5) == [5]
    assert see(Reach(kind="window", window=2), segments, 0) == [0, 1]


def test_a_short_text_sees_everything_in_a_layer_that_chooses():
    assert see(Reach(kind="top", blocks=4), [1] * 100, 0) == list(range(100))


@pytest.mark.parametrize("blocks", [3, 5])
def test_the_chosen_blocks_are_the_first_the_last_two_and_those_that_fit_best(blocks):
    torch.manual_seed(0)
    count = 10
    q, k = torch.randn(1, 4, count * BLOCK, 16), torch.randn(1, 2, count * BLOCK, 16)
    seen = best_blocks(q, k, blocks, torch.ones(1, 1, count * BLOCK, count * BLOCK, dtype=torch.bool))
    chosen = seen[0, :, ::BLOCK, ::BLOCK]
    assert chosen[:, -1].sum(-1).tolist() == [blocks, blocks]
    last = chosen[0, -1].nonzero().flatten().tolist()
    assert {0, count - 2, count - 1} <= set(last)
    means_q = q[0, :2].unflatten(1, (count, BLOCK)).mean(2)[:, -1]
    means_k = k[0, 0].unflatten(0, (count, BLOCK)).mean(1)
    score = (means_q @ means_k.T).amax(0)
    rest = sorted(range(1, count - 2), key=lambda n: -float(score[n]))
    assert set(last) == {0, count - 2, count - 1, *rest[: blocks - 3]}
