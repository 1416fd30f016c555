"""Photos with questions (generated from captions, VQA v2, DAQUAR), their cached features, and their sampler.

From captions: presence (each noun as often yes as no, with absent things that usually go together with what is there),
colours, counts, activities, clothes and places. From people's questions: who asks for the colour of the cat has seen a
cat, and what is called a zebra is no horse, so animals, fruit and vehicles are there, and others of the same kind are
not; of other things silence says nothing.

Every twenty-fifth training photo, by the hash of its name, is held out for calibration.

Shape key:  N photos, B of a batch, P cells, C channels, D width of the space, Q questions of a step, V answers
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.answering.closed_vqa import APART, are_rivals
from deepseek_mm.config import between
from deepseek_mm.embeddings.default import CELLS, DefaultSpace, SpaceModel, places_of
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows
from deepseek_mm.evaluation.vqa import (
    NOUNS,
    PLACES,
    QuestionRow,
    canonical_noun,
    find_nouns,
    read_question_rows,
    split_words,
)
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import COLOURS, IS_A, NUMBERS, normalize_answer, plural, with_article
from deepseek_mm.retrieval.evidence import same_kind
from deepseek_mm.training.feature_maps import Bits, cache_feature_maps, cache_rows, pick_rows, to_bf16_bits
from deepseek_mm.vision.vqa import CLOSED
from deepseek_mm.vision.vqa_net import PictureBatch, QuestionBatch, VqaQuestion, read_questions

PAIRS = re.compile(
    r"\b(?P<who>man|woman|boy|girl|child|person|dog|lady|player|baby|kid|guy|people|men|women|dogs|children|kids)"
    r" (?:is |are )?(?P<verb>\w+ing)(?: (?:a|an|the|his|her|some|their|on a|on the|in the|in a)? ?(?P<what>\w+))?"
)
SIDES = ("left", "right")  # words that do not hold in a mirror
PRESENCE = "presence"  # kind of the questions whether a thing is there
SEVERAL = frozenset(NUMBERS) - {"zero", "one"}
ONE = re.compile(r"\b(?:a|an|one|single|lone)(?: \w+)? (\w+)\b")
SINGLES = 0.3  # probability that one single thing is asked how many it is
SURELY = 2  # captions that name it so
WORN = re.compile(r"\bwearing (?:a|an|some)?(?: \w+)? ?(\w+)")
PLACE = re.compile(r"\b(?:in|on|at|through|along|near) (?:the|a|an)(?: \w+)? (\w+)")
NO_VERBS = "being something nothing during wearing having getting going building evening morning"  # though in -ing
TALKED_OF = "riding holding throwing catching chasing eating carrying playing kicking watching climbing"
WEARABLE = ("hat", "helmet", "glasses", "jacket", "shirt", "coat", "dress", "suit")
THERE = (
    "is there {a} in the photo?",
    "is there {a}?",
    "is there {a} in the picture?",
    "do you see {a}?",
    "can you see {a} in this picture?",
    "are there any {many}?",
    "are there any {many} in this photo?",
    "does the photo show {a}?",
    "is this {a}?",
    "could this be {a}?",
    "is {a} in this image?",
)
HOW_MANY = ("how many {many} are there?", "how many {many} are in the photo?", "how many {many} can you see?")
COLOUR = ("what color is the {one}?", "what colour is the {one}?", "which color is the {one}?")
WHERE = ("where is this?", "where was this taken?", "where are they?", "where is it?")
IS_COLOURED = ("is the {n} {c}?", "is there a {c} {n}?", "is this a {c} {n}?")


@dataclass(frozen=True, slots=True)
class AlbumQuestion:
    """A question, and its answer."""

    question: str
    answer: str
    kind: str

    @property
    def holds_mirrored(self) -> bool:
        """Is it right of a mirrored photo too?"""
        return not any(side in f"{self.question} {self.answer}" for side in SIDES)


@dataclass(frozen=True, slots=True)
class CaptionFacts:
    """What the captions of one photo say, in words of one spelling."""

    text: str
    nouns: frozenset[str]  # of all that are asked about
    coloured: frozenset[tuple[str, str]]
    counted: frozenset[tuple[str, str]]
    single: frozenset[str]  # nouns of which there is one: several captions say "a dog", and none says "dogs"
    doing: frozenset[tuple[str, str, str]]
    worn: frozenset[str]
    places: frozenset[str]


def read_captions(captions: Sequence[str]) -> CaptionFacts:
    """Read the captions of a photo."""
    lines = [" ".join(split_words(caption)) for caption in captions]
    words = [[canonical_noun(word) for word in line.split()] for line in lines]
    pairs = [pair for line in words for pair in pairwise(line)]
    plain = [(a, canonical_noun(b)) for line in lines for a, b in pairwise(line.split())]
    found = (match for line in lines for match in PAIRS.finditer(line))
    doing = [(canonical_noun(m["who"]), m["verb"], canonical_noun(m["what"] or "")) for m in found]
    return CaptionFacts(
        text=" . ".join(" ".join(line) for line in words),
        nouns=find_nouns(captions),
        coloured=frozenset((b, COLOURS[a]) for a, b in pairs if a in COLOURS and b in NOUNS),
        counted=frozenset((b, NUMBERS[a]) for a, b in plain if a in NUMBERS and b in NOUNS and a != "one"),
        single=find_singles(lines),
        doing=frozenset(each for each in doing if each[1] not in NO_VERBS.split()),
        worn=frozenset(canonical_noun(w) for line in lines for w in WORN.findall(line)) & frozenset(NOUNS),
        places=frozenset(canonical_noun(w) for line in lines for w in PLACE.findall(line)) & PLACES,
    )


def find_singles(lines: Sequence[str]) -> frozenset[str]:
    """Nouns that captions name as one thing, and none as several."""
    one = Counter(noun for line in lines for noun in set(ONE.findall(line)))
    several = {canonical_noun(word) for line in lines for word in line.split() if canonical_noun(word) != word}
    several |= {canonical_noun(b) for line in lines for a, b in pairwise(line.split()) if a in SEVERAL}
    return frozenset(noun for noun, count in one.items() if count >= SURELY and noun in NOUNS and noun not in several)


class PhotoQuestionGenerator:
    """Questions about photos with captions; all are read before one is asked about."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self.facts = [read_captions(each) for each in captions]
        self.frequent = Counter(noun for told in self.facts for noun in told.nouns)
        self.verbs = Counter(verb for told in self.facts for _, verb, _ in told.doing)
        beside: dict[str, Counter[str]] = defaultdict(Counter)
        for told in self.facts:
            for noun in told.nouns:
                beside[noun].update(told.nouns - {noun})
        self.beside = {noun: [other for other, _ in counts.most_common(24)] for noun, counts in beside.items()}
        self.known = [noun for noun in NOUNS if self.frequent[noun]]
        self.colours = sorted({colour for told in self.facts for _, colour in told.coloured})

    def ask_about(self, photo: int, chance: Random) -> list[AlbumQuestion]:
        """Everything that is asked about one photo: some dozens of questions."""
        kinds = (self._ask_presence, self._ask_colours, self._ask_counts, self._ask_activities, self._ask_places)
        return [pair for ask in kinds for pair in ask(self.facts[photo], chance)]

    def _ask_presence(self, told: CaptionFacts, chance: Random) -> Iterator[AlbumQuestion]:
        """A noun that half of all photos show would be asked about too often with yes: it is kept less often."""
        count = 0
        for noun in sorted(told.nouns):
            if chance.random() < min(1.0, 250 / self.frequent[noun]) ** 0.35:
                count += 1
                yield AlbumQuestion(ask_whether_there(noun, chance), "yes", PRESENCE)
        for _ in range(count):
            near = [n for noun in told.nouns for n in self.beside.get(noun, ()) if n not in told.nouns]
            noun = chance.choice(near) if near and chance.random() < 0.4 else self._draw_noun(chance)
            if noun not in told.nouns:
                yield AlbumQuestion(ask_whether_there(noun, chance), "no", PRESENCE)

    def _draw_noun(self, chance: Random) -> str:
        """A noun, as often as one that is there is asked about."""
        weights = [min(n, n**0.65 * 250**0.35) for n in (self.frequent[noun] for noun in self.known)]
        return chance.choices(self.known, weights)[0]

    def _ask_colours(self, told: CaptionFacts, chance: Random) -> Iterator[AlbumQuestion]:
        for noun, colours in sorted(group_by_noun(told.coloured).items()):
            right, wrong = sorted(colours), [c for c in self.colours if c not in colours]
            if len(right) == 1:
                yield AlbumQuestion(chance.choice(COLOUR).format(one=noun), right[0], "colour")
            is_right = chance.random() < 0.5
            colour = chance.choice(right if is_right else wrong)
            line = chance.choice(IS_COLOURED)
            yield AlbumQuestion(line.format(n=noun, c=colour), "yes" if is_right else "no", "yes colour")

    def _ask_counts(self, told: CaptionFacts, chance: Random) -> Iterator[AlbumQuestion]:
        by_noun = group_by_noun(told.counted)
        counts = {noun: min(numbers) for noun, numbers in by_noun.items() if len(numbers) == 1}
        counts |= {noun: "1" for noun in told.single - PLACES if noun not in by_noun and chance.random() < SINGLES}
        for noun, number in sorted(counts.items()):
            yield AlbumQuestion(chance.choice(HOW_MANY).format(many=plural(noun)), number, "count")

    def _ask_activities(self, told: CaptionFacts, chance: Random) -> Iterator[AlbumQuestion]:
        said = {verb for _, verb, _ in told.doing}
        for who, verb, what in sorted(told.doing):
            question = chance.choice((f"what is the {who} doing?", f"what is this {who} doing?"))
            yield AlbumQuestion(question, verb, "doing")
            if verb in TALKED_OF.split() and what in NOUNS:
                yield AlbumQuestion(f"what is the {who} {verb}?", what, "what")
            right = chance.random() < 0.5
            asked = verb if right else chance.choices(list(self.verbs), list(self.verbs.values()))[0]
            if right or (asked not in said and asked[:-3] not in told.text):
                yield AlbumQuestion(f"is the {who} {asked}?", "yes" if right else "no", "yes doing")
        for worn in sorted(told.worn):
            who = chance.choice(sorted({who for who, _, _ in told.doing} or {"person"}))
            yield AlbumQuestion(f"what is the {who} wearing?", worn, "worn")
            right = chance.random() < 0.5
            asked = worn if right else chance.choice(WEARABLE)
            if right or asked not in told.nouns:
                question = f"is the {who} wearing {with_article(asked)}?"
                yield AlbumQuestion(question, "yes" if right else "no", "yes worn")

    def _ask_places(self, told: CaptionFacts, chance: Random) -> Iterator[AlbumQuestion]:
        for place in sorted(told.places):
            yield AlbumQuestion(chance.choice(WHERE), place, "place")


def group_by_noun(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Noun -> everything that is said of it."""
    found: dict[str, set[str]] = defaultdict(set)
    for noun, said in pairs:
        found[noun].add(said)
    return found


def ask_whether_there(noun: str, chance: Random) -> str:
    """Is there such a thing?"""
    return chance.choice(THERE).format(a=with_article(noun), many=plural(noun))


NOTHING = ("0", "none", "nothing")
FEWEST = 6  # photos whose questions speak of a thing, or it is not asked for
RIVALS = 1  # things of the same kind that are denied for each that is there
UNASKED = 0.25  # probability that something is denied of which nobody spoke


def imply_questions(pairs: Mapping[str, Sequence[AlbumQuestion]], *, seed: int = 0) -> dict[str, list[AlbumQuestion]]:
    """Photo -> questions whether things are there, from what was asked about it; and their answers."""
    spoken = {photo: find_assumed_things(own) for photo, own in pairs.items()}
    counts = Counter(name for names in spoken.values() for name in names)
    known = {name for name, count in counts.items() if count >= FEWEST and is_of_a_kind(name)}
    found = {}
    for photo, names in spoken.items():
        chance = Random(f"{seed} implied {photo}")
        shown = sorted(names & known)
        absent = [name for name in shown for name in draw_rivals(name, names, known, chance)]
        if known and chance.random() < UNASKED:
            (other,) = chance.choices(sorted(known), [float(counts[name]) for name in sorted(known)])
            absent += [other] if not any(same_kind(other, name) for name in names) else []
        told = [(name, "yes") for name in shown] + [(name, "no") for name in dict.fromkeys(absent)]
        found[photo] = [AlbumQuestion(ask_whether_there(name, chance), answer, PRESENCE) for name, answer in told]
    return found


def find_assumed_things(pairs: Sequence[AlbumQuestion]) -> frozenset[str]:
    """Things that questions and answers about a photo take for granted, in words of one spelling."""
    names: set[str] = set()
    for pair in pairs:
        if pair.answer in CLOSED or pair.answer in NOTHING:
            continue
        names |= {canonical_noun(phrase.split()[-1]) for phrase in parse(pair.question).thing_phrases}
        names.add(canonical_noun(pair.answer.split()[-1]) if pair.answer else "")
    return frozenset(names - {""})


def is_of_a_kind(name: str) -> bool:
    """Is it a member of a kind of which a photo mostly shows one or two, or none?"""
    return any(name in IS_A[kind] for kind in APART)


def draw_rivals(name: str, there_too: frozenset[str], known: set[str], chance: Random) -> list[str]:
    """Some others of its kind that nobody spoke of."""
    free = sorted(each for each in known if each not in there_too and are_rivals(each, name))
    return chance.sample(free, min(RIVALS, len(free)))


CAPTIONED, ASKED, INDOOR = "flickr8k", "coco_vqa", "daquar"
DAQUAR_DEV, HELD_OUT = 5, 25  # one photo of so many
ROUNDS = 5  # times that a captioned photo is asked about, each time otherwise
AT_ONCE = 32


def hash_name(name: str) -> int:
    """Of a file name, the same everywhere."""
    return int(hashlib.sha1(name.encode()).hexdigest(), 16)


def is_held_out(name: str) -> bool:
    """Of the training photos."""
    return hash_name(name) // DAQUAR_DEV % HELD_OUT == 0


@dataclass(frozen=True, slots=True)
class QuestionAlbum:
    """Photos of one source: their names, what is asked about each, and what the tower makes of them."""

    name: str
    images: Path  # where they lie
    photos: tuple[str, ...]
    pairs: tuple[tuple[AlbumQuestion, ...], ...]

    def select_photos(self, held_out: bool) -> list[int]:
        """Numbers of the photos with questions that are held out, or that are not."""
        return [n for n, photo in enumerate(self.photos) if self.pairs[n] and is_held_out(photo) == held_out]


class AlbumBank(Protocol):
    """An album as some model sees it."""

    @property
    def album(self) -> QuestionAlbum:
        """Its photos and questions."""

    @property
    def vectors(self) -> Sequence[Any]:
        """Of the photos, one array a view."""

    def select(self, photos: Sequence[int], views: Sequence[int]) -> Any:
        """Some photos, each in the view of its number."""


@dataclass(frozen=True, slots=True)
class AlbumFeatures:
    """An album as the reader sees it: one array a view."""

    album: QuestionAlbum
    maps: tuple[Bits, ...]  # (N, P, C): the tower's
    vectors: tuple[Bits, ...]  # (N, 1 + P, D): the picture, then its cells

    def select(self, photos: Sequence[int], views: Sequence[int]) -> PictureBatch:
        """Some photos, each in the view of its number."""
        vectors_BXD = pick_rows(self.vectors, photos, views)
        return PictureBatch(pick_rows(self.maps, photos, views).float(), vectors_BXD[:, 0], vectors_BXD[:, 1:])


def read_captioned_album(folder: Path, *, seed: int) -> QuestionAlbum:
    """Questions out of captions."""
    rows = read_caption_rows(folder / CAPTIONED / "captions.jsonl", split="train")
    asking = PhotoQuestionGenerator([row.captions for row in rows])
    pairs = [
        tuple(pair for turn in range(ROUNDS) for pair in asking.ask_about(n, Random(f"{seed} {turn} {row.image}")))
        for n, row in enumerate(rows)
    ]
    return QuestionAlbum(CAPTIONED, folder / CAPTIONED / "images", tuple(row.image for row in rows), tuple(pairs))


def read_asked_album(folder: Path, name: str) -> QuestionAlbum:
    """Questions that people asked about the training photos of a set, and what they imply."""
    rows = read_question_rows(folder / name / "qa.jsonl", split="train" if name == ASKED else "")
    mine = [row for row in rows if name != INDOOR or hash_name(row.image) % DAQUAR_DEV]
    album = make_album(name, folder / name / "images", mine)
    asked = dict(zip(album.photos, album.pairs, strict=True))
    implied = imply_questions(asked)
    return replace(album, pairs=tuple((*own, *implied[photo]) for photo, own in asked.items()))


def make_album(name: str, images: Path, rows: Sequence[QuestionRow]) -> QuestionAlbum:
    """Questions by the picture that they are about."""
    pairs: dict[str, list[AlbumQuestion]] = {}
    for row in rows:
        kind, answers = f"{name} {row.kind}".strip(), map(normalize_answer, row.answers)
        pairs.setdefault(row.image, []).extend(AlbumQuestion(row.question.lower(), said, kind) for said in answers)
    return QuestionAlbum(name, images, tuple(pairs), tuple(map(tuple, pairs.values())))


def read_albums(folder: Path, *, seed: int) -> list[QuestionAlbum]:
    """Captioned photos, those of VQA v2, and rooms; `seed` is of the questions that captions give."""
    return [read_captioned_album(folder, seed=seed), *(read_asked_album(folder, name) for name in (ASKED, INDOOR))]


def open_features(model: SpaceModel, albums: Sequence[QuestionAlbum], folder: Path) -> list[AlbumFeatures]:
    """What the tower makes of these albums' photos; each has a folder of its own in `folder`."""
    return [open_album_features(model, album, folder / album.name) for album in albums]


def open_album_features(model: SpaceModel, album: QuestionAlbum, folder: Path) -> AlbumFeatures:
    """What the tower makes of an album's photos, made where `folder` does not hold it yet."""
    maps = cache_feature_maps(model, find_pictures(album.images, album.photos), folder)
    shape = (len(album.photos), 1 + CELLS, SPACE_DIM)
    vectors = (
        cache_rows(folder / f"vectors-{view}.npy", shape, compute_vectors(model, own)) for view, own in enumerate(maps)
    )
    return AlbumFeatures(album, maps, tuple(vectors))


def compute_vectors(model: SpaceModel, maps_NPC: Bits) -> Iterator[Bits]:
    """Of every photo."""
    for start in range(0, len(maps_NPC), AT_ONCE):
        map_BPC = torch.from_numpy(np.array(maps_NPC[start : start + AT_ONCE])).view(torch.bfloat16)
        vectors_BD, grid_BPD = places_of(model, map_BPC.float())
        yield from to_bf16_bits(torch.cat([vectors_BD[:, None], grid_BPD], dim=1).bfloat16())


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionBatchConfig:
    """What a step reads."""

    captioned: int = 26  # photos of each album
    asked: int = 14
    indoor: int = 4
    captioned_each: int = 8  # questions about each of them, at most
    asked_each: int = 3
    indoor_each: int = 6
    smooth: float = 0.05  # of the right answer's share goes to all answers
    every: int = 100  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("captioned", self.captioned, 1, 10_000)
        between("smooth", self.smooth, 0, 0.9)


@dataclass(frozen=True, slots=True)
class QuestionSampler:
    """Photos and questions of all albums, drawn by chance."""

    banks: Sequence[AlbumBank]
    photos: Sequence[Sequence[int]]  # of each bank, those that may be drawn
    counts: Sequence[tuple[int, int]]  # photos of a step from each bank, and questions about each
    asked: QuestionBatch
    row_of: Mapping[str, int]  # question -> row of asked
    class_of: Mapping[str, int]

    @classmethod
    def of(
        cls,
        space: DefaultSpace,
        banks: Sequence[AlbumBank],
        class_of: Mapping[str, int],
        batch: QuestionBatchConfig,
        *,
        held_out: bool,
    ) -> "QuestionSampler":
        """Of the photos that are held out, or of all others."""
        photos = [bank.album.select_photos(held_out) for bank in banks]
        pairs = (bank.album.pairs[n] for bank, some in zip(banks, photos, strict=True) for n in some)
        questions = sorted({pair.question for own in pairs for pair in own})
        counts = {CAPTIONED: (batch.captioned, batch.captioned_each), ASKED: (batch.asked, batch.asked_each)}
        counts[INDOOR] = (batch.indoor, batch.indoor_each)
        row_of = {question: row for row, question in enumerate(questions)}
        each = [counts[bank.album.name] for bank in banks]
        return cls(
            banks,
            photos,
            each,
            read_questions(space, [VqaQuestion.of(question) for question in questions]),
            row_of,
            class_of,
        )

    def draw_batch(self, chance: Random) -> tuple[Any, Tensor, QuestionBatch, Tensor]:
        """Photos as albums select them, the photo of each question, the questions, and the right answers' numbers."""
        shown: list[Any] = []
        photo_Q, rows_Q, right_Q = list[int](), list[int](), list[int]()
        for bank, photos, (count, each) in zip(self.banks, self.photos, self.counts, strict=True):
            some = chance.sample(photos, min(count, len(photos)))
            views = [chance.randrange(len(bank.vectors)) for _ in some]
            before = sum(len(part.vectors_BD) for part in shown)
            for place, (n, view) in enumerate(zip(some, views, strict=True), start=before):
                pairs = self.select_pairs(bank.album.pairs[n], mirrored=bool(view))
                for pair in chance.sample(pairs, min(each, len(pairs))):
                    photo_Q.append(place)
                    rows_Q.append(self.row_of[pair.question])
                    right_Q.append(self.class_of[pair.answer])
            shown.append(bank.select(some, views))
        kind = type(shown[0])
        every = kind(*(torch.cat([getattr(part, item.name) for part in shown]) for item in fields(kind)))
        return every, torch.tensor(photo_Q), self.asked.rows(torch.tensor(rows_Q)), torch.tensor(right_Q)

    def select_pairs(self, pairs: Sequence[AlbumQuestion], *, mirrored: bool) -> list[AlbumQuestion]:
        """Those whose answer is learned, and that hold for a mirrored photo too."""
        known = [pair for pair in pairs if pair.answer in self.class_of]
        return [pair for pair in known if pair.holds_mirrored or not mirrored]
