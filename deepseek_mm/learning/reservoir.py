"""A sample of fixed size out of a stream whose length nobody knows: each item is in it with the same probability.

Algorithm R (Vitter 1985, ACM TOMS 11:1, p. 39): the first `size` items are kept; item number t after them takes the
place of a random one with probability size / t. Chance depends on the seed and t alone, so a stream that comes in
pieces leaves the same sample as one that comes at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservoir(Generic[Item]):
    """The sample, and how many items it was drawn from."""

    size: int
    seed: int = 0
    kept: tuple[Item, ...] = ()
    seen: int = 0

    def with_more(self, items: Sequence[Item]) -> "Reservoir[Item]":
        """After these items of the stream, too."""
        kept = list(self.kept)
        for t, item in enumerate(items, start=self.seen + 1):
            if len(kept) < self.size:
                kept.append(item)
            elif (place := Random(f"{self.seed} {t}").randrange(t)) < self.size:
                kept[place] = item
        return Reservoir(size=self.size, seed=self.seed, kept=tuple(kept), seen=self.seen + len(items))
