"""Reading prompts with processes of paper: turns, medians, rows, the picture, and what a process died of."""

import math
import sys
from pathlib import Path

import pytest
from lm_bench_help import FEW, save_deep, setting_of
from PIL import Image

from deepseek_mm.benchmarks import lm_prefill
from deepseek_mm.benchmarks.lm_models import count_prefill_flops, read_ours
from deepseek_mm.benchmarks.lm_prefill import (
    PrefillOutcome,
    PrefillReadings,
    abbreviate_length,
    choose_lengths,
    race_kinds,
    report_readings,
    report_utilization,
    run_in_process,
)
from deepseek_mm.benchmarks.results import format_json, format_table
from deepseek_mm.errors import ModelFailed
from deepseek_mm.lm.shape import tiny

LENGTHS = (64, 128)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_deep(tmp_path_factory.mktemp("prefill") / "model")


def outcome(*seconds, peak_mb=None, lengths=LENGTHS, matmul=1e9):
    return PrefillOutcome(matmul=matmul, lengths=lengths, seconds=seconds, peak_mb=peak_mb or [10.0] * len(seconds))


def readings(**more):
    return PrefillReadings(
        [
            ("ours", outcome(1.0, 3.0, peak_mb=[20, 30])),
            ("sdpa", outcome(2.0, 16.0, peak_mb=[50, 120], **more)),
            ("ours", outcome(5.0, peak_mb=[34], lengths=(128,))),
            ("full", outcome(8.0, lengths=(64,))),
        ]
    )


def test_time_and_memory_are_medians_beside_full_attention_s():
    numbers = report_readings(readings(), tiny(), FEW).numbers
    assert (numbers["prefill_128_speedup"], numbers["memory_128_saved"]) == (4.0, 1 - 32 / 120)
    assert (numbers["prefill_128_s"], numbers["memory_128_full_mb"]) == (4.0, 120)
    assert numbers["prefill_64_speedup_own_kernel"] == 8.0
    assert abbreviate_length(16_384) == "16k"


def test_the_longest_prompt_has_a_row_of_its_own_without_a_bar():
    lengths = (64, 128, 192)
    runs = [(kind, outcome(1.0, 2.0, 3.0, lengths=lengths)) for kind in ("ours", "sdpa", "full")]
    result = report_readings(PrefillReadings(runs), tiny(), FEW)
    assert {"prefill_128_speedup", "prefill_192_speedup"} <= result.numbers.keys()
    assert [line.bar for line in result.lines if line.what.startswith("prompt of")] == ["3x (aim 5x)", ""]


def test_arithmetic_is_compared_with_the_fastest_product_that_any_process_saw():
    numbers = report_utilization(readings(matmul=4e9), tiny(), FEW).numbers
    assert numbers["mfu_prefill"] == pytest.approx(count_prefill_flops(tiny(), 64) / 1.0 / 4e9)
    assert numbers["mfu_prefill_128"] == pytest.approx(count_prefill_flops(tiny(), 128) / 4.0 / 4e9)


def test_memory_that_nobody_tells_is_not_measured():
    runs = [(kind, outcome(1.0, 2.0, peak_mb=[math.nan] * 2)) for kind in ("ours", "sdpa", "full")]
    result = report_readings(PrefillReadings(runs), tiny(), FEW)
    assert "memory_128_saved" not in result.numbers
    assert "not measured" in result.words["memory_128_saved"]
    assert result.numbers["prefill_128_speedup"] == 1.0


def test_progressive_reads_before_and_after_and_the_curve_is_read_once(tmp_path, model):
    cases = []

    def run(case):
        cases.append(case)
        return outcome(*[1.0 + len(cases)] * len(case.lengths), lengths=case.lengths)

    result = race_kinds(setting_of(tmp_path), model, "cpu", run)
    assert [(case.kind, case.lengths) for case in cases] == [
        ("ours", LENGTHS), ("sdpa", LENGTHS), ("ours", (128,)), ("full", (64,)),
    ]  # fmt: skip
    assert {(case.folder, case.chunk, case.device) for case in cases} == {(str(model.folder), 32, "cpu")}
    assert result.numbers["prefill_128_speedup"] == pytest.approx(3 / 3)
    assert Image.open(result.words["plot"]).size[0] > 500
    assert Path(result.words["plot"]) == tmp_path / "out" / "lm.png"
    assert "prompt of 128 tokens" in format_table(result)
    assert '"weights": "model, experts not trained"' in format_json(result)


def test_the_longest_prompt_is_read_only_with_everything(tmp_path, model):
    longest = []

    def run(case):
        longest.append(case.lengths[-1])
        return outcome(*[1.0] * len(case.lengths), lengths=case.lengths)

    race_kinds(setting_of(tmp_path, full=True), model, "cpu", run)
    assert longest == [192, 192, 192, 128]


def test_torch_s_kernel_reads_every_other_length_and_those_with_a_row():
    lengths = (1, 2, 3, 4, 5)
    assert choose_lengths("sdpa", lengths, usual=5) == (1, 3, 5)
    assert choose_lengths("sdpa", (*lengths, 6), usual=5) == (1, 3, 5, 6)
    assert (choose_lengths("ours", lengths, usual=5), choose_lengths("full", lengths, usual=5)) == (lengths, (4,))


def test_a_gpu_s_figures_are_kept_apart(tmp_path, model):
    result = race_kinds(
        setting_of(tmp_path), model, "cuda", lambda case: outcome(*[1.0] * len(case.lengths), lengths=case.lengths)
    )
    assert {key.partition("_")[0] for key in (*result.numbers, *result.words)} == {"cuda"}
    assert result.lines[0].what == "on the GPU (cuda):"


@pytest.mark.campaign(times=1, only=True)
def test_a_process_reads_a_prompt_and_tells(tmp_path, model):
    case = lm_prefill.make_case(setting_of(tmp_path), model, "sdpa", (64,), "cpu")
    assert run_in_process(case).seconds[0] > 0


def test_what_a_process_died_of_is_in_the_error(tmp_path, model, monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    case = lm_prefill.make_case(setting_of(tmp_path), model, "sdpa", (64,), "cpu")
    with pytest.raises(ModelFailed, match=r"\(full, SDPA\) failed: it ended with 1"):
        run_in_process(case)


def test_the_shape_that_is_counted_is_the_product_s(model):
    assert read_ours(model)[0].moe is not None
