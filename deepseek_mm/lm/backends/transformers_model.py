"""The transformers backend: a causal model of any architecture, token by token over its own cache.

The loop is our own because three things are asked of it that generate() in a thread cannot promise: it ends within one
token of a stop, every token is shown as soon as it exists, and answers that run at the same time take turns by the
token, so that a long one delays nobody. One worker thread does every step, in the order in which they were asked for;
each answer has a cache of its own. Long prompts are read in chunks, so that they too can be stopped and take turns.

Shape key:  B batch (1), T tokens, V vocabulary

Only safetensors are read, and no code that lies beside them is run: a checkpoint from somewhere else is data.
"""

import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from deepseek_mm.errors import BadCheckpoint, BadQuestion
from deepseek_mm.hub import check_sizes
from deepseek_mm.lm.generator import Progress, silence
from deepseek_mm.lm.model_folders import fingerprint, first_line, unreadable_error
from deepseek_mm.lm.tokenizer import IncrementalDetokenizer, encode_chat
from deepseek_mm.threads import single_threaded_worker
from deepseek_mm.types import Message

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


@contextmanager
def hide_progress_bars() -> Iterator[None]:
    """Bars and warnings are off inside, and as they were afterwards."""
    shown, loud = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what weights are missing is told by whoever opens them
    try:
        yield
    finally:
        logging.set_verbosity(loud)
        if shown:
            logging.enable_progress_bar()


# What transformers raises for a checkpoint that is not whole:
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, StrictDataclassError)


def open_local(folder: Path, *, name: str, threads: int = 1, progress: Progress = silence) -> LocalModel:
    """The model in `folder`, called `name`. BadCheckpoint says what it lacks."""
    progress(f"loading the language model {name}")
    model, tokenizer = read_checkpoint(folder, dtype=best_dtype())
    return LocalModel(model, tokenizer, name=name, fingerprint=fingerprint(folder), threads=threads)


def read_checkpoint(folder: Path, *, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model and tokenizer. A checkpoint that lacks weights is refused rather than filled with random ones."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except UNREADABLE as error:
        raise unreadable_error(folder, first_line(error)) from error
    return read_whole(folder, AutoModelForCausalLM, made_for="text generation", dtype=dtype), tokenizer


def read_whole(folder: Path, kind: Any, *, made_for: str, dtype: torch.dtype, unneeded: str = "") -> Any:
    """The model that the Auto class `kind` makes of it. BadCheckpoint if weights are missing or cannot be read.

    Those may be missing whose names begin with what is `unneeded`.
    """
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    try:
        check_sizes(folder, sorted(folder.glob("*.safetensors")))
        with hide_progress_bars():
            model, report = kind.from_pretrained(folder, trust_remote_code=False, local_files_only=True, **options)
    except UNREADABLE as error:
        raise unreadable_error(folder, first_line(error)) from error
    if missing := sorted(key for key in report["missing_keys"] if not (unneeded and key.startswith(unneeded))):
        raise BadCheckpoint(
            f"{folder} holds no whole model: {len(missing)} tensors such as {missing[0]} are missing."
            f" Name a model made for {made_for}"
        )
    return model


def best_dtype() -> torch.dtype:
    """bfloat16 where the CPU multiplies it in hardware: more tokens a second, and a third of the wait for the first."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
