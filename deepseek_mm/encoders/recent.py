"""Pictures that were just looked at: a question's photo is wanted by the index, the reader and the describer in turn.

Shape key:  P cells of a picture's map (81), C channels of all maps (2680), S side of a squeezed picture
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepseek_mm.encoders.space import Look

MOST = 16  # pictures that are remembered: 10 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """All that the towers and heads make of a picture."""

    cells_PC: Tensor  # bfloat16, as `maps.maps_of` gives them
    look: Look


class Recent:
    """The last few, by `key_of` their squeezed pixels. From any thread."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._seen: OrderedDict[bytes, Seen] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Seen | None:
        """What was seen of it, if it is remembered."""
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
            return self._seen.get(key)

    def put(self, key: bytes, seen: Seen) -> None:
        """Remember it; whoever was not asked for longest is forgotten."""
        with self._lock:
            self._seen[key] = seen
            self._seen.move_to_end(key)
            while len(self._seen) > self.most:
                self._seen.popitem(last=False)


def key_of(square_SSC: NDArray[np.uint8]) -> bytes:
    """The same for the same pixels only."""
    return hashlib.blake2b(np.ascontiguousarray(square_SSC).data, digest_size=16).digest()
