"""The distillation of the reader: right answers, the teacher's scores, and the teacher's attention.

The student begins as the teacher's reader with another first layer, which was trained to compute the same of the
student's cells. Both see the same photos at each step, each through its own maps, and the same questions.

Shape key:  B photos, Q questions of a step, V answers, P cells, N width of the neck, D width of the space
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.edge import CELLS, EdgeSight
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.training.distillation.features import DistillationFeatures
from deepseek_mm.training.feature_maps import FeatureMaps, cache_rows, to_bf16_bits
from deepseek_mm.training.question_albums import AT_ONCE, AlbumFeatures, QuestionAlbum, QuestionSampler
from deepseek_mm.vision.vqa_net import ReaderNet


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingConfig:
    """The weights of what the reader is taught; 0 leaves it out."""

    right: float = 0.5  # surprise at the right answers
    scores: float = 0.5  # divergence from the teacher's probabilities
    looked: float = 0.1  # divergence of where the answer looked
    warmth: float = 2.0  # temperature of both, so that unlikely answers tell something too

    def __post_init__(self) -> None:
        between("warmth", self.warmth, 0.1, 100)


def make_teacher_features(album: QuestionAlbum, looks: DistillationFeatures) -> AlbumFeatures:
    """The album as the teacher's reader sees it behind its first layer."""
    return AlbumFeatures(
        album, FeatureMaps(tuple(view["read"] for view in looks.views)), tuple(v["vectors"] for v in looks.views)
    )


def strip_first_layer(net: ReaderNet) -> ReaderNet:
    """The teacher's reader without its first layer, which was computed once."""
    net.bring = nn.Identity()  # type: ignore[assignment]
    return net.eval().requires_grad_(False)


def make_student_reader(net: ReaderNet, first: Mapping[str, Tensor], neck: int) -> ReaderNet:
    """The teacher's reader as the student's begins: with the first layer that learned to do the same on its cells."""
    student = ReaderNet(net.out.out_features, replace(net.config, channels=neck))
    state = {name: value for name, value in net.state_dict().items() if not name.startswith("bring.")}
    student.load_state_dict(state | {f"bring.{name}": value for name, value in first.items()})
    return student


def make_student_features(
    album: QuestionAlbum, looks: DistillationFeatures, sight: EdgeSight, folder: Path
) -> AlbumFeatures:
    """The album as the student sees it, made where `folder` does not hold it yet."""
    width = sight.neck.place.shape[1]
    cells, vectors = [], []
    for number, view in enumerate(looks.views):
        shape = (len(looks), 1 + CELLS, width + SPACE_DIM)
        both = cache_rows(
            folder / f"{album.name}-{number}.npy", shape, compute_student_rows(view, sight), lambda count: None
        )
        cells.append(both[:, 1:, :width])
        vectors.append(both[:, :, width:])
    return AlbumFeatures(album, FeatureMaps(tuple(cells)), tuple(vectors))


@torch.inference_mode()
def compute_student_rows(view: Mapping[str, NDArray[np.int16]], sight: EdgeSight) -> Iterator[NDArray[np.int16]]:
    """Of each photo (1 + P, N + D): its cells and their vectors, its own vector in the first row."""
    for start in range(0, len(view["map"]), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        map_BPC, middle_BPC = (torch.from_numpy(view[name][some]).view(torch.bfloat16) for name in ("map", "middle"))
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
    its: QuestionSampler  # the same photos in the same order, as the teacher sees them
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
                its_QW, told_QP = self.teacher.read_with_attention(self.its.draw_batch(Random(name))[0], photo_Q, asked)
                told_QV = self.teacher.out(its_QW)
        parts = self._parts(scores_QV.float(), looked_QP, told_QV.float(), told_QP)
        parts["right"] = F.cross_entropy(scores_QV.float(), right_Q, label_smoothing=0.05)
        weights = {"right": self.config.right, "scores": self.config.scores, "looked": self.config.looked}
        total = torch.stack([weight * parts[name] for name, weight in weights.items() if weight]).sum()
        hits = (scores_QV.argmax(-1) == right_Q).float().mean()
        return {"loss": total, "hits": hits, **parts}

    def _parts(self, scores_QV: Tensor, looked_QP: Tensor, told_QV: Tensor, told_QP: Tensor) -> dict[str, Tensor]:
        warmth = self.config.warmth
        own, its = (scores_QV / warmth).log_softmax(-1), (told_QV / warmth).log_softmax(-1)
        scores = F.kl_div(own, its, log_target=True, reduction="batchmean") * warmth**2
        return {"scores": scores, "looked": -(told_QP * looked_QP.clamp_min(1e-6).log()).sum(-1).mean()}


def make_reading_lessons(
    student: ReaderNet,
    teacher: ReaderNet,
    mixed: QuestionSampler,
    banks: Sequence[AlbumFeatures],
    config: ReadingConfig,
    seed: int = 0,
) -> ReadingLessons:
    """`mixed` is the student's; `banks` are the same albums as the teacher sees them."""
    return ReadingLessons(student, teacher, mixed, replace(mixed, banks=banks), config, seed)
