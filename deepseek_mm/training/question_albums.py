"""Albums of photos with questions (captioned photos, VQA v2, DAQUAR), their cached features, and their sampler.

Every twenty-fifth training photo, by the hash of its name, is held out for calibration.

Shape key:  N photos, B of a batch, P cells, C channels, D width of the space, Q questions of a step, V answers
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import CELLS, DefaultSpace, SpaceModel, places_of
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows
from deepseek_mm.evaluation.vqa import QuestionRow, read_question_rows
from deepseek_mm.language.words import normalize_answer
from deepseek_mm.training.feature_maps import FeatureMaps, cache_feature_maps, cache_rows
from deepseek_mm.training.question_generation import PhotoQuestion, PhotoQuestionGenerator, imply_questions
from deepseek_mm.vision.vqa_net import PictureBatch, QuestionBatch, VqaQuestion, read_questions

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
    pairs: tuple[tuple[PhotoQuestion, ...], ...]

    def select_photos(self, held_out: bool) -> list[int]:
        """Numbers of the photos with questions that are held out, or that are not."""
        return [n for n, photo in enumerate(self.photos) if self.pairs[n] and is_held_out(photo) == held_out]


@dataclass(frozen=True, slots=True)
class AlbumFeatures:
    """An album as the reader sees it: one array a view."""

    album: QuestionAlbum
    maps: FeatureMaps
    vectors: tuple[NDArray[np.int16], ...]  # (N, 1 + P, D), bfloat16 bits: the picture, then its cells

    def select(self, photos: Sequence[int], views: Sequence[int]) -> PictureBatch:
        """Some photos, each in the view of its number."""
        picked = np.stack([self.vectors[view][photo] for photo, view in zip(photos, views, strict=True)])
        vectors_BXD = torch.from_numpy(picked).view(torch.bfloat16)
        return PictureBatch(self.maps.batch(photos, views).float(), vectors_BXD[:, 0], vectors_BXD[:, 1:])


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
    """Questions that people asked about the training photos of a set."""
    split = "train" if name == ASKED else ""
    rows = read_question_rows(folder / name / "qa.jsonl", split=split)
    if name == INDOOR:
        rows = [row for row in rows if hash_name(row.image) % DAQUAR_DEV]
    album = make_album(name, folder / name / "images", rows)
    more = imply_questions(dict(zip(album.photos, album.pairs, strict=True)))
    pairs = [(*own, *more[photo]) for photo, own in zip(album.photos, album.pairs, strict=True)]
    return replace(album, pairs=tuple(pairs))


def make_album(name: str, images: Path, rows: Sequence[QuestionRow]) -> QuestionAlbum:
    """Questions by the picture that they are about."""
    pairs: dict[str, list[PhotoQuestion]] = {}
    for row in rows:
        own = pairs.setdefault(row.image, [])
        own += [
            PhotoQuestion(row.question.lower(), normalize_answer(answer), f"{name} {row.kind}".strip())
            for answer in row.answers
        ]
    return QuestionAlbum(name, images, tuple(pairs), tuple(map(tuple, pairs.values())))


def read_albums(folder: Path, *, seed: int) -> list[QuestionAlbum]:
    """Captioned photos, those of VQA v2, and rooms; `seed` is of the questions that captions give."""
    return [read_captioned_album(folder, seed=seed), *(read_asked_album(folder, name) for name in (ASKED, INDOOR))]


def open_features(model: SpaceModel, albums: Sequence[QuestionAlbum], folder: Path) -> list[AlbumFeatures]:
    """What the tower makes of these albums' photos; each has a folder of its own in `folder`."""
    return [open_album_features(model, album, folder / album.name) for album in albums]


def open_album_features(model: SpaceModel, album: QuestionAlbum, folder: Path) -> AlbumFeatures:
    """What the tower makes of an album's photos, made where `folder` does not hold it yet."""
    paths = find_pictures(album.images, album.photos)
    with tqdm(total=4 * len(paths), unit="photo", desc=f"looking at {album.name}", file=sys.stderr) as bar:
        maps = cache_feature_maps(model, paths, folder, told=bar.update)
        shape = (len(paths), 1 + CELLS, SPACE_DIM)
        vectors = tuple(
            cache_rows(folder / f"vectors-{view}.npy", shape, compute_vectors(model, maps, view), bar.update)
            for view in range(len(maps.views))
        )
    return AlbumFeatures(album, maps, vectors)


def compute_vectors(model: SpaceModel, maps: FeatureMaps, view: int) -> Iterator[NDArray[np.int16]]:
    """Of every photo."""
    total = len(maps.views[view])
    for start in range(0, total, AT_ONCE):
        photos = range(start, min(total, start + AT_ONCE))
        vectors_BD, grid_BPD = places_of(model, maps.batch(photos, [view] * len(photos)).float())
        both_BXD: Tensor = torch.cat([vectors_BD[:, None], grid_BPD], dim=1).bfloat16()
        yield from both_BXD.view(torch.int16).numpy()


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

    banks: Sequence[AlbumFeatures]
    photos: Sequence[Sequence[int]]  # of each bank, those that may be drawn
    counts: Sequence[tuple[int, int]]  # photos of a step from each bank, and questions about each
    asked: QuestionBatch
    row_of: Mapping[str, int]  # question -> row of asked
    class_of: Mapping[str, int]

    @classmethod
    def of(
        cls,
        space: DefaultSpace,
        banks: Sequence[AlbumFeatures],
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

    def draw_batch(self, chance: Random) -> tuple[PictureBatch, Tensor, QuestionBatch, Tensor]:
        """Photos, the photo of each question, the questions, and the numbers of the right answers."""
        shown: list[PictureBatch] = []
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
        every = PictureBatch(
            *(torch.cat([getattr(part, item.name) for part in shown]) for item in fields(PictureBatch))
        )
        return every, torch.tensor(photo_Q), self.asked.rows(torch.tensor(rows_Q)), torch.tensor(right_Q)

    def select_pairs(self, pairs: Sequence[PhotoQuestion], *, mirrored: bool) -> list[PhotoQuestion]:
        """Those whose answer is learned, and that hold for a mirrored photo too."""
        known = [pair for pair in pairs if pair.answer in self.class_of]
        return [pair for pair in known if pair.holds_mirrored or not mirrored]
