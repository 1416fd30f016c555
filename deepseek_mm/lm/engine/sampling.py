"""Choosing the next token: the likeliest, or one drawn by chance from those that are likely enough.

A model gives every token of its vocabulary a score. `Sampling` says what becomes of the scores, in this order: tokens
that were there already are made less likely, the temperature evens the scores out or sharpens them, and only the
likeliest may be drawn. Each answer draws with a generator of its own, so that a seed gives the same answer whoever is
answered at the same time.

Shape key:  V vocabulary
"""

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from tokenizers import Tokenizer
from torch import Tensor

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError, ModelFailed

MOST_LOGPROBS = 20  # as many as OpenAI tells
HEAD = 1024  # likeliest tokens, found without sorting all: nearly always they hold top_p of the probability


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the tokens of one answer are chosen, and where it ends."""

    temperature: float = 0.0  # 0 is the likeliest token, always; 1 is what the model says
    top_p: float = 1.0  # of the probability is kept, likeliest tokens first; never less than one token
    min_p: float = 0.0  # tokens less likely than this share of the likeliest are dropped
    repetition_penalty: float = 1.0  # scores of tokens that were there already are made so many times worse
    seed: int | None = None  # of the chance; None is another answer each time
    max_tokens: int = 96  # of the answer
    stop: tuple[str, ...] = ()  # texts that end the answer and are not shown
    schema: dict[str, Any] | None = None  # JSON schema that the answer fits
    logprobs: int | None = None  # of each token as many likelier or as likely ones are told; None tells no probability

    def __post_init__(self) -> None:
        between("sampling.temperature", self.temperature, 0, 100)
        between("sampling.top_p", self.top_p, 0, 1)
        between("sampling.min_p", self.min_p, 0, 1)
        between("sampling.repetition_penalty", self.repetition_penalty, 0.01, 100)
        between("sampling.max_tokens", self.max_tokens, 1, 1_000_000)
        between("sampling.logprobs", self.logprobs or 0, 0, MOST_LOGPROBS)
        between("sampling.seed", self.seed or 0, -(2**63), 2**63 - 1)
        if len(self.stop) > 16 or not all(0 < len(text) <= 256 for text in self.stop):
            raise ConfigError(f"sampling.stop={self.stop!r} must be at most 16 texts of 1 to 256 characters")

    @property
    def plain(self) -> bool:
        """Whether the next token is simply the one with the highest score."""
        return self.temperature == 0 and self.repetition_penalty == 1


def make_generator(sampling: Sampling) -> torch.Generator:
    """The chance of one answer, from its seed."""
    generator = torch.Generator()
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)
    return generator


def choose_token(logits_V: Tensor, sampling: Sampling, generator: torch.Generator, seen: Collection[int] = ()) -> int:
    """The next token of one answer. `seen`: its prompt's tokens and its own, for the penalty.

    A score of -inf forbids its token (a grammar's mask). ModelFailed: not a number, +inf, or nothing is allowed.
    """
    best = int(logits_V.argmax())  # where a nan is, if there is one
    if not math.isfinite(float(logits_V[best])):
        raise ModelFailed(
            "the language model's scores are not numbers (nan or inf): its weights are damaged, or too coarse a number"
            " type overflowed. Load it again, or choose another with lm.name"
        )
    return best if sampling.plain else _draw(weigh_tokens(logits_V, sampling, seen), sampling, generator)


def rank_tokens(logits_V: Tensor, token: int, most: int) -> tuple[float, tuple[tuple[int, float], ...]]:
    """Natural logarithm of a token's probability, and those of the `most` likeliest tokens, by the model alone:
    before heat, penalty and grammar.
    """
    logprobs_V = logits_V.float().log_softmax(dim=-1)
    best = logprobs_V.topk(min(most, len(logprobs_V)))
    return float(logprobs_V[token]), tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))


def weigh_tokens(logits_V: Tensor, sampling: Sampling, seen: Collection[int] = ()) -> Tensor:
    """Probabilities (V,) that the next token is drawn with, not yet divided by their sum; 1 for the best if greedy."""
    logits_V = penalise(logits_V.float(), seen, sampling.repetition_penalty)
    logits_V = logits_V - logits_V.max()
    if sampling.temperature == 0:
        return (logits_V == 0).float()
    probs_V = (logits_V / sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1:
        probs_V = keep_nucleus(probs_V, sampling.top_p)
    return probs_V.where(probs_V >= sampling.min_p * probs_V.max(), 0)


def penalise(logits_V: Tensor, seen: Collection[int], penalty: float) -> Tensor:
    """Scores of tokens that were there already made `penalty` times worse. CTRL (arXiv:1909.05858), section 4.1.

    As everybody does it since: a score below zero is multiplied where CTRL would divide, or it would become better.
    """
    if penalty == 1 or not seen:
        return logits_V
    ids = torch.tensor(list(seen), device=logits_V.device)
    scores = logits_V[ids]
    return logits_V.index_put((ids,), torch.where(scores < 0, scores * penalty, scores / penalty))


def keep_nucleus(probs_V: Tensor, top_p: float) -> Tensor:
    """The likeliest tokens that together have `top_p`, 0 for the others. Holtzman et al. (arXiv:1904.09751), eq. 2."""
    top, order = probs_V.topk(min(HEAD, len(probs_V)))
    if top.sum() < top_p:
        top, order = probs_V.sort(descending=True)
    before = top.cumsum(dim=0) - top  # of all that are likelier
    num_kept = max(1, int((before < top_p).sum()))
    return torch.zeros_like(probs_V).index_put((order[:num_kept],), top[:num_kept])


def _draw(weights_V: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """A token by chance: where a point that falls anywhere on the sum of all weights lands."""
    if sampling.temperature == 0:
        return int(weights_V.argmax())
    ends_V = weights_V.double().cumsum(dim=0).cpu()
    point = torch.rand(1, generator=generator, dtype=torch.float64) * ends_V[-1]
    return int(torch.searchsorted(ends_V, point, right=True))  # right: a token of weight 0 is never hit


STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class JsonGrammars:
    """Reads JSON schemas for one tokenizer. Making it takes a quarter of a second; threads may share it.

    llguidance says which of 49,152 tokens may come next in about 30 microseconds, without compiling a schema first
    (docs/decisions.md compares it with xgrammar and outlines-core). The JSON is on one line as json.dumps writes
    it: where any white space is allowed, a small model writes it for ever.
    """

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
