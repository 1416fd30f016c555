"""Answers that fit a JSON schema: before each token, those that would lead away from it are forbidden.

llguidance does the work: it reads the schema as a grammar and says which of 49,152 tokens may come next in about 30
microseconds, without compiling anything first (docs/decisions.md compares it with xgrammar and outlines-core). The JSON
is written on one line as json.dumps writes it: where any white space is allowed, a small model writes it for ever.

Shape key:  V vocabulary
"""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from tokenizers import Tokenizer
from torch import Tensor

from deepseek_mm.errors import ConfigError, ModelFailed

STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class JsonGrammars:
    """Reads schemas for one tokenizer. Making it takes a quarter of a second; threads may share it."""

    def __init__(self, backend: Tokenizer, *, vocab_size: int, ends: Iterable[int]) -> None:
        """`vocab_size` is the model's, which may be padded; `ends` are the tokens that end an answer."""
        self._tokenizer = LLTokenizer(backend.to_str(), n_vocab=vocab_size, eos_token=sorted(ends))

    def start(self, schema: dict[str, Any]) -> "JsonGrammar":
        """A grammar at the beginning of its answer. ConfigError: the schema is none, or says what cannot be kept."""
        try:
            grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=STYLE)
            matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        except (ValueError, TypeError) as error:
            raise _bad_schema(str(error)) from error
        if matcher.is_error():
            raise _bad_schema(matcher.get_error())
        return JsonGrammar(matcher)


class JsonGrammar:
    """Follows one answer through its grammar."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    @property
    def done(self) -> bool:
        """Whether the answer is whole and nothing can follow it but its end."""
        return bool(self._matcher.is_stopped())

    def mask(self, logits_V: Tensor) -> Tensor:
        """The scores, with -inf for every token that may not come now; the end mark may where the answer is whole."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        allowed_V = torch.from_numpy(np.unpackbits(bits, count=len(logits_V), bitorder="little").view(np.bool_))
        return torch.where(allowed_V.to(logits_V.device), logits_V, -torch.inf)

    def take(self, token: int) -> None:
        """`token` was chosen: one that the mask allowed."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = _short(self._matcher.get_error())
            raise ModelFailed(f"the answer cannot follow its schema any further: {reason}. Try a simpler schema")


def _bad_schema(reason: str) -> ConfigError:
    return ConfigError(f"sampling.schema cannot be used: {_short(reason)}. Take that out, or ask without a schema")


def _short(reason: str) -> str:
    return " ".join(reason.split())[:200].rstrip(".")
