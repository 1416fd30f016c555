"""llama.cpp as a peer, over a library of paper that keeps the same books: what is read when, with which room."""

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deepseek_mm.benchmarks.peers import BITE, LlamaCpp, make_tokens
from deepseek_mm.errors import MissingPackage

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


def test_the_first_token_is_timed_from_nothing_known(opened):
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
