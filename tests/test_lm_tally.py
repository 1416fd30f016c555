"""What a language model counts: tokens read, found in the cache and written, and how full its memory is."""

import threading

from test_lm_backends_own_model import speaker
from test_lm_local import ASK
from tiny_lm import save_tiny, tiny_llama

from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.generator import CountingGenerator, EngineStats
from deepseek_mm.types import Message


def said(own, spent):
    asked = [Message(role="user", text="two cups are on the table " * 6), *ASK]
    return list(own.stream_sampled(asked, Sampling(max_tokens=12), stop=threading.Event(), spent=spent))


def test_what_was_read_and_written_is_what_the_answers_took(tmp_path):
    own, spent = speaker(save_tiny(tmp_path / "tiny", tiny_llama())), []
    assert isinstance(own, CountingGenerator)
    before = own.stats()
    assert (before.prompt_tokens, before.written_tokens, before.pages_taken) == (0, 0, 0)
    said(own, spent)
    said(own, spent)
    tally = own.stats()
    assert tally.prompt_tokens == sum(one.prompt for one in spent)
    assert tally.written_tokens == sum(one.answer for one in spent)
    assert 0 < tally.known_tokens < spent[1].prompt
    assert 0 < tally.pages_taken < tally.pages == before.pages
    assert tally.read_s > 0
    assert tally.write_s > 0


def test_a_tally_is_a_copy(tmp_path):
    own = speaker(save_tiny(tmp_path / "tiny", tiny_llama()))
    before = own.stats()
    said(own, [])
    assert before == EngineStats(pages=before.pages)
