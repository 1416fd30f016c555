"""Programs that run a language model, each asked for the same two things: decoding speed, and the first token.

Each runs in the setting that was measured to be its best on both cores, and says which: transformers in bfloat16 with
SDPA and a growing cache; llama.cpp on the same Q4_1 file with batches of 512 and without flash attention, which
decodes more slowly by a tenth after 1,000 tokens. Tokens are made up, the likeliest next one is taken, and of several
tries the fastest counts. llama.cpp has a process of its own, since it stops with an illegal instruction where torch
released the AMX tiles.

Shape key:  B batch (1), T tokens, V vocabulary
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from deepseek_mm.benchmarks.servers import OwnProcess
from deepseek_mm.errors import MissingPackage
from deepseek_mm.lm.backends.transformers_model import best_dtype, read_checkpoint

ROUNDS = 3
STRIDE = 7919  # a prime: made-up tokens do not repeat within a vocabulary


class Peer(Protocol):
    """One program with its model in memory."""

    settings: str  # the program, its version and how it was set, in words

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """Tokens a second, one after the other, after a text of `context` tokens whose reading does not count."""

    def first_token_s(self, prompt_tokens: int) -> float:
        """Seconds from a prompt of so many tokens, of which nothing is known yet, to the token that follows it."""


def make_tokens(count: int, vocab_size: int) -> list[int]:
    """So many tokens of a vocabulary, the same at every call; the first hundred, often special ones, are left out."""
    usable = vocab_size - 100
    return [100 + number * STRIDE % usable for number in range(count)]


def fastest_s(work: Callable[[], object], *, before: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds that `work` takes when it goes best; `before` puts things back and is not timed."""
    times_s = []
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give torch so many threads inside the `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PeerProcess:
    """A Peer. `make` opens the real one over there; it must be picklable. NothingThere says why it cannot."""

    def __init__(self, make: Callable[[], Peer]) -> None:
        self._there = OwnProcess(make)
        self.settings = f"{self._there.call(attrgetter('settings'))}, in a process of its own"

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        tokens_s: float = self._there.call(methodcaller("decode_speed", context, new_tokens))
        return tokens_s

    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        seconds: float = self._there.call(methodcaller("first_token_s", prompt_tokens))
        return seconds


class Transformers:
    """A Peer around a causal model of transformers."""

    def __init__(self, model: Any, *, threads: int = 2) -> None:
        self._model, self._threads = model.eval(), threads
        dtype = str(model.dtype).removeprefix("torch.")
        self.settings = f"transformers {version('transformers')}, {dtype}, {threads} threads, SDPA, a cache that grows"

    @classmethod
    def of_folder(cls, folder: Path, *, threads: int = 2) -> "Transformers":
        """The checkpoint in `folder`, as `read_checkpoint` takes it."""
        return cls(read_checkpoint(folder, dtype=best_dtype())[0], threads=threads)

    @torch.inference_mode()
    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        with torch_threads(self._threads):
            start = self._step(make_tokens(context, self._vocab_size), None)

            def decode() -> None:
                token, cache = start
                for _ in range(new_tokens):
                    token, cache = self._step([token], cache)

            return new_tokens / fastest_s(decode, before=lambda: start[1].crop(context - start[1].get_seq_length()))

    @torch.inference_mode()
    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        prompt = make_tokens(prompt_tokens, self._vocab_size)
        with torch_threads(self._threads):
            self._step(prompt[:8], None)
            return fastest_s(lambda: self._step(prompt, None), before=lambda: None)

    @property
    def _vocab_size(self) -> int:
        return int(self._model.config.get_text_config().vocab_size)

    def _step(self, tokens: list[int], cache: Any) -> tuple[int, Any]:
        """Read `tokens` after what the cache holds: the likeliest next token, and the cache."""
        ids_BT = torch.tensor([tokens])
        output = self._model(input_ids=ids_BT, cache=cache, use_cache=True, logits_to_keep=1)
        return int(output.logits[0, -1].argmax()), output.cache


BITE = 512  # tokens that are read at once, n_batch and n_ubatch; 256 and 1,024 are as fast within the noise


class LlamaCpp:
    """A Peer. The memory for keys is as long as the longest text asked for, so it is opened anew for a longer one."""

    def __init__(self, gguf: Path, *, threads: int = 2, flash: bool = False) -> None:
        self._gguf, self._threads, self._flash = gguf, threads, flash
        self._library = _library()
        self._room = 0
        self._model: Any = None
        self.settings = (
            f"llama.cpp by llama-cpp-python {self._library.__version__}, {gguf.name}, {threads} threads,"
            f" batches of {BITE}, flash attention {'on' if flash else 'off'}, keys in float16"
        )

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        model = self._open(context + new_tokens)
        model.reset()
        model.eval(make_tokens(context, model.n_vocab()))

        def decode() -> None:
            for _ in range(new_tokens):
                model.eval([self._likeliest(model)])

        return new_tokens / fastest_s(decode, before=lambda: _back_to(model, context))

    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        model = self._open(prompt_tokens)
        prompt = make_tokens(prompt_tokens, model.n_vocab())

        def read() -> None:
            model.eval(prompt)
            self._likeliest(model)

        return fastest_s(read, before=model.reset)

    def _open(self, tokens: int) -> Any:
        """The model with room for so many tokens."""
        if self._model is None or tokens > self._room:
            self._model, self._room = None, tokens  # the old one goes before the new one comes
            sizes = {"n_ctx": tokens, "n_batch": BITE, "n_ubatch": BITE}
            threads = {"n_threads": self._threads, "n_threads_batch": self._threads}
            self._model = self._library.Llama(
                str(self._gguf), **sizes, **threads, flash_attn=self._flash, n_gpu_layers=0, verbose=False
            )
            self._model.eval(make_tokens(8, self._model.n_vocab()))  # reads the file
        return self._model

    def _likeliest(self, model: Any) -> int:
        """The best next token, of the scores where llama.cpp left them."""
        scores = self._library.llama_get_logits_ith(model.ctx, -1)
        return int(np.ctypeslib.as_array(scores, (model.n_vocab(),)).argmax())


def _back_to(model: Any, tokens: int) -> None:
    """Forget what came after the first `tokens`; the last of them is read again, so that its scores are there."""
    model.n_tokens = tokens - 1
    model.eval([int(model.input_ids[tokens - 1])])


def _library() -> Any:
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingPackage("llama-cpp-python", needed_for="the bench against llama.cpp", extra="bench") from error
    return llama_cpp
