"""One way of reading prompts, measured; and full attention beside the model's own."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lm_bench_help import save_deep
from lm_help import decoder
from moe_help import small

from deepseek_mm.benchmarks import lm_prefill
from deepseek_mm.benchmarks.lm_models import open_decoder
from deepseek_mm.benchmarks.lm_prefill import FullAttention, PrefillCase, measure_peak, run_case, time_prompt
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass, open_memory
from deepseek_mm.lm.shape import tiny

ROOT = Path(__file__).parent.parent
MB = 1_000_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_deep(tmp_path_factory.mktemp("case") / "model")


@pytest.fixture(autouse=True)
def small_products(monkeypatch):
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_models.SIDES", (32,))


def case(model, kind, lengths=(64, 100)):
    return PrefillCase(folder=str(model.folder), changes=None, kind=kind, lengths=lengths, chunk=32, threads=1)


LONG = pytest.mark.campaign(times=1, only=True)


@pytest.mark.parametrize("kind", ["ours", *(pytest.param(kind, marks=LONG) for kind in ("sdpa", "full"))])
def test_every_kind_reads_every_length(model, kind):
    outcome = run_case(case(model, kind), open_decoder(model, full=kind != "ours"))
    assert (outcome.lengths, len(outcome.seconds), len(outcome.peak_mb)) == ((64, 100), 2, 2)
    assert min(*outcome.seconds, *outcome.peak_mb) >= 0 < outcome.matmul


@pytest.mark.parametrize(("kind", "door"), [("ours", PagedPass), ("sdpa", FullAttention), ("full", PagedPass)])
@torch.inference_mode()
def test_a_prompt_is_read_in_chunks_and_only_its_last_token_is_scored(model, kind, door):
    decoder, passes, scored = open_decoder(model, full=kind != "ours"), [], []
    decoder.register_forward_hook(lambda _, given, __: passes.append((type(given[1]), given[0].shape[1])))
    decoder.head.register_forward_hook(lambda _, given, __: scored.append(tuple(given[0].shape)))
    time_prompt(decoder, case(model, kind), 80)
    assert passes == [(door, 32), (door, 32), (door, 16)]
    assert scored == [(1, 64)]


def test_the_peak_counts_what_was_freed_again_and_not_what_was_before():
    before = torch.ones(25 * MB // 4)
    torch.ones(200 * MB // 4)  # an earlier, higher peak
    with measure_peak("cpu") as peak:
        torch.ones(50 * MB // 4)
        torch.ones(10 * MB // 4)
    assert 45 < peak[0] < 80
    assert before.sum() > 0


def test_where_the_system_does_not_tell_the_peak_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setattr(lm_prefill, "REFS", tmp_path / "absent")
    with measure_peak("cpu") as peak:
        pass
    assert math.isnan(peak[0])


def test_the_process_writes_its_outcome_as_its_last_line(model):
    words = json.dumps({"folder": str(model.folder), "changes": None, "kind": "ours", "lengths": [64], "chunk": 32})
    words = json.dumps(json.loads(words) | {"threads": 1})
    command = [sys.executable, "-m", "deepseek_mm.benchmarks.lm_prefill", words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert (outcome["lengths"], len(outcome["seconds"])) == ([64], 1)
    assert 0 < outcome["peak_mb"][0] < 500


@torch.inference_mode()
def chunks(model, ids, *, chunk):
    """Hidden states of all tokens, read chunk by chunk."""
    memory = open_memory(model.shape, tokens=len(ids), sequences=1, chunk=chunk, like=model.embedding.weight)
    text, parts = memory.blocks.start(ids, most=len(ids)), []
    while text.length < len(ids):
        plain = FullAttention(memory, [text], min(chunk, len(ids) - text.length))
        parts.append(model(model.embed(plain.ids_BT), plain)[0])
        memory.blocks.advance(text, parts[-1].shape[1])
    return torch.cat(parts, 1)


@pytest.mark.parametrize("moe", [None, small()], ids=["dense", "experts"])
@pytest.mark.parametrize("chunk", [16, 40, 100])
def test_chunks_of_any_size_say_what_the_whole_text_says(moe, chunk):
    model = decoder(tiny(moe=moe)).eval()
    ids = torch.randint(512, (100,), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole, _ = model(model.embed(ids[None]), FullTextAttention(model.shape, torch.ones(1, 100, dtype=torch.int64)))
    torch.testing.assert_close(chunks(model, ids.tolist(), chunk=chunk), whole, atol=1e-4, rtol=1e-4)
