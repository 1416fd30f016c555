"""The product's way to a fast decoder: loops where they can be it, torch where they cannot."""

import torch

from deepseek_mm.lm.model import Decoder
from deepseek_mm.lm.paged import open_memory
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.decode import make_fast
from deepseek_mm.runtime.loops.compiled import FOLDER, kept_in
from deepseek_mm.runtime.quantize import tally


def memory_for(decoder):
    return open_memory(decoder.shape, tokens=200, sequences=2, chunk=32, like=decoder.norm.weight)


def test_tokens_are_written_by_loops_that_are_ready_and_leave_no_trace_of_the_trial():
    decoder = Decoder(tiny()).bfloat16()
    over = make_fast(decoder)
    memory = memory_for(decoder)
    free = [pool.num_free for pool in memory.book.pools]
    assert over(memory).most >= 8
    assert [pool.num_free for pool in memory.book.pools] == free
    assert 4 not in tally(decoder)


def test_a_decoder_that_loops_cannot_be_is_packed_for_torch():
    decoder = Decoder(tiny()).float()
    over = make_fast(decoder)
    assert over(memory_for(decoder)) is None
    assert isinstance(decoder.head, torch.nn.Module)


def test_what_was_compiled_lies_apart_for_every_version_of_the_loops(tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.runtime.loops.compiled.__file__", str(tmp_path / "compiled.py"))
    (tmp_path / "a.py").write_text("1")
    one = kept_in()
    (tmp_path / "a.py").write_text("2")
    assert one != kept_in() != FOLDER
    assert one.parent == FOLDER.parent
