"""A mixture of experts raced against a dense feed-forward."""

import time
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from deepseek_mm.benchmarks.lm import (
    LARGE,
    OWN,
    FixedContext,
    MoeTiming,
    RandomDecoder,
    make_lines,
    make_random_decoder,
    make_shapes,
    measure_active_share,
    measure_moe,
    race_shapes,
    summarize_rounds,
    take_turns,
)
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes, format_table
from deepseek_mm.lm.moe import Routing
from deepseek_mm.lm.shape import EXPERTS, ExpertSpec, MoEShape, tiny

FEW = BenchSizes(moe_times=1, moe_layers=1, moe_tokens=8, moe_steps=2, moe_rounds=2)
TINY = make_shapes(tiny(), times=1, shared=32, layers=2)
RACE = MoeTiming(prefill_ms=(80, 32), decode_ms=(20, 10), prefill_saved=0.6, decode_saved=0.5, active=0.25)


def test_the_experts_together_are_exactly_as_wide_as_what_they_replace():
    dense, mixture = make_shapes(LARGE, times=16, shared=32, layers=4)
    widths = [spec.width for spec in mixture.moe.experts]
    assert (sum(widths), dense.ffn_width, len(widths), mixture.moe.top_k) == (24_576, 24_576, 8, 2)
    assert (mixture.ffn_width, mixture.moe.layers, dense.moe) == (32, (0, 1, 2, 3), None)
    assert replace(mixture, ffn_width=24_576, moe=None) == dense
    assert round(dense.ffn_width / dense.width) == 26


def test_in_the_product_s_shape_both_keep_its_own_feed_forward():
    dense, mixture = make_shapes(OWN, times=1, shared=1_536, layers=2)
    assert (dense.ffn_width, mixture.ffn_width) == (3_072, 1_536)
    assert mixture.moe.experts == EXPERTS


def test_calls_take_turns_and_keep_their_places():
    order = []
    calls = [lambda: order.append("dense"), lambda: (order.append("mixture"), time.sleep(0.02))]
    for first in (0, 1):
        plain, slow = take_turns(calls, first=first)
        assert slow >= 0.02 > plain
    assert order == ["dense", "mixture", "mixture", "dense"]


def test_the_share_saved_is_the_median_of_the_rounds_own():
    medians_ms, saved = summarize_rounds([(0.4, 0.1), (0.2, 0.1), (10.0, 4.0)])
    assert medians_ms == pytest.approx((400, 100))
    assert saved == pytest.approx(0.6)


def test_a_token_meets_a_quarter_of_the_widths_where_the_load_is_balanced():
    specs = [ExpertSpec(name=str(width), domain="code", width=width) for width in (1, 2, 3, 4, 5, 6, 7, 8)]
    even = Routing(torch.empty(0), torch.arange(8).view(1, 4, 2), torch.empty(0))
    assert measure_active_share([even], specs) == pytest.approx(0.25)
    widest = Routing(torch.empty(0), torch.tensor([[[7, 6]]]), torch.empty(0))
    assert measure_active_share([even, widest], specs) == pytest.approx((0.25 + 15 / 36) / 2)


def test_every_race_is_run_with_the_same_weights_and_tokens():
    active = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        active.add(race_shapes(*TINY, FEW).active)
    assert len(active) == 1
    assert 0 < active.pop() < 1


def test_a_race_takes_its_times_and_leaves_chance_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    run = race_shapes(*TINY, FEW)
    assert torch.rand(1) == expected
    assert min(*run.prefill_ms, *run.decode_ms) > 0


def test_what_is_saved_is_the_smaller_of_prefill_and_decode():
    assert RACE.saved_share == 0.5
    assert replace(RACE, prefill_saved=-0.1).saved_share == -0.1


def test_lines_show_both_times_and_what_was_saved():
    prefill, decode = make_lines("experts", RACE, bar="-40 %")
    assert (prefill.value, prefill.beside, prefill.bar) == ("32.00 ms, -60%", "dense: 80.00 ms", "-40 %")
    assert (decode.what, decode.value) == ("experts: decode", "10.00 ms, -50%")


def test_the_measurement_gives_the_figure_with_the_bar_and_the_product_s_beside_it(tmp_path):
    notes = []
    result = measure_moe(BenchSetting(folder=tmp_path, note=notes.append, sizes=FEW))
    numbers = result.numbers
    assert numbers["moe_time_saved_vs_dense"] == min(numbers["moe_prefill_saved"], numbers["moe_decode_saved"])
    assert "moe_time_saved_product" in numbers
    assert [line.bar for line in result.lines] == ["-40 % (aim -60 %)"] * 2 + [""] * 2
    assert "beside SmolLM2's own: decode" in format_table(result)
    assert len(notes) == 2


MOE = MoEShape(layers=(0, 2), experts=EXPERTS, gate_width=16, gate_heads=2, gate_window=4)
SHAPE = tiny(moe=MOE)


def qkv():
    return torch.randn(1, 1, 4, 16), torch.randn(1, 1, 2, 16), torch.randn(1, 1, 2, 16)


def test_a_still_memory_puts_the_last_token_behind_the_same_context_every_time():
    still = FixedContext(SHAPE, tokens=6)
    still(0, *qkv())
    before = [x.clone() for x in still._past[0]]
    q, k, v = qkv()
    seen = still(0, q, k, v)
    assert [x.shape[1] for x in still._past[0]] == [6, 6]
    for past, old, new in zip(still._past[0], before, (k, v), strict=True):
        assert torch.equal(past[:, :-1], old[:, :-1])
        assert torch.equal(past[:, -1:], new)
    keys, values = (x.transpose(1, 2).repeat_interleave(2, 1) for x in still._past[0])
    expected = F.scaled_dot_product_attention(q.transpose(1, 2), keys, values).transpose(1, 2)
    torch.testing.assert_close(seen, expected)


def test_a_still_memory_keeps_what_a_window_reaches_and_no_more():
    still = FixedContext(SHAPE, tokens=6)
    gate = torch.randn(1, 1, 2, 8)
    still(4, gate, gate, gate)  # behind the four layers: the first gate
    assert still._past[4][0].shape == (1, 4, 2, 8)


def test_random_experts_say_something_and_in_bf16():
    model = make_random_decoder(SHAPE)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert all(expert.down.weight.abs().max() > 0 for expert in model.layers[2].moe.experts)


@pytest.mark.parametrize("shape", [SHAPE, tiny()])
def test_a_runner_reads_whole_prompts_and_single_tokens(shape):
    runner, calls = RandomDecoder(shape, tokens=6), []
    runner.model.register_forward_hook(lambda _, given, __: calls.append(tuple(given[0].shape)))
    with torch.inference_mode():
        routings = runner.prefill(torch.arange(6)[None])
        runner.decode(torch.arange(3)[None])
    assert calls == [(1, 6, 64), (1, 1, 64), (1, 1, 64), (1, 1, 64)]
    assert len(routings) == (2 if shape.moe else 0)
