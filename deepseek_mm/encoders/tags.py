"""What the packaged tower itself can name: ImageNet's thousand classes, under everyday names.

The classifier was trained on a million photos of single things, far more than the captions that the shared space knows;
so its word counts where it is sure. A name's probability is the sum over its classes ("dog" over 118 breeds), and its
heat is how much each cell of the map speaks for the likeliest of them (class activation mapping, arXiv:1512.04150).

Shape key:  K classes (1000), C channels of the map (1280), G cells a side (9)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepseek_mm.encoders.space import Tag
from deepseek_mm.errors import ConfigError

NAMES_FILE = Path(__file__).parent / "imagenet.txt"
MIN_SCORE = 0.2  # probability below which a name is not worth telling
MOST = 5  # names of one picture


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
