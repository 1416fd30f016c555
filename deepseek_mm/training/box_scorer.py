"""`train boxes`: train what weighs the witnesses of a box, from photos with captions and with boxes of people.

Three lessons are taken from each photo. What the detector is sure of is called by its name, and its other boxes are
not: as if the name were none of the detector's, so that the other witnesses learn to find it, and openly where a
caption agrees. A noun of the captions holds for one box at least, and a noun or a likely name of the detector that no
caption speaks of for none (multiple-instance learning: of a photo its surest box counts). And where people drew boxes
of people, what lies there is a person.

Then it is fitted what a likely name of the detector is worth that nobody else says of a picture.

Shape key:  N boxes, T names, F features, R rows of weights, B lessons
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.chance import log_odds
from deepseek_mm.config import SeeConfig, between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.space import Floats, Share
from deepseek_mm.evaluation.pointing_game import box_iou, read_box_rows
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows, read_picture
from deepseek_mm.evaluation.vqa import NOUNS, canonical_noun, find_nouns, split_words
from deepseek_mm.language.words import names_the_same
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import add_config_flags, choose_config, tell_written
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.vision.box_scorer import FEATURES, MOST_LIKELY, USED, WEIGHTS, BoxScorer, ScorerWeights
from deepseek_mm.vision.detector.detector import NAMES, Detections, read_detector
from deepseek_mm.vision.people import PERSON
from deepseek_mm.vision.pipeline import (
    ImageAnalysis,
    VisionModels,
    VisionPipeline,
    add_features,
)
from deepseek_mm.vision.presence import find_names, log_odds_of
from deepseek_mm.vision.regions import LIKELY_SCORE, likely_names

SURE, LIKELY, UNLIKELY = 0.4, 0.35, 0.1  # scores of the detector: that name a photo's thing, its other boxes, and deny
SOMETHING = 0.3  # score of any name, from which a box that is not the thing teaches where the name is hidden
SAME, APART = 0.5, 0.2  # intersection over union from which a box is the one that was drawn, and below which another
EASY = 0.05  # added to a feature's deviation, so that one that hardly varies counts little
Row = TypeVar("Row")
UNSAID = (1.47, -3.8)  # that a name is right which no caption says, by the log-odds of its score: 120 looked at by eye
SHARPNESS = 3.0  # of the softened maximum over a photo's boxes


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerConfig:
    """The recipe; the defaults made the weights that are shipped."""

    steps: int = 300
    rate: float = 0.05
    shrink: float = 1e-3  # weight of the squared weights
    boxes: float = 1.0  # weight of lessons about boxes beside those about photos
    photos: int = 300  # of each kind at most
    alone: int = 1500  # photos with captions that tell what a name is worth which nobody else says
    most_boxes: int = 20  # of a photo, the surest
    seed: int = 0

    def __post_init__(self) -> None:
        between("boxes.steps", self.steps, 1, 100_000)
        between("boxes.photos", self.photos, 1, 1_000_000)
        between("boxes.alone", self.alone, 10, 1_000_000)
        between("boxes.most_boxes", self.most_boxes, 1, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxLesson:
    """The boxes of a photo and one word."""

    features_NF: Floats
    right_N: NDArray[np.bool_] | None  # which of them it names; None where only the photo is known
    shown: bool = True  # whether the photo shows it


@dataclass(frozen=True, kw_only=True, slots=True)
class TaughtPhoto:
    """A photo and what is known of it."""

    path: Path
    captions: tuple[str, ...] = ()
    people: tuple[Share, ...] = ()  # boxes around some of those in it


def look_at_photos(
    eyes: VisionPipeline, photos: Sequence[TaughtPhoto]
) -> Iterator[tuple[TaughtPhoto, ImageAnalysis, Detections]]:
    """Each photo with what the tower makes of it, and its boxes."""
    pictures = [ImageAnalysis(lambda path=photo.path: read_picture(path)) for photo in photos]  # type: ignore[misc]
    for photo, picture in zip(photos, add_features(eyes.space, pictures), strict=True):
        eyes.add_detections([picture])
        assert picture.detections is not None, "a detector"
        yield photo, picture, picture.detections


def take_lessons(
    eyes: VisionPipeline, scorer: BoxScorer, photos: Sequence[TaughtPhoto], config: ScorerConfig
) -> Iterator[BoxLesson]:
    """Of every photo in which something is found."""
    chance = Random(config.seed)
    for photo, picture, every in look_at_photos(eyes, photos):
        found = Detections(boxes=every.boxes[: config.most_boxes], most_C=every.most_C)
        if found.boxes:
            yield from teach_by_names(scorer, found, picture, photo.captions)
            yield from teach_people(scorer, found, picture, photo.people)
            yield from teach_by_captions(scorer, found, picture, photo.captions, chance)


def teach_by_names(
    scorer: BoxScorer, found: Detections, picture: ImageAnalysis, captions: Sequence[str]
) -> Iterator[BoxLesson]:
    """By what the detector is sure of, as if its names were hidden; with its names where a caption agrees."""
    chances_NC = np.stack([each.chances_C for each in found.boxes])
    most_N, name_N = chances_NC.max(axis=1), chances_NC.argmax(axis=1)
    for name in sorted({int(each) for each in name_N[most_N >= SURE]}):
        right_N = (name_N == name) & (most_N >= LIKELY)
        near_N = overlap_most(found, [found.boxes[n].box for n in np.flatnonzero(right_N)]) > SAME
        wrong_N = ~right_N & ~near_N & (chances_NC[:, name] < UNLIKELY)
        for hidden in (True, False) if is_said(NAMES[name], captions) else (True,):
            used_N = right_N | (wrong_N & (most_N >= SOMETHING) if hidden else wrong_N)
            features_NF = scorer.measure([NAMES[name]], found, picture.look, hidden=hidden)[:, 0]
            yield BoxLesson(features_NF=features_NF[used_N], right_N=right_N[used_N])


def teach_people(
    scorer: BoxScorer, found: Detections, picture: ImageAnalysis, people: Sequence[Share]
) -> Iterator[BoxLesson]:
    """By drawn boxes; they are not all of them, so what the detector takes for somebody elsewhere teaches nothing."""
    if not people:
        return
    overlap_N = overlap_most(found, people)
    person_N = np.array([each.chances_C[NAMES.index(PERSON)] for each in found.boxes])
    right_N, wrong_N = overlap_N > SAME, (overlap_N < APART) & (person_N < SOMETHING)
    if right_N.any():
        features_NF = scorer.measure([PERSON], found, picture.look)[:, 0]
        yield BoxLesson(features_NF=features_NF[right_N | wrong_N], right_N=right_N[right_N | wrong_N])


def overlap_most(found: Detections, boxes: Sequence[Share]) -> Floats:
    """(N,): the most that each box has in common with one of these."""
    return np.array([max(box_iou(each.box, box) for box in boxes) for each in found.boxes], np.float32)


def teach_by_captions(
    scorer: BoxScorer, found: Detections, picture: ImageAnalysis, captions: Sequence[str], chance: Random
) -> Iterator[BoxLesson]:
    """By the nouns that captions name, as many that they do not, and the names that the detector finds likely."""
    said = sorted(find_nouns(captions)) if captions else []
    unsaid = [
        noun for noun in NOUNS if not any(names_the_same(noun, name) or names_the_same(name, noun) for name in said)
    ]
    likely = [NAMES[n] for n in np.flatnonzero(found.most_C >= LIKELY_SCORE)] if captions else []
    words = dict.fromkeys([*said, *chance.sample(unsaid, min(len(said), len(unsaid))), *likely])
    features_NTF = scorer.measure([*words], found, picture.look)
    for n, word in enumerate(words):
        yield BoxLesson(features_NF=features_NTF[:, n], right_N=None, shown=word in said or is_said(word, captions))


def is_said(name: str, captions: Sequence[str]) -> bool:
    """Does any caption speak of it, or of a kind of it, or of what it is a kind of?"""
    return any(names_the_same(word, name) or names_the_same(name, word) for word in words_of(captions))


def fit_row(lessons: Sequence[BoxLesson], used: Sequence[bool], config: ScorerConfig) -> tuple[Floats, float]:
    """Weights of the features that this row uses, (F,), and the offset."""
    boxed = stack_lessons([each for each in lessons if each.right_N is not None and each.right_N.any()])
    whole = stack_lessons([each for each in lessons if each.right_N is None])
    mean_F, deviation_F = whole.features.mean(dim=0), whole.features.std(dim=0) + EASY
    used_F = torch.tensor(list(used)).float()
    boxed_NF, whole_NF = ((each.features - mean_F) / deviation_F * used_F for each in (boxed, whole))
    weights_F, offset = torch.zeros(len(used), requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([weights_F, offset], lr=config.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for _ in range(config.steps):
        own_N, all_N = boxed_NF @ weights_F + offset, whole_NF @ weights_F + offset
        lost = config.boxes * compute_box_loss(own_N, boxed) + config.shrink * (weights_F**2).sum()
        surest_B = soften_maximum(SHARPNESS * all_N, whole.lesson, whole.count) / SHARPNESS
        (lost + F.binary_cross_entropy_with_logits(surest_B, whole.right)).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    row_F = (weights_F * used_F / deviation_F).detach()
    return row_F.numpy(), float(offset.detach() - row_F @ mean_F)


def fit_alone(eyes: VisionPipeline, scorer: BoxScorer, photos: Sequence[TaughtPhoto]) -> Floats:
    """(3,): weights of the surest box and of the picture's likeness, and an offset; each name counts alike.

    What no caption says may be there all the same, see `UNSAID`.
    """
    rows: list[tuple[float, float, float]] = []  # log-odds of both, and the probability that it is right
    named: list[str] = []
    for photo, picture, found in look_at_photos(eyes, photos):
        names = [name for name in likely_names(found) if name != PERSON]
        chance_NT, likeness_NT = scorer.score_and_compare(names, found, picture.look)
        surest_T, likeness_T = chance_NT.max(axis=0, initial=0.0), likeness_NT.max(axis=0, initial=-MOST_LIKELY)
        for name, surest, likeness in zip(names, log_odds_of(surest_T), likeness_T, strict=True):
            if surest > log_odds(SOMETHING):
                unsaid = 1 / (1 + np.exp(-UNSAID[0] * surest - UNSAID[1]))
                rows.append((surest, likeness, 1.0 if is_called(name, photo.captions) else unsaid))
                named.append(name)
    rows_N3, times = np.array(rows, np.float64), Counter(named)
    weight_N = np.array([times[name] ** -0.5 for name in named])
    weights_2, offset = fit_logistic(rows_N3[:, :2], rows_N3[:, 2], weight_N / weight_N.mean())
    return np.array([*weights_2, offset], np.float32)


def is_called(name: str, captions: Sequence[str]) -> bool:
    """Does any caption call a thing so, or by another word for it?"""
    return any(name in find_names(word) for word in words_of(captions))


def words_of(captions: Sequence[str]) -> set[str]:
    """The words of captions, nouns as they are called in the list."""
    return {canonical_noun(word) for caption in captions for word in split_words(caption)}


@dataclass(frozen=True, kw_only=True, slots=True)
class StackedLessons:
    """The boxes of many lessons one below the other."""

    features: Tensor  # (N, F)
    lesson: Tensor  # (N,): the number of each box's lesson
    right: Tensor  # (N,) of boxes, or (B,) of photos: 1 or 0
    count: int  # of lessons


def stack_lessons(lessons: Sequence[BoxLesson]) -> StackedLessons:
    """Of one kind: about boxes, or about photos."""
    by_photo = [float(each.shown) for each in lessons if each.right_N is None]
    by_box = [each.right_N for each in lessons if each.right_N is not None]
    return StackedLessons(
        features=torch.from_numpy(np.concatenate([each.features_NF for each in lessons]).astype(np.float32)),
        lesson=torch.tensor([n for n, each in enumerate(lessons) for _ in each.features_NF]),
        right=torch.tensor(by_photo) if by_photo else torch.from_numpy(np.concatenate(by_box)).float(),
        count=len(lessons),
    )


def compute_box_loss(logit_N: Tensor, boxed: StackedLessons) -> Tensor:
    """A right box is surer than the wrong ones of its photo, and each is known for itself."""
    right_N = torch.where(boxed.right > 0, logit_N, torch.full_like(logit_N, -1e4))
    every = soften_maximum(logit_N, boxed.lesson, boxed.count)
    ranking = (every - soften_maximum(right_N, boxed.lesson, boxed.count)).mean()
    return ranking + F.binary_cross_entropy_with_logits(logit_N, boxed.right)


def soften_maximum(logit_N: Tensor, lesson_N: Tensor, count: int) -> Tensor:
    """(B,): the logarithm of the sum of exponentials over the boxes of each lesson."""
    most_B = torch.full((count,), -1e9).scatter_reduce(0, lesson_N, logit_N.detach(), "amax")
    summed_B = torch.zeros(count).scatter_add(0, lesson_N, torch.exp(logit_N - most_B[lesson_N]))
    return most_B + torch.log(summed_B + 1e-9)


def write_scorer_weights(file: Path, weights: ScorerWeights) -> None:
    """Whole or not at all, with the names of the features."""
    arrays = {"weights": weights.weights_RF, "offsets": weights.offsets_R, "alone": weights.alone_3}
    halved = {name: array.astype(np.float16) for name, array in arrays.items()}
    atomic_write(file, save(halved, metadata={"features": json.dumps(FEATURES)}))


def empty_weights() -> ScorerWeights:
    """What a scorer measures with before it was trained."""
    rows, features = len(USED), len(FEATURES)
    return ScorerWeights(
        weights_RF=np.zeros((rows, features), np.float32),
        offsets_R=np.zeros(rows, np.float32),
        alone_3=np.zeros(3, np.float32),
    )


def gather_photos(args: argparse.Namespace, config: ScorerConfig) -> list[TaughtPhoto]:
    """Photos with captions and photos with boxes of people, of the split "train", evenly spread."""
    boxed = pick_evenly(read_box_rows(args.data, split="train"), config.photos)
    paths = find_pictures(args.images, [row.image for row in boxed])
    people = [TaughtPhoto(path=path, people=row.boxes) for path, row in zip(paths, boxed, strict=True)]
    return gather_captioned(args, config.photos) + people


def gather_captioned(args: argparse.Namespace, most: int) -> list[TaughtPhoto]:
    """At most so many photos with captions, of the split "train", evenly spread."""
    rows = pick_evenly(read_caption_rows(args.captions, split="train"), most)
    paths = find_pictures(args.caption_images, [row.image for row in rows])
    return [TaughtPhoto(path=path, captions=tuple(row.captions)) for path, row in zip(paths, rows, strict=True)]


def pick_evenly(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many, spread over all of them."""
    return list(rows[:: max(1, -(-len(rows) // most))])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train boxes`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, person_boxes}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--captions", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--caption-images", type=Path, required=True, help="folder of the captions' photos")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the weights to")
    add_config_flags(parser, ScorerConfig)


def run(args: argparse.Namespace) -> int:
    """Look at every photo, fit both rows, write them."""
    config = choose_config(ScorerConfig(), args)
    photos = gather_photos(args, config)
    eyes = VisionPipeline(DefaultSpace(), SeeConfig(), models=VisionModels(detector=read_detector()))
    scorer = BoxScorer(eyes.vocabulary, eyes.learned, empty_weights())
    lessons = list(tqdm(take_lessons(eyes, scorer, photos, config), desc="lessons"))
    weights_RF, offsets_R = map(np.array, zip(*(fit_row(lessons, used, config) for used in USED), strict=True))
    scorer.weights = replace(scorer.weights, weights_RF=weights_RF, offsets_R=offsets_R)
    alone_3 = fit_alone(eyes, scorer, gather_captioned(args, config.alone))
    write_scorer_weights(args.weights, replace(scorer.weights, alone_3=alone_3))
    tell_written(args.weights, f"{len(lessons)} lessons of {len(photos)} photos\n")
    return 0
