"""How probable it is that what lies in a box is called by a word, for any word and any place.

Several witnesses speak of a box: the detector's scores of COCO's 80 names, where the word is one of them, and else of
the names whose text is nearest (moose: cow, sheep); the cells of the tower's map that the box covers, by their
likeness to the word and by the words that were learned from photos; and the whole picture by the same. A logistic model
that was trained on photos with boxes and with captions weighs them. It has a row of weights for spaces without learned
words, where the detector speaks alone, and one for the others.

It is sure too often where a photo shows what COCO does not know (a tomato is an apple), so a name that nobody else says
of the picture is told with another probability: by that of its surest box and by the picture's likeness to the name.

Shape key:  N boxes, T words, C COCO's names (80), K names, F features, D width of the space, H, W cells of a map,
            R rows of weights (2)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from deepseek_mm.embeddings.space import Floats, ImageEmbedding, Share, area, unit
from deepseek_mm.errors import MissingWeights
from deepseek_mm.language.words import names_the_same
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.people import PEOPLE, PERSON
from deepseek_mm.vision.presence import log_odds_of
from deepseek_mm.vision.vocabulary import Learned, Vocabulary

WEIGHTS = Path(__file__).parents[1] / "weights" / "boxes.safetensors"
DETECTOR, MAP = 0, 1  # rows of weights, by what they weigh
FEATURES = (
    "own",  # log-odds of the detector, where the word is one of COCO's names
    "rival",  # those of its surest other name, where it is
    "is_own",
    "near",  # log-odds of the names nearest to the word, where it is not
    "thing",  # those of any name, where it is not
    "somebody",  # those of a person, where the word is no word for people
    "nearest",  # cosine of the word and the nearest of these names
    "likeness",  # of the box to the word, in deviations
    "learned",  # log-odds of the nearest learned words in the box
    "is_learned",
    "learned_own",  # the same log-odds, where the word is one of them
    "picture_likeness",
    "picture_learned",
    "area",  # logarithm
)
BY_MAP = ("likeness", "learned", "is_learned", "learned_own", "picture_likeness", "picture_learned")
USED = (tuple(name not in BY_MAP for name in FEATURES), (True,) * len(FEATURES))  # by each row of weights
NEAREST = 10  # learned words that speak for a word
NEAREST_COCO = 5
APART = 0.05  # of cosine: a name that is less near by so much counts e times less
TINY = 1e-3
MOST_LIKELY = 4.6  # log-odds beyond which a likeness says no more
SUREST = 0.8  # score of the detector that it hardly ever gives to anything else
BESIDE = 0.5  # of the detector's best score of a name, below which another box counts less
KEPT = 4096  # words whose links are kept


@dataclass(frozen=True, kw_only=True, slots=True)
class NearNames:
    """The names whose text is nearest to a word."""

    rows: NDArray[np.intp]
    weights: Floats  # that sum to 1
    cosine: float  # of the nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class WordLinks:
    """What is known of a word."""

    word: str
    own: tuple[int, ...]  # of COCO's names, those that answer to it
    others: tuple[int, ...]  # those that are neither kinds of it nor what it is a kind of
    near: NearNames  # of COCO's names
    learned: NearNames | None
    is_learned: bool
    is_person: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerWeights:
    """Of the features, a row for each set of witnesses, and offsets."""

    weights_RF: Floats
    offsets_R: Floats
    alone_3: Floats  # what a name of COCO's is worth that stands alone: weights of box and picture, and an offset


class BoxScorer:
    """Words and boxes to probabilities."""

    def __init__(self, vocabulary: Vocabulary, learned: Learned | None, weights: ScorerWeights) -> None:
        """Without learned words, in spaces that are not known well, the detector's scores alone are weighed."""
        self.vocabulary, self.learned, self.weights = vocabulary, learned, weights
        self.coco_CD = vocabulary.keep_words(NAMES)
        self.learned_KD = vocabulary.keep_words(learned.names) if learned else None
        self.link = lru_cache(KEPT)(self._link)

    def score(self, words: Sequence[str], detections: Detections, look: ImageEmbedding) -> Floats:
        """(N, T): probability that each box shows each word.

        Beside a box that the detector is surer of, one that it takes for something else counts less.
        """
        return self.score_and_compare(words, detections, look)[0]

    def score_both(self, words: Sequence[str], detections: Detections, look: ImageEmbedding) -> tuple[Floats, Floats]:
        """(N, T): what `score` says; and of names of COCO's what is left of it where nobody else says them.

        A detector that is surest itself needs nobody else.
        """
        chance_NT, likeness_NT = self.score_and_compare(words, detections, look)
        of_box, of_picture, offset = self.weights.alone_3
        logit_NT = of_box * log_odds_of(chance_NT) + of_picture * likeness_NT + offset
        alone_NT = np.where(chance_NT > 0, 1 / (1 + np.exp(-logit_NT)), 0).astype(np.float32)
        for n, word in enumerate(words):
            if word in NAMES:
                own_N = np.array([found.chances_C[NAMES.index(word)] for found in detections.boxes], np.float32)
                alone_NT[:, n] = np.where(own_N >= SUREST, np.maximum(alone_NT[:, n], own_N), alone_NT[:, n])
        return chance_NT, alone_NT

    def score_and_compare(
        self, words: Sequence[str], detections: Detections, look: ImageEmbedding
    ) -> tuple[Floats, Floats]:
        """(N, T): what `score` says; and how like the picture is to each word, in log-odds, the same for every box."""
        told_NTF = self.measure(words, detections, look)
        likeness_NT = np.clip(told_NTF[..., FEATURES.index("picture_likeness")], -MOST_LIKELY, MOST_LIKELY)
        return self._weigh(words, detections, told_NTF), likeness_NT

    def _weigh(self, words: Sequence[str], detections: Detections, told_NTF: Floats) -> Floats:
        row = DETECTOR if self.learned is None else MAP
        logit_NT = told_NTF @ self.weights.weights_RF[row] + self.weights.offsets_R[row]
        chance_NT = np.asarray(1 / (1 + np.exp(-logit_NT)), np.float32)
        for n, word in enumerate(words):
            own = self.link(word, hidden=False).own
            if own and detections.boxes:
                own_N = np.stack([found.chances_C[list(own)].max() for found in detections.boxes])
                chance_NT[:, n] *= np.minimum(1, own_N / (BESIDE * own_N.max() + TINY))
        return chance_NT

    def measure(
        self, words: Sequence[str], detections: Detections, look: ImageEmbedding, *, hidden: bool = False
    ) -> Floats:
        """(N, T, F): what the witnesses say, 0 for those who are not there.

        `hidden`: as if no word were one of COCO's names, which is how other words are learned from these.
        """
        all_links = [self.link(word, hidden=hidden) for word in words]
        boxes = [found.box for found in detections.boxes]
        told = {name: np.zeros((len(boxes), len(words)), np.float32) for name in FEATURES}
        if not boxes or not words:
            return np.stack([*told.values()], axis=-1)
        self._ask_detector(told, all_links, np.stack([found.chances_C for found in detections.boxes]))
        told["area"] += np.log(np.array([area(box) for box in boxes]) + TINY)[:, None]
        if self.learned is not None:
            self._ask_map(told, all_links, np.concatenate([cover_vectors(look, boxes), look.vector_D[None]]))
        return np.stack([*told.values()], axis=-1)

    def _ask_detector(self, told: Mapping[str, Floats], words: Sequence[WordLinks], chances_NC: Floats) -> None:
        odds_NC = to_log_odds(chances_NC)
        for n, links in enumerate(words):
            told["nearest"][:, n] = links.near.cosine
            if links.own:
                told["is_own"][:, n] = 1
                told["own"][:, n] = odds_NC[:, links.own].max(axis=1)
                told["rival"][:, n] = odds_NC[:, links.others].max(axis=1)
            else:
                told["near"][:, n] = odds_NC[:, links.near.rows] @ links.near.weights
                told["thing"][:, n] = odds_NC.max(axis=1)
            if not links.is_person:
                told["somebody"][:, n] = odds_NC[:, NAMES.index(PERSON)]

    def _ask_map(self, told: Mapping[str, Floats], words: Sequence[WordLinks], vectors_MD: Floats) -> None:
        """`vectors_MD` are those of the boxes and, last, of the picture."""
        assert self.learned is not None, "learned words"
        likeness_MT = to_log_odds(self.vocabulary.presence([links.word for links in words], vectors_MD), TINY / 10)
        odds_MK = vectors_MD @ self.learned.directions_LD.T + self.learned.offsets_L
        told["likeness"][:], told["picture_likeness"][:] = likeness_MT[:-1], likeness_MT[-1]
        for n, links in enumerate(words):
            assert links.learned is not None, "learned words are known"
            odds_M = odds_MK[:, links.learned.rows] @ links.learned.weights
            told["learned"][:, n], told["picture_learned"][:, n] = odds_M[:-1], odds_M[-1]
            told["is_learned"][:, n] = links.is_learned
            told["learned_own"][:, n] = odds_M[:-1] * links.is_learned

    def _link(self, word: str, *, hidden: bool) -> WordLinks:
        vector_D = self.vocabulary.words.vectors([word])[0]
        own = tuple(n for n, name in enumerate(NAMES) if names_the_same(name, word))
        related = {*own, *(n for n, name in enumerate(NAMES) if names_the_same(word, name))}
        others = tuple(n for n in range(len(NAMES)) if n not in related)
        return WordLinks(
            word=word,
            own=() if hidden else own,
            others=others,
            near=find_near(self.coco_CD, vector_D, NEAREST_COCO, left_out=tuple(related) if hidden else ()),
            learned=None if self.learned_KD is None else find_near(self.learned_KD, vector_D, NEAREST),
            is_learned=self.learned is not None and word in self.learned.names,
            is_person=word in PEOPLE,
        )


def find_near(names_KD: Floats, vector_D: Floats, most: int, *, left_out: Sequence[int] = ()) -> NearNames:
    """The nearest names; each counts as far as it is near."""
    near_K = names_KD @ vector_D
    near_K[list(left_out)] = -1
    rows = np.argsort(-near_K, kind="stable")[:most]
    weights = np.exp((near_K[rows] - near_K[rows[0]]) / APART)
    return NearNames(rows=rows, weights=np.asarray(weights / weights.sum(), np.float32), cosine=float(near_K[rows[0]]))


def to_log_odds(chances: Floats, least: float = TINY) -> Floats:
    """Of probabilities, none surer than `least` allows."""
    kept = np.asarray(chances, np.float32)
    return np.asarray(np.log((kept + least) / (1 - kept + least)), np.float32)


def cover_vectors(look: ImageEmbedding, boxes: Sequence[Share]) -> Floats:
    """(N, D): for each box the mean over the cells that it covers, each as far as it is covered."""
    height, width, dim = look.grid_HWD.shape
    if not boxes:
        return np.zeros((0, dim), np.float32)
    covered_NP = covered_shares(boxes, height, width).reshape(len(boxes), -1)
    return unit(covered_NP @ look.grid_HWD.reshape(-1, dim))


def covered_shares(boxes: Sequence[Share], height: int, width: int) -> Floats:
    """(N, H, W): how much of each cell lies in each box, 0 to 1."""
    box_N4 = np.array(boxes, np.float32).reshape(-1, 4)
    down_NH, across_NW = (
        np.clip(
            np.minimum(np.arange(1, n + 1), box_N4[:, [high]] * n) - np.maximum(np.arange(n), box_N4[:, [low]] * n),
            0,
            1,
        )
        for n, low, high in ((height, 1, 3), (width, 0, 2))
    )
    return np.asarray(down_NH[:, :, None] * across_NW[:, None], np.float32)


def read_scorer_weights(file: Path = WEIGHTS) -> ScorerWeights:
    """Those that are shipped. MissingWeights without their file."""
    if not file.is_file():
        raise MissingWeights(file, make="python -m deepseek_mm train boxes")
    with safe_open(file, framework="numpy") as opened:
        names = tuple(json.loads(opened.metadata()["features"]))
        weights_RF, offsets_R, alone_3 = map(opened.get_tensor, ("weights", "offsets", "alone"))
    columns = [names.index(name) for name in FEATURES]
    return ScorerWeights(
        weights_RF=weights_RF[:, columns].astype(np.float32),
        offsets_R=offsets_R.astype(np.float32),
        alone_3=alone_3.astype(np.float32),
    )


def open_scorer(vocabulary: Vocabulary, learned: Learned | None) -> BoxScorer | None:
    """None where its weights were not trained."""
    try:
        return BoxScorer(vocabulary, learned, read_scorer_weights())
    except MissingWeights:
        return None
