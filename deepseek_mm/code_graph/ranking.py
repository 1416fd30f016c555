"""Which pieces of code a task is about: words, meaning, names, files that change much, and what all of these use.

BM25 (Robertson and Zaragoza, 2009) over each piece's words, its names, its docstring and its whole file; cosines of
vectors where somebody has them; then a personalised PageRank (Page et al., 1998; Haveliwala, 2002) over the graph of
uses, which begins at the best pieces. A score is a weighted sum; weights were chosen on commits that no score is
reported of.

Shape key:  P pieces, E edges of the graph
"""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.code_graph.pieces import CodePiece, stem_words

Floats = NDArray[np.float64]
K1, B = 1.2, 0.75
MOST_DEFINED = 6  # pieces of one name, beyond which a use of the name says nothing
DAMPING, ROUNDS = 0.7, 12
NO_LINES: frozenset[int] = frozenset()
SEEDS = 30  # pieces that the walk begins at
STOP = frozenset(stem_words(
    "a an and are as at be been by can do does for from has have he how if in into is it its more no not of on one or "
    "out so than that the their then there they this to too two was what when where which who with without would you "
    "each other all any also only over same some such own"
))  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingWeights:
    """What each sign counts; signs are between 0 and 1. Chosen on 61 commits that nothing is reported of."""

    words: float = 0.6
    names: float = 0.0  # adds nothing to words, which have the name as well
    told: float = 0.15
    file: float = 0.8
    path: float = 0.3
    vectors: float = 1.2
    file_vectors: float = 0.5  # of the best piece of its file
    activity: float = 0.4
    fresh: float = 0.85
    graph: float = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSigns:
    """What is known of pieces besides their text."""

    vectors_P: Floats | None = None  # cosines of the task with each piece
    activity: Mapping[str, float] = field(default_factory=dict)  # path -> how much it changed lately
    fresh_lines: Sequence[tuple[float, Mapping[str, Set[int]]]] = ()  # weight, and path -> lines that changed lately


NOTHING_KNOWN = KnownSigns()


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedPiece:
    """A piece and what it scored."""

    piece: CodePiece
    score: float


def score_bm25(times_W: Sequence[Floats], lengths: Floats) -> Floats:
    """BM25 of every document, of how often it has each of the words that are asked for."""
    scores: Floats = np.zeros(len(lengths))
    if not len(lengths):
        return scores
    norms = K1 * (1 - B + B * lengths / max(1.0, float(lengths.mean())))
    for times in times_W:
        found = int(np.count_nonzero(times))
        if found:
            rarity = math.log(1 + (len(lengths) - found + 0.5) / (found + 0.5))
            scores += rarity * times * (K1 + 1) / (times + norms)
    return scores


class PieceCorpus:
    """All pieces of a repository, ready to be ranked."""

    def __init__(self, pieces: Sequence[CodePiece], links: Iterable[tuple[int, int, float]] | None = None) -> None:
        """`links` are (from, to, weight) between numbers of pieces; without them names that are used are looked up."""
        self.pieces = tuple(pieces)
        self._links = links
        self.files = list(dict.fromkeys(piece.path for piece in self.pieces))
        numbers = {path: number for number, path in enumerate(self.files)}
        self.file_of = np.array([numbers[piece.path] for piece in self.pieces], int)
        self._sizes = np.array([piece.size for piece in self.pieces], float)
        self._paths = [frozenset(stem_words(path)) for path in self.files]

    def count_word(self, word: str) -> Floats:
        """(P,) how often each piece has a word."""
        return np.fromiter((piece.words.get(word, 0) for piece in self.pieces), float, len(self.pieces))

    def count_paths(self, word: str) -> Floats:
        """(P,) 1 where the path of its file has a word."""
        found = np.fromiter((word in path for path in self._paths), float, len(self._paths))
        counted_P: Floats = found[self.file_of]
        return counted_P

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
        asked = dict.fromkeys(stem_words(task))
        lengths = self._sizes + np.array([len(path) for path in self._paths], float)[self.file_of]
        return score_bm25([self.count_word(word) + self.count_paths(word) for word in asked], lengths)

    def signs(self, task: str, known: KnownSigns = NOTHING_KNOWN) -> dict[str, Floats]:
        """Sign -> (P,) between 0 and 1."""
        asked = [word for word in dict.fromkeys(stem_words(task)) if word not in STOP]
        times = [self.count_word(word) for word in asked]
        in_files = [self._sum_files(each) for each in times]
        whole = self._sum_files(self._sizes)
        busy = np.array([known.activity.get(path, 0.0) for path in self.files])
        vectors = np.zeros(len(self.pieces)) if known.vectors_P is None else np.maximum(known.vectors_P, 0.0)
        of_files = np.zeros(len(self.files))
        np.maximum.at(of_files, self.file_of, vectors)
        found = {
            "words": score_bm25(times, self._sizes),
            "names": self._score_sets(asked, [piece.named for piece in self.pieces]),
            "told": self._score_sets(asked, [piece.told for piece in self.pieces]),
            "file": score_bm25(in_files, whole)[self.file_of],
            "path": self._score_sets(asked, self._paths)[self.file_of],
            "activity": busy[self.file_of] if len(busy) else busy,
            "vectors": vectors,
            "file_vectors": of_files[self.file_of] if len(of_files) else of_files,
            "fresh": mark_fresh(self.pieces, known.fresh_lines),
        }
        return {name: spread(values) for name, values in found.items()}

    def _sum_files(self, values_P: Floats) -> Floats:
        """Over the pieces of each file."""
        return np.asarray(np.bincount(self.file_of, values_P, len(self.files)), float)

    def _score_sets(self, asked: Sequence[str], sets: Sequence[frozenset[str]]) -> Floats:
        """BM25 of sets of words."""
        lengths = np.array([len(each) for each in sets], float)
        return score_bm25([np.array([float(word in each) for each in sets]) for word in asked], lengths)

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
    """(P,) The weighted sum, then what the graph adds."""
    score: Floats = np.zeros(len(corpus.pieces))
    for name, values in signs.items():
        score = score + getattr(weights, name) * values
    if not len(score) or score.max() <= 0:
        return score
    score = spread(score)
    best = np.argsort(-score, kind="stable")[:SEEDS]
    start = np.zeros(len(score))
    start[best] = score[best] ** 2
    return score + weights.graph * spread(np.sqrt(corpus.walk(start)))


def mark_fresh(pieces: Sequence[CodePiece], windows: Sequence[tuple[float, Mapping[str, Set[int]]]]) -> Floats:
    """(P,) the weights of the windows of time in which lines of a piece changed."""
    return np.array(
        [
            sum(weight for weight, lines in windows if not lines.get(piece.path, NO_LINES).isdisjoint(piece.own))
            for piece in pieces
        ],
        float,
    )


def rank_pieces(
    corpus: PieceCorpus, task: str, known: KnownSigns = NOTHING_KNOWN, weights: RankingWeights | None = None
) -> list[RankedPiece]:
    """The pieces that a task is about, best first; those that nothing speaks for are left out."""
    score = combine_signs(corpus, corpus.signs(task, known), weights or RankingWeights())
    order = np.argsort(-score, kind="stable")
    return [RankedPiece(piece=corpus.pieces[n], score=float(score[n])) for n in order if score[n] > 0]
