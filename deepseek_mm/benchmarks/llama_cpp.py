"""llama.cpp beside us: the program that people pick for a small model on a processor, with the same Q4_1 file.

It comes with the extra `bench`, and is compiled for this very processor when that is installed. Prompts are read in
pieces of 512 tokens, and greedy choice is an argmax over its own scores, which costs less than the samplers of the
Python package. Flash attention is off: on a processor it reads a prompt as fast and decodes more slowly, by a tenth
after 1,000 tokens and by a fifth after 4,096.
"""

from pathlib import Path
from typing import Any

import numpy as np

from deepseek_mm.benchmarks.peer import fastest_s, make_tokens
from deepseek_mm.errors import MissingPackage

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
