"""Which pieces of code a task is about: words, meaning, names, what they use, and what earlier commits said of them.

BM25 (Robertson and Zaragoza, 2009) over each piece's words, its names, its docstring, its file and the head of its
file; how many of the task's words it has at all, and what it uses has; cosines of vectors where somebody has them; what
changed lately, and what commits changed whose messages have the task's words. A score is a weighted sum; weights were
fitted to commits that no score is reported of.

Shape key:  P pieces, F files, C commits, E edges of the graph
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.code_graph.commit_log import CommitRecord
from deepseek_mm.code_graph.pieces import CodePiece, stem_words

Floats = NDArray[np.float64]
K1, B = 1.2, 0.75
MOST_DEFINED = 6  # pieces of one name, beyond which a use of the name says nothing
NO_LINES: frozenset[int] = frozenset()
MOST_CHANGED = 15  # files of code of one commit, beyond which its message says nothing of each
HALF_LIFE, LONG_HALF_LIFE = 4.0, 600.0  # commits after which a change counts half, of what is latest and what is often
LEAST_LIKE = 0.2  # of the likest message, from which the names that a commit changed count
SILENT = ("lines", "file_often")  # signs that speak for no piece by themselves
MOST_NAMES = 20  # stems of names that commits lead to
STOP = frozenset(stem_words(
    "a an and are as at be been by can do does for from has have he how if in into is it its more no not of on one or "
    "out so than that the their then there they this to too two was what when where which who with without would you "
    "each other all any also only over same some such own"
))  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingWeights:
    """What each sign counts; signs are between 0 and 1. Fitted to 187 commits that nothing is reported of."""

    words: float = 0.5
    names: float = 0.78
    told: float = 0.27  # by its docstring
    file: float = 1.15
    head: float = 0.77  # what its file says first of itself
    path: float = 0.38
    covered: float = 1.03  # how many of the words it has, the rare ones first
    file_covered: float = 0.59
    beside: float = 0.96  # how many of the words a piece has that it uses, or that uses it
    lines: float = 1.48  # how long it is: what is long changes sooner
    vectors: float = 1.28
    file_vectors: float = 1.28  # of the best piece of its file
    activity: float = 0.72
    fresh: float = 1.71
    latest: float = 0.61  # how lately commits changed it
    file_latest: float = 0.75
    file_often: float = -1.02  # how often they changed its file, in all
    said: float = 0.4  # how much a message is like the task of a commit that changed it
    file_said: float = 0.36
    said_names: float = 0.74  # of its name and path, in names that such commits changed


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSigns:
    """What is known of pieces besides their text."""

    vectors_P: Floats | None = None  # cosines of the task with each piece
    activity: Mapping[str, float] = field(default_factory=dict)  # path -> how much it changed lately
    fresh_lines: Sequence[tuple[float, Mapping[str, Set[int]]]] = ()  # weight, and path -> lines that changed lately
    commits: Sequence[CommitRecord] = ()  # the latest first, by the paths of today


NOTHING_KNOWN = KnownSigns()


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedPiece:
    """A piece and what it scored."""

    piece: CodePiece
    score: float


def weigh_rarity(times: Floats) -> float:
    """What a word counts, of how often each document has it."""
    found = int(np.count_nonzero(times))
    return math.log(1 + (len(times) - found + 0.5) / (found + 0.5))


def score_bm25(times_W: Sequence[Floats], lengths: Floats) -> Floats:
    """BM25 of every document, of how often it has each of the words that are asked for."""
    scores: Floats = np.zeros(len(lengths))
    if not len(lengths):
        return scores
    norms = K1 * (1 - B + B * lengths / max(1.0, float(lengths.mean())))
    for times in times_W:
        if np.any(times):
            scores += weigh_rarity(times) * times * (K1 + 1) / (times + norms)
    return scores


class PieceCorpus:
    """All pieces of a repository, ready to be ranked."""

    def __init__(
        self,
        pieces: Sequence[CodePiece],
        links: Iterable[tuple[int, int, float]] | None = None,
        heads: Mapping[str, str] | None = None,
    ) -> None:
        """`links` are (from, to, weight) between numbers of pieces; without them names that are used are looked up.
        `heads` is what files say first of themselves, by path.
        """
        self.pieces = tuple(pieces)
        self._links = links
        self.files = list(dict.fromkeys(piece.path for piece in self.pieces))
        numbers = {path: number for number, path in enumerate(self.files)}
        self.file_of = np.array([numbers[piece.path] for piece in self.pieces], int)
        self._sizes = np.array([piece.size for piece in self.pieces], float)
        self._paths = [frozenset(stem_words(path)) for path in self.files]
        self._heads = [Counter(stem_words((heads or {}).get(path, ""))) for path in self.files]

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
        vectors = np.zeros(len(self.pieces)) if known.vectors_P is None else np.maximum(known.vectors_P, 0.0)
        busy = np.array([known.activity.get(path, 0.0) for path in self.files])
        found = {
            **self._score_texts(asked),
            "lines": np.log1p([float(len(piece.own)) for piece in self.pieces]),
            "vectors": vectors,
            "file_vectors": self._of_files(find_most(len(self.files), self.file_of, vectors)),
            "activity": self._of_files(busy),
            "fresh": mark_fresh(self.pieces, known.fresh_lines),
            **self._score_commits(asked, known.commits),
        }
        return {name: spread(values) for name, values in found.items()}

    def _score_texts(self, asked: Sequence[str]) -> dict[str, Floats]:
        """Signs of what is written in pieces and files."""
        times = [self.count_word(word) for word in asked]
        in_files = [self._sum_files(each) for each in times]
        rarity = [weigh_rarity(each) for each in times]
        covered: Floats = sum_weighted([each > 0 for each in times], rarity, len(self.pieces))
        heads = [np.array([float(head.get(word, 0)) for head in self._heads]) for word in asked]
        sizes = np.array([float(head.total()) for head in self._heads])
        source, target, weight = self.edges
        return {
            "words": score_bm25(times, self._sizes),
            "names": score_sets(asked, [piece.named for piece in self.pieces]),
            "told": score_sets(asked, [piece.told for piece in self.pieces]),
            "file": self._of_files(score_bm25(in_files, self._sum_files(self._sizes))),
            "head": self._of_files(score_bm25(heads, sizes)),
            "path": self._of_files(score_sets(asked, self._paths)),
            "covered": covered,
            "file_covered": self._of_files(sum_weighted([each > 0 for each in in_files], rarity, len(self.files))),
            "beside": find_most(len(self.pieces), target, covered[source] * weight),
        }

    def _score_commits(self, asked: Sequence[str], commits: Sequence[CommitRecord]) -> dict[str, Floats]:
        """Signs of what commits said and changed."""
        past = PastChanges(self.pieces, self.files, commits)
        like_C = past.score_messages(asked)
        return {
            "latest": past.sum_pieces(0.5 ** (past.ages / HALF_LIFE)),
            "file_latest": self._of_files(past.sum_files(0.5 ** (past.ages / HALF_LIFE))),
            "file_often": self._of_files(past.sum_files(0.5 ** (past.ages / LONG_HALF_LIFE))),
            "said": find_most(len(self.pieces), past.piece_at, like_C[past.piece_by]),
            "file_said": self._of_files(find_most(len(self.files), past.file_at, like_C[past.file_by])),
            "said_names": past.score_names(like_C, [self._paths[file] for file in self.file_of]),
        }

    def _of_files(self, values_F: Floats) -> Floats:
        """(P,) what the file of each piece has."""
        values_P: Floats = values_F[self.file_of]
        return values_P

    def _sum_files(self, values_P: Floats) -> Floats:
        """Over the pieces of each file."""
        return np.asarray(np.bincount(self.file_of, values_P, len(self.files)), float)


class PastChanges:
    """Which pieces and files of today small enough commits changed; arrays of pairs, by numbers."""

    def __init__(self, pieces: Sequence[CodePiece], files: Sequence[str], commits: Sequence[CommitRecord]) -> None:
        self._pieces = pieces
        endings = {ending_of(path) for path in files}
        coded = [[file for file in one.files if ending_of(file.path) in endings] for one in commits]
        chosen = [n for n, changed in enumerate(coded) if commits[n].message and 0 < len(changed) <= MOST_CHANGED]
        self._messages = [Counter(drop_common(stem_words(commits[n].message))) for n in chosen]
        self._changed = [coded[n] for n in chosen]
        self.ages = np.array(chosen, float)
        named: dict[tuple[str, str], list[int]] = {}
        for number, piece in enumerate(pieces):
            named.setdefault((piece.path, piece.name), []).append(number)
        numbers = {path: number for number, path in enumerate(files)}
        in_pieces, in_files = set(), set()
        for by, changed in enumerate(self._changed):
            in_files |= {(by, numbers[file.path]) for file in changed if file.path in numbers}
            in_pieces |= {
                (by, at) for file in changed for name in file.names for at in named.get((file.path, name), ())
            }
        self.piece_by, self.piece_at = split_pairs(in_pieces)
        self.file_by, self.file_at = split_pairs(in_files)
        self._count = len(files)

    def score_messages(self, asked: Sequence[str]) -> Floats:
        """(C,) how much each message is like a task, 1 of the likest."""
        times = [np.array([float(word in message) for message in self._messages]) for word in asked]
        return spread(score_bm25(times, np.array([float(message.total()) for message in self._messages])))

    def sum_pieces(self, values_C: Floats) -> Floats:
        """(P,) the root of the sum over the commits that changed a piece."""
        return np.sqrt(np.bincount(self.piece_at, values_C[self.piece_by], len(self._pieces)))

    def sum_files(self, values_C: Floats) -> Floats:
        """(F,) the same of files."""
        return np.sqrt(np.bincount(self.file_at, values_C[self.file_by], self._count))

    def score_names(self, like_C: Floats, paths_P: Sequence[frozenset[str]]) -> Floats:
        """(P,) how far name and path have the words of names that commits with such messages changed."""
        stems = [piece.named | path for piece, path in zip(self._pieces, paths_P, strict=True)]
        common = Counter(word for each in stems for word in each)
        led: Counter[str] = Counter()
        for by in np.flatnonzero(like_C > LEAST_LIKE):
            text = " ".join(f"{file.path} {' '.join(file.names)}" for file in self._changed[by])
            names = Counter(word for word in stem_words(text) if word in common)
            for word, times in names.items():
                led[word] += like_C[by] ** 2 * times / names.total()
        best = Counter({word: value * math.log(1 + len(stems) / (1 + common[word])) for word, value in led.items()})
        top = dict(best.most_common(MOST_NAMES))
        return np.array([sum(top[word] for word in top.keys() & each) / math.sqrt(3 + len(each)) for each in stems])


def ending_of(path: str) -> str:
    """py"""
    return path.rpartition(".")[2]


def drop_common(words: Sequence[str]) -> list[str]:
    """Without words that say nothing."""
    return [word for word in words if word not in STOP]


def split_pairs(pairs: Set[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Firsts and seconds."""
    rows = np.array(sorted(pairs), int).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def find_most(count: int, at: NDArray[np.int64], values: Floats) -> Floats:
    """(count,) the largest of the values at each place, 0 where there is none."""
    found: Floats = np.zeros(count)
    np.maximum.at(found, at, values)
    return found


def sum_weighted(marks_W: Sequence[NDArray[np.bool_]], weight_W: Sequence[float], count: int) -> Floats:
    """(count,) what is marked counts its weight."""
    found: Floats = np.zeros(count)
    for marks, weight in zip(marks_W, weight_W, strict=True):
        found += weight * marks
    return found


def score_sets(asked: Sequence[str], sets: Sequence[frozenset[str]]) -> Floats:
    """BM25 of sets of words."""
    lengths = np.array([len(each) for each in sets], float)
    return score_bm25([np.array([float(word in each) for each in sets]) for word in asked], lengths)


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


def combine_signs(signs: Mapping[str, Floats], weights: RankingWeights) -> Floats:
    """(P,) The weighted sum."""
    score: Floats = np.zeros(len(signs["words"]))
    for name, values in signs.items():
        score = score + getattr(weights, name) * values
    return score


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
    signs = corpus.signs(task, known)
    score = combine_signs(signs, weights or RankingWeights())
    speaks = np.any([values > 0 for name, values in signs.items() if name not in SILENT], axis=0)
    order = np.argsort(-score, kind="stable")
    return [RankedPiece(piece=corpus.pieces[n], score=float(score[n])) for n in order if speaks[n]]
