"""`train presence`: what the detector's scores are worth, and how much each witness of presence counts beside them.

The detector's curve is fitted on captioned training photos: what a caption names is there, what none names is not, each
name as often as not. Then it is asked of photos that were held out whether things are there, and the log-odds of all
witnesses are weighed by logistic regression: once for the things that the reader was often asked for, once for COCO's
other names. For these the photos need not be held out, since nobody learned them from these photos.

Shape key:  N photos, C COCO's names, T things, W witnesses
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from deepseek_mm.answering.closed_vqa import Decider
from deepseek_mm.chance import log_odds
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.pope import AMBIGUOUS, ThingsOf, find_coco_names, make_pope_rows, read_named_things
from deepseek_mm.evaluation.retrieval import CaptionRow, read_caption_rows, read_picture
from deepseek_mm.evaluation.vqa import QuestionRow, make_presence_rows
from deepseek_mm.factory import load
from deepseek_mm.language.parser import parse
from deepseek_mm.training.feature_maps import cache_array
from deepseek_mm.training.loop import tell_written
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.training.question_albums import ASKED, CAPTIONED, is_held_out
from deepseek_mm.training.tagger import list_caption_words
from deepseek_mm.vision.detector.detector import NAMES, Detector
from deepseek_mm.vision.presence import (
    KNOWN,
    NAMED,
    SEEN,
    WEIGHTS,
    DetectorWitness,
    Weights,
    best_log_odds,
    find_names,
    write_witness,
)
from deepseek_mm.vision.vocabulary import NamingCurve
from deepseek_mm.vision.vqa import EVEN, YES

WITNESSES = ("reader", "likeness", "labels", "notice", "detector")
FEWEST = 10  # photos whose captions name a thing, or it has no offset of its own
MOST_POOLED, MOST_OWN = 60, 200  # photos with a name that the curve, and the name's own offset, are fitted by
PULL = 0.5  # of an offset towards zero
PHOTOS = 500  # training photos that are asked about things that nobody learned
MIRRORS = 4.0  # what a held-out photo of COCO's kind counts beside one of Flickr's, of which there are more


@dataclass(frozen=True, slots=True)
class AskedSet:
    """Questions whether things are there, where the pictures lie, and how much each question counts."""

    rows: Sequence[QuestionRow]
    images: Path
    weight: float = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train presence`."""
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k and coco_vqa")
    parser.add_argument("--out", type=Path, default=Path("runs/presence"), help="what was detected is kept there")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is written")


def run(args: argparse.Namespace) -> int:
    """Detect, fit the curve, ask, weigh, write."""
    captions = read_caption_rows(args.data / CAPTIONED / "captions.jsonl", split="train")
    with TemporaryDirectory() as folder:
        eyes = load(Config(data=Path(folder), lm=LMConfig(name="none"))).eyes
        assert eyes.detector is not None, "weights of the detector: python -m deepseek_mm train detector --help"
        photos = [args.data / CAPTIONED / "images" / row.image for row in captions]
        detector = eyes.detector
        most_NC = cache_array(args.out / "most.npy", len(captions), lambda: detect_names(detector, photos))
        even = dict.fromkeys((KNOWN, NAMED, SEEN), EVEN)
        eyes.witness = DetectorWitness(curve=fit_curve(captions, most_NC), weights=even)
        decider = Decider(eyes)
        assert decider.reader is not None, "weights of the reader"
        known = decider.reader.sure.nouns
        weights = weigh_witnesses(decider, collect_questions(args.data, captions, known), known)
    write_witness(args.weights, DetectorWitness(curve=eyes.witness.curve, weights=weights))
    tell_written(args.weights, f"{weights}; ")
    return 0


def detect_names(detector: Detector, photos: Sequence[Path]) -> Floats:
    """(N, C): the best score of each name in each photo."""
    bar = tqdm(photos, unit="photo", desc="detecting", file=sys.stderr)
    found = detector.detect_many((Image.open(photo) for photo in bar), tiled_px=0)
    return np.stack([each.most_C for each in found])


def fit_curve(captions: Sequence[CaptionRow], most_NC: Floats) -> NamingCurve:
    """One slope and offset for COCO's names, and an offset for every word that captions use often enough."""
    free = [n for n, row in enumerate(captions) if not is_held_out(row.image)]
    rows, most_NC = [captions[n] for n in free], most_NC[free]
    words = list_caption_words([row.captions for row in rows])
    names = [find_coco_names(row.captions) for row in rows]
    counts = Counter(word for own in words for word in own) + Counter(name for own in names for name in own)
    often = sorted(
        word for word, count in counts.items() if count >= FEWEST and find_names(word) and word not in AMBIGUOUS
    )
    both = [said | name for said, name in zip(words, names, strict=True)]
    there = {word: np.array([word in said for said in both]) for word in often}
    found = {word: np.array([best_log_odds([word], most_C)[0] for most_C in most_NC]) for word in often}
    pooled = [word for word in often if word in NAMES]
    slope_1, offset = fit_logistic(
        np.concatenate([found[word] for word in pooled])[:, None].astype(np.float64),
        np.concatenate([there[word] for word in pooled]),
        np.concatenate([balance(there[word], MOST_POOLED) for word in pooled]),
    )
    slope = float(slope_1[0])
    offsets = {word: fit_offset(slope * found[word] + offset, there[word]) for word in often}
    return NamingCurve(slope=round(slope, 4), offset=round(offset, 4), word_offsets=offsets)


def balance(there_N: NDArray[np.bool_], most: int) -> NDArray[np.float64]:
    """(N,): weights by which a thing is there as often as not, together those of the photos that show it or `most`."""
    yes, no = there_N.sum(), (~there_N).sum()
    weight_N: NDArray[np.float64] = np.where(there_N, 1 / yes, 1 / max(1, no)) * min(int(yes), most)
    return weight_N


def fit_offset(score_N: NDArray[np.float64], there_N: NDArray[np.bool_], steps: int = 30) -> float:
    """What is best added to log-odds (Newton's method), drawn a little towards zero."""
    weight_N, added = balance(there_N, MOST_OWN), 0.0
    for _ in range(steps):
        p_N = 1 / (1 + np.exp(-(score_N + added)))
        slope = float((weight_N * (there_N - p_N)).sum()) - PULL * added
        added += slope / (float((weight_N * p_N * (1 - p_N)).sum()) + PULL)
    return round(added, 4)


def collect_questions(data: Path, captions: Sequence[CaptionRow], known: frozenset[str]) -> list[AskedSet]:
    """About held-out photos of both kinds, and about training photos for what nobody learned."""
    held = [row for row in captions if is_held_out(row.image)]
    named = {row.image: find_coco_names(row.captions) for row in held}
    boxes = data / ASKED / "person_boxes_partial.jsonl"
    asked = read_named_things(data / ASKED / "qa.jsonl", split="train", boxes=boxes)
    rows = make_pope_rows(asked)
    flickr, coco = data / CAPTIONED / "images", data / ASKED / "images"
    return [
        AskedSet(make_presence_rows(held, least=2), flickr),
        AskedSet(make_pope_rows(named), flickr),
        AskedSet([row for row in rows if is_held_out(row.image)], coco, MIRRORS),
        AskedSet(choose_unlearned(asked, known), coco),
    ]


def choose_unlearned(asked: ThingsOf, known: frozenset[str]) -> list[QuestionRow]:
    """Questions about some training photos for names that the reader was hardly ever asked for."""
    rows = [
        row
        for row in make_pope_rows(asked, seed=1)
        if not is_held_out(row.image) and known.isdisjoint(parse(row.question).thing_phrases)
    ]
    photos = sorted({row.image for row in rows if row.answers == (YES,)})
    chosen = set(Random(0).sample(photos, min(PHOTOS, len(photos))))
    return [row for row in rows if row.image in chosen]


def weigh_witnesses(decider: Decider, sets: Sequence[AskedSet], known: frozenset[str]) -> dict[str, Weights]:
    """How much each counts where the detector says something, for things that are known and for others."""
    heard: list[tuple[bool, list[float], bool, float]] = []
    for part in sets:
        for row, said in hear_witnesses(decider, part):
            if "detector" in said:
                (thing,) = parse(row.question).thing_phrases
                odds = [log_odds(said[name]) if name in said else 0.0 for name in WITNESSES]
                heard.append((thing in known, odds, row.answers == (YES,), part.weight))
    known_N, odds_NW, there_N, weight_N = (np.array(each) for each in zip(*heard, strict=True))
    return {
        KNOWN: fit_weights(odds_NW[known_N], there_N[known_N], weight_N[known_N], WITNESSES),
        NAMED: fit_weights(odds_NW[~known_N], there_N[~known_N], weight_N[~known_N], WITNESSES),
        SEEN: fit_weights(odds_NW, there_N, weight_N, ("likeness", "detector")),
    }


def fit_weights(
    odds_NW: NDArray[np.float64], there_N: NDArray[np.bool_], weight_N: NDArray[np.float64], heard: Sequence[str]
) -> Weights:
    """Of those witnesses alone that are `heard`."""
    columns = [WITNESSES.index(name) for name in heard]
    weights_W, offset = fit_logistic(odds_NW[:, columns], there_N, weight_N)
    return Weights({name: round(float(w), 4) for name, w in zip(heard, weights_W, strict=True)}, round(offset, 4))


def hear_witnesses(decider: Decider, part: AskedSet) -> Iterator[tuple[QuestionRow, Mapping[str, float]]]:
    """Each question, and the probability of yes by witness."""
    by_image: dict[str, list[QuestionRow]] = {}
    for row in part.rows:
        by_image.setdefault(row.image, []).append(row)
    for image, rows in tqdm(by_image.items(), unit="photo", desc="asking", file=sys.stderr):
        picture = read_picture(part.images / image)
        for row, verdict in zip(rows, decider.decide_texts([(row.question, picture) for row in rows]), strict=True):
            yield row, {each.by: each.chance if each.answer == YES else 1 - each.chance for each in verdict.said}
