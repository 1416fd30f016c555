"""The model runner: a decoder over the paged cache, as the engine drives it.

Nothing is decided here. A text's own list of tokens grows before a pass and shrinks again if the pass fails, so that a
failure leaves everybody as they were.

Shape key:  B answers, T tokens, D width, V vocabulary
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import CachedText
from deepseek_mm.lm.kv_cache.paged_attention import PackedPass, PagedMemory, PagedPass
from deepseek_mm.lm.moe import RouteListener, Routing
from deepseek_mm.lm.shape import DecoderShape


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrompt:
    """What an answer goes on from."""

    ids: tuple[int, ...]
    marks: tuple[int, ...] = ()  # lengths up to which others may begin alike


class PromptChunk(NamedTuple):
    """A part of a prompt that was read."""

    tokens: int  #: fewer than asked for where others may begin alike
    logits_V: Tensor  # scores of what follows the last of them


def read_prompt(runner: "PagedRunner", number: int, count: int) -> Tensor:
    """Read the next `count` tokens of one prompt: scores (V,) of what follows them."""
    assert count > 0, "a prompt has at least one token"
    while count:
        (chunk,) = runner.prefill([(number, count)])
        count -= chunk.tokens
    return chunk.logits_V


class DecodeStep(Protocol):
    """A faster way to the next token than the decoder's own tensors, over the same memory."""

    @property
    def most(self) -> int:
        """Texts at once, up to which it is faster."""

    def step(self, texts: Sequence[CachedText]) -> tuple[Tensor, list[Routing]]:
        """Scores (B, V) of what follows the next token of each text, and which experts had a part in them.

        The texts' pages are made; that the tokens stay, the caller says. Raises OutOfPages, as `BlockManager.grow`
        does.
        """


@dataclass(frozen=True, slots=True)
class TracedText:
    """An answer whose experts are written down."""

    tracer: RouteListener
    last: int  # tokens of its prompt


class PagedRunner:
    """A model and the memory of its answers, each known by a number. Called from one thread at a time.

    A call that raises leaves its answers as they were, so that those that did not cause it can be served again.
    """

    def __init__(self, decoder: Decoder, memory: PagedMemory, *, steps: DecodeStep | None = None) -> None:
        self._decoder, self._memory, self._steps = decoder.eval(), memory, steps
        self._texts: dict[int, CachedText] = {}
        self._traced: dict[int, TracedText] = {}

    @property
    def shape(self) -> DecoderShape:
        """Of the model."""
        return self._decoder.shape

    @property
    def vocab_size(self) -> int:
        """Scores for each next token."""
        return self._decoder.shape.vocab_size

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._decoder.shape.longest

    @property
    def pages(self) -> tuple[int, int]:
        """Pages of memory that are taken, and all."""
        pools = self._memory.blocks.pools
        return sum(len(pool) - pool.num_free for pool in pools), sum(map(len, pools))

    def fits(self, tokens: int) -> bool:
        """Whether there is memory for one more answer that comes to have so many tokens, prompt included."""
        return self._memory.blocks.fits(tokens)

    def start(self, number: int, prompt: TokenPrompt, *, most: int) -> int:
        """Make room for an answer of `most` tokens, prompt included. How many of its tokens are known: never all."""
        text = self._texts[number] = self._memory.start(prompt.ids, most=most, marks=prompt.marks)
        return text.length

    def trace(self, number: int, tracer: RouteListener) -> None:
        """Tell `tracer` which experts work on each token of the answer; the first comes of its prompt's last one."""
        if self._decoder.shape.moe:
            self._traced[number] = TracedText(tracer, last=len(self._texts[number].ids))

    @torch.inference_mode()
    def prefill(self, parts: Sequence[tuple[int, int]]) -> list[PromptChunk]:
        """Read the next tokens of several prompts in one pass, (number, at most so many): what became of each."""
        blocks, texts = self._memory.blocks, [self._texts[number] for number, _ in parts]
        counts = [blocks.step(text, count) for text, (_, count) in zip(texts, parts, strict=True)]
        packed = (
            PackedPass(self._memory, texts, counts) if len(texts) > 1 else PagedPass(self._memory, texts, counts[0])
        )
        hidden_1TD, routings = self._decoder(self._decoder.embed(packed.ids_BT), packed)
        ends = list(accumulate(counts))
        logits_BV = self._decoder.logits(hidden_1TD[0, [end - 1 for end in ends]])
        for (number, _), text, count, end in zip(parts, texts, counts, ends, strict=True):
            blocks.advance(text, count)
            if (traced := self._traced.get(number)) and text.length == traced.last:
                traced.tracer.add(routings, tokens=slice(end - 1, end))
        return [PromptChunk(*one) for one in zip(counts, logits_BV, strict=True)]

    @torch.inference_mode()
    def decode(self, rows: Sequence[tuple[int, int]]) -> Tensor:
        """Read one more token of several answers, (number, token): scores (B, V) of what follows, in their order."""
        texts = [self._texts[number] for number, _ in rows]
        for text, (_, token) in zip(texts, rows, strict=True):
            text.ids.append(token)
        try:
            scores_BV, routings = self._next(texts)
        except BaseException:
            for text in texts:
                text.ids.pop()
            raise
        for text in texts:
            self._memory.blocks.advance(text, 1)
        for row, (number, _) in enumerate(rows if self._traced else ()):
            if traced := self._traced.get(number):
                traced.tracer.add(routings, row)
        return scores_BV

    @torch.inference_mode()
    def read_ahead(self, number: int, tokens: Sequence[int]) -> Tensor:
        """Scores (T, V) of what follows each of some tokens behind an answer. None of them stays."""
        text = self._texts[number]
        text.ids.extend(tokens)
        try:
            hidden_BTD, routings = self._pass([text], len(tokens), sure=1)
        finally:
            del text.ids[text.length :]
        if traced := self._traced.get(number):
            traced.tracer.add(routings)
        return self._decoder.logits(hidden_BTD[0])

    def release(self, number: int) -> None:
        """An answer has ended: its memory is free, or kept for those who begin alike while nobody needs it."""
        self._traced.pop(number, None)
        self._memory.blocks.drop(self._texts.pop(number))

    def _next(self, texts: Sequence[CachedText]) -> tuple[Tensor, list[Routing]]:
        """Scores (B, V) of what follows each text's next token."""
        if self._steps and len(texts) <= self._steps.most:
            return self._steps.step(texts)
        hidden_BTD, routings = self._pass(texts, 1)
        return self._decoder.logits(hidden_BTD[:, 0]), routings

    def _pass(
        self, texts: Sequence[CachedText], count: int, *, sure: int | None = None
    ) -> tuple[Tensor, list[Routing]]:
        """Hidden states (B, T, D), normed, of the next `count` tokens, and which experts had a part in them."""
        paged = PagedPass(self._memory, texts, count, sure=sure)
        found: tuple[Tensor, list[Routing]] = self._decoder(self._decoder.embed(paged.ids_BT), paged)
        return found
