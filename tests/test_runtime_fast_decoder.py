"""The product's way to a fast decoder: loops where they can be it, torch where they cannot."""

from dataclasses import replace

import pytest
import torch
from lm_help import decoder, experts
from quantization_help import count_bits

from deepseek_mm.config import EDGE_LM, LMConfig
from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime import fast_decoder
from deepseek_mm.runtime.compiled.jit import FOLDER, code_cache_folder
from deepseek_mm.runtime.fast_decoder import make_fast, open_planned
from deepseek_mm.runtime.hardware import GIB, Hardware
from deepseek_mm.runtime.planner import choose
from deepseek_mm.runtime.quantization.fp4 import quantise
from deepseek_mm.runtime.quantization.lm_files import linears, open_fp4, tensors_of_fp4


def memory_for(decoder):
    return open_memory(decoder.shape, tokens=200, sequences=2, chunk=32, like=decoder.norm.weight)


def test_tokens_are_written_by_loops_that_are_ready_and_leave_no_trace_of_the_trial():
    decoder = Decoder(tiny()).bfloat16()
    over = make_fast(decoder)
    memory = memory_for(decoder)
    free = [pool.num_free for pool in memory.blocks.pools]
    assert over(memory).most >= 8
    assert [pool.num_free for pool in memory.blocks.pools] == free
    assert 4 not in count_bits(decoder)


def test_a_decoder_that_loops_cannot_be_is_packed_for_torch():
    decoder = Decoder(tiny()).float()
    over = make_fast(decoder)
    assert over(memory_for(decoder)) is None
    assert isinstance(decoder.head, torch.nn.Module)


def test_what_was_compiled_lies_apart_for_every_version_of_the_loops(tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.runtime.compiled.jit.__file__", str(tmp_path / "compiled.py"))
    (tmp_path / "a.py").write_text("1")
    one = code_cache_folder()
    (tmp_path / "a.py").write_text("2")
    assert one != code_cache_folder() != FOLDER
    assert one.parent == FOLDER.parent


def test_a_decoder_in_fp4_writes_by_loops_what_torch_reads_of_it():
    torch.manual_seed(0)
    shape = tiny(moe=experts(gate_heads=2))
    made = decoder(shape).bfloat16()
    held = tensors_of_fp4(made, {name: quantise(linear.weight.detach()) for name, linear in linears(made)})
    four = open_fp4(shape, held)
    over = make_fast(four)
    memory, ids = memory_for(four), [5, 300, 17, 44]
    steps, text = over(memory), memory.start(ids, most=8)
    for number in range(len(ids)):
        scores_BV, _ = steps.step([text])
        memory.blocks.advance(text, 1)
        seen = torch.tensor([ids[: number + 1]])
        with torch.inference_mode():
            truth = four.logits(four(four.embed(seen), FullTextAttention(shape, torch.ones_like(seen)))[0])[
                0, -1
            ].float()
        assert (scores_BV[0] - truth).norm() / truth.norm() < 0.03


SMALL = choose(Hardware(memory_bytes=2 * GIB))


@pytest.fixture
def opened(monkeypatch):
    """What was asked to be opened: (bits, plain), or (the student's name, plain)."""
    asked = []

    def open_it(config, *, cache, progress, plain=False):
        asked.append((config.name if config.name == EDGE_LM else config.bits, plain))
        if asked[-1][0] != EDGE_LM and config.bits != "fp4":
            return "a model"
        if not cache.exists():
            raise MissingWeights(cache, make="python -m deepseek_mm quantize lm-fp4")
        if cache.is_file():
            raise BadCheckpoint("the digest differs")
        return "a model"

    monkeypatch.setattr(fast_decoder, "open_fast", open_it)
    return asked


def test_bits_that_are_left_to_the_machine_are_the_plans(opened, tmp_path):
    assert SMALL.lm == "edge-lm"
    lm, plan = open_planned(LMConfig(), SMALL, cache=tmp_path, progress=lambda line: None)
    assert (lm, plan, opened) == ("a model", SMALL, [(EDGE_LM, False)])
    open_planned(LMConfig(), replace(SMALL, lm="fp4"), cache=tmp_path, progress=lambda line: None)
    open_planned(LMConfig(), replace(SMALL, lm="plain"), cache=tmp_path, progress=lambda line: None)
    open_planned(LMConfig(bits="int8"), SMALL, cache=tmp_path, progress=lambda line: None)
    assert opened[1:] == [("fp4", False), ("auto", True), ("int8", False)]


@pytest.mark.parametrize(("damaged", "why"), [(False, "quantize lm-fp4"), (True, "digest differs")])
def test_a_plans_file_that_is_refused_is_replaced_by_the_packed_model_aloud(opened, tmp_path, damaged, why):
    file, said = tmp_path / "file", []
    if damaged:
        file.write_bytes(b"")
    _, plan = open_planned(LMConfig(), SMALL, cache=file, progress=said.append)
    assert (plan.lm, opened) == ("packed", [(EDGE_LM, False), ("auto", False)])
    assert said == list(plan.fell_back)
    assert why in said[0]


def test_a_file_that_was_asked_for_is_not_replaced(opened, tmp_path):
    with pytest.raises(MissingWeights):
        open_planned(LMConfig(bits="fp4"), SMALL, cache=tmp_path / "file", progress=lambda line: None)
