"""What the engine asks of a model with its memory, and nothing else: the engine knows neither layers nor pages.

Shape key:  B answers, T tokens, V vocabulary
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor

from deepseek_mm.lm.trace import ExpertTracer


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrompt:
    """What an answer goes on from."""

    ids: tuple[int, ...]
    marks: tuple[int, ...] = ()  # lengths up to which others may begin alike
    pictures: Mapping[int, str] = field(default_factory=dict)  # place of a visual token -> digest of what it stands for


class PromptChunk(NamedTuple):
    """A part of a prompt that was read."""

    tokens: int  #: fewer than asked for where others may begin alike
    logits_V: Tensor  # scores of what follows the last of them


class ModelRunner(Protocol):
    """A model and the memory of its answers, each known by a number. Called from one thread at a time.

    A call that raises leaves its answers as they were, so that those that did not cause it can be served again.
    """

    @property
    def vocab_size(self) -> int:
        """Scores for each next token."""

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""

    @property
    def guesses(self) -> int:
        """Tokens that `guess` checks at once, where that is faster than one by one; else 0."""

    @property
    def pages(self) -> tuple[int, int]:
        """Pages of memory that are taken, and all."""

    def fits(self, tokens: int) -> bool:
        """Whether there is memory for one more answer that comes to have so many tokens, prompt included."""

    def start(self, number: int, prompt: TokenPrompt, *, most: int) -> int:
        """Make room for an answer of `most` tokens, prompt included. How many of its tokens are known: never all."""

    def trace(self, number: int, tracer: ExpertTracer) -> None:
        """Tell `tracer` which experts work on each token of the answer."""

    def prefill(self, parts: Sequence[tuple[int, int]]) -> list[PromptChunk]:
        """Read the next tokens of several prompts in one pass, (number, at most so many): what became of each."""

    def decode(self, rows: Sequence[tuple[int, int]]) -> Tensor:
        """Read one more token of several answers, (number, token): scores (B, V) of what follows, in their order."""

    def guess(self, number: int, tokens: Sequence[int]) -> Tensor:
        """Read tokens of which all but the first are guesses: scores (T, V) of what follows each. None stays yet."""

    def keep(self, number: int, count: int) -> None:
        """The first `count` of the tokens last read by `guess` come to stay."""

    def release(self, number: int) -> None:
        """An answer has ended: its memory is free, or kept for those who begin alike while nobody needs it."""


def read_prompt(runner: ModelRunner, number: int, count: int) -> Tensor:
    """Read the next `count` tokens of one prompt: scores (V,) of what follows them."""
    assert count > 0, "a prompt has at least one token"
    while count:
        (bite,) = runner.prefill([(number, count)])
        count -= bite.tokens
    return bite.logits_V
