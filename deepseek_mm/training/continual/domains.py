"""Five domains of pictures with questions, for the experiment in continual learning.

Clothing: questions that the captions of Flickr8k photos answer, about what people wear. Groceries: VQA v2's questions
about food. Indoor: DAQUAR. Screenshots and documents are drawn here, with questions whose answers are known: the text
is this project's own code and licence (Apache-2.0), the font matplotlib's DejaVu. One photo of five is for testing, by
the hash of its name.

A head's input stays fixed: the space's vectors of the picture, of the question, of the cells that are like the
question, and the product of the last two. No answer was learned in them.

Shape key:  N questions, D width of the space (512), W = 4 D the input of a head, P cells
Units:      px of a picture of 480 x 360 (screens) or 360 x 480 (documents)
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.evaluation.vqa import read_question_rows, split_words
from deepseek_mm.language.words import IS_A, singular
from deepseek_mm.training.question_albums import (
    ASKED,
    INDOOR,
    AlbumQuestion,
    QuestionAlbum,
    hash_name,
    make_album,
    read_captioned_album,
)
from deepseek_mm.vision.vqa_net import SHARP

COLOURS = {
    "red": (205, 40, 40),
    "blue": (40, 80, 205),
    "green": (40, 150, 70),
    "orange": (235, 140, 30),
    "purple": (130, 50, 160),
    "black": (25, 25, 25),
}
SCREENS = ("editor", "terminal", "browser", "chat", "sheet")
DOCUMENTS = ("letter", "invoice", "article", "form", "receipt")
DARK, LIGHT, PAPER = (30, 32, 40), (250, 250, 250), (252, 250, 244)
YES_NO = ("yes", "no")
Ink = tuple[int, int, int]


@dataclass(slots=True)
class DrawnSheet:
    """A picture in the making, and what can be asked about it."""

    draw: ImageDraw.ImageDraw
    chance: Random
    lines: Sequence[str]  # to write
    ink: Ink
    answers: dict[str, str] = field(default_factory=dict)

    def write(self, left: int, top: int, right: int, bottom: int, *, px: int = 10) -> None:
        """Lines of text that fill a box, each cut to its width."""
        font, start = load_font(px), self.chance.randrange(max(1, len(self.lines) - 60))
        for n, y in enumerate(range(top, bottom - px, px + 4)):
            text = self.lines[(start + n) % len(self.lines)]
            self.draw.text((left, y), text[: int((right - left) / (0.61 * px))], fill=self.ink, font=font)

    def grid(self, left: int, top: int, right: int, bottom: int) -> None:
        """A table of lines."""
        for x in range(left, right + 1, max(1, (right - left) // 4)):
            self.draw.line((x, top, x, bottom), fill=self.ink)
        for y in range(top, bottom + 1, 18):
            self.draw.line((left, y, right, y), fill=self.ink)

    def pick_answer(self, question: str, choices: Sequence[str]) -> str:
        """One of the choices, which is the question's right answer."""
        self.answers[question] = self.chance.choice(choices)
        return self.answers[question]


Drawing = tuple[Image.Image, dict[str, str]]  # and questions with their answers


def draw_screen(number: int, lines: Sequence[str], *, seed: int = 0) -> Drawing:
    """A screenshot."""
    chance = Random(f"screen {seed} {number}")
    dark = chance.choice(YES_NO)
    image = Image.new("RGB", (480, 360), DARK if dark == "yes" else LIGHT)
    sheet = DrawnSheet(ImageDraw.Draw(image), chance, lines, (225, 225, 225) if dark == "yes" else (40, 40, 40))
    sheet.answers["is the theme dark?"] = dark
    kind = sheet.pick_answer("what program is this?", SCREENS)
    tabs = int(sheet.pick_answer("how many tabs are open?", ("1", "2", "3", "4")))
    for n in range(tabs):
        sheet.draw.rounded_rectangle((6 + 84 * n, 4, 84 + 84 * n, 26), 4, outline=sheet.ink)
    side = sheet.pick_answer("where is the side bar?", ("left", "right"))
    left, right = (90, 474) if side == "left" else (6, 390)
    sheet.draw.rectangle((4, 32, 80, 354) if side == "left" else (400, 32, 476, 354), fill=(128, 132, 140))
    _fill(sheet, kind, left, right)
    colour = sheet.pick_answer("what colour is the button?", tuple(COLOURS))
    sheet.draw.rounded_rectangle((right - 92, 318, right - 8, 346), 6, fill=COLOURS[colour])
    if sheet.pick_answer("does it show an error?", YES_NO) == "yes":
        sheet.draw.rectangle((left + 30, 120, right - 30, 190), fill=(255, 225, 225), outline=(200, 0, 0), width=3)
        sheet.draw.text((left + 44, 144), "Error: it failed", fill=(160, 0, 0), font=load_font(14))
    return image, sheet.answers


def _fill(sheet: DrawnSheet, kind: str, left: int, right: int) -> None:
    """What the program shows."""
    if kind == "sheet":
        sheet.grid(left, 40, right, 310)
    elif kind == "browser":
        sheet.draw.rounded_rectangle((left, 36, right, 58), 8, outline=sheet.ink)
        sheet.draw.rectangle((left, 66, right, 150), fill=COLOURS[sheet.chance.choice(tuple(COLOURS))])
        sheet.write(left, 160, right, 310, px=12)
    elif kind == "chat":
        for n, y in enumerate(range(44, 290, 50)):
            x = left + 10 if n % 2 else left + 120
            sheet.draw.rounded_rectangle((x, y, x + 240, y + 38), 12, outline=sheet.ink, width=2)
    else:
        if kind == "terminal":
            sheet.draw.rectangle((left, 34, right, 312), fill=(0, 0, 0))
            sheet.ink = (90, 230, 110)
        sheet.write(left + 4, 38, right, 310)


def draw_document(number: int, lines: Sequence[str], *, seed: int = 0) -> Drawing:
    """A scanned page."""
    chance = Random(f"document {seed} {number}")
    image = Image.new("RGB", (360, 480), PAPER)
    sheet = DrawnSheet(ImageDraw.Draw(image), chance, lines, (35, 35, 35))
    kind = sheet.pick_answer("what kind of document is this?", DOCUMENTS)
    corner = sheet.pick_answer("where is the date?", ("left", "right"))
    sheet.draw.text((20 if corner == "left" else 260, 16), "12 May 2024", fill=sheet.ink, font=load_font(12))
    sheet.draw.text((110, 36), kind.upper(), fill=sheet.ink, font=load_font(18))
    columns = int(sheet.pick_answer("how many columns of text are there?", ("1", "2", "3")))
    bottom = 250 if sheet.pick_answer("is there a table?", YES_NO) == "yes" else 390
    for n in range(columns):
        wide = 320 // columns
        sheet.write(20 + wide * n, 70, 12 + wide * (n + 1), bottom, px=8)
    _shape(sheet, kind)
    if bottom == 250:
        sheet.grid(20, 262, 340, 388)
    if sheet.pick_answer("is it signed?", YES_NO) == "yes":
        points = [(30 + 6 * n, 440 + chance.randint(-14, 14)) for n in range(20)]
        sheet.draw.line(points, fill=(20, 30, 140), width=3)
    colour = sheet.pick_answer("what colour is the stamp?", tuple(COLOURS))
    sheet.draw.ellipse((250, 400, 330, 470), outline=COLOURS[colour], width=9)
    return image, sheet.answers


def _shape(sheet: DrawnSheet, kind: str) -> None:
    """What tells a kind of document from afar."""
    if kind == "invoice":
        sheet.draw.rectangle((0, 56, 360, 68), fill=(60, 70, 90))
    elif kind == "article":
        sheet.draw.rectangle((130, 90, 230, 170), fill=(150, 160, 150))
    elif kind == "receipt":
        for x in (0, 300):
            sheet.draw.rectangle((x, 70, x + 60, 480), fill=(70, 60, 50))
    elif kind == "form":
        for y in range(80, 240, 32):
            sheet.draw.rectangle((30, y, 330, y + 20), fill=(255, 255, 255), outline=sheet.ink)


def load_font(px: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, of that height."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"), px)


def read_own_lines() -> list[str]:
    """Lines of this project's code, for screens and pages to show."""
    folder = Path(__file__).parents[2]
    files = sorted((folder / "answering").glob("*.py")) + sorted((folder / "lm").glob("*.py"))
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


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
    pictures: Mapping[str, Path | Image.Image]


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


def find_fitting_photos(album: QuestionAlbum, about: frozenset[str]) -> list[tuple[str, list[AlbumQuestion]]]:
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
    pictures = (read_picture(each) if isinstance(each, Path) else each for each in domain.pictures.values())
    bar = tqdm(space.look_many(pictures), domain.name, len(domain.pictures), file=sys.stderr)
    looks = dict(zip(domain.pictures, bar, strict=True))
    questions = sorted({put.question for put in domain.questions})
    vector_of = dict(zip(questions, space.embed_texts(questions), strict=True))
    return torch.stack([compute_input(looks[put.picture], vector_of[put.question]) for put in domain.questions])


def compute_input(look: ImageEmbedding, question_D: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
    """(W,): picture, question, the cells that are like the question, and these times the question."""
    q_D, grid_PD = torch.from_numpy(question_D), torch.from_numpy(look.grid_HWD).flatten(0, 1)
    near_D = (SHARP * (grid_PD @ q_D)).softmax(0) @ grid_PD
    wide = len(q_D) ** 0.5  # numbers of about 1
    return torch.cat([wide * torch.from_numpy(look.vector_D), wide * q_D, wide * near_D, wide * wide * near_D * q_D])
