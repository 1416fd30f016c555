"""Passages in the order in which they may answer a question: by meaning, by words, and by their file's name.

A passage's worth is the cosine of its vector with the question's, plus a share of its BM25 score, plus as much for
words of the question that its file's name has. The weights were chosen on questions over Wikipedia (docs/log/).

A model by name may put the first of them, and of pieces of code, in another order. Each place keeps its worth then, so
that whoever compares worths sees the same numbers.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepseek_mm.chance import log_odds
from deepseek_mm.language.words import content
from deepseek_mm.retrieval.query_vectors import QueryVectors, nearest
from deepseek_mm.retrieval.ranking import DEPTH, points, score_regions
from deepseek_mm.types import Evidence
from index import Filter, Region, Source
from index.store import RegionStore

HAN = re.compile(r"[\u3400-\u9fff]+")
APART = re.compile(r"[-_.\s]+|(?<=[a-z])(?=[A-Z])|(?<=\D)(?=\d)")  # between the words of a file's name


Scorer = Callable[[str, Sequence[str]], Sequence[float]]  # how well each of several texts answers a question


@dataclass(frozen=True, kw_only=True, slots=True)
class RerankLimits:
    """How much a model by name that orders what was found is given."""

    candidates: int = 24  # of what was found, the best, that are put in order anew
    tokens: int = 256  # that it reads of a question and a text together, or of a text alone
    batch: int = 8  # texts in one pass
    given: float = 0.9  # weight of the order in which texts are given beside that of an encoder, which has 1
    remembered: int = 2_048  # texts whose vector, or whose score with a question, is kept


RERANK = RerankLimits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rerankers:
    """Models by name that order what was found; None leaves the order as it is."""

    passages: Scorer | None = None
    code: Scorer | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageWeights:
    """How much speaks for a passage, in cosines."""

    words: float = 0.05  # a point of BM25
    read: float = 0.1  # a log-odds of the reader's that the passage answers
    name: float = 0.1  # all words of the file's name that could be said of it, which the question has


def rank_passages(
    store: RegionStore,
    text: str,
    meant: QueryVectors,
    *,
    k: int,
    where: Filter,
    weights: PassageWeights | None = None,
) -> list[Evidence]:
    """At most k passages, best first: the nearest ones, and those with words of the text."""
    weights = weights or PassageWeights()
    near = {hit.region.id: hit for hit in nearest(store, [meant], k=k, where=where)[0]}
    worded = {hit.region.id: hit for hit in store.search_words(text, k=k, where=where)}
    others = [hit.region for hit in worded.values() if hit.region.id not in near]
    cosines = {hit.region.id: hit.score for hit in near.values()} | score_regions(store, others, meant)
    found = {hit.region.id: hit.region for hit in (*near.values(), *worded.values()) if hit.region.id in cosines}
    asked = name_words(text)
    worths = {
        each: cosines[each]
        + weights.words * (worded[each].score if each in worded else 0.0)
        + weights.name * share_named(region, asked)
        for each, region in found.items()
    }
    best = sorted(found.values(), key=lambda region: -worths[region.id])[:k]
    return [Evidence(number=1, region=region, score=worths[region.id]) for region in best]


def share_named(region: Region, asked: set[str]) -> float:
    """The share of the words of a file's name that are asked for, 0 to 1."""
    named = file_words(region.source)
    return len(named & asked) / len(named) if named else 0.0


def file_words(source: Source) -> set[str]:
    """Words of a file's name without its ending."""
    return name_words(split_file_name(source))


def split_file_name(source: Source) -> str:
    """A file's name without its ending, as words with gaps between them: "lease contract 2026"."""
    return " ".join(APART.split(source.name.rpartition(".")[0]))


def name_words(text: str) -> set[str]:
    """Words of a name or a question, without numbers; pairs of Chinese signs."""
    pairs = {run[n : n + 2] for run in HAN.findall(text) for n in range(len(run) - 1)}
    return pairs | {word for word in content(HAN.sub(" ", text)) if word.isalpha()}


def order_readings(worths: Sequence[float], said: Sequence[float], weights: PassageWeights | None = None) -> list[int]:
    """Numbers of passages, best first, by their worths and by how likely each answers, as the reader sees it."""
    weights = weights or PassageWeights()
    totals = [worth + weights.read * log_odds(chance) for worth, chance in zip(worths, said, strict=True)]
    return sorted(range(len(totals)), key=lambda n: -totals[n])


def order_texts(question: str, texts: Sequence[str], score: Scorer | None) -> list[int]:
    """Numbers of texts: the first ones as the model orders them, then the others; without a model as they came."""
    numbers, first = list(range(len(texts))), list(texts[: RERANK.candidates])
    if score is None or len(first) < 2:
        return numbers
    scores = score(question, first)
    return [*sorted(numbers[: len(first)], key=lambda n: -scores[n]), *numbers[len(first) :]]


def join_orders(score: Scorer) -> Scorer:
    """What scores texts by the model's order and the one in which they are given, joined by reciprocal rank.

    For encoders: alone, multilingual-e5-small ordered passages worse than we do in two of three languages (docs/log/).
    """

    def score_joined(question: str, texts: Sequence[str]) -> list[float]:
        scores, given = score(question, texts), range(len(texts))
        order = sorted(given, key=lambda n: -scores[n])
        total = points([given, order], [RERANK.given, 1.0], depth=DEPTH)
        return [total[n] for n in given]

    return score_joined


def reorder_passages(question: str, entries: Sequence[Evidence], score: Scorer | None) -> list[Evidence]:
    """The passages as the model orders them; what stands first is worth what the first was worth before."""
    order = order_texts(question, [describe_passage(entry.region) for entry in entries], score)
    return [replace(entries[n], score=place.score) for n, place in zip(order, entries, strict=True)]


def describe_passage(region: Region) -> str:
    """A passage below the words of its file's name, as such models were taught with titles."""
    return f"{split_file_name(region.source)}\n{region.text}" if region.source.kind == "document" else region.text
