"""Pictures of scenes on paper, and what each cell of the finder's map should say of them.

They are painted once, by several processes; in every step brightness, tint and noise change.

Shape key:  B pictures, S side in pixels, G cells a side, N solids of the batch, V values of all traits
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from deepseek_mm.evaluation.scene_painter import PaperScene, draw_scene, make_scene
from deepseek_mm.logic.scene import VALUES
from deepseek_mm.vision.scene_models import GRID, PLACE, SIDE_PX, SPANS, USUAL_HALF, middles_of

A_TASK = 250  # pictures that a process paints at a time
SEEN_MORE = 8.0  # weight of a cell with a solid, of which a picture has few


@dataclass(frozen=True, slots=True)
class Target:
    """Where the solids of a batch are, and what they are like."""

    cells_N3: Tensor  # picture, row and column of the cell
    places_N3: Tensor  # middle across and down, half the side, as shares of the picture
    traits_NT: Tensor  # number of each trait's value


@dataclass(frozen=True, slots=True)
class Pictures:
    """Scenes and their pictures."""

    scenes: Sequence[PaperScene]
    pixels_NSS3: NDArray[np.uint8]

    @classmethod
    def painted(cls, count: int, *, seed: int, workers: int) -> "Pictures":
        """So many, always the same for a seed."""
        tasks = [(seed, start, min(A_TASK, count - start)) for start in range(0, count, A_TASK)]
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(paint, tasks))
        return cls([made for scenes, _ in parts for made in scenes], np.concatenate([pixels for _, pixels in parts]))

    def batch(self, chance: Random, size: int) -> tuple[Tensor, Target]:
        """Some of them, each in another light."""
        numbers = chance.sample(range(len(self.scenes)), min(size, len(self.scenes)))
        pixels_BCSS = torch.from_numpy(self.pixels_NSS3[numbers]).permute(0, 3, 1, 2).float() / 255
        noise = torch.Generator().manual_seed(chance.randrange(2**31))
        gain = 1 + 0.12 * torch.randn(size_of(pixels_BCSS, 1), generator=noise)
        tint = 1 + 0.03 * torch.randn(size_of(pixels_BCSS, 3), generator=noise)
        grain = 0.03 * torch.rand(size_of(pixels_BCSS, 1), generator=noise)
        pixels_BCSS = pixels_BCSS * gain * tint + grain * torch.randn(pixels_BCSS.shape, generator=noise)
        return pixels_BCSS.clamp(0, 1), target_of([self.scenes[n] for n in numbers])


def size_of(pixels_BCSS: Tensor, channels: int) -> tuple[int, int, int, int]:
    return (len(pixels_BCSS), channels, 1, 1)


def paint(task: tuple[int, int, int]) -> tuple[list[PaperScene], NDArray[np.uint8]]:
    """Some scenes of a seed, from a number on."""
    seed, start, count = task
    scenes = [make_scene(Random(f"{seed} picture {number}")) for number in range(start, start + count)]
    return scenes, np.stack([np.asarray(draw_scene(made, SIDE_PX)) for made in scenes])


def target_of(scenes: Sequence[PaperScene]) -> Target:
    """What the cells of a batch should say."""
    cells, places, traits = [], [], []
    for picture, made in enumerate(scenes):
        for thing in made.things:
            x, y = thing.x, thing.y - thing.half
            cells.append([picture, min(GRID - 1, int(y * GRID)), min(GRID - 1, int(x * GRID))])
            places.append([x, y, thing.half])
            traits.append([values.index(thing.traits[trait]) for trait, values in VALUES.items()])
    return Target(torch.tensor(cells), torch.tensor(places), torch.tensor(traits))


def finder_loss(told_BGGO: Tensor, target: Target) -> dict[str, Tensor]:
    """Is a solid here, where and how large, and what is it like."""
    told_BGGO = told_BGGO.float()
    here_BGG = torch.zeros(told_BGGO.shape[:3])
    picture_N, row_N, column_N = target.cells_N3.unbind(-1)
    here_BGG[picture_N, row_N, column_N] = 1
    weight = torch.tensor(SEEN_MORE)
    here = F.binary_cross_entropy_with_logits(told_BGGO[..., 0], here_BGG, pos_weight=weight)
    middle_BGG2, half_BGG = middles_of(told_BGGO)
    middle_N2, half_N = (x[picture_N, row_N, column_N] for x in (middle_BGG2, half_BGG))
    place = (middle_N2 - target.places_N3[:, :2]).abs().sum(-1) + (half_N - target.places_N3[:, 2]).abs()
    logits_NV = told_BGGO[picture_N, row_N, column_N][:, 1 + PLACE :]
    pairs = zip(SPANS.values(), target.traits_NT.unbind(-1), strict=True)
    like = torch.stack([F.cross_entropy(logits_NV[:, span], right_N) for span, right_N in pairs]).sum()
    parts_of = {"here": 10 * here, "place": place.mean() / USUAL_HALF, "like": like}
    return parts_of | {"loss": torch.stack(list(parts_of.values())).sum()}
