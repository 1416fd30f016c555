"""How well requests are understood: kinds, scopes, forms, attributes, marked parts and cuts, of shapes held out.

A request counts as right where it has as many acts as it should, and all of them are right. The other figures are of
acts, where their number is right; parts are compared by their words.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deepseek_mm.language.understanding import Part, Understander, fill_parts
from deepseek_mm.training.requests.examples import RequestExample
from deepseek_mm.types import Act, Request

WARM_UP = 5  # requests before the clock runs


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestScores:
    """Of one language; shares in percent."""

    requests: int
    kind: float  # all acts' kinds
    scope: float
    form: float
    attribute: float
    cut: float  # requests with the right number of acts
    span_f1: float  # of the parts of acts
    right_chance: float  # mean probability that was given to requests whose kinds and scopes are right
    wrong_chance: float  # to the others
    median_ms: float  # of a request that is read alone
    slow_ms: float  # that nineteen of twenty stay below


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestReport:
    """Of all languages."""

    languages: Mapping[str, RequestScores]
    confusions: Sequence[tuple[str, str, int]] = field(default=())  # kind, what was read instead, how often

    def table(self) -> str:
        """A row a language, then what was taken for what."""
        names = [name for name in RequestScores.__slots__ if name != "requests"]
        lines = ["language  n " + " ".join(f"{name:>12}" for name in names)]
        for language, scores in self.languages.items():
            numbers = " ".join(f"{getattr(scores, name):12.2f}" for name in names)
            lines.append(f"{language:8} {scores.requests:4} {numbers}")
        lines += [f"{count:5} {right} taken for {read}" for right, read, count in self.confusions]
        return "\n".join(lines)

    def json(self) -> str:
        """One line."""
        languages = {
            language: {name: getattr(scores, name) for name in RequestScores.__slots__}
            for language, scores in self.languages.items()
        }
        return json.dumps({"requests": languages})


def evaluate_requests(understander: Understander, examples: Sequence[RequestExample]) -> RequestReport:
    """Read each alone, as a person asks it."""
    for example in examples[:WARM_UP]:
        understander.understand(example.text, example.situation)
    read, times = [], []
    for example in examples:
        started = time.perf_counter()
        read.append(understander.understand(example.text, example.situation))
        times.append(1000 * (time.perf_counter() - started))
    languages = sorted({example.language for example in examples})
    confusions = Counter[tuple[str, str]]()
    for example, request in zip(examples, read, strict=True):
        right, told = [act.kind for act in example.acts], [act.kind for act in request.acts]
        confusions.update(pair for pair in zip(right, told, strict=False) if pair[0] != pair[1])
    scores = {
        language: score_language(
            [n for n, each in enumerate(examples) if each.language == language], examples, read, times
        )
        for language in languages
    }
    common = tuple((right, told, count) for (right, told), count in confusions.most_common(12))
    return RequestReport(languages=scores, confusions=common)


def score_language(
    rows: Sequence[int], examples: Sequence[RequestExample], read: Sequence[Request], times: Sequence[float]
) -> RequestScores:
    """Of these rows."""
    aligned = [n for n in rows if len(examples[n].acts) == len(read[n].acts)]
    acts = [pair for n in aligned for pair in zip(examples[n].acts, read[n].acts, strict=True)]
    whole = {n: n in aligned and all_match(examples[n], read[n], "kind") for n in rows}
    sure = {n: whole[n] and all_match(examples[n], read[n], "scope") for n in rows}
    spent = sorted(times[n] for n in rows)
    return RequestScores(
        requests=len(rows),
        kind=percent([whole[n] for n in rows]),
        **{
            name: percent(
                [
                    getattr(right, name) == getattr(told, name)
                    for right, told in acts
                    if getattr(right, name) is not None
                ]
            )
            for name in ("scope", "form", "attribute")
        },
        cut=percent([n in aligned for n in rows]),
        span_f1=compute_span_f1(
            [(parts_of(examples[n]), read[n].acts) for n in aligned if examples[n].spans is not None]
        ),
        right_chance=mean([read[n].chance for n in rows if sure[n]]),
        wrong_chance=mean([read[n].chance for n in rows if not sure[n]]),
        median_ms=round(spent[len(spent) // 2], 2),
        slow_ms=round(spent[int(0.95 * (len(spent) - 1))], 2),
    )


def all_match(example: RequestExample, request: Request, name: str) -> bool:
    """Whether a field of all acts is right, or not known."""
    pairs = zip(example.acts, request.acts, strict=True)
    return all(getattr(right, name) in (None, getattr(told, name)) for right, told in pairs)


def parts_of(example: RequestExample) -> list[Act]:
    """Acts with the parts that are marked in the example, as the understander would write them."""
    ends = [*example.starts[1:], len(example.text)]
    found = []
    for labels, start, end in zip(example.acts, example.starts, ends, strict=True):
        spans = [Part(*span) for span in example.spans or () if start <= span.start < end]
        found.append(fill_parts(Act(kind=labels.kind, text=example.text[start:end]), example.text, spans))
    return found


def list_parts(act: Act) -> set[tuple[str, str]]:
    """Fields that have words, and the words."""
    named = {"subject": act.subject, "other": act.other, "reference": act.reference}
    named |= {name: getattr(act.filters, name) for name in act.filters.__slots__}
    return {(name, words.lower()) for name, words in named.items() if words}


def compute_span_f1(pairs: Sequence[tuple[Sequence[Act], Sequence[Act]]]) -> float:
    """Of exact words, percent."""
    both = wanted = told = 0
    for right, read in pairs:
        for one, other in zip(right, read, strict=True):
            a, b = list_parts(one), list_parts(other)
            both, wanted, told = both + len(a & b), wanted + len(a), told + len(b)
    return round(200 * both / max(1, wanted + told), 2)


def percent(flags: Sequence[bool]) -> float:
    """Share of them that hold."""
    return round(100 * sum(flags) / max(1, len(flags)), 2)


def mean(numbers: Sequence[float]) -> float:
    """0 of none."""
    return round(sum(numbers) / max(1, len(numbers)), 4)
