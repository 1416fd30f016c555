"""`bench lm` from the command to the last line, with a tiny model that is read in this process, and no llama.cpp."""

import io
import json

import pytest
from lm_bench_help import save_deep, setting_of

from deepseek_mm.__main__ import main
from deepseek_mm.benchmarks import lm
from deepseek_mm.benchmarks.lm_case import run_case
from deepseek_mm.benchmarks.lm_models import open_decoder
from deepseek_mm.benchmarks.lm_peers import LLAMA
from deepseek_mm.benchmarks.results import BenchResult, format_json, format_table
from deepseek_mm.errors import NothingThere
from deepseek_mm.terminal import Desk


@pytest.mark.campaign(times=1, only=True)
def test_every_row_is_there_and_what_cannot_be_measured_says_why(tmp_path, monkeypatch):
    model = save_deep(tmp_path / "model")
    monkeypatch.setattr(lm, "num_cores", lambda: 1)
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_models.SIDES", (64,))
    here = lambda case: run_case(case, open_decoder(model, full=case.kind != "ours"))  # noqa: E731
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_prefill.run_in_process", here)
    results = lm.measure_lm(setting_of(tmp_path))
    told = json.loads(format_json(results))
    measured = (
        "prefill_128_speedup", "memory_128_saved", "mfu_prefill", "decode_vs_transformers", "batch8_speedup",
        "moe_time_saved_vs_dense",
    )  # fmt: skip
    assert all(isinstance(told[key], float) for key in measured)
    for key in ("decode_vs_llamacpp", "decode_8k_vs_llamacpp", "ttft_vs_llamacpp", "ppl_increase"):
        assert told[key].startswith("not measured: ")
    assert "transformers 5" in told["settings_transformers"]
    assert (tmp_path / "out" / "lm.png").stat().st_size > 10_000
    assert "8,192" not in (shown := format_table(results))
    assert "prompt of 128 tokens" in shown


def test_llama_cpp_reads_the_packaged_file_and_no_other_model(tmp_path):
    model = save_deep(tmp_path / "model")
    with pytest.raises(NothingThere, match="llama.cpp reads a GGUF file"):
        lm.list_rivals(setting_of(tmp_path), model)[LLAMA]()


def test_settings_of_peers_stand_under_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(
        lm, "measure", lambda setting: [BenchResult(words={"settings_llamacpp": "llama.cpp, 2 threads"})]
    )
    out = io.StringIO()
    assert main(["bench", "lm"], Desk(out=out, err=io.StringIO(), environ={}, cwd=tmp_path)) == 0
    assert "settings_llamacpp: llama.cpp, 2 threads\nmachine: " in out.getvalue()


def test_the_command_hands_over_where_pictures_go_and_prints_one_line(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        lm, "measure", lambda setting: [seen.append(setting) or BenchResult(numbers={"mfu_prefill": 0.5})]
    )
    monkeypatch.setenv("DEEPSEEK_MM_CACHE", str(tmp_path / "cache"))
    out = io.StringIO()
    desk = Desk(out=out, err=io.StringIO(), environ={}, cwd=tmp_path)
    assert main(["bench", "lm", "--json", "--full"], desk) == 0
    told = json.loads(out.getvalue())
    assert told["mfu_prefill"] == 0.5
    assert {"machine", "commit", "versions"} <= told.keys()
    (setting,) = seen
    assert (setting.full, setting.out, setting.cache) == (True, tmp_path / "runs/bench", tmp_path / "cache")
    assert setting.lm.lengths == (1_024, 2_048, 4_096, 8_192, 16_384)
