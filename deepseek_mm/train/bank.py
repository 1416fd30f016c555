"""Pictures that questions are asked about, and the questions: captioned photos, VQA v2, DAQUAR.

Every twenty-fifth training photo, by the hash of its name, is held out: what the reader says of those tells how sure it
may be.

Shape key:  N photos, B of a batch, P cells, C channels, D width of the space
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.embeddings.default import CELLS, SpaceModel, places_of
from deepseek_mm.embeddings.projection import SPACE_DIM
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows
from deepseek_mm.evaluation.vqa import QuestionRow, read_question_rows
from deepseek_mm.language.words import normalize_answer
from deepseek_mm.train.asking import Asking, Pair
from deepseek_mm.train.implied import implied
from deepseek_mm.train.maps import Maps, keep_maps, kept_rows
from deepseek_mm.vision.vqa_net import PictureBatch

CAPTIONED, ASKED, INDOOR = "flickr8k", "coco_vqa", "daquar"
DAQUAR_DEV, HELD_OUT = 5, 25  # one photo of so many
ROUNDS = 5  # times that a captioned photo is asked about, each time otherwise
AT_ONCE = 32


def number_of(name: str) -> int:
    """Of a file name, the same everywhere."""
    return int(hashlib.sha1(name.encode()).hexdigest(), 16)


def is_held_out(name: str) -> bool:
    """Of the training photos."""
    return number_of(name) // DAQUAR_DEV % HELD_OUT == 0


@dataclass(frozen=True, slots=True)
class Album:
    """Photos of one source: their names, what is asked about each, and what the tower makes of them."""

    name: str
    images: Path  # where they lie
    photos: tuple[str, ...]
    pairs: tuple[tuple[Pair, ...], ...]

    def part(self, held_out: bool) -> list[int]:
        """Numbers of the photos with questions that are held out, or that are not."""
        return [n for n, photo in enumerate(self.photos) if self.pairs[n] and is_held_out(photo) == held_out]


@dataclass(frozen=True, slots=True)
class Bank:
    """An album as the reader sees it: one array a view."""

    album: Album
    maps: Maps
    vectors: tuple[NDArray[np.int16], ...]  # (N, 1 + P, D), bfloat16 bits: the picture, then its cells

    def shown(self, photos: Sequence[int], views: Sequence[int]) -> PictureBatch:
        """Some photos, each in the view of its number."""
        picked = np.stack([self.vectors[view][photo] for photo, view in zip(photos, views, strict=True)])
        vectors_BXD = torch.from_numpy(picked).view(torch.bfloat16)
        return PictureBatch(self.maps.batch(photos, views).float(), vectors_BXD[:, 0], vectors_BXD[:, 1:])


def captioned(folder: Path, *, seed: int) -> Album:
    """Questions out of captions."""
    rows = read_caption_rows(folder / CAPTIONED / "captions.jsonl", split="train")
    asking = Asking([row.captions for row in rows])
    pairs = [
        tuple(pair for turn in range(ROUNDS) for pair in asking.about(n, Random(f"{seed} {turn} {row.image}")))
        for n, row in enumerate(rows)
    ]
    return Album(CAPTIONED, folder / CAPTIONED / "images", tuple(row.image for row in rows), tuple(pairs))


def asked_about(folder: Path, name: str) -> Album:
    """Questions that people asked about the training photos of a set."""
    split = "train" if name == ASKED else ""
    rows = read_question_rows(folder / name / "qa.jsonl", split=split)
    if name == INDOOR:
        rows = [row for row in rows if number_of(row.image) % DAQUAR_DEV]
    album = album_of(name, folder / name / "images", rows)
    more = implied(dict(zip(album.photos, album.pairs, strict=True)))
    pairs = [(*own, *more[photo]) for photo, own in zip(album.photos, album.pairs, strict=True)]
    return replace(album, pairs=tuple(pairs))


def album_of(name: str, images: Path, rows: Sequence[QuestionRow]) -> Album:
    """Questions by the picture that they are about."""
    pairs: dict[str, list[Pair]] = {}
    for row in rows:
        own = pairs.setdefault(row.image, [])
        own += [
            Pair(row.question.lower(), normalize_answer(answer), f"{name} {row.kind}".strip()) for answer in row.answers
        ]
    return Album(name, images, tuple(pairs), tuple(map(tuple, pairs.values())))


def photo_albums(folder: Path, *, seed: int) -> list[Album]:
    """Captioned photos, those of VQA v2, and rooms; `seed` is of the questions that captions give."""
    return [captioned(folder, seed=seed), *(asked_about(folder, name) for name in (ASKED, INDOOR))]


def open_banks(model: SpaceModel, albums: Sequence[Album], folder: Path) -> list[Bank]:
    """What the tower makes of these albums' photos; each has a folder of its own in `folder`."""
    return [open_bank(model, album, folder / album.name) for album in albums]


def open_bank(model: SpaceModel, album: Album, folder: Path) -> Bank:
    """What the tower makes of an album's photos, made where `folder` does not hold it yet."""
    paths = find_pictures(album.images, album.photos)
    with tqdm(total=4 * len(paths), unit="photo", desc=f"looking at {album.name}", file=sys.stderr) as bar:
        maps = keep_maps(model, paths, folder, told=bar.update)
        shape = (len(paths), 1 + CELLS, SPACE_DIM)
        vectors = tuple(
            kept_rows(folder / f"vectors-{view}.npy", shape, vectors_in(model, maps, view), bar.update)
            for view in range(len(maps.views))
        )
    return Bank(album, maps, vectors)


def vectors_in(model: SpaceModel, maps: Maps, view: int) -> Iterator[NDArray[np.int16]]:
    """Of every photo."""
    total = len(maps.views[view])
    for start in range(0, total, AT_ONCE):
        photos = range(start, min(total, start + AT_ONCE))
        vectors_BD, grid_BPD = places_of(model, maps.batch(photos, [view] * len(photos)).float())
        both_BXD: Tensor = torch.cat([vectors_BD[:, None], grid_BPD], dim=1).bfloat16()
        yield from both_BXD.view(torch.int16).numpy()
