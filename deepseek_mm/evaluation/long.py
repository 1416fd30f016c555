"""What it costs to see less of a long text: progressive against full attention, on the same tokens at several lengths.

A text of 8,192 tokens is read once as a whole, and once as four texts of 2,048: what is asked for is the same, only
what has been seen of it differs. Each length has a perplexity for every kind of text (prose, code).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.evaluation.surprise import CHUNK
from deepseek_mm.evaluation.surprise import nats_of_text
from deepseek_mm.evaluation.surprise import perplexity_of

LENGTHS = (2_048, 8_192)

Texts = Mapping[str, Sequence[Sequence[int]]]  # kind -> token ids of its texts
Cell = tuple[int, str]  # length, kind


@dataclass(frozen=True, kw_only=True, slots=True)
class LongReport:
    """Perplexities of a model, by length and kind, beside those of the model with full attention."""

    name: str
    full: Mapping[Cell, float]
    progressive: Mapping[Cell, float]
    tokens: int  # of the texts

    def increase(self, cell: Cell) -> float:
        """By which fraction of itself full attention's perplexity rises; below 0 it falls."""
        return self.progressive[cell] / self.full[cell] - 1

    @property
    def ppl_increase(self) -> float:
        """The worst of all lengths and kinds."""
        return max(map(self.increase, self.full))

    @property
    def ppl_increase_mean(self) -> float:
        """The mean of all lengths and kinds."""
        return sum(map(self.increase, self.full)) / len(self.full)

    def table(self) -> str:
        """For people."""
        lines = [f"{self.name:<24}{'full':>10}{'this':>10}{'increase':>12}"]
        for length, kind in self.full:
            cell = (length, kind)
            figures = f"{self.full[cell]:>10.3f}{self.progressive[cell]:>10.3f}{self.increase(cell):>12.2%}"
            lines.append(f"{f'{length:,} {kind}':<24}{figures}")
        worst = f"{self.ppl_increase:.2%}, in the mean {self.ppl_increase_mean:.2%}"
        return "\n".join([*lines, f"at worst {worst}, over {self.tokens:,} tokens"])

    def figures(self) -> dict[str, Any]:
        """For machines. `ppl_increase` is the worst cell."""
        cells = [
            {"length": n, "kind": kind, "full": self.full[n, kind], "ppl": self.progressive[n, kind]}
            for n, kind in self.full
        ]
        return {
            "ppl_increase": self.ppl_increase,
            "ppl_increase_mean": self.ppl_increase_mean,
            "tokens": self.tokens,
            "cells": cells,
        }

    def json(self) -> str:
        """One line."""
        return json.dumps(self.figures())


def compare_attention(
    full: Decoder, progressive: Decoder, texts: Texts, lengths: Sequence[int] = LENGTHS, *, chunk: int = CHUNK
) -> LongReport:
    """Both decoders over the texts, each of which is cut to the longest length."""
    found = [score_long(decoder, texts, lengths, chunk=chunk) for decoder in (full, progressive)]
    return make_long_report("progressive", *found, tokens=count_tokens(texts, lengths))


def make_long_report(name: str, full: Mapping[Cell, float], other: Mapping[Cell, float], *, tokens: int) -> LongReport:
    """A report of what was read."""
    return LongReport(name=name, full=full, progressive=other, tokens=tokens)


def count_tokens(texts: Texts, lengths: Sequence[int]) -> int:
    """Tokens of all texts as they are cut."""
    return max(lengths) * sum(map(len, texts.values()))


def score_long(decoder: Decoder, texts: Texts, lengths: Sequence[int], *, chunk: int = CHUNK) -> dict[Cell, float]:
    """Perplexity by length and kind. NothingThere for a kind whose texts are too short."""
    longest = max(lengths)
    for kind, some in texts.items():
        if not some or min(map(len, some)) < longest:
            raise NothingThere(f"no text of {longest:,} tokens is among those of {kind}. Ask for shorter lengths")
    return {
        (length, kind): mean_perplexity(decoder, cut_texts(some, length, longest), chunk=chunk)
        for length in lengths
        for kind, some in texts.items()
    }


def cut_texts(texts: Sequence[Sequence[int]], length: int, longest: int) -> list[Sequence[int]]:
    """The first `longest` tokens of every text, in texts of `length`."""
    starts = range(0, longest - length + 1, length)
    return [text[start : start + length] for text in texts for start in starts]


def mean_perplexity(decoder: Decoder, texts: Sequence[Sequence[int]], *, chunk: int = CHUNK) -> float:
    """Of all tokens but the texts' first ones."""
    return perplexity_of([nats_of_text(decoder, text, chunk=chunk) for text in texts])
