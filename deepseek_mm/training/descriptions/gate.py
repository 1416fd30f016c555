"""`train gate`: fit when a caption may be told to photos that people described.

The target is that no noun is wrong: people said it in one of the captions, or another word for it. What people leave
unsaid counts as wrong, so the gate is a little strict. Rooms whose questions and answers are known may be added: there
the captioner, which learned from photos of people, is mostly wrong, and a gate that saw Flickr8k alone would not know.
The last line says, of photos that the weights were not fitted to, how many captions are kept and how many are right.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random

import numpy as np

from deepseek_mm.config import Config
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.evaluation.captions import split_caption
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows, read_picture, read_rows
from deepseek_mm.factory import open_vision
from deepseek_mm.language.words import names_the_same, singular
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import tell_written
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.vision.caption_gate import (
    WEIGHTS,
    CaptionEvidence,
    CaptionGate,
    GateWeights,
    list_nouns,
    measure_caption,
    shorten_caption,
)
from deepseek_mm.vision.captioner import Caption
from deepseek_mm.vision.description import Describer, gather_evidence
from deepseek_mm.vision.detector.detector import read_detector
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Source

FOLDS = 5
SHORTER = 6  # sentences of one caption that are learned from
TOGETHER = 16
MALE, FEMALE = frozenset(["man", "boy", "guy", "male", "gentleman"]), frozenset(["woman", "girl", "lady", "female"])
CHILDREN = frozenset(["boy", "girl", "child", "kid", "baby", "toddler"])
ANYBODY = """person people someone player rider adult couple crowd team group individual figure biker cyclist climber
skier surfer snowboarder skateboarder hiker athlete swimmer runner friend family kid child toddler baby"""
SOMEBODY = frozenset(ANYBODY.split())
# words that people use for one another, a row each
SAID_FOR = """bike bicycle bmx|
motorcycle motorbike bike|hat cap helmet beanie|jacket coat sweater sweatshirt hoodie vest|shirt
tshirt top jersey tank uniform blouse outfit|street road sidewalk path city|beach sand ocean sea shore water wave
surf|pool water|lake river water pond stream creek ocean|rock cliff mountain boulder hill|grass field lawn yard
meadow park grassy|snow snowy ice|couch sofa chair|bench seat|ball football soccer basketball baseball tennis
volleyball|pants jeans shorts trousers|dress skirt costume gown|swimsuit bikini bathing|building house wall
store|floor ground room|dirt mud sand dust dirty muddy|road track course path trail race|skateboard board skater
skateboarding|surfboard board surfing|snowboard board snowboarding|ski skiing|boat canoe kayak raft|car truck
vehicle van|forest wood tree|swing swinging|slide sliding|fence gate railing rail handrail|stairs step staircase"""
ALIKE = tuple(frozenset(row.split()) for row in SAID_FOR.split("|"))


@dataclass(frozen=True, slots=True)
class ComparedPhoto:
    """A machine's sentence about a photo, what others see there, and the words that people used of it."""

    caption: Caption
    seen: CaptionEvidence
    said: frozenset[str]

    def is_right(self, text: str) -> bool:
        """Whether each noun is among the words of people; False of a sentence without any."""
        nouns = list_nouns(text, self.seen.presence)
        return bool(nouns) and all(is_said(noun, self.said) for noun in nouns)


def is_said(noun: str, said: frozenset[str]) -> bool:
    """Whether people used this word, or one that says the same. The words are singular."""
    people = said & (MALE | FEMALE | CHILDREN | SOMEBODY)
    if noun in said or any(names_the_same(word, noun) for word in said):
        return True
    if noun in MALE | FEMALE:
        same, other = (MALE, FEMALE) if noun in MALE else (FEMALE, MALE)
        young = noun in CHILDREN
        return bool(people) and not (said & other and not said & same) and (not young or bool(said & CHILDREN))
    if noun in CHILDREN:
        return bool(said & CHILDREN)
    return bool(people) if noun in SOMEBODY else any(noun in row and row & said for row in ALIKE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train gate`."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="where the rows' pictures lie")
    parser.add_argument("--split", default="dev", help="of photos that the captioner did not learn from")
    parser.add_argument("--asked", type=Path, help="JSONL of rows {image, question, answer: [..]} about rooms")
    parser.add_argument("--asked-images", type=Path, help="where these pictures lie")
    parser.add_argument("--most", type=int, default=240, help="rooms that are looked at")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write")


def run(args: argparse.Namespace) -> int:
    """Look at every photo, fit, write."""
    rows = [(args.images, row) for row in read_caption_rows(args.data, split=args.split)]
    if args.asked:
        rows += [(args.asked_images, row) for row in read_asked_rows(args.asked)[: args.most]]
    photos = list(look_at(rows))
    held = [judge_held_out(photos, fold) for fold in range(FOLDS)]
    kept = [right for each in held for right in each]
    weights = fit_gate(photos)
    rounded = {name: round(value, 4) for name, value in asdict(weights).items()}
    atomic_write(args.weights, (json.dumps(rounded, indent=1) + "\n").encode())
    share, right = len(kept) / len(photos), sum(kept) / max(1, len(kept))
    tell_written(args.weights, json.dumps({"kept": round(share, 3), "right": round(right, 3), "n": len(photos)}) + "\n")
    return 0


def read_asked_rows(file: Path) -> list[CaptionRow]:
    """Questions and answers about each picture, as if they were captions: what they speak of is there."""
    told: dict[str, list[str]] = {}
    shape = "{image, question, answer: [..]}"
    pairs = read_rows(
        file, lambda row: (row["image"], " ".join([row["question"], *row["answer"], "room"])), shape=shape
    )
    for image, text in pairs:
        told.setdefault(image, []).append(text)
    return [CaptionRow(image=image, captions=tuple(texts)) for image, texts in told.items()]


def look_at(rows: Sequence[tuple[Path, CaptionRow]]) -> Iterator[ComparedPhoto]:
    """Every photo as the pipeline sees it, with the captioner's sentence."""
    eyes = open_vision(DefaultSpace(), Config(), read_detector())
    describer = eyes.describer
    assert isinstance(describer, Describer), "the default space has one"
    paths = [find_pictures(images, [row.image])[0] for images, row in rows]
    pictures = (ImageAnalysis(read_picture(path), Source(path=str(path), width_px=1, height_px=1)) for path in paths)
    told = iter(rows)
    for some in prefetch_batches(eyes.see_many(pictures), size=TOGETHER):
        for picture, caption in zip(some, describer.caption_many(some), strict=True):
            words = (singular(word) for text in next(told)[1].captions for word in split_caption(text))
            yield ComparedPhoto(caption, gather_evidence(picture), frozenset(words))


def fit_gate(photos: Sequence[ComparedPhoto]) -> GateWeights:
    """Weights by maximum likelihood over some shorter sentences of each caption."""
    chance, rows, right = Random(0), [], []
    for photo in photos:
        shorter = shorten_caption(photo.caption.text, photo.seen)
        for text in chance.sample(shorter, min(len(shorter), SHORTER)):
            if nouns := list_nouns(text, photo.seen.presence):
                rows.append(measure_caption(nouns, photo.caption, photo.seen))
                right.append(photo.is_right(text))
    weights_W, offset = fit_logistic(np.array(rows), np.array(right), np.ones(len(rows)))
    names = [field.name for field in fields(GateWeights)][1:-1]
    return GateWeights(offset=offset, **dict(zip(names, map(float, weights_W), strict=True)))


def judge_held_out(photos: Sequence[ComparedPhoto], fold: int) -> list[bool]:
    """Of the captions of one fold that are told by what the others teach, which are right."""
    gate = CaptionGate(fit_gate([photo for n, photo in enumerate(photos) if n % FOLDS != fold]))
    judged = [(photo, gate.judge(photo.caption, photo.seen)) for photo in photos[fold::FOLDS]]
    return [photo.is_right(each.text) for photo, each in judged if each.chance >= gate.weights.keep]
