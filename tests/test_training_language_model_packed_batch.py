"""Rows that are attended block by block see what whole rows see, and learn what whole rows learn."""

import pytest
import torch

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import Reach, tiny
from deepseek_mm.training.language_model.packed_batch import PackedAttention, split_into_blocks

WINDOWS = [Reach(kind="window", window=w, sinks=s) for w, s in [(32, 0), (32, 4), (64, 32), (100, 7), (150, 5), (1, 1)]]
HELD = [Reach(kind="window", window=w, sinks=s, held=h) for w, s, h in [(32, 4, 50), (64, 32, 200), (150, 5, 155)]]
TOPS = [Reach(kind="top", blocks=3), Reach(kind="top", blocks=5)]


@pytest.mark.parametrize(
    "reach", WINDOWS + HELD + TOPS, ids=lambda r: f"{r.kind}{r.window or r.blocks}+{r.sinks}-{r.held}"
)
@pytest.mark.parametrize("length", [129, 333, 416])
def test_a_stretch_sees_and_learns_what_the_whole_row_does(reach, length):
    torch.manual_seed(0)
    shape = tiny(reaches=(reach,) * 3 + (Reach(),))
    decoder = Decoder(shape)
    ids_BT = torch.randint(512, (2, length))
    found = []
    for attend in (PackedAttention(shape, ids_BT.shape), FullTextAttention(shape, torch.ones_like(ids_BT))):
        decoder.zero_grad()
        hidden, _ = decoder(decoder.embed(ids_BT), attend)
        hidden.square().mean().backward()
        found.append((hidden.detach(), decoder.layers[0].qkv.weight.grad.clone()))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=1e-4)


def test_a_token_far_behind_the_window_is_not_seen_in_any_block():
    torch.manual_seed(0)
    shape = tiny(reaches=(Reach(kind="window", window=8, sinks=2),) * 4)
    decoder = Decoder(shape)
    ids = torch.randint(512, (1, 300))
    other = ids.clone()
    other[0, 150] += 1
    other %= 512
    with torch.no_grad():
        a, b = (decoder(decoder.embed(x), PackedAttention(shape, x.shape))[0] for x in (ids, other))
    apart = (a - b).abs().amax(-1)[0]
    assert apart[:150].max() == 0
    assert apart[150 + 4 * 8 :].max() == 0
    assert apart[150] > 0


def test_the_last_block_is_filled_up_with_zeros():
    blocks = split_into_blocks(torch.ones(1, 70, 2, 4), 64)
    assert blocks.shape == (1, 2, 64, 2, 4)
    assert blocks[0, 1].sum() == 6 * 2 * 4


@pytest.mark.parametrize("length", [1, 40, 700])
def test_who_learns_nothing_sees_the_same_by_the_faster_kernel(length):
    torch.manual_seed(1)
    decoder = Decoder(tiny())
    ids_BT = torch.randint(512, (2, length))
    attends = [PackedAttention(decoder.shape, ids_BT.shape), FullTextAttention(decoder.shape, torch.ones_like(ids_BT))]
    with torch.no_grad():
        mine, theirs = (decoder(decoder.embed(ids_BT), attend)[0] for attend in attends)
    torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=1e-4)
