"""The ids that a search may return, and their positions in each index, cached per index."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from index.vectors import Ints, VectorIndex


@dataclass(frozen=True, slots=True)
class AllowedPart:
    """The allowed part of one index that holds N vectors."""

    places_n: "Ints"  # rising
    mask_N: NDArray[np.bool_]


class AllowedIds:
    """Rising ids of regions. Thread-safe: a cached part never changes."""

    def __init__(self, ids: "Ints") -> None:
        self.ids = ids
        self._parts: WeakKeyDictionary[VectorIndex, AllowedPart | None] = WeakKeyDictionary()

    def part_of(self, index: "VectorIndex") -> AllowedPart | None:
        """Where the ids lie in this index; None when all that it holds is allowed."""
        try:
            return self._parts[index]
        except KeyError:
            part = self._parts[index] = self._look(index.ids_N)
            return part

    def _look(self, held_N: "Ints") -> AllowedPart | None:
        if not len(held_N):
            return None
        first, end = np.searchsorted(self.ids, [held_N[0], held_N[-1] + 1])
        wanted = self.ids[first:end]
        if np.array_equal(wanted, held_N):
            return None
        places = np.searchsorted(held_N, wanted)
        places_n = places[held_N[places] == wanted]  # an older snapshot may know ids that were gone when we read
        mask_N = np.zeros(len(held_N), bool)
        mask_N[places_n] = True
        return AllowedPart(places_n, mask_N)


def is_among(ids_n: "Ints", rising_N: "Ints") -> NDArray[np.bool_]:
    """(n,): which of the ids are in a rising array, that may be far longer."""
    at_n = np.searchsorted(rising_N, ids_n)
    here_n = at_n < len(rising_N)
    here_n[here_n] = rising_N[at_n[here_n]] == ids_n[here_n]
    return np.asarray(here_n)
