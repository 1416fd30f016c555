"""From a heat map to a box: where in the picture does a word hold?

The hottest cell of a word's map is its seed; the cells around it that are at least half as hot as the seed above the
map's middle belong to it. Boxes that nearly coincide are one region with several names.

Shape key:  H, W cells of the feature map
"""

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.encoders.space import Floats
from index import Box

KEEP = 0.5  # share of the way from the map's median up to its peak that a cell must reach


def hot_cells(heat_HW: Floats) -> NDArray[np.bool_]:
    """(H, W): the connected cells around the peak that are hot."""
    level = np.median(heat_HW)
    hot_HW = heat_HW >= level + KEEP * (heat_HW.max() - level)
    seed = np.unravel_index(int(heat_HW.argmax()), heat_HW.shape)
    return connected(hot_HW, (int(seed[0]), int(seed[1])))


def connected(hot_HW: NDArray[np.bool_], seed: tuple[int, int]) -> NDArray[np.bool_]:
    """The hot cells that can be reached from `seed` in steps up, down, left and right."""
    reached = np.zeros_like(hot_HW)
    reached[seed] = True
    while True:
        spread = reached.copy()
        spread[1:] |= reached[:-1]
        spread[:-1] |= reached[1:]
        spread[:, 1:] |= reached[:, :-1]
        spread[:, :-1] |= reached[:, 1:]
        spread &= hot_HW | reached
        if (spread == reached).all():
            return reached
        reached = spread


def box_of(cells_HW: NDArray[np.bool_], width_px: int, height_px: int) -> Box:
    """The smallest box around the cells, in pixels of a picture of that size."""
    rows, columns = np.flatnonzero(cells_HW.any(axis=1)), np.flatnonzero(cells_HW.any(axis=0))
    high, wide = cells_HW.shape
    return (
        int(columns[0] * width_px / wide),
        int(rows[0] * height_px / high),
        max(1, int((columns[-1] + 1) * width_px / wide)),
        max(1, int((rows[-1] + 1) * height_px / high)),
    )


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, wide) * max(0, high)
    return shared / (area(a) + area(b) - shared)


def area(box: Box) -> int:
    """Square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])
