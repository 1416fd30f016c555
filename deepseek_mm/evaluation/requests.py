"""How well requests are understood: kinds, scopes, forms, attributes, marked parts and cuts, of shapes held out.

A request counts as right where it has as many acts as it should, and all of them are right. The other figures are of
acts, where their number is right; parts are compared by their words.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from deepseek_mm.language.understanding import Part, Understander, fill_parts
from deepseek_mm.training.requests.examples import RequestExample
from deepseek_mm.types import Act, Request

WARM_UP, TIMED = 5, 100  # requests before the clock runs, and those that it runs for


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestScores:
    """Of one language; shares in percent."""

    requests: int
    kind: float  # all acts' kinds
    single: float  # the first act's kind, of requests that ask for one thing
    joined: float  # all acts' kinds, of those that ask for several
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
        lines = ["language     n   kind single joined  scope   form attrib    cut  spans  right  wrong  ms (95 %)"]
        for language, s in self.languages.items():
            shares = (s.kind, s.single, s.joined, s.scope, s.form, s.attribute, s.cut, s.span_f1)
            told = " ".join(f"{share:6.2f}" for share in shares)
            sure = f"{s.right_chance:6.2f} {s.wrong_chance:6.2f} {s.median_ms:6.1f} ({s.slow_ms:.1f})"
            lines.append(f"{language:8} {s.requests:5} {told} {sure}")
        lines += [f"{count:5} {right} taken for {read}" for right, read, count in self.confusions]
        return "\n".join(lines)

    def json(self) -> str:
        """One line."""
        return json.dumps({"requests": {language: asdict(scores) for language, scores in self.languages.items()}})


def evaluate_requests(understander: Understander, examples: Sequence[RequestExample]) -> RequestReport:
    """Read them all; of each language some are read alone as well, against the clock."""
    read = understander.understand_many([(example.text, example.situation) for example in examples])
    rows: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        rows.setdefault(example.language, []).append(number)
    confusions = Counter[tuple[str, str]]()
    for example, request in zip(examples, read, strict=True):
        right, told = [act.kind for act in example.acts], [act.kind for act in request.acts]
        confusions.update(pair for pair in zip(right, told, strict=False) if pair[0] != pair[1])
    scores = {
        language: score_language(
            [(examples[n], read[n]) for n in own], time_requests(understander, [examples[n] for n in own[:TIMED]])
        )
        for language, own in sorted(rows.items())
    }
    common = tuple((right, told, count) for (right, told), count in confusions.most_common(12))
    return RequestReport(languages=scores, confusions=common)


def time_requests(understander: Understander, examples: Sequence[RequestExample]) -> list[float]:
    """Milliseconds that each takes alone, in order of size; the first few warm up."""
    times = []
    for example in (*examples[:WARM_UP], *examples):
        started = time.perf_counter()
        understander.understand(example.text, example.situation)
        times.append(1000 * (time.perf_counter() - started))
    return sorted(times[len(examples[:WARM_UP]) :])


def score_language(pairs: Sequence[tuple[RequestExample, Request]], times: Sequence[float]) -> RequestScores:
    """Of examples and what was read of them."""
    aligned = [pair for pair in pairs if len(pair[0].acts) == len(pair[1].acts)]
    acts = [each for example, request in aligned for each in zip(example.acts, request.acts, strict=True)]
    right = [pair for pair in aligned if all_match(*pair, "kind")]
    sure = [request.chance for example, request in right if all_match(example, request, "scope")]
    given = sum(request.chance for _, request in pairs)
    shares = {
        name: percent(
            [getattr(one, name) == getattr(other, name) for one, other in acts if getattr(one, name) is not None]
        )
        for name in ("scope", "form", "attribute")
    }
    return RequestScores(
        requests=len(pairs),
        kind=round(100 * len(right) / len(pairs), 2),
        single=percent(
            [told.acts[0].kind == example.acts[0].kind for example, told in pairs if len(example.acts) == 1]
        ),
        joined=percent(
            [
                [act.kind for act in told.acts] == [act.kind for act in example.acts]
                for example, told in pairs
                if len(example.acts) > 1
            ]
        ),
        **shares,
        cut=round(100 * len(aligned) / len(pairs), 2),
        span_f1=compute_span_f1([(parts_of(one), other.acts) for one, other in aligned if one.spans is not None]),
        right_chance=mean(sure),
        wrong_chance=round((given - sum(sure)) / max(1, len(pairs) - len(sure)), 4),
        median_ms=round(times[len(times) // 2], 2),
        slow_ms=round(times[int(0.95 * (len(times) - 1))], 2),
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
