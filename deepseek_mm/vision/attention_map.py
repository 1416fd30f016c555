"""Where the reader of pictures looked for an answer: a map of cells for each of its layers, and one of all.

The maps are the attention of the token that becomes the answer, the mean of its heads. They say where a layer took
something from, not what it made of it.

Shape key:  L layers, G cells a side
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from deepseek_mm.embeddings.space import Floats

ALIKE = 5  # cells that are drawn as bright as can be


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AttentionMap:
    """How much was looked at each cell of a picture; each map sums to 1."""

    layers_LGG: Floats

    @classmethod
    def of(cls, heat: Sequence[Sequence[float]]) -> Self:
        """The one map that an answer keeps, rows of cells."""
        return cls(layers_LGG=np.array([heat], np.float32))

    @property
    def all_GG(self) -> Floats:
        """The mean of the layers, which is the map that an answer's verdict keeps."""
        mean_GG: Floats = self.layers_LGG.mean(axis=0)
        return mean_GG

    def shine(self, layer: int | None = None) -> Floats:
        """How bright each cell is drawn, 0 to 1 (G, G): of one layer, or of all.

        The brightest few are drawn alike. Deeper layers may rest on a cell that shows nothing (Darcet et al. 2023,
        arXiv 2309.16588, saw this in larger models): beside that one all others would be dark.
        """
        map_GG = self.all_GG if layer is None else self.layers_LGG[layer]
        full = float(np.sort(map_GG, axis=None)[-ALIKE]) if map_GG.size >= ALIKE else float(map_GG.max())
        shine_GG: Floats = np.minimum(map_GG / full, 1.0) if full > 0 else np.zeros_like(map_GG)
        return shine_GG

    def count_shared(self, heat: Sequence[Sequence[float]]) -> float:
        """How much of another map over the same cells this one of all layers covers, 0 to 1; 0 of another grid."""
        other_GG = np.array(heat, np.float32)
        if other_GG.shape != self.all_GG.shape:
            return 0.0
        return float(np.minimum(other_GG, self.all_GG).sum())
