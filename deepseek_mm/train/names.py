"""`train names`: learn what everyday words look like, from photos that somebody described.

Three kinds of photos tell what they show: captioned ones (two people of five who name a thing are believed; one alone
is neither believed nor denied), ones with questions and answers (a thing asked about is there, unless the answer is no;
of other things little is known), and ones from shelves, sorted by hand. For every word that enough photos show, a
direction of the space and an offset are fitted: logistic regression, all words side by side.

Shape key:  N photos, L words, D width of the space
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tqdm import tqdm

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows, read_picture
from deepseek_mm.train.shelves import Shelf, shelf_of_clothes, shelf_of_grocery
from deepseek_mm.vision.vocabulary import FILE, Learned, read_names

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
class Told:
    """What is known of some photos, word by word."""

    shows_NL: NDArray[np.bool_]
    weight_NL: Floats  # of that knowledge; 0 where nothing is known


def pattern_of(name: str) -> re.Pattern[str]:
    """Finds the word, one or many of it, in lower case text."""
    return re.compile(rf"\b({OTHER_FORMS.get(name, re.escape(name.lower()) + '(?:s|es)?')})\b")


def told_by_captions(rows: Sequence[CaptionRow], names: Sequence[str]) -> Told:
    """Two captions are believed, one leaves it open, none denies it."""
    patterns = [pattern_of(name) for name in names]
    times_NL = np.array(
        [[sum(bool(p.search(text.lower())) for text in row.captions) for p in patterns] for row in rows], np.int64
    ).reshape(len(rows), len(names))
    return Told(shows_NL=times_NL >= BELIEVED, weight_NL=(times_NL != 1).astype(np.float32))


def told_by_questions(asked: Sequence[Sequence[tuple[str, str]]], names: Sequence[str]) -> Told:
    """`asked` holds for each photo its (question, answer) pairs."""
    patterns = [pattern_of(name) for name in names]
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
    return Told(shows_NL=shows_NL, weight_NL=weight_NL)


def told_by_shelves(shelves: Sequence[Shelf], names: Sequence[str]) -> Told:
    """Words of the shelf are there, words that it may show are open, all others are absent."""
    place = {name: n for n, name in enumerate(names)}
    shows_NL = np.zeros((len(shelves), len(names)), bool)
    weight_NL = np.full(shows_NL.shape, SHELVED, np.float32)
    for n, shelf in enumerate(shelves):
        weight_NL[n, [place[name] for name in shelf.may_show if name in place]] = 0
        shown = [place[name] for name in shelf.shows if name in place]
        shows_NL[n, shown], weight_NL[n, shown] = True, SHELVED
    return Told(shows_NL=shows_NL, weight_NL=weight_NL)


def fit_names(vectors_ND: Floats, told: Told, names: Sequence[str], *, enough: int = ENOUGH) -> Learned:
    """Directions and offsets of the words that enough photos show; ConfigError when there is none."""
    often = [
        n
        for n, count in enumerate((told.shows_NL & (told.weight_NL > 0)).sum(axis=0))
        if count >= enough and names[n] not in MISLEADING
    ]
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
    """Write what `vision.vocabulary.read_learned` reads, beside the target and then renamed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {"fingerprint": fingerprint, "names": learned.names}
    arrays = {"directions": learned.directions_LD.astype(np.float16), "offsets": learned.offsets_L.astype(np.float16)}
    draft = file.with_suffix(".draft")
    save_file(arrays, draft, metadata={"told": json.dumps(told)})
    draft.replace(file)


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
    names, space, parts = read_names(), open_space(EncoderConfig()), []
    if args.captions:
        rows = read_caption_rows(args.captions, split="train")
        paths = find_pictures(args.caption_images, [row.image for row in rows])
        parts.append((vectors_of(space, paths, args.out / "captions.npy"), told_by_captions(rows, names)))
    if args.questions:
        asked = read_questions(args.questions)
        paths = find_pictures(args.question_images, list(asked))
        parts.append(
            (vectors_of(space, paths, args.out / "questions.npy"), told_by_questions([*asked.values()], names))
        )
    if args.shelves:
        shelves = read_shelves(args.shelves)
        vectors_ND = vectors_of(space, list(shelves), args.out / "shelves.npy")
        parts.append((vectors_ND, told_by_shelves([*shelves.values()], names)))
    if not parts:
        raise ConfigError("train names has no photos. Give --captions, --questions or --shelves")
    told = Told(
        shows_NL=np.concatenate([part.shows_NL for _, part in parts]),
        weight_NL=np.concatenate([part.weight_NL for _, part in parts]),
    )
    learned = fit_names(np.concatenate([vectors_ND for vectors_ND, _ in parts]), told, names)
    save_names(args.weights, learned, space.fingerprint)
    size = f"{args.weights.stat().st_size / 1e6:.1f} MB"
    tqdm.write(f"learned {len(learned.names)} of {len(names)} words; wrote {args.weights} ({size})", file=sys.stderr)
    return 0


def vectors_of(space: EmbeddingModel, paths: Sequence[Path], file: Path) -> Floats:
    """(N, D), read from `file` if an earlier run with as many photos left them there."""
    if not file.is_file() or len(np.load(file, mmap_mode="r")) != len(paths):
        file.parent.mkdir(parents=True, exist_ok=True)
        looks = space.look_many(read_picture(path) for path in paths)
        told = tqdm(looks, total=len(paths), unit="photo", desc=file.stem, file=sys.stderr)
        vectors_ND = np.stack([look.vector_D for look in told])
        np.save(file, vectors_ND)
    return np.asarray(np.load(file), np.float32)


def read_questions(file: Path) -> dict[str, list[tuple[str, str]]]:
    """Image -> (question, answer) pairs, of the rows of split "train"."""
    asked: dict[str, list[tuple[str, str]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == "train":
            asked.setdefault(row["image"], []).append((row["question"], row["answer"].lower()))
    return asked


def read_shelves(folder: Path) -> dict[Path, Shelf]:
    """Photo -> what it shows, from both lists in the folder."""
    clothes = map(json.loads, (folder / "clothing.jsonl").read_text(encoding="utf-8").splitlines())
    groceries = map(json.loads, (folder / "grocery.jsonl").read_text(encoding="utf-8").splitlines())
    shelves = {folder / "clothing" / row["image"]: shelf_of_clothes(row["label"]) for row in clothes}
    return shelves | {folder / "grocery" / row["image"]: shelf_of_grocery(row["src"]) for row in groceries}
