"""How well a language model expects held-out texts of each domain, beside the models that it has to beat.

All models read the same rows, and are asked for the same tokens: those that the corpus says are to be learned (of a
chat, the answers). Where a model has experts, it is counted on the way who was visited.

Shape key:  N rows, T tokens of a row, D domains, L layers with experts, E experts, P tokens that are asked for
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.evaluation.experts import count_visits
from deepseek_mm.evaluation.surprise import nats_of_tokens
from deepseek_mm.evaluation.surprise import perplexity
from deepseek_mm.evaluation.experts import ExpertVisits

AT_ONCE = 4  # rows that are read together


class TokenRows(Protocol):
    """Packed documents, as training has them (train/rows.py)."""

    @property
    def ids_NT(self) -> Tensor:
        """Tokens."""

    @property
    def segments_NT(self) -> Tensor:
        """1, 2, ... for the documents of a row, 0 where there is none."""

    @property
    def learn_NT(self) -> Tensor:
        """True for a token that is asked for."""

    @property
    def domains_N(self) -> Tensor:
        """Each row's domain, by number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainReading:
    """What one model made of the rows."""

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
        """For machines."""
        return {
            "tokens": dict(zip(self.domains, self.readings[0].tokens, strict=True)),
            "perplexity": {r.name: dict(zip(self.domains, r.perplexity, strict=True)) for r in self.readings},
            "mean": {r.name: r.mean for r in self.readings},
            "domains_below": {r.name: self._below(r) for r in self._mixtures()},
            "experts": {r.name: r.visits.figures() for r in self._mixtures() if r.visits},
        }

    def json(self) -> str:
        """One line."""
        return json.dumps(self.figures())

    def _mixtures(self) -> list[DomainReading]:
        return [reading for reading in self.readings if reading.visits]

    def _below(self, mixture: DomainReading) -> dict[str, int]:
        return {other.name: mixture.below(other) for other in self.readings if other is not mixture}

    def _describe_mixture(self, mixture: DomainReading) -> list[str]:
        assert mixture.visits is not None
        count = len(self.domains)
        below = ", ".join(f"{other} in {won} of {count} domains" for other, won in self._below(mixture).items())
        return [f"{mixture.name} is below {below}" if below else "", mixture.visits.table()]


def evaluate_language(models: Mapping[str, Decoder], rows: TokenRows, domains: Sequence[str]) -> LanguageReport:
    """Let every model read the rows; `domains` are the names behind the rows' numbers."""
    readings = tuple(score_rows(decoder, rows, domains, name=name) for name, decoder in models.items())
    return LanguageReport(domains=tuple(domains), readings=readings)


@torch.inference_mode()
def score_rows(decoder: Decoder, rows: TokenRows, domains: Sequence[str], *, name: str) -> DomainReading:
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


def split_batches(rows: TokenRows) -> list[tuple[Tensor, ...]]:
    """Some rows at a time: ids, segments, what is asked for, domains."""
    columns = (rows.ids_NT, rows.segments_NT, rows.learn_NT, rows.domains_N)
    return list(zip(*(column.split(AT_ONCE) for column in columns), strict=True))
