"""`eval lm`: perplexity of held-out texts by domain, and of long texts by length, beside other models.

All models read the same rows, and are asked for the same tokens: those that the corpus says are to be learned (of a
chat, the answers). A long text is read chunk by chunk in pages, as the product reads, once as a whole and once as
shorter texts, so that only what has been seen of it differs. Scores come in the precision of the decoder; half a step
of bfloat16 moves a mean by less than a thousandth, the same for all decoders.

Of a mixture of experts is told how evenly it shares its work, and how much the domain of a text tells of it. If all
experts did the same, knowing the domain would tell nothing of who is visited: 0 bits of mutual information. If each of
eight domains had an expert of its own that did all its work, it would be 3 bits; with two visits a token, of which the
second goes elsewhere, less. Domains weigh the same here, however long their texts are.

Shape key:  N rows, T tokens of a row or text, D domains or width, L layers with experts, E experts, P tokens that are
            asked for, V vocabulary
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.drawings import Panel, draw_panels
from deepseek_mm.lm.attention_backend import THRESHOLD, FullTextAttention, PrunedAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass, open_memory
from deepseek_mm.lm.moe import Routing
from deepseek_mm.lm.shape import MoEShape
from deepseek_mm.training.corpus.token_shards import PackedRows


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertVisits:
    """How often tokens of each domain visited each expert, in every layer that has experts."""

    layers: tuple[int, ...]
    domains: tuple[str, ...]
    experts: tuple[str, ...]
    count_LDE: Tensor  # int64

    def __add__(self, other: "ExpertVisits") -> "ExpertVisits":
        """Both together."""
        whole = self.count_LDE + other.count_LDE
        return ExpertVisits(layers=self.layers, domains=self.domains, experts=self.experts, count_LDE=whole)

    @property
    def loads(self) -> tuple[float, ...]:
        """Of each layer: visits of its busiest expert over the mean. 1 is balance, E a single favourite."""
        return tuple(max_over_mean(count_DE.sum(0)) for count_DE in self.count_LDE)

    @property
    def bits(self) -> tuple[float, ...]:
        """Of each layer: what a text's domain tells of the experts that it visits."""
        return tuple(mutual_information_bits(each) for each in visit_shares(self.count_LDE))

    def figures(self) -> dict[str, Any]:
        """For machines. The share of a domain's visits is the mean over the layers."""
        mean_DE = visit_shares(self.count_LDE).mean(0)
        return {
            "load_max_over_mean": {str(layer): load for layer, load in zip(self.layers, self.loads, strict=True)},
            "worst_load": max(self.loads),
            "mutual_information_bits": {str(layer): bits for layer, bits in zip(self.layers, self.bits, strict=True)},
            "mean_bits": sum(self.bits) / len(self.bits),
            "share": {
                domain: dict(zip(self.experts, row, strict=True))
                for domain, row in zip(self.domains, mean_DE.tolist(), strict=True)
            },
        }

    def table(self) -> str:
        """A table for people."""
        lines = [f"{'layer':<8}{'load max/mean':>16}{'domain tells, bits':>22}"]
        for layer, load, bits in zip(self.layers, self.loads, self.bits, strict=True):
            lines.append(f"{layer:<8}{load:>16.2f}{bits:>22.3f}")
        return "\n".join(lines)


def count_visits(
    routings: Sequence[Routing], moe: MoEShape, domains_B: Tensor, present_BT: Tensor, names: Sequence[str]
) -> ExpertVisits:
    """The visits of tokens that are present, in rows of these domains."""
    size = len(moe.experts)
    of_N = domains_B[:, None].expand_as(present_BT)[present_BT]
    counts = [
        (of_N[:, None] * size + each.experts_BTk[present_BT]).flatten().bincount(minlength=len(names) * size)
        for each in routings
    ]
    return ExpertVisits(
        layers=moe.layers,
        domains=tuple(names),
        experts=tuple(spec.name for spec in moe.experts),
        count_LDE=torch.stack(counts).view(-1, len(names), size),
    )


def visit_shares(count_XDE: Tensor) -> Tensor:
    """The share of each domain's visits that went to each expert, (..., D, E); zeros for a domain without any."""
    return count_XDE.double() / count_XDE.sum(-1, keepdim=True).clamp_min(1)


def max_over_mean(visits_E: Tensor) -> float:
    """Visits of the busiest expert over the mean of all, 1 to E."""
    return float(visits_E.max() / visits_E.double().mean())


def mutual_information_bits(weight_XY: Tensor) -> float:
    """I(X; Y) of a table of counts or weights, in bits (Cover and Thomas, Elements of Information Theory, eq. 2.28)."""
    joint_XY = weight_XY.double() / weight_XY.sum()
    apart_XY = joint_XY.sum(1, keepdim=True) * joint_XY.sum(0, keepdim=True)
    seen = joint_XY > 0
    return float((joint_XY[seen] * (joint_XY[seen] / apart_XY[seen]).log2()).sum().clamp_min(0))


def draw_visits(visits: ExpertVisits, file: Path) -> Path:
    """A panel for each layer: the share of a domain's visits that went to each expert."""
    panels = [
        Panel(title=f"layer {layer}: {bits:.2f} bits", values=each.tolist())
        for layer, bits, each in zip(visits.layers, visits.bits, visit_shares(visits.count_LDE), strict=True)
    ]
    return draw_panels(panels, file, rows=visits.domains, columns=visits.experts, unit="share of the domain's visits")


CHUNK = 512  # tokens that are read at once


@torch.inference_mode()
def nats_of_text(decoder: Decoder, ids: Sequence[int], *, chunk: int = CHUNK) -> Tensor:
    """Nats that each token but the first costs, (T - 1,) float32."""
    assert len(ids) > 1, "nothing is expected of a text of one token"
    parts, at = [], 1
    for hidden_TD in read_hidden(decoder, ids, chunk=chunk):
        next_T = torch.tensor(ids[at : at + len(hidden_TD)], dtype=torch.int64)
        parts.append(nats_of_tokens(decoder, hidden_TD[: len(next_T)], next_T))
        at += len(hidden_TD)
    return torch.cat(parts)


def nats_of_tokens(decoder: Decoder, hidden_TD: Tensor, next_T: Tensor) -> Tensor:
    """Nats of the tokens that follow these hidden states, (T,) float32."""
    return F.cross_entropy(decoder.logits(hidden_TD).float(), next_T, reduction="none")


def read_hidden(decoder: Decoder, ids: Sequence[int], *, chunk: int) -> Iterator[Tensor]:
    """Normed hidden states of one text, (up to `chunk`, D) at a time."""
    like = decoder.embedding.weight
    memory = open_memory(decoder.shape, tokens=len(ids), sequences=1, chunk=chunk, like=like)
    text = memory.start(ids, most=len(ids))
    while text.length < len(ids):
        paged = PagedPass(memory, [text], memory.blocks.step(text, len(ids) - text.length))
        hidden_1TD, _ = decoder(decoder.embed(paged.ids_BT), paged)
        memory.blocks.advance(text, hidden_1TD.shape[1])
        yield hidden_1TD[0]


def perplexity(nats: float, tokens: int) -> float:
    """Among how many equally likely tokens the model might as well have guessed."""
    return math.exp(nats / tokens) if tokens else math.nan


def perplexity_of(nats: Sequence[Tensor]) -> float:
    """Of all tokens of some texts, each counted once."""
    return perplexity(math.fsum(float(each.double().sum()) for each in nats), sum(map(len, nats)))


AT_ONCE = 4  # rows that are read together


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainReading:
    """Perplexity of one model by domain."""

    name: str
    perplexity: tuple[float, ...]  # of each domain
    tokens: tuple[int, ...]  # of each domain that were asked for
    visits: ExpertVisits | None  # None: it has no experts

    @property
    def mean(self) -> float:
        """Every domain weighs the same: the perplexity of their mean cost, so none is heard for being hard."""
        return math.exp(sum(map(math.log, self.perplexity)) / len(self.perplexity))

    def below(self, other: "DomainReading") -> int:
        """In how many domains it is less surprised than `other`."""
        return sum(mine < theirs for mine, theirs in zip(self.perplexity, other.perplexity, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageReport:
    """Several models on the same tokens."""

    domains: tuple[str, ...]
    readings: tuple[DomainReading, ...]

    def table(self) -> str:
        """For people: a line for each domain, a column for each model, and what the experts did."""
        names = [reading.name for reading in self.readings]
        lines = [f"{'perplexity':<14}{'tokens':>8}" + "".join(f"{name:>12}" for name in names)]
        for number, domain in enumerate(self.domains):
            figures = "".join(f"{reading.perplexity[number]:>12.3f}" for reading in self.readings)
            lines.append(f"{domain:<14}{self.readings[0].tokens[number]:>8,}{figures}")
        means = "".join(f"{reading.mean:>12.3f}" for reading in self.readings)
        lines.append(f"{'mean':<14}{sum(self.readings[0].tokens):>8,}{means}")
        return "\n".join([*lines, *(line for each in self._mixtures() for line in self._describe_mixture(each))])

    def figures(self) -> dict[str, Any]:
        """The figures by name, for machines."""
        return {
            "tokens": dict(zip(self.domains, self.readings[0].tokens, strict=True)),
            "perplexity": {r.name: dict(zip(self.domains, r.perplexity, strict=True)) for r in self.readings},
            "mean": {r.name: r.mean for r in self.readings},
            "domains_below": {r.name: self._below(r) for r in self._mixtures()},
            "experts": {r.name: r.visits.figures() for r in self._mixtures() if r.visits},
        }

    def _mixtures(self) -> list[DomainReading]:
        return [reading for reading in self.readings if reading.visits]

    def _below(self, mixture: DomainReading) -> dict[str, int]:
        return {other.name: mixture.below(other) for other in self.readings if other is not mixture}

    def _describe_mixture(self, mixture: DomainReading) -> list[str]:
        assert mixture.visits is not None
        count = len(self.domains)
        below = ", ".join(f"{other} in {won} of {count} domains" for other, won in self._below(mixture).items())
        return [f"{mixture.name} is below {below}" if below else "", mixture.visits.table()]


def evaluate_language(models: Mapping[str, Decoder], rows: PackedRows, domains: Sequence[str]) -> LanguageReport:
    """Let every model read the rows; `domains` are the names behind the rows' numbers."""
    readings = tuple(score_rows(decoder, rows, domains, name=name) for name, decoder in models.items())
    return LanguageReport(domains=tuple(domains), readings=readings)


@torch.inference_mode()
def score_rows(decoder: Decoder, rows: PackedRows, domains: Sequence[str], *, name: str) -> DomainReading:
    """One model's perplexity of every domain; NaN for a domain of which nothing is asked."""
    nats_D = torch.zeros(len(domains), dtype=torch.float64)
    tokens_D = torch.zeros(len(domains), dtype=torch.int64)
    visits = None
    for ids, segments, learn, domain in split_batches(rows):
        hidden, routings = decoder(decoder.embed(ids), FullTextAttention(decoder.shape, segments))
        asked = learn[:, 1:]
        nats_P = nats_of_tokens(decoder, hidden[:, :-1][asked], ids[:, 1:][asked])
        of_P = domain[:, None].expand_as(asked)[asked]
        nats_D.index_add_(0, of_P, nats_P.double())
        tokens_D += of_P.bincount(minlength=len(domains))
        if routings and decoder.shape.moe:
            counted = count_visits(routings, decoder.shape.moe, domain, segments > 0, domains)
            visits = counted if visits is None else visits + counted
    sums = zip(nats_D.tolist(), tokens_D.tolist(), strict=True)
    return DomainReading(
        name=name, perplexity=tuple(perplexity(*pair) for pair in sums), tokens=tuple(tokens_D.tolist()), visits=visits
    )


def split_batches(rows: PackedRows) -> list[tuple[Tensor, ...]]:
    """Some rows at a time: ids, segments, what is asked for, domains."""
    columns = (rows.ids_NT, rows.segments_NT, rows.learn_NT, rows.domains_N)
    return list(zip(*(column.split(AT_ONCE) for column in columns), strict=True))


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
        """A table for people."""
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


def compare_attention(
    full: Decoder, progressive: Decoder, texts: Texts, lengths: Sequence[int] = LENGTHS, *, chunk: int = CHUNK
) -> LongReport:
    """Both decoders over the texts, each of which is cut to the longest length."""
    found = [score_long(decoder, texts, lengths, chunk=chunk) for decoder in (full, progressive)]
    return LongReport(name="progressive", full=found[0], progressive=found[1], tokens=count_tokens(texts, lengths))


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


LENGTH = 1_024  # tokens of a text: weights over all pairs take their time
THRESHOLDS = (0.0, 0.001, 0.01, THRESHOLD)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrunedReading:
    """One model's reading of all texts of a kind."""

    model: str
    kind: str
    threshold: float
    perplexity: float
    dropped: float  # share of the links, 0 to 1
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PruningReport:
    """All models, kinds and thresholds."""

    cuts: tuple[PrunedReading, ...]

    def find_uncut(self, cut: PrunedReading) -> PrunedReading:
        """The same without a threshold."""
        return next(x for x in self.cuts if (x.model, x.kind, x.threshold) == (cut.model, cut.kind, 0))

    def table(self) -> str:
        """For people."""
        lines = [f"{'links cut below':<24}{'perplexity':>12}{'increase':>10}{'dropped':>10}{'time':>8}"]
        for cut in self.cuts:
            plain = self.find_uncut(cut)
            figures = f"{cut.perplexity:>12.3f}{cut.perplexity / plain.perplexity - 1:>10.2%}{cut.dropped:>10.1%}"
            time_ = f"{cut.seconds / plain.seconds:>8.2f}"
            lines.append(f"{f'{cut.model} {cut.kind} {cut.threshold:g}':<24}{figures}{time_}")
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """For machines."""
        return {"cuts": [asdict(cut) for cut in self.cuts]}


def evaluate_pruning(
    models: Mapping[str, Decoder],
    texts: Mapping[str, Sequence[Sequence[int]]],
    thresholds: Sequence[float] = THRESHOLDS,
) -> PruningReport:
    """Every model reads the texts of each kind, once for each threshold; 0 must be among them.

    NothingThere for a kind without a text.
    """
    for kind, some in texts.items():
        if not some:
            raise NothingThere(f"no text of {kind} is long enough. Ask for shorter ones with --lengths")
    return PruningReport(
        cuts=tuple(
            read_pruned(decoder, some, threshold, model=model, kind=kind)
            for model, decoder in models.items()
            for kind, some in texts.items()
            for threshold in thresholds
        )
    )


@torch.inference_mode()
def read_pruned(
    decoder: Decoder, texts: Sequence[Sequence[int]], threshold: float, *, model: str, kind: str
) -> PrunedReading:
    """One model, kind and threshold."""
    nats, links, cut, began = [], 0, 0, time.perf_counter()
    for text in texts:
        ids_1T = torch.tensor([list(text)])
        attend = PrunedAttention(decoder.shape, torch.ones_like(ids_1T), threshold)
        hidden_1TD, _ = decoder(decoder.embed(ids_1T), attend)
        nats.append(nats_of_tokens(decoder, hidden_1TD[0, :-1], ids_1T[0, 1:]))
        links, cut = links + attend.links, cut + attend.cut
    return PrunedReading(
        model=model,
        kind=kind,
        threshold=threshold,
        perplexity=perplexity_of(nats),
        dropped=cut / links if links else 0.0,
        seconds=time.perf_counter() - began,
    )
