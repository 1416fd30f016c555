"""All that the image tower makes of a picture, cell by cell: what small models that answer and describe look at.

Each of the 81 cells has what the packaged tower says, what the tuned one says, and the middle map shrunk to it.

Shape key:  B pictures, P cells (81), C channels (2680), D width of the space, M side of the middle map (17),
            G cells a side (9)
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor

from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import DefaultSpace, SpaceModel
from deepseek_mm.encoders.image import GRID, MAP_CHANNELS, MIDDLE_CHANNELS, squeeze
from deepseek_mm.encoders.prefetch import prefetch_batches
from deepseek_mm.encoders.space import ImageEmbedding

CHANNELS = 2 * MAP_CHANNELS + MIDDLE_CHANNELS
CELLS = GRID * GRID
BATCH = 16


@torch.inference_mode()
def maps_of(model: SpaceModel, squares: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(B, P, C) bfloat16 of squeezed pictures."""
    with autocast_bf16():
        return model.maps(squares).cells()


def maps_of_many(model: SpaceModel, images: Iterable[Image], *, batch: int = BATCH) -> Iterator[Tensor]:
    """(P, C) of each picture, in order; pictures are drawn and squeezed while the tower works."""
    for squares in prefetch_batches((squeeze(image) for image in images), size=batch):
        yield from maps_of(model, squares)


@torch.inference_mode()
def looks_of(space: DefaultSpace, cells_BPC: Tensor) -> list[ImageEmbedding]:
    """What the space sees in the pictures, from what `maps_of` gave; without the finder's people."""
    vectors_BD, grid_BPD = (x.float() for x in places_of(space.model, cells_BPC))
    packaged_BCGG = cells_BPC[..., :MAP_CHANNELS].transpose(1, 2).unflatten(-1, (GRID, GRID))
    with autocast_bf16():
        tags_B = space.namer(packaged_BCGG.bfloat16())
    return [
        ImageEmbedding(vector_D=vector_D.numpy(), grid_HWD=grid_PD.numpy().reshape(GRID, GRID, -1), tags=tags)
        for vector_D, grid_PD, tags in zip(vectors_BD, grid_BPD, tags_B, strict=True)
    ]


@torch.inference_mode()
def places_of(model: SpaceModel, cells_BPC: Tensor) -> tuple[Tensor, Tensor]:
    """The space's vectors of the pictures (B, D) and of their cells (B, P, D), from what `maps_of` gave."""
    packaged, tuned, shrunk = cells_BPC.split([MAP_CHANNELS, MAP_CHANNELS, MIDDLE_CHANNELS], dim=-1)
    with autocast_bf16():
        return model.look_at(tuned, torch.cat([packaged, shrunk], dim=-1))
