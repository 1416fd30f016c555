import time
from dataclasses import replace

import pytest
import torch

from deepseek_mm.benchmarks.moe import (
    LARGE,
    OWN,
    MoeTiming,
    make_lines,
    make_shapes,
    measure_active_share,
    measure_moe,
    race_shapes,
    summarize_rounds,
    take_turns,
)
from deepseek_mm.benchmarks.results import BenchSetting
from deepseek_mm.benchmarks.results import BenchSizes
from deepseek_mm.benchmarks.results import format_table
from deepseek_mm.lm.moe import Routing
from deepseek_mm.lm.shape import EXPERTS, ExpertSpec, tiny

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
    assert "beside SmolLM2's own: decode" in format_table([result])
    assert len(notes) == 2
