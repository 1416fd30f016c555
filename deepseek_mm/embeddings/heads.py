"""What stands on the towers: heads that bring them into one space, names of what is seen, and boxes around people.

The image head looks at each cell of the feature map, decides how much it matters, and mixes the cells that do. Text and
code have a small residual network each. Beside these main heads stand side heads: they look at the towers as packaged
and at earlier layers too, err on other photos, and so the two together err less. A vector of the space is the main
vector, turned so that its strongest half is kept, followed by the side vector; its cosine is the weighted mean of both.

The classifier was trained on a million photos of single things, far more than the captions that the shared space knows;
so its word counts where it is sure. A name's probability is the sum over its classes ("dog" over 118 breeds), and its
heat is how much each cell of the map speaks for the likeliest of them (class activation mapping, arXiv:1512.04150).

Shape key:  B pictures or texts, P positions of the map (81), C channels, K classes (1000), G cells a side (9), M width
            of a main vector (512), D width of the space (512), W width of a tower or head, L layers of the text tower
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deepseek_mm.embeddings.space import Tag
from deepseek_mm.errors import ConfigError

SPACE_DIM = 512
HIDDEN = 512  # width inside the heads
MAIN_DIM = 256  # of the space's width belong to the main heads
MAIN_SHARE = 0.6  # of the cosine
HEADS = 8  # groups of channels of the image head, each with its own attention over the cells


class Residual(nn.Module):
    """x + MLP(norm(x))."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class ImageHead(nn.Module):
    """Feature map positions (B, P, C) to unit vectors."""

    def __init__(
        self,
        channels: int = 1280,
        dim: int = SPACE_DIM,
        *,
        hidden: int = HIDDEN,
        dropout: float = 0.1,
        edges: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.value = nn.Linear(channels, hidden)
        self.weight = nn.Linear(channels, HEADS)
        self.mix = Residual(hidden, 2 * hidden, dropout)
        self.out = nn.Linear(hidden, dim)
        self.edge = nn.Dropout(edges)  # of what comes in and what goes out

    def forward(self, map_BPC: Tensor) -> Tensor:
        """(B, D): one vector a picture."""
        return self._finish(self._pool(*self._values(map_BPC)))

    def both(self, map_BPC: Tensor) -> tuple[Tensor, Tensor]:
        """The picture and its cells, in one go: one row more takes next to nothing, a pass of its own takes a third."""
        value_BPD, logit_BPH = self._values(map_BPC)
        all_BQD = torch.cat([self._pool(value_BPD, logit_BPH)[:, None], value_BPD], dim=1)
        vector_BQD = self._finish(all_BQD)
        return vector_BQD[:, 0], vector_BQD[:, 1:]

    def _pool(self, value_BPD: Tensor, logit_BPH: Tensor) -> Tensor:
        share_BPH = logit_BPH.softmax(dim=1)
        return torch.einsum("bph,bphk->bhk", share_BPH, value_BPD.unflatten(-1, (HEADS, -1))).flatten(1)

    def _values(self, map_BPC: Tensor) -> tuple[Tensor, Tensor]:
        x_BPC = self.edge(self.norm(map_BPC))
        return self.value(x_BPC), self.weight(x_BPC)

    def _finish(self, x: Tensor) -> Tensor:
        return F.normalize(self.out(self.edge(self.mix(x))).float(), dim=-1)


class TextHead(nn.Module):
    """Pooled text or code (B, W) to unit vectors (B, D)."""

    def __init__(self, width: int = 384, dim: int = SPACE_DIM, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.mix = Residual(width, 4 * width, dropout)
        self.out = nn.Linear(width, dim)

    def forward(self, pooled_BW: Tensor) -> Tensor:
        return F.normalize(self.out(self.mix(pooled_BW)).float(), dim=-1)


class LayersHead(nn.Module):
    """Pooled states of several layers (B, L, W) to unit vectors (B, D)."""

    def __init__(self, layers: int, dim: int, *, width: int = 384, dropout: float = 0.1, edges: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.into = nn.Linear(layers * width, HIDDEN)
        self.mix = Residual(HIDDEN, 2 * HIDDEN, dropout)
        self.out = nn.Linear(HIDDEN, dim)
        self.edge = nn.Dropout(edges)

    def forward(self, pooled_BLW: Tensor) -> Tensor:
        x_BH = self.mix(self.into(self.edge(self.norm(pooled_BLW).flatten(1))))
        return F.normalize(self.out(self.edge(x_BH)).float(), dim=-1)


class SideHead(nn.Module):
    """The side heads: one for pictures, one for texts, into the same few dimensions."""

    def __init__(self, channels: int, layers: int, dim: int = SPACE_DIM - MAIN_DIM) -> None:
        super().__init__()
        self.image = ImageHead(channels, dim, dropout=0.2, edges=0.15)
        self.text = LayersHead(layers, dim, dropout=0.2, edges=0.15)


def join(main_BM: Tensor, side_BK: Tensor, narrow_MN: Tensor) -> Tensor:
    """(B, D): the narrowed main vector and the side vector as one vector of length 1."""
    with torch.autocast("cpu", enabled=False):  # a length of 1 needs more than bfloat16
        strongest = F.normalize(main_BM.float() @ narrow_MN.float(), dim=-1)
    return torch.cat([strongest * MAIN_SHARE**0.5, side_BK * (1 - MAIN_SHARE) ** 0.5], dim=-1)


NAMES_FILE = Path(__file__).parent / "imagenet.txt"
MIN_SCORE = 0.2  # probability below which a name is not worth telling
MOST = 5  # names of one picture


class ClassGuess(NamedTuple):
    """One of the classes that a tower's own classifier takes a picture for, likely or not."""

    name: str
    chance: float  # 0 to 1; of all classes together 1


CLASSES_FILE = Path(__file__).with_name("imagenet_classes.txt")
MOST_GUESSES, LEAST_GUESS = 10, 0.003  # classes of a picture that are kept, and the chance that each needs


@cache
def read_class_names() -> tuple[tuple[str, ...], ...]:
    """The names of each of ImageNet's classes, the usual one first: ("jersey", "T-shirt", "tee shirt")."""
    lines = CLASSES_FILE.read_text(encoding="utf-8").splitlines()[1:]
    return tuple(tuple(name.strip() for name in line.split(",")) for line in lines)


@dataclass(frozen=True, slots=True)
class LabelGroup:
    """An everyday name and the classes that mean it."""

    name: str
    classes: tuple[int, ...]


def read_groups(file: Path = NAMES_FILE) -> tuple[LabelGroup, ...]:
    """Lines `name: 1, 5-7`; ConfigError names a line of another shape."""
    groups = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            name, _, ranges = line.partition(": ")
            try:
                groups.append(LabelGroup(name, tuple(n for part in ranges.split(", ") for n in _range(part))))
            except ValueError as error:
                raise ConfigError(f"{file}, line {number}: {line!r} is not `name: 1, 5-7`. Mend it") from error
    return tuple(groups)


def _range(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last or first) + 1)


class ImageNetTagger(nn.Module):
    """ImageNet's classifier over the map of the tower as packaged."""

    def __init__(self, classifier: nn.Linear, groups: Sequence[LabelGroup]) -> None:
        super().__init__()
        self.classifier, self.groups = classifier, tuple(groups)
        self.rows_KC = classifier.weight.detach().float()
        self.members_M = np.array([k for group in groups for k in group.classes], dtype=np.int64)
        self.starts_N = np.cumsum([0, *(len(group.classes) for group in groups[:-1])])  # of each group among them

    @torch.no_grad()
    def forward(self, map_BCGG: Tensor) -> list[tuple[Tag, ...]]:
        """Tags of each picture, best first; of two names that are equally likely the narrower comes first."""
        map_BCGG = map_BCGG.float()
        chance_BK = self.classifier(map_BCGG.mean(dim=(2, 3))).float().softmax(dim=-1)
        return [self._tags(chance_K, map_CGG) for chance_K, map_CGG in zip(chance_BK, map_BCGG, strict=True)]

    @torch.no_grad()
    def guess(self, mean_C: Tensor) -> tuple[ClassGuess, ...]:
        """The likeliest classes of the picture whose cells have this mean, said by people or not, best first."""
        logits_K = self.rows_KC @ mean_C.float() + self.classifier.bias.float()
        best = logits_K.softmax(dim=-1).topk(MOST_GUESSES)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return tuple(ClassGuess(read_class_names()[k][0], chance) for k, chance in pairs if chance >= LEAST_GUESS)

    @torch.no_grad()
    def spoken_for(self, map_BCGG: Tensor, names: Sequence[int]) -> Tensor:
        """(B, names, G, G): how much each cell speaks for each of these groups, by the class that it fits best."""
        heats = []
        for group in (self.groups[n] for n in names):
            rows = list(group.classes)
            score_BKGG = torch.einsum("kc,bcgh->bkgh", self.rows_KC[rows], map_BCGG.float())
            heats.append((score_BKGG + self.classifier.bias[rows].float()[:, None, None]).amax(dim=1))
        return torch.stack(heats, dim=1) if heats else map_BCGG.new_zeros(len(map_BCGG), 0, *map_BCGG.shape[2:])

    def _tags(self, chance_K: Tensor, map_CGG: Tensor) -> tuple[Tag, ...]:
        chances = chance_K.double().numpy()
        score_N = np.add.reduceat(chances[self.members_M], self.starts_N)
        likely = [(float(score_N[n]), self.groups[n]) for n in np.flatnonzero(score_N >= MIN_SCORE)]
        likely.sort(key=lambda pair: (-round(pair[0], 2), len(pair[1].classes)))
        return tuple(
            Tag(name=group.name, score=min(1.0, score), heat_HW=self._heat(chances, map_CGG, group))
            for score, group in likely[:MOST]
        )

    def _heat(self, chances: NDArray[np.float64], map_CGG: Tensor, group: LabelGroup) -> np.ndarray:
        best = max(group.classes, key=lambda k: float(chances[k]))
        heat_GG = torch.einsum("c,cgh->gh", self.rows_KC[best], map_CGG).clamp_min(0)
        heat: np.ndarray = (heat_GG / heat_GG.max().clamp_min(1e-6)).float().numpy()
        return heat
