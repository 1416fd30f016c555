"""`bench lm` on a tiny model: rows, words and perplexity."""

import io
import json
from pathlib import Path

import pytest
import torch
from lm_bench_help import FEW, save_deep, setting_of

from deepseek_mm.__main__ import main
from deepseek_mm.benchmarks import lm
from deepseek_mm.benchmarks.lm import measure_perplexity, open_both, open_progressive
from deepseek_mm.benchmarks.lm_models import BenchModel, open_decoder, read_ours
from deepseek_mm.benchmarks.lm_peers import LLAMA
from deepseek_mm.benchmarks.lm_prefill import run_case
from deepseek_mm.benchmarks.results import BenchResult, format_json, format_table
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.language import score_long
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.weights import write_changes
from deepseek_mm.terminal import Desk
from deepseek_mm.training.corpus.token_shards import TokenDocument, shard_file, write_shard


@pytest.mark.campaign(times=1, only=True)
def test_every_row_is_there_and_what_cannot_be_measured_says_why(tmp_path, monkeypatch):
    model = save_deep(tmp_path / "model")
    monkeypatch.setattr(lm, "num_cores", lambda: 1)
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_models.SIDES", (64,))
    here = lambda case: run_case(case, open_decoder(model, full=case.kind != "ours"))  # noqa: E731
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_prefill.run_in_process", here)
    result = lm.measure_lm(setting_of(tmp_path))
    told = json.loads(format_json(result))
    measured = (
        "prefill_128_speedup", "memory_128_saved", "mfu_prefill", "decode_vs_transformers", "batch8_speedup",
        "moe_time_saved_vs_dense",
    )  # fmt: skip
    assert all(isinstance(told[key], float) for key in measured)
    for key in ("decode_vs_llamacpp", "decode_8k_vs_llamacpp", "ttft_vs_llamacpp", "ppl_increase"):
        assert told[key].startswith("not measured: ")
    assert "transformers 5" in told["settings_transformers"]
    assert (tmp_path / "out" / "lm.png").stat().st_size > 10_000
    assert "8,192" not in (shown := format_table(result))
    assert "prompt of 128 tokens" in shown


def test_llama_cpp_reads_the_packaged_file_and_no_other_model(tmp_path):
    model = save_deep(tmp_path / "model")
    with pytest.raises(NothingThere, match="llama.cpp reads a GGUF file"):
        lm.list_rivals(setting_of(tmp_path), model)[LLAMA]()


def test_settings_of_peers_stand_under_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(
        lm, "measure_lm", lambda setting: BenchResult(words={"settings_llamacpp": "llama.cpp, 2 threads"})
    )
    out = io.StringIO()
    assert main(["bench", "lm"], Desk(out=out, err=io.StringIO(), environ={}, cwd=tmp_path)) == 0
    assert "settings_llamacpp: llama.cpp, 2 threads\nmachine: " in out.getvalue()


def test_the_command_hands_over_where_pictures_go_and_prints_one_line(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        lm, "measure_lm", lambda setting: seen.append(setting) or BenchResult(numbers={"mfu_prefill": 0.5})
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


REACHED = "layers.0.qkv.weight"


@pytest.fixture
def model(tmp_path):
    """Trained: one matrix is another one, and an expert speaks nonsense."""
    base = save_deep(tmp_path / "model")
    shape, weights = read_ours(base)
    torch.manual_seed(1)
    changes = {REACHED: torch.randn(weights[REACHED].shape)}
    changes["layers.5.moe.experts.0.down.weight"] = torch.full((64, 320), 9.0)
    file = tmp_path / "lm.safetensors"
    write_changes(file, changes, base=fingerprint(base.folder), shape=shape)
    return BenchModel(folder=base.folder, changes=file)


def write_corpus(folder: Path) -> dict[str, list[list[int]]]:
    draw, texts = torch.Generator().manual_seed(2), {}
    for kind, domain in (("text", "english"), ("code", "code")):
        ids = torch.randint(300, (80,), generator=draw)
        document = TokenDocument(ids_T=ids.numpy().astype("uint16"), learn_T=torch.ones(80).bool().numpy())
        write_shard(shard_file(folder, domain, "long_held"), [document], key="")
        texts[kind] = [ids.tolist()]
    return texts


def test_the_row_is_the_worst_of_all_lengths_and_kinds(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = write_corpus(tmp_path / "cache" / "corpus")
    result = measure_perplexity(setting_of(tmp_path), model)
    full, ours, _ = open_both(setting_of(tmp_path), model)
    rises = []
    for length in FEW.expected:
        cut = {kind: [ids[:length] for ids in some] for kind, some in texts.items()}
        pair = [score_long(decoder, cut, (length,), chunk=32) for decoder in (full, ours)]
        rises += [pair[1][cell] / pair[0][cell] - 1 for cell in pair[0]]
    assert result.numbers["ppl_increase"] == pytest.approx(max(rises))
    assert len(set(rises)) == 4
    assert {"ppl_text_64", "ppl_code_32_full"} <= result.numbers.keys()
    assert result.words["ppl_increase_against"].endswith("the base as it came (there is no runs/lm/experts-full)")


def test_a_run_of_full_attention_is_a_rival_of_the_whole_model(tmp_path, model, monkeypatch):
    monkeypatch.setattr(lm, "TRAINED_FULL", tmp_path)
    monkeypatch.setattr(lm, "open_run", lambda folder, base: base.decoder())
    _, ours, words = open_both(setting_of(tmp_path), model)
    assert ours.shape.moe is not None
    assert words == "trained on the same tokens"


def test_experts_are_no_part_of_it_otherwise_and_trained_attention_is(model):
    decoder = open_progressive(model)
    assert decoder.shape.moe is None
    assert {reach.kind for reach in decoder.shape.reaches} == {"window", "full", "top"}


def test_without_training_the_row_says_how_to_train(tmp_path, model):
    result = measure_perplexity(setting_of(tmp_path), BenchModel(folder=model.folder, changes=None))
    assert result.numbers == {}
    assert "Train them: python -m deepseek_mm train lm" in result.words["ppl_increase"]
    assert result.lines[0].value.startswith("not measured: these weights were not trained")


def test_without_held_out_texts_the_row_says_so_and_the_rest_goes_on(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = measure_perplexity(setting_of(tmp_path), model)
    assert result.words["ppl_increase"].startswith("not measured: ")
    assert "corpus" in result.words["ppl_increase"]
