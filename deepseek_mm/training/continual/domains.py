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

from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.encoders.space import ImageEmbedding
from deepseek_mm.evaluation.question_sets import split_words
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.evaluation.vqa import read_question_rows
from deepseek_mm.rag.program.lexicon import IS_A
from deepseek_mm.rag.program.words import singular
from deepseek_mm.see.reader.net import SHARP
from deepseek_mm.training.asking import PhotoQuestion
from deepseek_mm.training.bank import ASKED, INDOOR, QuestionAlbum, hash_name, make_album, read_captioned_album
from deepseek_mm.training.continual.drawn import Drawing, draw_document, draw_screen, read_own_lines

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
class DomainQuestion:
    """A question about a picture."""

    question: str
    picture: str  # by which name it is opened
    answer: str
    tested: bool


@dataclass(frozen=True, slots=True)
class Domain:
    """Its questions, and its pictures by name."""

    name: str
    questions: tuple[DomainQuestion, ...]
    pictures: Mapping[str, Path | Image]


def make_domains(data: Path) -> list[Domain]:
    """All five, in the order in which they are learned."""
    asked = [
        make_album(name, data / name / "images", read_question_rows(data / name / "qa.jsonl"))
        for name in (ASKED, INDOOR)
    ]
    lines = read_own_lines()
    return [
        make_photo_domain(NAMES[0], read_captioned_album(data, seed=0), WORN),
        make_photo_domain(NAMES[1], asked[0], FOOD),
        make_photo_domain(NAMES[2], asked[1]),
        make_drawn_domain(NAMES[3], [draw_screen(n, lines) for n in range(DRAWN)]),
        make_drawn_domain(NAMES[4], [draw_document(n, lines) for n in range(DRAWN)]),
    ]


def make_photo_domain(name: str, album: QuestionAlbum, about: frozenset[str] = frozenset()) -> Domain:
    """Photos with questions that speak of these words, or with any where none are given."""
    chance, puts, told = Random(name), list[DomainQuestion](), Counter[str]()
    some = find_fitting_photos(album, about)[:PHOTOS]
    for photo, pairs in some:
        for pair in chance.sample(pairs, min(EACH, len(pairs))):
            if pair.answer == "no" and told["no"] > told["yes"]:  # no is said as often as yes
                continue
            told[pair.answer] += 1
            puts.append(DomainQuestion(pair.question, photo, pair.answer, hash_name(photo) % TEST == 0))
    return Domain(name, tuple(puts), {photo: album.images / photo for photo, _ in some})


def find_fitting_photos(album: QuestionAlbum, about: frozenset[str]) -> list[tuple[str, list[PhotoQuestion]]]:
    """Photos with such questions, in the order of their names' hashes."""
    fitting = {
        photo: [p for p in dict.fromkeys(own) if not about or mentions_any(f"{p.question} {p.answer}", about)]
        for photo, own in zip(album.photos, album.pairs, strict=True)
    }
    return [(photo, fitting[photo]) for photo in sorted(fitting, key=hash_name) if fitting[photo]]


def make_drawn_domain(name: str, drawings: Sequence[Drawing]) -> Domain:
    """Some of the questions that each drawing answers."""
    puts = []
    for n, (_, asked) in enumerate(drawings):
        for question in Random(f"{name} {n}").sample(sorted(asked), DRAWN_EACH):
            puts.append(DomainQuestion(question, str(n), asked[question], n % TEST == 0))
    return Domain(name, tuple(puts), {str(n): image for n, (image, _) in enumerate(drawings)})


def mentions_any(text: str, about: frozenset[str]) -> bool:
    """Does it say one of these words, or several of it?"""
    return any(singular(word) in about or word in about for word in split_words(text))


@torch.inference_mode()
def compute_inputs(space: DefaultSpace, domain: Domain) -> Tensor:
    """(N, W): what a head sees of each question, in order."""
    looks = dict(
        zip(
            domain.pictures,
            tqdm(look_at_pictures(space, domain), domain.name, len(domain.pictures), file=sys.stderr),
            strict=True,
        )
    )
    questions = sorted({put.question for put in domain.questions})
    vector_of = dict(zip(questions, space.embed_texts(questions), strict=True))
    return torch.stack([compute_input(looks[put.picture], vector_of[put.question]) for put in domain.questions])


def look_at_pictures(space: DefaultSpace, domain: Domain) -> Iterator[ImageEmbedding]:
    """At each of its pictures, in order."""
    every = domain.pictures.values()
    return space.look_many(read_picture(each) if isinstance(each, Path) else each for each in every)


def compute_input(look: ImageEmbedding, question_D: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
    """(W,): picture, question, the cells that are like the question, and these times the question."""
    q_D, grid_PD = torch.from_numpy(question_D), torch.from_numpy(look.grid_HWD).flatten(0, 1)
    near_D = (SHARP * (grid_PD @ q_D)).softmax(0) @ grid_PD
    wide = len(q_D) ** 0.5  # numbers of about 1
    return torch.cat([wide * torch.from_numpy(look.vector_D), wide * q_D, wide * near_D, wide * wide * near_D * q_D])
