"""Five kinds of pictures, each with questions: what a person's photos may turn to, one after the other.

Clothing: questions that the captions of Flickr8k photos answer, about what people wear. Groceries: VQA v2's questions
that speak of food. Indoor: DAQUAR. Screenshots and documents: drawn here. One photo of five is for testing, by the hash
of its name.

What a head sees of a question and its picture stays as it is: the space's vectors of the picture, of the question, of
the cells that are like the question, and the product of the last two. No answer was learned in them.

Shape key:  N questions, D width of the space (512), W = 4 D what a head sees, P cells
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.evaluation.question_sets import split_words
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.evaluation.vqa import read_question_rows
from deepseek_mm.language.words import IS_A, singular
from deepseek_mm.train.asking import Pair
from deepseek_mm.train.bank import ASKED, INDOOR, Album, album_of, captioned, number_of
from deepseek_mm.train.continual.drawn import Drawing, document, own_lines, screen
from deepseek_mm.vision.vqa_net import SHARP

NAMES = ("clothing", "groceries", "indoor", "screenshots", "documents")
FOOD = frozenset().union(*(IS_A[kind] for kind in ("food", "fruit", "vegetable", "drink"))) | {
    *("food", "eat", "eating", "plate", "kitchen", "meal", "drink", "drinking", "cook", "cooking", "table", "bowl")
}
WORN = IS_A["clothes"] | {"wearing", "helmet", "glasses", "clothes", "uniform", "glove", "boot", "outfit"}
PHOTOS = 320  # of a domain, at most
EACH = 6  # questions about each of them, at most
DRAWN_EACH = 4  # about each drawing
DRAWN = 240  # pictures of a domain that is drawn
TEST = 5  # one photo of so many is for testing


@dataclass(frozen=True, slots=True)
class Put:
    """A question about a picture."""

    question: str
    picture: str  # by which name it is opened
    answer: str
    tested: bool


@dataclass(frozen=True, slots=True)
class Domain:
    """Its questions, and its pictures by name."""

    name: str
    puts: tuple[Put, ...]
    pictures: Mapping[str, Path | Image]


def domains(data: Path) -> list[Domain]:
    """All five, in the order in which they are learned."""
    asked = [
        album_of(name, data / name / "images", read_question_rows(data / name / "qa.jsonl")) for name in (ASKED, INDOOR)
    ]
    lines = own_lines()
    return [
        of_album(NAMES[0], captioned(data, seed=0), WORN),
        of_album(NAMES[1], asked[0], FOOD),
        of_album(NAMES[2], asked[1]),
        of_drawings(NAMES[3], [screen(n, lines) for n in range(DRAWN)]),
        of_drawings(NAMES[4], [document(n, lines) for n in range(DRAWN)]),
    ]


def of_album(name: str, album: Album, about: frozenset[str] = frozenset()) -> Domain:
    """Photos with questions that speak of these words, or with any where none are given."""
    chance, puts, told = Random(name), list[Put](), Counter[str]()
    some = speaking(album, about)[:PHOTOS]
    for photo, pairs in some:
        for pair in chance.sample(pairs, min(EACH, len(pairs))):
            if pair.answer == "no" and told["no"] > told["yes"]:  # no is said as often as yes
                continue
            told[pair.answer] += 1
            puts.append(Put(pair.question, photo, pair.answer, number_of(photo) % TEST == 0))
    return Domain(name, tuple(puts), {photo: album.images / photo for photo, _ in some})


def speaking(album: Album, about: frozenset[str]) -> list[tuple[str, list[Pair]]]:
    """Photos with such questions, in the order of their names' hashes."""
    fitting = {
        photo: [p for p in dict.fromkeys(own) if not about or speaks(f"{p.question} {p.answer}", about)]
        for photo, own in zip(album.photos, album.pairs, strict=True)
    }
    return [(photo, fitting[photo]) for photo in sorted(fitting, key=number_of) if fitting[photo]]


def of_drawings(name: str, drawings: Sequence[Drawing]) -> Domain:
    """Some of the questions that each drawing answers."""
    puts = []
    for n, (_, asked) in enumerate(drawings):
        for question in Random(f"{name} {n}").sample(sorted(asked), DRAWN_EACH):
            puts.append(Put(question, str(n), asked[question], n % TEST == 0))
    return Domain(name, tuple(puts), {str(n): image for n, (image, _) in enumerate(drawings)})


def speaks(text: str, about: frozenset[str]) -> bool:
    """Does it say one of these words, or several of it?"""
    return any(singular(word) in about or word in about for word in split_words(text))


@torch.inference_mode()
def seen_of(space: DefaultSpace, domain: Domain) -> Tensor:
    """(N, W): what a head sees of each question, in order."""
    looks = dict(
        zip(
            domain.pictures,
            tqdm(looked(space, domain), domain.name, len(domain.pictures), file=sys.stderr),
            strict=True,
        )
    )
    questions = sorted({put.question for put in domain.puts})
    vector_of = dict(zip(questions, space.embed_texts(questions), strict=True))
    return torch.stack([seen(looks[put.picture], vector_of[put.question]) for put in domain.puts])


def looked(space: DefaultSpace, domain: Domain) -> Iterator[ImageEmbedding]:
    """At each of its pictures, in order."""
    every = domain.pictures.values()
    return space.look_many(read_picture(each) if isinstance(each, Path) else each for each in every)


def seen(look: ImageEmbedding, question_D: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
    """(W,): picture, question, the cells that are like the question, and these times the question."""
    q_D, grid_PD = torch.from_numpy(question_D), torch.from_numpy(look.grid_HWD).flatten(0, 1)
    near_D = (SHARP * (grid_PD @ q_D)).softmax(0) @ grid_PD
    wide = len(q_D) ** 0.5  # numbers of about 1
    return torch.cat([wide * torch.from_numpy(look.vector_D), wide * q_D, wide * near_D, wide * wide * near_D * q_D])
