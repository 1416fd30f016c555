"""Windows, chosen blocks and rows of a batch see what the masks over all pairs of tokens say."""

import pytest
import torch
from kernels_help import GROUPS, HEADS, LENGTH, WIDTH, by_mask, made_text, near, summed_up, window
from torch.nn import functional as F

from deepseek_mm.lm import attention_kernels
from deepseek_mm.lm.attention_kernels import (
    attend_rows,
    attend_top,
    attend_window,
    choose_blocks,
    hidden_in_span,
)
from deepseek_mm.lm.shape import BLOCK, FULL, Reach

REACHES = [window(32, 4), window(32, 0), window(1, 0), window(1, 2), window(100, 4), window(256, 32), window(700, 3)]
CHUNKS = [(0, LENGTH), (0, 20), (0, 1), (0, 3), (10, 60), (33, 40), (640, 1_152), (700, 701), (2, 600)]


def test_heads_of_a_wide_window_go_one_by_one_and_see_the_same(monkeypatch):
    q, k, v = made_text()
    together = attend_window(q[:100], k[:100], v[:100], reach=window(700, 3), start=0)
    monkeypatch.setattr(attention_kernels, "SMALL", 0)
    torch.testing.assert_close(attend_window(q[:100], k[:100], v[:100], reach=window(700, 3), start=0), together)


@pytest.mark.parametrize("reach", REACHES, ids=lambda reach: f"{reach.window}+{reach.sinks}")
def test_a_window_layer_sees_its_window_and_the_sinks(reach):
    q, k, v = made_text()
    truth = by_mask(reach, q, k, v)
    for start, stop in CHUNKS:
        given = (near(x, reach, start, stop) for x in (k, v))
        seen = attend_window(q[start:stop], *given, reach=reach, start=start)
        torch.testing.assert_close(seen, truth[start:stop], atol=1e-5, rtol=0, msg=f"chunk {start}..{stop}")


@pytest.mark.parametrize("small", [0, 1 << 17])
def test_other_queries_may_meet_the_sinks(monkeypatch, small):
    """With queries of twice the width and keys that have one half each, the masks say the same."""
    monkeypatch.setattr(attention_kernels, "SMALL", small)
    (q, k, v), held = made_text(), made_text(seed=1)[0]
    sink = (torch.arange(LENGTH) < 4)[:, None, None]
    wide = torch.cat((q, held), -1) * 2**0.5, torch.cat((k * ~sink, k * sink), -1), torch.cat((v, v), -1)
    truth = by_mask(window(100, 4), *wide)[..., :WIDTH]
    for start, stop in [chunk for chunk in CHUNKS if chunk[0] > 104]:
        given = (near(x, window(100, 4), start, stop) for x in (k, v))
        seen = attend_window(q[start:stop], *given, reach=window(100, 4), start=start, held_THK=held[start:stop])
        torch.testing.assert_close(seen, truth[start:stop], atol=1e-5, rtol=0, msg=f"chunk {start}..{stop}")


def test_a_window_in_bfloat16_stays_within_its_rounding():
    q, k, v = made_text(dtype=torch.bfloat16)
    seen = attend_window(q, k, v, reach=window(32, 4), start=0)
    truth = by_mask(window(32, 4), q.float(), k.float(), v.float())
    torch.testing.assert_close(seen.float(), truth, atol=0.05, rtol=0)


def test_a_gate_has_one_query_head_for_each_key_head_and_no_sinks():
    _, k, v = made_text()
    q = k.flip(0)
    seen = attend_window(q, k, v, reach=window(32, 0), start=0)
    torch.testing.assert_close(seen, by_mask(window(32, 0), q, k, v), atol=1e-5, rtol=0)


def test_far_from_the_start_all_blocks_share_one_mask():
    reach = window(4, 2)
    assert hidden_in_span(6, 3, 2, 3, reach).shape == (1, 2, 7)
    assert hidden_in_span(5, 3, 2, 3, reach).shape == (3, 2, 7)
    seen = hidden_in_span(6, 3, 2, 3, reach)[0] == 0  # two sinks, then three keys before the block's own two
    assert seen.tolist() == [[True] * 6 + [False], [True, True, False, True, True, True, True]]


TOP_CHUNKS = [(0, LENGTH), (0, 50), (64, 512), (512, 1_024), (960, LENGTH), (1_280, LENGTH)]


@pytest.mark.parametrize("blocks", [3, 4, 8])
def test_a_choosing_layer_sees_the_best_blocks_of_each_query_block(blocks):
    q, k, v = made_text()
    truth = by_mask(Reach(kind="top", blocks=blocks), q, k, v)
    for start, stop in TOP_CHUNKS:
        summaries = summed_up(k, stop)
        seen = attend_top(q[start:stop], k[:stop], v[:stop], blocks=blocks, start=start, summaries_PGK=summaries)
        torch.testing.assert_close(seen, truth[start:stop], atol=1e-5, rtol=0, msg=f"chunk {start}..{stop}")


def test_a_chunk_that_begins_within_a_block_lets_its_own_tokens_choose():
    q, k, v = made_text(1_024)
    seen = attend_top(q[1_000:], k, v, blocks=4, start=1_000, summaries_PGK=summed_up(k, 1_024))
    same = q.clone()
    same[992:1_000] = q[1_000:].mean(0)  # those before it would choose alike
    torch.testing.assert_close(seen, by_mask(Reach(kind="top", blocks=4), same, k, v)[1_000:], atol=1e-5, rtol=0)


def test_enough_blocks_are_full_attention():
    q, k, v = made_text(600)
    seen = attend_top(q[512:], k, v, blocks=19, start=512, summaries_PGK=summed_up(k, 600))
    torch.testing.assert_close(seen, by_mask(FULL, q, k, v)[512:], atol=1e-5, rtol=0)


def test_a_needle_in_a_block_is_what_a_choosing_layer_finds():
    q, k, v = made_text(1_024)
    question = q[-1, ::3]  # the same for all heads of a group
    k[320:352] = 8 * question
    v[320:352] = 7.0
    asked = question.repeat_interleave(3, 0).expand(BLOCK, -1, -1)
    found = attend_top(asked, k, v, blocks=4, start=992, summaries_PGK=summed_up(k, 1_024))
    torch.testing.assert_close(found, torch.full_like(found, 7.0), atol=1e-2, rtol=0)


@pytest.mark.parametrize("size", [64, 320])
def test_the_newest_token_of_each_text_sees_its_own_keys_only(size):
    q, k, v = made_text()
    lengths = torch.tensor([5, size, size - 20])
    batch = [torch.stack([x[at : at + size] for at in (0, 300, 900)]) for x in (k, v)]
    seen = attend_rows(q[:3], *batch, lengths)
    for number, length in enumerate(lengths.tolist()):
        keys, values = (x[number, :length].transpose(0, 1)[None] for x in batch)
        alone = F.scaled_dot_product_attention(q[number][None, :, None], keys, values, enable_gqa=True)
        torch.testing.assert_close(seen[number], alone[0, :, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [48, 640])
def test_without_lengths_all_keys_are_seen_however_they_lie(size):
    q, k, v = made_text(2 * size)
    batch = [x.view(2, size, GROUPS, WIDTH) for x in (k, v)]
    by_head = [x.permute(2, 0, 1, 3).contiguous().permute(1, 2, 0, 3) for x in batch]
    seen = attend_rows(q[:2], *batch, None)
    assert seen.shape == (2, HEADS, WIDTH)
    torch.testing.assert_close(seen, attend_rows(q[:2], *batch, torch.tensor([size, size])))
    torch.testing.assert_close(seen, attend_rows(q[:2], *by_head, None))


def test_one_query_chooses_what_a_query_block_of_copies_of_it_chooses():
    q, k, v = made_text(1_024)
    chosen = choose_blocks(q[-1], summed_up(k, 1_024), 6)
    picked = [
        torch.stack([x.unflatten(0, (-1, BLOCK))[chosen[group], :, group].flatten(0, 1) for group in range(GROUPS)], 1)
        for x in (k, v)
    ]
    seen = attend_rows(q[-1:], *(x[None] for x in picked), None)
    same = q.clone()
    same[992:] = q[-1]
    torch.testing.assert_close(seen, by_mask(Reach(kind="top", blocks=6), same, k, v)[-1:], atol=1e-5, rtol=0)


def test_the_first_the_one_before_and_the_own_block_are_always_chosen():
    _, k, _ = made_text(640)
    against = -k[-1].repeat_interleave(3, 0)
    summaries = summed_up(k, 630)  # the own block is not full: its summary is no number
    chosen = choose_blocks(against, summaries, 5)
    assert chosen.shape == (GROUPS, 5)
    assert all({0, 18, 19} <= set(row) and row == sorted(row) for row in chosen.tolist())
    assert choose_blocks(against, summaries[:2], 5).tolist() == [[0, 1]] * GROUPS


def test_nothing_that_was_handed_in_is_written_to():
    q, k, v = made_text(400)
    before = [x.clone() for x in (q, k, v)]
    summaries = summed_up(k, 400)
    attend_top(q[200:], k, v, blocks=4, start=200, summaries_PGK=summaries)
    attend_window(q, k, v, reach=window(32, 4), start=0)
    choose_blocks(q[-1], summaries, 4)
    attend_rows(q[:1], k[None], v[None], None)
    assert all(torch.equal(was, now) for was, now in zip(before, (q, k, v), strict=True))
    assert torch.equal(summaries[:-1], summed_up(k, 400)[:-1])


@pytest.mark.parametrize("together", [4, 9, 40])
def test_how_many_blocks_are_copied_at_once_changes_nothing(together, monkeypatch):
    q, k, v = made_text()
    asked = {"blocks": 4, "start": 512, "summaries_PGK": summed_up(k, LENGTH)}
    whole = attend_top(q[512:], k, v, **asked)
    monkeypatch.setattr(attention_kernels, "TOGETHER", together)
    torch.testing.assert_close(attend_top(q[512:], k, v, **asked), whole, atol=1e-6, rtol=0)
