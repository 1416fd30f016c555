"""Pictures that were just looked at: a question's photo is wanted by the index, the reader and the describer in turn.

Shape key:  P cells of a picture's map (81), C channels of all maps (2680), S side of a squeezed picture
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepseek_mm.encoders.space import Look
from deepseek_mm.recently import Recently

MOST = 16  # pictures that are remembered: 10 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """All that the towers and heads make of a picture."""

    cells_PC: Tensor  # bfloat16, as `maps.maps_of` gives them
    look: Look


class Recent(Recently[bytes, Seen]):
    """The last few, by `key_of` their squeezed pixels."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__(most)


def key_of(square_SSC: NDArray[np.uint8]) -> bytes:
    """The same for the same pixels only."""
    return hashlib.blake2b(np.ascontiguousarray(square_SSC).data, digest_size=16).digest()
