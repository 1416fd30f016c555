"""Which pieces of code a task is about: words, meaning, names, files that change much, and what all of these use.

BM25 (Robertson and Zaragoza, 2009) over each piece's words, its names, its docstring and its whole file; cosines of
vectors where somebody has them; then a personalised PageRank (Page et al., 1998; Haveliwala, 2002) over the graph of
uses, which begins at the best pieces. A score is a weighted sum; weights were chosen on commits that no score is
reported of.

Shape key:  P pieces, E edges of the graph
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.code_graph.pieces import CodePiece, stem_words

Floats = NDArray[np.float64]
K1, B = 1.2, 0.75
MOST_DEFINED = 6  # pieces of one name, beyond which a use of the name says nothing
DAMPING, ROUNDS = 0.7, 12
SEEDS = 30  # pieces that the walk begins at
STOP = frozenset(stem_words(
    "a an and are as at be been by can do does for from has have he how if in into is it its more no not of on one or "
    "out so than that the their then there they this to too two was what when where which who with without would you "
    "each other all any also only over same some such own"
))  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingWeights:
    """What each sign counts; signs are between 0 and 1."""

    words: float = 1.0
    names: float = 0.6
    told: float = 0.4
    file: float = 0.8
    path: float = 0.5
    vectors: float = 1.2
    activity: float = 0.4
    graph: float = 0.6
    together: float = 0.5  # other good pieces in the same file


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedPiece:
    """A piece and what it scored."""

    piece: CodePiece
    score: float


@dataclass(kw_only=True, slots=True)
class Postings:
    """An index of words."""

    lengths: list[int] = field(default_factory=list)
    places: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # stem -> (document, times)

    def add(self, words: Mapping[str, int]) -> None:
        """One more document."""
        number = len(self.lengths)
        self.lengths.append(sum(words.values()))
        for word, times in words.items():
            self.places.setdefault(word, []).append((number, times))

    def score(self, asked: Iterable[str]) -> Floats:
        """BM25 of every document for these words."""
        count = len(self.lengths)
        scores = np.zeros(count)
        if not count:
            return scores
        lengths = np.asarray(self.lengths, float)
        norms = K1 * (1 - B + B * lengths / max(1.0, lengths.mean()))
        for word in asked:
            found = self.places.get(word)
            if not found:
                continue
            at, times = np.array(found).T
            rarity = math.log(1 + (count - len(found) + 0.5) / (len(found) + 0.5))
            scores[at] += rarity * times * (K1 + 1) / (times + norms[at])
        return scores


class PieceCorpus:
    """All pieces of a repository, ready to be ranked."""

    def __init__(self, pieces: Sequence[CodePiece], links: Iterable[tuple[int, int, float]] | None = None) -> None:
        """`links` are (from, to, weight) between numbers of pieces; without them names that are used are looked up."""
        self.pieces = tuple(pieces)
        self._links = links
        self._words, self._names, self._told, self._paths, self._whole = (Postings() for _ in range(5))
        self.files = list(dict.fromkeys(piece.path for piece in self.pieces))
        numbers = {path: number for number, path in enumerate(self.files)}
        self.file_of = np.array([numbers[piece.path] for piece in self.pieces], int)
        whole: list[Counter[str]] = [Counter() for _ in self.files]
        for piece, file in zip(self.pieces, self.file_of, strict=True):
            words = Counter(piece.words)
            words.update(stem_words(piece.path))
            self._words.add(words)
            self._names.add(dict.fromkeys(piece.named, 1))
            self._told.add(dict.fromkeys(piece.told, 1))
            whole[file].update(piece.words)
        for path, words in zip(self.files, whole, strict=True):
            self._whole.add(words)
            self._paths.add(dict.fromkeys(stem_words(path), 1))

    @cached_property
    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """(E,) from, to and weight: a piece and what it uses, in both directions."""
        found = list(link_uses(self.pieces) if self._links is None else self._links)
        if not found:
            return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
        source, target, weight = (np.array(column) for column in zip(*found, strict=True))
        return np.concatenate([source, target]), np.concatenate([target, source]), np.concatenate([weight, weight])

    def score_words(self, task: str) -> Floats:
        """(P,) BM25 over the words of each piece and its path, which all else is measured by."""
        return self._words.score(dict.fromkeys(stem_words(task)))

    def signs(self, task: str, vectors_P: Floats | None, activity: Mapping[str, float]) -> dict[str, Floats]:
        """Sign -> (P,) between 0 and 1."""
        asked = [word for word in dict.fromkeys(stem_words(task)) if word not in STOP]
        busy = np.array([activity.get(path, 0.0) for path in self.files])
        found = {
            "words": self._words.score(asked),
            "names": self._names.score(asked),
            "told": self._told.score(asked),
            "file": self._whole.score(asked)[self.file_of],
            "path": self._paths.score(asked)[self.file_of],
            "activity": busy[self.file_of] if len(busy) else busy,
            "vectors": np.zeros(len(self.pieces)) if vectors_P is None else np.maximum(vectors_P, 0.0),
        }
        return {name: spread(values) for name, values in found.items()}

    def walk(self, start_P: Floats) -> Floats:
        """(P,) where a walk over the graph is found that begins anew at `start_P`."""
        source, target, weight = self.edges
        if not start_P.sum():
            return start_P
        start = start_P / start_P.sum()
        out = np.bincount(source, weight, len(start))
        share = weight / np.maximum(out[source], 1e-12)
        at: Floats = start
        for _ in range(ROUNDS):
            at = (1 - DAMPING) * start + DAMPING * np.bincount(target, at[source] * share, len(start))
        return at


def link_uses(pieces: Sequence[CodePiece]) -> Iterable[tuple[int, int, float]]:
    """By names: a rare name that few pieces have links more."""
    named: dict[str, list[int]] = {}
    for number, piece in enumerate(pieces):
        named.setdefault(piece.name, []).append(number)
    for number, piece in enumerate(pieces):
        meant = (named.get(name, ()) for name in piece.uses)
        few = (targets for targets in meant if len(targets) <= MOST_DEFINED)
        yield from ((number, target, 1.0 / len(targets)) for targets in few for target in targets)


def spread(values: Floats) -> Floats:
    """Divided by the largest."""
    most = values.max() if len(values) else 0.0
    return values / most if most > 0 else values


def combine_signs(corpus: PieceCorpus, signs: Mapping[str, Floats], weights: RankingWeights) -> Floats:
    """(P,) The weighted sum, then what the graph and the file add."""
    score: Floats = np.zeros(len(corpus.pieces))
    for name, values in signs.items():
        score = score + getattr(weights, name) * values
    if not len(score) or score.max() <= 0:
        return score
    score = spread(score)
    best = np.argsort(-score, kind="stable")[:SEEDS]
    start = np.zeros(len(score))
    start[best] = score[best] ** 2
    score = score + weights.graph * spread(np.sqrt(corpus.walk(start)))
    return score + weights.together * spread(gather_files(corpus, score))


def gather_files(corpus: PieceCorpus, score_P: Floats) -> Floats:
    """(P,) how good the best pieces of its file are together."""
    best = np.argsort(-score_P, kind="stable")[: 3 * SEEDS]
    sums = np.bincount(corpus.file_of[best], score_P[best] ** 2, len(corpus.files))
    gathered_P: Floats = np.sqrt(sums)[corpus.file_of]
    return gathered_P


def rank_pieces(
    corpus: PieceCorpus,
    task: str,
    *,
    vectors_P: Floats | None = None,
    activity: Mapping[str, float] | None = None,
    weights: RankingWeights | None = None,
) -> list[RankedPiece]:
    """The pieces that a task is about, best first; those that nothing speaks for are left out.

    `vectors_P` are cosines of the task with each piece; `activity` says how much a file changed lately.
    """
    weights = weights or RankingWeights()
    score = combine_signs(corpus, corpus.signs(task, vectors_P, activity or {}), weights)
    order = np.argsort(-score, kind="stable")
    return [RankedPiece(piece=corpus.pieces[n], score=float(score[n])) for n in order if score[n] > 0]


Embed = Callable[[Sequence[str]], Floats]
SIGNS = tuple(each.name for each in fields(RankingWeights))
