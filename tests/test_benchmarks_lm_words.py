"""The perplexity of less attention: from what training made of it, and an honest row where that is not there."""

from pathlib import Path

import pytest
import torch
from lm_bench_help import FEW, save_deep, setting_of

from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.weights import write_changes
from deepseek_mm.benchmarks import lm
from deepseek_mm.benchmarks.lm import measure_perplexity
from deepseek_mm.benchmarks.lm import open_both
from deepseek_mm.benchmarks.lm import open_progressive
from deepseek_mm.benchmarks.lm_models import BenchModel
from deepseek_mm.benchmarks.lm_models import read_ours
from deepseek_mm.evaluation.language import score_long
from deepseek_mm.train.corpus.shards import Document, shard_file, write_shard

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
        document = Document(domain=domain, ids_T=ids.numpy().astype("uint16"), learn_T=torch.ones(80).bool().numpy())
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
