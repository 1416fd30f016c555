"""`train names`: train a linear classifier for each everyday word, on photos that somebody described.

Three kinds of photos tell what they show: captioned ones (two people of five who name a thing are believed; one alone
is neither believed nor denied), ones with questions and answers (a thing asked about is there, unless the answer is no;
of other things little is known), and ones sorted by hand into classes of clothes (CC0) and groceries
(GroceryStoreDataset, MIT). For every word that enough photos show, a direction of the space and an offset are fitted by
logistic regression.

The curve of any other word of the vocabulary, by its text alone, is fitted for `train align`: both outcomes of a word
weigh the same; how rare things are in a library is taken into account where it is used (`deepseek_mm.chance`). Words
that occur often enough get an offset of their own, drawn towards zero.

Shape key:  N photos, L words, D width of the space, M photos and Q cells of the background
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.numpy import save
from tqdm import tqdm

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows, read_picture
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.feature_maps import cache_array
from deepseek_mm.training.loop import tell_written
from deepseek_mm.vision.vocabulary import (
    FILE,
    Calibration,
    Learned,
    NamingCurve,
    against,
    read_names,
    standing_out,
    usual,
    word_vectors,
)


@dataclass(frozen=True, slots=True)
class ClassWords:
    """Words that are there, and words that may be."""

    shows: tuple[str, ...]
    may_show: tuple[str, ...]


ROOM = ("wall", "carpet", "bed", "blanket", "table", "curtain", "pillow", "uniform", "costume")
GOODS = (
    "food, shop, supermarket, market, price tag, barcode, box, basket, shelf, sign, refrigerator, yoghurt, "
    "yoghurt pot, milk, juice, water bottle, bottle, cream, green apple, plant, leaves"
)
STORE = tuple(GOODS.split(", "))
KNITTED = ("sweater", "sweatshirt", "hoodie", "cardigan")
CLOTHES = {  # class -> what its photos show, and what they may show
    "dress": (("dress",), ("skirt",)),
    "hat": (("hat",), ("cap",)),
    "longsleeve": ((), ("shirt", "T-shirt", "blouse", *KNITTED)),
    "outwear": (("jacket",), ("coat", "vest", *KNITTED)),
    "pants": (("trousers",), ("jeans",)),
    "shirt": (("shirt",), ("blouse", "polo shirt", "T-shirt")),
    "shoes": (("shoe",), ("sneaker", "boot", "sandal", "high heels", "slipper")),
    "shorts": (("shorts",), ("jeans", "swimsuit", "underwear")),
    "skirt": (("skirt",), ("dress",)),
    "t-shirt": (("T-shirt", "shirt"), ("polo shirt",)),
}
KIND_OF = {"Fruit": "fruit", "Vegetables": "vegetable", "Packages": "carton"}  # first folder of a grocery
GROCERIES = {  # second or third folder, where its word is another than its own name in lower case
    **{"Satsumas": "orange", "Red-Grapefruit": "grapefruit", "Carrots": "carrot", "Pepper": "bell pepper"},
    **{"Red-Beet": "beetroot", "Brown-Cap-Mushroom": "mushroom", "Juice": "juice carton", "Milk": "milk carton"},
    **{"Oat-Milk": "milk carton", "Soy-Milk": "milk carton", "Sour-Milk": "milk carton", "Sour-Cream": "cream"},
}


def list_clothing_words(label: str) -> ClassWords:
    """What a photo of that class of clothes shows."""
    shows, may_show = CLOTHES[label]
    return ClassWords(shows, (*may_show, *ROOM))


def list_grocery_words(path: str) -> ClassWords:
    """What a photo shows whose path is `.../Fruit/Melon/Cantaloupe/NAME` or the like.

    >>> list_grocery_words("dataset/test/Fruit/Melon/Cantaloupe/Cantaloupe_012.jpg").shows
    ('fruit', 'melon', 'cantaloupe')
    """
    folders = path.split("/")[:-1]
    first = next((n for n, folder in enumerate(folders) if folder in KIND_OF), None)
    if first is None:
        return ClassWords((), STORE)
    own = (GROCERIES.get(name, name.replace("-", " ").lower()) for name in folders[first + 1 :])
    return ClassWords((KIND_OF[folders[first]], *own), STORE)


ENOUGH = 12  # photos that show a word, before it is learned
MISLEADING = ("watch", "camera", "face", "ring")  # more often said of what is done than of what is there
BELIEVED = 2  # captions of a photo that name a thing
UNASKED = 0.1  # weight of a thing that no question speaks of, as absent
SHELVED = 3.0  # weight of what a shelf says
STEPS, BATCH, RATE = 500, 1024, 0.02
STIFF = 5.0  # scale of the vectors: the larger, the faster a direction grows
PULL = 3e-4  # on the directions, towards zero
RARE = -4.0  # offset to start from
NO = ("no", "0", "none")
OTHER_FORMS = {
    **{"man": "man|men", "woman": "woman|women", "child": "child|children", "person": "person|people"},
    **{"leaves": "leaf|leaves", "airplane": "airplanes?|planes?", "bicycle": "bicycles?|bikes?"},
    **{"motorcycle": "motorcycles?|motorbikes?", "couch": "couch|couches|sofas?", "television": "televisions?|tvs?"},
    **{"refrigerator": "refrigerators?|fridges?", "mobile phone": "mobile phones?|cell ?phones?"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WordLabels:
    """What is known of some photos, word by word."""

    shows_NL: NDArray[np.bool_]
    weight_NL: Floats  # of that knowledge; 0 where nothing is known


def make_word_pattern(name: str) -> re.Pattern[str]:
    """Finds the word, one or many of it, in lower case text."""
    return re.compile(rf"\b({OTHER_FORMS.get(name, re.escape(name.lower()) + '(?:s|es)?')})\b")


def count_mentions(rows: Sequence[CaptionRow], names: Sequence[str]) -> NDArray[np.int64]:
    """(N, L): captions of the photo that say the word."""
    patterns, texts = [make_word_pattern(name) for name in names], [[t.lower() for t in row.captions] for row in rows]
    return np.array([[sum(bool(p.search(text)) for text in own) for p in patterns] for own in texts], np.int64)


def label_by_captions(rows: Sequence[CaptionRow], names: Sequence[str]) -> WordLabels:
    """Two captions are believed, one leaves it open, none denies it."""
    times_NL = count_mentions(rows, names)
    return WordLabels(shows_NL=times_NL >= BELIEVED, weight_NL=(times_NL != 1).astype(np.float32))


def label_by_questions(asked: Sequence[Sequence[tuple[str, str]]], names: Sequence[str]) -> WordLabels:
    """`asked` holds for each photo its (question, answer) pairs."""
    patterns = [make_word_pattern(name) for name in names]
    shows_NL = np.zeros((len(asked), len(names)), bool)
    weight_NL = np.full(shows_NL.shape, UNASKED, np.float32)
    for n, pairs in enumerate(asked):
        for question, answer in pairs:
            spoken = [k for k, p in enumerate(patterns) if p.search(f"{question} {answer}".lower())]
            if answer in NO:
                weight_NL[n, spoken] = 0
            else:
                shows_NL[n, spoken] = True
        weight_NL[n, shows_NL[n]] = 1
    return WordLabels(shows_NL=shows_NL, weight_NL=weight_NL)


def label_by_classes(shelves: Sequence[ClassWords], names: Sequence[str]) -> WordLabels:
    """Words of the shelf are there, words that it may show are open, all others are absent."""
    place = {name: n for n, name in enumerate(names)}
    shows_NL = np.zeros((len(shelves), len(names)), bool)
    weight_NL = np.full(shows_NL.shape, SHELVED, np.float32)
    for n, shelf in enumerate(shelves):
        weight_NL[n, [place[name] for name in shelf.may_show if name in place]] = 0
        shown = [place[name] for name in shelf.shows if name in place]
        shows_NL[n, shown], weight_NL[n, shown] = True, SHELVED
    return WordLabels(shows_NL=shows_NL, weight_NL=weight_NL)


def fit_names(vectors_ND: Floats, told: WordLabels, names: Sequence[str], *, enough: int = ENOUGH) -> Learned:
    """Directions and offsets of the words that enough photos show; ConfigError when there is none."""
    count_L = (told.shows_NL & (told.weight_NL > 0)).sum(axis=0)
    often = [n for n, name in enumerate(names) if count_L[n] >= enough and name not in MISLEADING]
    if not often:
        raise ConfigError(f"no word of the vocabulary is told of {enough} photos. Give more photos")
    torch.manual_seed(0)
    x_ND = torch.from_numpy(vectors_ND) * STIFF
    shows_NL = torch.from_numpy(told.shows_NL[:, often]).float()
    weight_NL = torch.from_numpy(told.weight_NL[:, often])
    directions_DL = torch.zeros(x_ND.shape[1], len(often), requires_grad=True)
    offsets_L = torch.full((len(often),), RARE, requires_grad=True)
    optimiser = torch.optim.Adam([directions_DL, offsets_L], lr=RATE)
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        batch_B = torch.randint(0, len(x_ND), (BATCH,))
        logit_BL = x_ND[batch_B] @ directions_DL + offsets_L
        each_BL = F.binary_cross_entropy_with_logits(logit_BL, shows_NL[batch_B], weight_NL[batch_B], reduction="none")
        loss = each_BL.sum(dim=1).mean() + PULL * directions_DL.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Learned(
        names=tuple(names[n] for n in often),
        directions_LD=(directions_DL.detach().T * STIFF).contiguous().numpy(),
        offsets_L=offsets_L.detach().numpy(),
    )


def save_names(file: Path, learned: Learned, fingerprint: str) -> None:
    """Write what `vision.vocabulary.read_learned` reads."""
    arrays = {"directions": learned.directions_LD, "offsets": learned.offsets_L}
    save_arrays(file, arrays, told={"fingerprint": fingerprint, "names": learned.names})


def save_arrays(file: Path, arrays: Mapping[str, Floats], **headers: Mapping[str, object]) -> None:
    """Write arrays as float16, with headers of JSON."""
    halves = {name: array.astype(np.float16) for name, array in arrays.items()}
    atomic_write(file, save(halves, metadata={name: json.dumps(told) for name, told in headers.items()}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train names`; each kind of photos may be left out."""
    parser.add_argument("--captions", type=Path, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--caption-images", type=Path, help="folder of their photos")
    parser.add_argument("--questions", type=Path, help="JSONL file of rows {image, question, answer, split}")
    parser.add_argument("--question-images", type=Path, help="folder of their photos")
    parser.add_argument("--shelves", type=Path, help="folder with clothing.jsonl, grocery.jsonl and their photos")
    parser.add_argument("--out", type=Path, default=Path("runs/names"), help="folder of this run: vectors")
    parser.add_argument("--weights", type=Path, default=FILE, help="file to write the words to")


def run(args: argparse.Namespace) -> int:
    """Embed the photos of split "train" (kept in --out), fit the words and write them."""
    names, space = read_names(), open_space(EncoderConfig())
    vectors: list[Floats] = []
    told: list[WordLabels] = []
    if args.captions:
        rows = read_caption_rows(args.captions, split="train")
        paths = find_pictures(args.caption_images, [row.image for row in rows])
        vectors.append(cache_vectors(space, paths, args.out / "captions.npy"))
        told.append(label_by_captions(rows, names))
    if args.questions:
        asked = read_question_pairs(args.questions)
        paths = find_pictures(args.question_images, list(asked))
        vectors.append(cache_vectors(space, paths, args.out / "questions.npy"))
        told.append(label_by_questions([*asked.values()], names))
    if args.shelves:
        shelves = read_class_photos(args.shelves)
        vectors.append(cache_vectors(space, list(shelves), args.out / "shelves.npy"))
        told.append(label_by_classes([*shelves.values()], names))
    if not vectors:
        raise ConfigError("train names has no photos. Give --captions, --questions or --shelves")
    shows_NL, weight_NL = (np.concatenate([getattr(part, name) for part in told]) for name in ("shows_NL", "weight_NL"))
    learned = fit_names(np.concatenate(vectors), WordLabels(shows_NL=shows_NL, weight_NL=weight_NL), names)
    save_names(args.weights, learned, space.fingerprint)
    tell_written(args.weights, f"learned {len(learned.names)} of {len(names)} words; ")
    return 0


def cache_vectors(space: EmbeddingModel, paths: Sequence[Path], file: Path) -> Floats:
    """(N, D), read from `file` if an earlier run with as many photos left them there."""
    bar = partial(tqdm, total=len(paths), unit="photo", desc=file.stem, file=sys.stderr)
    return cache_array(
        file, len(paths), lambda: np.stack([look.vector_D for look in bar(space.look_many(map(read_picture, paths)))])
    )


def read_question_pairs(file: Path) -> dict[str, list[tuple[str, str]]]:
    """Image -> (question, answer) pairs, of the rows of split "train"."""
    asked: dict[str, list[tuple[str, str]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == "train":
            asked.setdefault(row["image"], []).append((row["question"], row["answer"].lower()))
    return asked


def read_class_photos(folder: Path) -> dict[Path, ClassWords]:
    """Photo -> what it shows, from both lists in the folder."""
    clothes = map(json.loads, (folder / "clothing.jsonl").read_text(encoding="utf-8").splitlines())
    groceries = map(json.loads, (folder / "grocery.jsonl").read_text(encoding="utf-8").splitlines())
    shelves = {folder / "clothing" / row["image"]: list_clothing_words(row["label"]) for row in clothes}
    return shelves | {folder / "grocery" / row["image"]: list_grocery_words(row["src"]) for row in groceries}


PHOTOS, CELLS = 600, 400  # of the background that is kept
OFFSET_PHOTOS = 15  # photos that must show a word before it gets an offset of its own
OFFSET_PULL = 1.0  # of the offsets towards zero


def fit_word_curve(z_NL: Floats, there_NL: NDArray[np.bool_], words: Sequence[str]) -> NamingCurve:
    """Slope, offset and offsets of the words by maximum likelihood; both outcomes of a word weigh the same."""
    z, there = torch.from_numpy(z_NL), torch.from_numpy(there_NL).float()
    share_L = there.mean(dim=0).clamp(1e-4, 1 - 1e-4)
    weight = torch.where(there.bool(), 0.5 / share_L, 0.5 / (1 - share_L))
    slope, offset, own_L = (torch.zeros(n, requires_grad=True) for n in (1, 1, len(words)))
    optimiser = torch.optim.LBFGS([slope, offset, own_L], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logit = slope * z + offset + own_L
        cost = F.binary_cross_entropy_with_logits(logit, there, weight=weight, reduction="sum")
        total = cost / len(z) + OFFSET_PULL * own_L.square().sum() / len(words) / 10
        total.backward()
        return total

    optimiser.step(loss)
    a, b = (round(float(value.detach()), 4) for value in (slope, offset))
    offsets = {word: round(float(value), 4) for word, value in zip(words, own_L.detach(), strict=True)}
    return NamingCurve(slope=a, offset=b, word_offsets=offsets)


def fit_vocabulary(
    space: EmbeddingModel, looks: Sequence[ImageEmbedding], rows: Sequence[CaptionRow], names: Sequence[str]
) -> Calibration:
    """Background and curve from looks at captioned photos; ConfigError when no word occurs often enough to fit one."""
    there = count_mentions(rows, names) > 0
    often = [n for n in range(len(names)) if there[:, n].sum() >= OFFSET_PHOTOS]
    if not often:
        enough = f"{OFFSET_PHOTOS} of {len(rows)} photos"
        raise ConfigError(f"no word of the vocabulary occurs in {enough}. Train on more of them")
    photos, cells = sample_background(looks)
    vectors_LD = word_vectors(space, names)
    cosine_NL = np.stack([look.vector_D for look in looks]) @ vectors_LD.T
    z_NL = against(usual(photos, vectors_LD), cosine_NL)
    z_NL = standing_out(z_NL, z_NL)
    curve = fit_word_curve(z_NL[:, often], there[:, often], [names[n] for n in often])
    return Calibration(photos_MD=photos, cells_QD=cells, curve=curve)


def sample_background(looks: Sequence[ImageEmbedding]) -> tuple[Floats, Floats]:
    """Vectors of some photos, and of some cells, spread evenly over the looks."""
    step = max(1, len(looks) // PHOTOS)
    photos = np.stack([look.vector_D for look in looks[::step][:PHOTOS]])
    stride = max(1, len(looks) // CELLS)
    grids = [look.grid_HWD.reshape(-1, look.grid_HWD.shape[-1]) for look in looks[::stride][:CELLS]]
    return photos, np.stack([grid_PD[n % len(grid_PD)] for n, grid_PD in enumerate(grids)])


def save_vocabulary(file: Path, space: EmbeddingModel, calibration: Calibration) -> None:
    """Write what `vision.vocabulary.read_calibration` reads."""
    arrays = {"photos": calibration.photos_MD, "cells": calibration.cells_QD}
    save_arrays(file, arrays, curves={"fingerprint": space.fingerprint, "curve": asdict(calibration.curve)})
