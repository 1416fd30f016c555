"""Shapes check themselves, and the product's has the three stages that were promised."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lm_help import experts

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import OURS, SMOLLM2, MoEShape, Reach, progressive_reaches, tiny, to_product_shape

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"num_kv_heads": 3}, "multiple of num_kv_heads=3"),
        ({"head_width": 15}, "head_width=15 must be even"),
        ({"reaches": (Reach(),)}, "1 entries for 4 layers"),
        ({"rope_scale": 0.5}, "rope_scale=0.5"),
        ({"moe": experts(layers=(3, 4))}, "must lie below num_layers=4"),
        ({"width": 0}, "width=0"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused_by_name(wrong, said):
    with pytest.raises(ConfigError, match=said):
        replace(tiny(), **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"top_k": 9}, "top_k=9"), ({"gate_heads": 3}, "gate_width=32"), ({"layers": (2, 1)}, "rising order")],
)
def test_a_mixture_that_cannot_be_is_refused_by_name(wrong, said):
    with pytest.raises(ConfigError, match=said):
        experts(**wrong)


@pytest.mark.parametrize("wrong", [{"kind": "near"}, {"kind": "window"}, {"kind": "top", "blocks": 2}])
def test_a_reach_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match="reach"):
        Reach(**wrong)


def test_gates_are_the_slots_behind_the_layers():
    shape = tiny(moe=experts())
    assert shape.num_slots == 6
    assert shape.slot_reach(5) == MoEShape.gate_reach.fget(shape.moe) == Reach(kind="window", window=32)
    assert shape.slot_reach(0) == Reach()


def test_the_product_has_six_layers_at_32_with_sinks_a_growing_window_and_at_least_four_that_choose():
    first, growing, last = OURS.reaches[:4], OURS.reaches[4:19], OURS.reaches[19:]
    assert sum((reach.kind, reach.window) == ("window", 32) for reach in OURS.reaches) == 6
    assert all(reach.sinks for reach in OURS.reaches if reach.kind == "window")
    assert [reach.window for reach in first] == [256, 256, 256, 128]  # with 32 a needle is lost (docs/log/)
    windows = [reach.window for reach in growing if reach.kind == "window"]
    assert windows == sorted(windows)
    assert (windows[:3], windows[-1], growing[-1]) == ([32] * 3, 1536, Reach())
    assert sum(reach.kind == "top" for reach in last) >= 4
    assert OURS.longest == 2 * SMOLLM2.longest
    assert [OURS.scale_for(tokens) for tokens in (1, 8_192, 8_193, 16_384)] == [1, 1, 2, 2]


@pytest.mark.parametrize("depth", [3, 4, 6, 12, 24, 32])
def test_other_depths_get_a_table_of_their_own(depth):
    reaches = progressive_reaches(depth)
    assert len(reaches) == depth
    assert Reach() in reaches
    shape = to_product_shape(replace(SMOLLM2, num_layers=depth))
    assert shape.moe is not None
    assert shape.moe.layers[-1] == depth - 1


def test_a_decoder_of_a_million_parameters_is_one_replace_away():
    shape = replace(tiny(), width=128, ffn_width=512, vocab_size=1024)
    assert 0.9e6 < sum(p.numel() for p in Decoder(shape).parameters()) < 1.4e6


def test_a_later_token_changes_nothing_that_came_before():
    from lm_help import NEAR, decoder

    from deepseek_mm.lm.attention_backend import FullTextAttention

    model = decoder(tiny(reaches=(NEAR, Reach(), Reach(), NEAR), moe=experts()))
    ids = torch.randint(512, (1, 40))
    other = ids.clone()
    other[0, 30] = (other[0, 30] + 1) % 512
    with torch.no_grad():
        a, b = (model(model.embed(x), FullTextAttention(model.shape, torch.ones_like(x)))[0] for x in (ids, other))
    assert torch.equal(a[:, :30], b[:, :30])
    assert not torch.equal(a[:, 30:], b[:, 30:])


def test_shapes_are_read_without_torch():
    code = "import sys; import deepseek_mm.lm.shape; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
