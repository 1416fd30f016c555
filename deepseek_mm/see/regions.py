"""What boxes and cells of a map have to do with each other: what hangs together, and what overlaps.

Shape key:  H, W cells of a map
"""

import numpy as np
from numpy.typing import NDArray

from index import Box


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


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, wide) * max(0, high)
    return shared / (area(a) + area(b) - shared)


def area(box: Box) -> int:
    """Square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])
