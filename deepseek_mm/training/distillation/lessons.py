"""What the student is taught: vision, reader and language model imitate those of the teacher.

Vision has as targets features (the vectors of pictures and cells, and what the teacher's reader and tagger compute of
cells), logits (how alike the teacher finds photos and captions, and which of ImageNet's classes it names), attention
(how much its head weighs each cell), and the captions themselves. Each has a weight; 0 leaves it out.

The reader begins as the teacher's with another first layer, which was trained to compute the same of the student's
cells. Both see the same photos at each step, each through its own maps, and the same questions.

The language model has a fifth of the layers and a third of the words. A byte-pair tokenizer that stops merging early is
whole, and its vocabulary is the first part of the old one. So the teacher reads the student's tokens too: its logits
and its hidden states behind every fifth layer are the targets.

Shape key:  B photos or rows, P cells (81), N width of the neck, D width of the space, C captions, Q questions,
            V answers or tokens, T tokens of a row
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.edge import CELLS, NECK, EdgeSight
from deepseek_mm.embeddings.heads import HEADS, SPACE_DIM
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import GRID
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.lm.weights import build
from deepseek_mm.training.corpus.token_shards import PackedRows
from deepseek_mm.training.distillation.features import SMALL, Looks, take
from deepseek_mm.training.feature_maps import Bits, cache_rows, to_bf16_bits
from deepseek_mm.training.language_model import draw_in_turn
from deepseek_mm.training.language_model.trainers import compute_stages, measure_off
from deepseek_mm.training.losses import compute_divergence, compute_relative_error, contrastive_loss
from deepseek_mm.training.question_albums import AT_ONCE, AlbumFeatures, QuestionAlbum, QuestionSampler
from deepseek_mm.vision.vqa_net import ReaderNet

IN_CELLS = ("map", "middle", "read", "noticed")  # arrays with a row for each cell, which a mirror turns round
SCALE = 25.0  # inverse temperature of likeness


@dataclass(frozen=True, kw_only=True, slots=True)
class SightConfig:
    """What a step looks at, and the weights of what it is taught."""

    photos: int = 64  # with captions
    others: int = 32  # photos of other sets, of which only the teacher tells
    vectors: float = 4.0  # 1 - cosine with the teacher's vectors
    cells: float = 2.0  # the same of the cells
    read: float = 1.0  # relative error of what the reader makes of cells
    noticed: float = 0.5  # the same of the noticer
    shares: float = 0.1  # surprise at where the teacher looks
    ranks: float = 1.0  # divergence of likeness between photos and captions
    classes: float = 0.3  # the same of ImageNet's classes
    told: float = 0.5  # InfoNCE with the captions
    mirrored: float = 0.5  # share of the photos that are turned round
    kept: int = 25  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("photos", self.photos, 2, 10_000)
        between("others", self.others, 0, 10_000)
        between("mirrored", self.mirrored, 0, 1)


class Student(nn.Module):
    """What is learned of seeing; `read` and `noticed` become the first layers of the small models."""

    def __init__(self, classifier: nn.Linear, *, neck: int = NECK) -> None:
        super().__init__()
        self.sight = EdgeSight(neck)
        self.read = nn.Sequential(nn.LayerNorm(neck), nn.Linear(neck, SMALL))
        self.noticed = nn.Sequential(nn.LayerNorm(neck), nn.Linear(neck, SMALL))
        self.classifier = nn.Linear(classifier.in_features, classifier.out_features)
        self.classifier.load_state_dict(classifier.state_dict())

    def forward(self, map_BPC: Tensor, middle_BPC: Tensor) -> dict[str, Tensor]:
        """By the names of the teacher's arrays."""
        head, cells_BPN = self.sight.image_head, self.sight.neck(map_BPC, middle_BPC)
        vector_BD, grid_BPD = head.both(cells_BPN)
        return {
            "vectors": vector_BD,
            "cells": grid_BPD,
            "read": self.read(cells_BPN),
            "noticed": self.noticed(cells_BPN),
            "shares": head.weight(head.norm(cells_BPN)).float().log_softmax(dim=1).transpose(1, 2),
            "classes": self.classifier(map_BPC.mean(dim=1)),
        }


@dataclass(frozen=True, slots=True)
class SightLessons:
    """Photos, and what was said of those with captions."""

    student: Student
    captioned: Looks
    texts: Sequence[Floats]  # a photo each: the vectors of its captions
    others: Sequence[Looks]
    config: SightConfig
    seed: int = 0

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        chance = Random(f"sight {self.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        photos = sorted(chance.sample(range(len(self.texts)), min(self.config.photos, len(self.texts))))
        given = [{name: take(self.captioned, name, photos) for name in self.captioned}]
        each = self.config.others // max(1, len(self.others))
        for kept in self.others:
            count = len(kept["map"])
            some = chance.sample(range(count), min(each, count))
            given.append({name: take(kept, name, some) for name in kept})
        right = {name: torch.cat([part[name] for part in given]) for name in given[0]}
        mirror_features(right, torch.rand(len(right["map"])) < self.config.mirrored)
        text_CD = torch.stack([torch.from_numpy(chance.choice(self.texts[photo])) for photo in photos])
        with autocast_bf16():
            seen = self.student(right.pop("map").float(), right.pop("middle").float())
        return weigh_parts(measure_distances(seen, right, text_CD), self.config)


def weigh_parts(parts: Mapping[str, Tensor], config: Any) -> dict[str, Tensor]:
    """The parts of a loss, and "loss": their sum by the weights that the config has under their names."""
    weighed = [getattr(config, name) * part for name, part in parts.items() if getattr(config, name)]
    return {"loss": torch.stack(weighed).sum(), **parts}


def mirror_features(right: dict[str, Tensor], mirrored_B: Tensor) -> None:
    """Turn the maps of these photos round, in place: what the towers would make of a mirrored photo, nearly."""
    across = torch.arange(GRID * GRID).view(GRID, GRID).flip(1).flatten()
    beside = {"shares": right["shares"][..., across], "vectors": right["vectors"][:, [0, *(1 + across).tolist()]]}
    beside |= {name: right[name][:, across] for name in IN_CELLS}
    right |= {name: torch.where(mirrored_B[:, None, None], turned, right[name]) for name, turned in beside.items()}


def measure_distances(seen: Mapping[str, Tensor], right: Mapping[str, Tensor], text_CD: Tensor) -> dict[str, Tensor]:
    """How far the student is from what is right, by the names of the weights. Caption c is photo c's."""
    right_BD, right_BPD = right["vectors"][:, 0].float(), right["vectors"][:, 1:].float()
    count = len(text_CD)
    own_CD = seen["vectors"][:count]
    return {
        "vectors": (1 - F.cosine_similarity(seen["vectors"], right_BD, dim=-1)).mean(),
        "cells": (1 - F.cosine_similarity(seen["cells"], right_BPD, dim=-1)).mean(),
        "read": compute_relative_error(seen["read"], right["read"]),
        "noticed": compute_relative_error(seen["noticed"], right["noticed"]),
        "shares": -(right["shares"][:, :HEADS].float() * seen["shares"]).sum(-1).mean(),
        "ranks": compute_divergence(SCALE * own_CD @ text_CD.T, SCALE * right_BD[:count] @ text_CD.T),
        "classes": compute_divergence(seen["classes"], right["classes"]),
        "told": contrastive_loss(own_CD, text_CD, torch.arange(count), torch.tensor(SCALE)),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingConfig:
    """The weights of what the reader is taught; 0 leaves it out."""

    right: float = 0.5  # surprise at the right answers
    scores: float = 0.5  # divergence from the teacher's probabilities
    looked: float = 0.1  # divergence of where the answer looked
    warmth: float = 2.0  # temperature of both, so that unlikely answers tell something too

    def __post_init__(self) -> None:
        between("warmth", self.warmth, 0.1, 100)


def make_teacher_features(album: QuestionAlbum, looks: Looks) -> AlbumFeatures:
    """The album as the teacher's reader sees it behind its first layer."""
    return AlbumFeatures(album, (looks["read"],), (looks["vectors"],))


def strip_first_layer(net: ReaderNet) -> ReaderNet:
    """The teacher's reader without its first layer, which was computed once."""
    net.bring = nn.Identity()  # type: ignore[assignment]
    return net.eval().requires_grad_(False)


def make_student_reader(net: ReaderNet, first: Mapping[str, Tensor], neck: int) -> ReaderNet:
    """The teacher's reader as the student's begins: with the first layer that learned to do the same on its cells."""
    student = ReaderNet(net.out.out_features, replace(net.config, channels=neck))
    student.load_state_dict(swap_first_layer(net, first))
    return student


def swap_first_layer(net: nn.Module, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the teacher's net, with those of another first layer."""
    kept = {name: value for name, value in net.state_dict().items() if not name.startswith("bring.")}
    return kept | {f"bring.{name}": value for name, value in first.items()}


def make_student_features(album: QuestionAlbum, looks: Looks, sight: EdgeSight, folder: Path) -> AlbumFeatures:
    """The album as the student sees it, made where `folder` does not hold it yet."""
    width, count = sight.neck.place.shape[1], len(looks["map"])
    shape = (count, 1 + CELLS, width + SPACE_DIM)
    both = cache_rows(folder / f"{album.name}.npy", shape, compute_student_rows(looks, sight))
    return AlbumFeatures(album, (both[:, 1:, :width],), (both[:, :, width:],))


@torch.inference_mode()
def compute_student_rows(looks: Looks, sight: EdgeSight) -> Iterator[Bits]:
    """Of each photo (1 + P, N + D): its cells and their vectors, its own vector in the first row."""
    for start in range(0, len(looks["map"]), AT_ONCE):
        map_BPC, middle_BPC = (take(looks, name, slice(start, start + AT_ONCE)) for name in ("map", "middle"))
        with autocast_bf16():
            cells_BPN = sight.neck(map_BPC.float(), middle_BPC.float())
            vector_BD, grid_BPD = sight.image_head.both(cells_BPN)
        beside_BXN = F.pad(cells_BPN.float(), (0, 0, 1, 0))
        vectors_BXD = torch.cat([vector_BD[:, None], grid_BPD], dim=1)
        yield from to_bf16_bits(torch.cat([beside_BXN, vectors_BXD], dim=-1).bfloat16())


@dataclass(frozen=True, slots=True)
class ReadingLessons:
    """Teacher and student before the same photos and questions."""

    student: ReaderNet
    teacher: ReaderNet  # headless
    own: QuestionSampler
    its: Sequence[AlbumFeatures]  # the same albums, as the teacher sees them
    config: ReadingConfig
    seed: int = 0

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        name = f"reading {self.seed} {step}"
        shown, photo_Q, asked, right_Q = self.own.draw_batch(Random(name))
        torch.manual_seed(Random(name).randrange(2**31))  # of what is dropped
        with autocast_bf16():
            read_QW, looked_QP = self.student.read_with_attention(shown, photo_Q, asked)
            scores_QV = self.student.out(read_QW)
            with torch.no_grad():
                its_shown, *_ = replace(self.own, banks=self.its).draw_batch(Random(name))  # the same photos
                its_QW, told_QP = self.teacher.read_with_attention(its_shown, photo_Q, asked)
                told_QV = self.teacher.out(its_QW)
        own, its = scores_QV.float(), told_QV.float()
        parts = {
            "scores": compute_divergence(own / self.config.warmth, its / self.config.warmth) * self.config.warmth**2,
            "looked": -(told_QP * looked_QP.clamp_min(1e-6).log()).sum(-1).mean(),
            "right": F.cross_entropy(own, right_Q, label_smoothing=0.05),
        }
        hits = (scores_QV.argmax(-1) == right_Q).float().mean()
        return {"hits": hits, **weigh_parts(parts, self.config)}


COPIED = ("tokenizer_config.json", "chat_template.jinja", "generation_config.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechConfig:
    """The student's size, and the weights of what it is taught; 0 leaves it out."""

    depth: int = 6  # layers
    vocabulary: int = 16_384  # tokens, the first of the teacher's
    reads: int = 2_048  # tokens that it reads
    length: int = 256  # tokens of a row
    rows: int = 8  # of a step
    limit: int = 1_600  # rows of each domain at most
    words: float = 1.0  # divergence from the teacher's scores, nats a token
    thoughts: float = 1.0  # difference of the hidden states
    saved: int = 20  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("depth", self.depth, 2, 1000)
        between("vocabulary", self.vocabulary, 512, 1 << 20)


def write_short_tokenizer(folder: Path, out: Path, config: SpeechConfig) -> Path:
    """The tokenizer of a model's folder with fewer merges, and a config.json of the student's shape; `out`."""
    out.mkdir(parents=True, exist_ok=True)
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    shorter = shorten_tokenizer(told, config.vocabulary)
    (out / "tokenizer.json").write_text(json.dumps(shorter, ensure_ascii=False), "utf-8")
    for name in COPIED:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    own = {"vocab_size": config.vocabulary, "num_hidden_layers": config.depth, "max_position_embeddings": config.reads}
    (out / "config.json").write_text(json.dumps(shape | own, indent=1), "utf-8")
    return out


def shorten_tokenizer(told: dict[str, Any], size: int) -> dict[str, Any]:
    """A byte-pair tokenizer (its JSON) of the first `size` tokens; merges are in the order of what they make."""
    model = told["model"]
    vocab = {token: number for token, number in model["vocab"].items() if number < size}
    merges = [pair for pair in model["merges"] if "".join(pair if isinstance(pair, list) else pair.split(" ")) in vocab]
    return told | {"model": model | {"vocab": vocab, "merges": merges}}


def pick_layers(depth: int, of: int) -> list[int]:
    """Numbers of the teacher's layers that the student begins with: evenly apart, the first and the last one too."""
    return [round(n * (of - 1) / (depth - 1)) for n in range(depth)]


def list_layer_ends(depth: int, of: int) -> list[int]:
    """Behind how many of the teacher's layers stands what the student should think behind each of its own."""
    return [round((n + 1) * of / depth) for n in range(depth)]


def make_student_shape(base: DecoderShape, config: SpeechConfig) -> DecoderShape:
    """Full attention, no experts: it reads little, and soon."""
    return replace(
        base, num_layers=config.depth, vocab_size=config.vocabulary, context=config.reads, reaches=(), moe=None,
        rope_scale=1.0,
    )  # fmt: skip


def make_student_decoder(base: DecoderShape, weights: Mapping[str, Tensor], config: SpeechConfig) -> Decoder:
    """The student before it has learned: some of the teacher's layers, and the first of its words."""
    taken: dict[str, Tensor] = {"norm.weight": weights["norm.weight"].clone()}
    taken["embedding.weight"] = weights["embedding.weight"][: config.vocabulary].clone()
    for mine, theirs in enumerate(pick_layers(config.depth, base.num_layers)):
        old, new = f"layers.{theirs}.", f"layers.{mine}."
        own = {name: value for name, value in weights.items() if name.startswith(old) and ".moe." not in name}
        taken |= {new + name.removeprefix(old): value.clone() for name, value in own.items()}
    return build(make_student_shape(base, config), taken, dtype=torch.float32)


@dataclass(frozen=True, slots=True)
class SpeechLessons:
    """Teacher and student read the same rows."""

    teacher: Decoder
    student: Decoder
    rows: PackedRows
    config: SpeechConfig
    seed: int = 0

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        numbers = draw_in_turn(step, len(self.rows), self.config.rows, f"speech {self.seed}")
        return self.compare_rows(self.rows.take(numbers))

    def compare_rows(self, rows: PackedRows) -> dict[str, Tensor]:
        """The same of some rows. What is no document is not compared."""
        there_BT = rows.segments_NT > 0
        with torch.no_grad():
            ends = list_layer_ends(self.config.depth, self.teacher.shape.num_layers)
            taught = compute_stages(self.teacher, rows.ids_NT, list_parts(ends))
            right_NV = F.linear(taught[-1][there_BT], self.teacher.head.weight[: self.config.vocabulary])
        with autocast_bf16():
            learned = compute_stages(self.student, rows.ids_NT, list_parts(range(1, self.config.depth + 1)))
            said_NV = self.student.logits(learned[-1][there_BT])
        words = compute_divergence(said_NV, right_NV)
        pairs = zip(learned, taught, strict=True)
        thoughts = torch.stack([measure_off(mine[there_BT], theirs[there_BT]) for mine, theirs in pairs]).mean()
        return weigh_parts({"words": words, "thoughts": thoughts}, self.config)


def list_parts(ends: Sequence[int]) -> list[range]:
    """The layers between one end and the next."""
    return [range(start, end) for start, end in pairwise((0, *ends))]
