"""A causal language model on this machine: one token at a time, over a cache of keys and values.

The loop is our own because three things are asked of it that generate() in a thread cannot promise: it ends within one
token of a stop, every token is shown as soon as it exists, and answers that run at the same time take turns by the
token, so that a long one delays nobody. One worker thread does every step, in the order in which they were asked for;
each answer has a cache of its own. Long prompts are read in bites, so that they too can be stopped and take turns.

Shape key:  B batch (1), T tokens, V vocabulary
"""

import inspect
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from deepseek_mm.errors import BadQuestion
from deepseek_mm.lm.chat import encode_chat
from deepseek_mm.lm.spelling import IncrementalDetokenizer
from deepseek_mm.records import Message

BITE = 512  # tokens of a prompt that are read in one step


class LocalModel:
    """A Generator around a transformers causal model and its tokenizer. Greedy."""

    sees = False

    def __init__(self, model: Any, tokenizer: Any, *, name: str, fingerprint: str, threads: int = 1) -> None:
        self.name, self.fingerprint = name, fingerprint
        self._model, self._tokenizer = model.eval(), tokenizer
        self._worker = single_threaded_worker(threads)
        self._ends = find_end_tokens(model, tokenizer)
        self._longest = context_length(model)
        last_only = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._options = {"use_cache": True, **({"logits_to_keep": 1} if last_only else {})}

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the best answer, as `Generator.stream` says."""
        prompt = encode_chat(self._tokenizer, messages)
        check_room(len(prompt), max_tokens, self._longest, name=self.name)
        spelling = IncrementalDetokenizer(self._tokenizer)
        for token in self._tokens(prompt, max_tokens, stop):
            if piece := spelling.add(token):
                yield piece

    def _tokens(self, prompt: list[int], max_tokens: int, stop: threading.Event) -> Iterator[int]:
        """The answer's tokens, without the one that ends it. Nothing is held between two of them."""
        cache, token, unread = None, -1, prompt
        for _ in range(max_tokens):
            while unread:
                step = self._worker.submit(self._step, unread[:BITE], cache, stop).result()
                if step is None:
                    return
                token, cache = step
                unread = unread[BITE:]
            if token in self._ends:
                return
            yield token
            unread = [token]

    @torch.inference_mode()
    def _step(self, tokens: list[int], cache: Any, stop: threading.Event) -> tuple[int, Any] | None:
        """Read `tokens` after what the cache holds: the likeliest next token, and the longer cache. None: stopped."""
        if stop.is_set():
            return None
        ids_BT = torch.tensor([tokens], device=self._model.device)
        output = self._model(input_ids=ids_BT, cache=cache, **self._options)
        logits_V: Tensor = output.logits[0, -1]
        return int(logits_V.argmax()), output.cache


def single_threaded_worker(threads: int) -> ThreadPoolExecutor:
    """A thread whose torch operations use `threads` cores (0: all). Everybody else's keep what they had.

    Every operation on one token is so short that cores spend more time waiting for each other than working, and when
    other programs want them too, it collapses: 2 tokens a second on two busy cores, where one alone made 10.
    """
    everybody = torch.get_num_threads()
    worker = ThreadPoolExecutor(1, "lm", initializer=torch.set_num_threads, initargs=(threads or everybody,))
    worker.submit(torch.get_num_threads).result()  # runs the initializer, which also sets the default of new threads
    torch.set_num_threads(everybody)  # so that is put back
    return worker


def context_length(model: Any) -> int | None:
    """Tokens that it reads at most, prompt and answer together; None where its configuration does not say."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def check_room(prompt: int, answer: int, most: int | None, *, name: str) -> None:
    """BadQuestion for a prompt that leaves no room for an answer of so many tokens."""
    if most is not None and prompt + answer > most:
        raise BadQuestion(
            f"the question with its evidence has {prompt} tokens; {name} reads {most}, an answer of"
            f" {answer} (lm.max_tokens) included. Ask more briefly, or lower rag.num_regions or rag.history_turns"
        )


def find_end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's, and those (one, several or none) that the checkpoint lists."""
    listed = model.generation_config.eos_token_id
    several = listed if isinstance(listed, list) else [listed]
    return frozenset(token for token in (*several, tokenizer.eos_token_id) if token is not None)
