"""`train continual --stage memory`: a sample of the shipped reader's training data, to be shipped beside it.

Photos are drawn from each source as often as in training, with a few questions each; those held out measure forgetting.
The bundled photos' questions ask for things that `pointing.jsonl` names in them, and for things that it names in others
only.

Shape key:  N examples, W width of the features
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import nn
from tqdm import tqdm

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.language.words import singular, with_article
from deepseek_mm.learning.memory import Builtin, ReaderRows, known_by, numbers, write_builtin
from deepseek_mm.learning.study import fisher_of
from deepseek_mm.training.loop import tell_written
from deepseek_mm.training.question_albums import QuestionAlbum, read_albums
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.vqa import FAMILIES, THERE, VqaModel, read_reader
from deepseek_mm.vision.vqa_net import VqaQuestion

PHOTOS = {"flickr8k": 520, "coco_vqa": 330, "daquar": 110}  # of each source; in training 26, 14 and 4 a step
EACH = 3  # questions about each of them
DEV_EACH = 8  # about each held-out photo
MOST = 260  # dev questions of a family
BUNDLED = "bundled"
TOGETHER = 64  # questions at a time


@dataclass(frozen=True, slots=True)
class ReplayQuestion:
    """A question about a photo, its right answer, and the set that it belongs to."""

    question: str
    photo: Path
    answer: str
    part: str


def make_memory(data: Path, examples: Path, file: Path) -> int:
    """Read the photos of `data`, as `train reader` does, and write the sample."""
    reader = read_reader(DefaultSpace())
    albums, known = read_albums(data, seed=0), set(reader.answers)
    replay = [
        put for album in albums for put in draw_questions(album, known, reader, PHOTOS[album.name], held_out=False)
    ]
    held = [put for album in albums for put in draw_questions(album, known, reader, 10**6, held_out=True)]
    dev = [put for family in FAMILIES for put in [each for each in held if each.part == family][:MOST]]
    dev += make_bundled_questions(examples)
    builtin = make_builtin(reader, replay, dev)
    write_builtin(file, builtin, reader=known_by())
    counts = {part: builtin.sets.count(part) for part in dict.fromkeys(builtin.sets)}
    tell_written(file, f"{len(replay)} to replay, dev {counts}; ")
    return 0


def draw_questions(
    album: QuestionAlbum, known: set[str], reader: VqaModel, photos: int, *, held_out: bool
) -> Iterator[ReplayQuestion]:
    """Some photos of an album, and some questions about each whose answers are known."""
    chance, there = Random(f"{album.name} {held_out}"), album.select_photos(held_out)
    each = DEV_EACH if held_out else EACH
    for n in chance.sample(there, min(photos, len(there))):
        pairs = [pair for pair in dict.fromkeys(album.pairs[n]) if pair.answer in known]
        for pair in chance.sample(pairs, min(each, len(pairs))):
            yield ReplayQuestion(
                pair.question, album.images / album.photos[n], pair.answer, reader.sure.family(pair.question)
            )


def make_bundled_questions(examples: Path) -> list[ReplayQuestion]:
    """Is each thing there that somebody put a box around? And another photo's thing of another name?"""
    rows = [json.loads(line) for line in (examples / "pointing.jsonl").read_text(encoding="utf-8").splitlines()]
    things: dict[str, list[str]] = {}
    for row in rows:
        things.setdefault(row["image"], []).append(row["thing"])
    every = sorted({thing for own in things.values() for thing in own})
    chance, asked = Random(0), list[ReplayQuestion]()
    for image, own in sorted(things.items()):
        for thing in own:
            asked.append(
                ReplayQuestion(f"is there {with_article(thing)}?", examples / "photos" / image, "yes", BUNDLED)
            )
            other = chance.choice([each for each in every if singular(each) not in map(singular, own)])
            asked.append(ReplayQuestion(f"is there {with_article(other)}?", examples / "photos" / image, "no", BUNDLED))
    return asked


def make_builtin(reader: VqaModel, replay: Sequence[ReplayQuestion], dev: Sequence[ReplayQuestion]) -> Builtin:
    """What the reader makes of all of them, and which weights its opinions rest on."""
    class_of = {answer: n for n, answer in enumerate(reader.answers)}
    with tqdm(total=len(replay) + len(dev), unit="question", file=sys.stderr) as bar:
        parts = [compute_features(reader, some, class_of, bar) for some in (replay, dev)]
    out = nn.Linear(reader.net.config.width, len(reader.answers))
    out.load_state_dict(reader.net.out.state_dict())
    closed = [reader.sure.family(put.question) in (THERE, "closed") for put in dev]
    return Builtin(
        replay=parts[0],
        dev=parts[1],
        sets=tuple(put.part for put in dev),
        closed_N=torch.tensor(closed),
        stiff=fisher_of(out, parts[0].x_NW),
    )


def compute_features(
    reader: VqaModel, puts: Sequence[ReplayQuestion], class_of: dict[str, int], bar: "tqdm[object]"
) -> ReaderRows:
    """In order; a photo that is asked about several times in a row is opened once."""
    parts = []
    for start in range(0, len(puts), TOGETHER):
        some = puts[start : start + TOGETHER]
        pictures = {put.photo: ImageAnalysis(read_picture(put.photo)) for put in some}
        parts.append(reader.features_many([(VqaQuestion.of(put.question), pictures[put.photo]) for put in some]))
        bar.update(len(some))
    return ReaderRows.of(torch.cat(parts), numbers([class_of[put.answer] for put in puts]))
