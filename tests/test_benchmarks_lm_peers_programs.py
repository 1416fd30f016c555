"""Programs that run a language model, each on a tiny one."""

import ctypes
import os
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.benchmarks.lm_peers import (
    BITE,
    LlamaCpp,
    PeerProcess,
    Transformers,
    fastest_s,
    make_tokens,
    torch_threads,
)
from deepseek_mm.errors import MissingPackage, NothingThere

pytestmark = pytest.mark.campaign(times=1, only=True)


def test_made_up_tokens_are_words_that_do_not_repeat_within_the_vocabulary():
    tokens = make_tokens(412, 512)
    assert sorted(tokens) == list(range(100, 512))
    assert make_tokens(1_000, 49_152)[:3] == [100, 8_019, 15_938]


def test_the_fastest_round_counts_and_putting_back_does_not(monkeypatch):
    ticks = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    steps = []
    assert fastest_s(lambda: steps.append("work"), before=lambda: steps.append("back"), rounds=3) == 2.0
    assert steps == ["back", "work"] * 3


def test_torch_has_so_many_threads_meanwhile_and_as_many_as_before_afterwards():
    before = torch.get_num_threads()
    seen = []
    with suppress(KeyError), torch_threads(before + 1):
        seen.append(torch.get_num_threads())
        raise KeyError
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


class Clerk:
    """Answers with what it was asked, and where it sits."""

    def __init__(self, name):
        self.settings = f"{name} in {os.getpid()}"

    def decode_speed(self, context, new_tokens):
        return context + new_tokens / 100

    def first_token_s(self, prompt_tokens):
        return os.getpid() + prompt_tokens / 1e9


def absent():
    raise MissingPackage("llama-cpp-python", needed_for="the bench", extra="bench")


def test_it_is_asked_in_a_process_of_its_own():
    apart = PeerProcess(partial(Clerk, "Bob"))
    assert apart.settings.startswith("Bob in ")
    assert str(os.getpid()) not in apart.settings
    assert apart.decode_speed(512, 64) == 512.64
    assert int(apart.first_token_s(5)) == int(apart.settings.split()[2].rstrip(","))


def test_one_that_cannot_be_opened_over_there_says_why_here():
    with pytest.raises(NothingThere, match="llama-cpp-python"):
        PeerProcess(absent)


class Noted(LlamaForCausalLM):
    """A tiny model that writes down what it is given to read, and what was remembered by then."""

    def forward(self, input_ids, cache=None, **options):
        self.read.append((0 if cache is None else cache.get_seq_length(), input_ids[0].tolist()))
        return super().forward(input_ids, cache=cache, **options)


@pytest.fixture
def model():
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = Noted(LlamaConfig(vocab_size=512, max_position_embeddings=64, **sizes))
    model.read = []
    return model


def test_every_round_decodes_the_same_tokens_after_the_same_context(model):
    speed = Transformers(model, threads=1).decode_speed(context=10, new_tokens=4)
    truth = model.generate(torch.tensor([make_tokens(10, 512)]), max_new_tokens=4, do_sample=False, pad_token_id=0)
    decoded = [(10 + step, [int(token)]) for step, token in enumerate(truth[0, 10:14])]
    assert model.read[0] == (0, make_tokens(10, 512))
    assert [model.read[start : start + 4] for start in (1, 5, 9)] == [decoded] * 3
    assert speed > 0


def test_the_first_token_is_timed_from_nothing_known(model):
    assert Transformers(model, threads=1).first_token_s(20) > 0
    assert model.read[1:] == [(0, make_tokens(20, 512))] * 3


def test_measuring_leaves_the_number_of_threads_as_it_was(model):
    before = torch.get_num_threads()
    Transformers(model, threads=before + 1).first_token_s(9)
    assert torch.get_num_threads() == before


def test_the_settings_name_version_format_and_threads(model):
    assert "transformers 5" in Transformers(model, threads=2).settings
    assert "bfloat16, 2 threads" in Transformers(model.bfloat16(), threads=2).settings


VOCABULARY = 512
FILE = Path("a.gguf")


class PaperLlama:
    """Each token is followed by the one five further on. What is read is noted with what was known by then."""

    opened: list["PaperLlama"]

    def __init__(self, path, **options):
        self.path, self.options, self.read = path, options, []
        self.input_ids, self.n_tokens, self.ctx = np.zeros(options["n_ctx"], np.int32), 0, self
        self.opened.append(self)

    def n_vocab(self):
        return VOCABULARY

    def reset(self):
        self.n_tokens = 0

    def eval(self, tokens):
        self.read.append((self.n_tokens, list(tokens)))
        self.input_ids[self.n_tokens : self.n_tokens + len(tokens)] = tokens  # fails where there is no room
        self.n_tokens += len(tokens)

    def scores(self):
        scores = np.zeros(VOCABULARY, np.float32)
        scores[(self.input_ids[self.n_tokens - 1] + 5) % VOCABULARY] = 1
        return np.ascontiguousarray(scores).ctypes.data_as(ctypes.POINTER(ctypes.c_float))


@pytest.fixture
def opened(monkeypatch):
    PaperLlama.opened = []
    scores_of = {"llama_get_logits_ith": lambda model, row: model.scores()}
    monkeypatch.setitem(sys.modules, "llama_cpp", SimpleNamespace(Llama=PaperLlama, __version__="1.2", **scores_of))
    return PaperLlama.opened


def test_every_round_decodes_the_likeliest_tokens_after_the_same_context(opened):
    speed = LlamaCpp(FILE).decode_speed(context=10, new_tokens=3)
    prompt = make_tokens(10, VOCABULARY)
    first = prompt[-1]
    steps = [(10 + number, [(first + 5 * (number + 1)) % VOCABULARY]) for number in range(3)]
    assert opened[0].read[1:] == [(0, prompt), *[(9, [first]), *steps] * 3]
    assert speed > 0


def test_llama_cpp_times_the_first_token_from_nothing_known(opened):
    assert LlamaCpp(FILE).first_token_s(20) > 0
    assert opened[0].read[1:] == [(0, make_tokens(20, VOCABULARY))] * 3


def test_a_longer_text_opens_the_model_anew_and_a_shorter_one_does_not(opened):
    peer = LlamaCpp(FILE)
    for tokens in (20, 12, 30):
        peer.first_token_s(tokens)
    assert [model.options["n_ctx"] for model in opened] == [20, 30]


def test_it_runs_in_the_settings_that_it_states(opened):
    peer = LlamaCpp(FILE, threads=3, flash=True)
    peer.first_token_s(20)
    options = opened[0].options
    assert (options["n_threads"], options["n_threads_batch"], options["flash_attn"]) == (3, 3, True)
    assert options["n_batch"] == options["n_ubatch"] == BITE
    assert peer.settings.startswith("llama.cpp by llama-cpp-python 1.2, a.gguf, 3 threads")
    assert "flash attention on" in peer.settings
    assert "flash attention off" in LlamaCpp(FILE).settings


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(MissingPackage, match=r"llama.cpp needs .*pip install 'deepseek-mm\[bench\]'"):
        LlamaCpp(FILE)
