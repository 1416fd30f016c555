"""The distillation of vision: neck and head over the student's tower imitate the teacher on the same photos.

Features: the vectors of pictures and cells, and what the teacher's reader and tagger compute of cells. Logits: how
alike the teacher finds photos and captions, and which of ImageNet's classes it names. Attention: how much its head
weighs each cell. The captions themselves are a target too. Each has a weight; 0 leaves it out.

Shape key:  B photos in a batch, P cells (81), N width of the neck, D width of the space, C captions
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.edge import NECK, EdgeSight
from deepseek_mm.embeddings.heads import HEADS
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import GRID
from deepseek_mm.training.distillation.features import SMALL, DistillationFeatures
from deepseek_mm.training.losses import contrastive_loss

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
    captioned: DistillationFeatures
    texts: Sequence[Floats]  # a photo each: the vectors of its captions
    others: Sequence[DistillationFeatures]
    config: SightConfig
    seed: int = 0

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        chance = random.Random(f"sight {self.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        photos = sorted(chance.sample(range(len(self.texts)), min(self.config.photos, len(self.texts))))
        given = [draw_features(self.captioned, photos, chance)]
        each = self.config.others // max(1, len(self.others))
        given += [
            draw_features(kept, chance.sample(range(len(kept)), min(each, len(kept))), chance) for kept in self.others
        ]
        right = {name: torch.cat([part[name] for part in given]) for name in given[0]}
        mirror_features(right, torch.rand(len(right["map"])) < self.config.mirrored)
        text_CD = torch.stack([torch.from_numpy(chance.choice(self.texts[photo])) for photo in photos])
        with autocast_bf16():
            seen = self.student(right.pop("map").float(), right.pop("middle").float())
        parts = measure_distances(seen, right, text_CD)
        total = torch.stack([weight * parts[name] for name, weight in list_weights(self.config).items()]).sum()
        return {"loss": total, **parts}


def list_weights(config: SightConfig) -> dict[str, float]:
    """Of what is taught, those that are not 0."""
    named = {item.name: getattr(config, item.name) for item in fields(config) if isinstance(item.default, float)}
    return {name: weight for name, weight in named.items() if weight and name != "mirrored"}


def draw_features(kept: DistillationFeatures, photos: Sequence[int], chance: random.Random) -> dict[str, Tensor]:
    """Every array of some photos, each in a view by chance."""
    views = [chance.randrange(len(kept.views)) for _ in photos]
    return {name: kept.batch(name, photos, views) for name in kept.views[0]}


def mirror_features(right: dict[str, Tensor], mirrored_B: Tensor) -> None:
    """Turn the maps of these photos round, in place: what the towers would make of a mirrored photo, nearly."""
    across = torch.arange(GRID * GRID).view(GRID, GRID).flip(1).flatten()
    for name in IN_CELLS:
        right[name] = torch.where(mirrored_B[:, None, None], right[name][:, across], right[name])
    shares_BHP, vectors_BXD = right["shares"], right["vectors"]
    right["shares"] = torch.where(mirrored_B[:, None, None], shares_BHP[..., across], shares_BHP)
    cells_BPD = vectors_BXD[:, 1:]
    cells_BPD = torch.where(mirrored_B[:, None, None], cells_BPD[:, across], cells_BPD)
    right["vectors"] = torch.cat([vectors_BXD[:, :1], cells_BPD], dim=1)


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


def compute_relative_error(seen: Tensor, right: Tensor) -> Tensor:
    """Mean squared error, of the mean square of what is right."""
    return (seen.float() - right.float()).square().mean() / right.float().square().mean()


def compute_divergence(scores: Tensor, right: Tensor) -> Tensor:
    """Of the student's choice among the last axis from the teacher's, in nats."""
    told: Tensor = F.kl_div(
        scores.float().log_softmax(-1), right.float().log_softmax(-1), log_target=True, reduction="batchmean"
    )
    return told
