"""What the small nets that look at pictures share: attention and maps of it, feed-forward, and weights in one file.

A map is the attention of the token that becomes the answer, the mean of its heads. It says where a layer took something
from, not what it made of it.

Shape key:  N rows, T queries, S keys, D width, H heads, K head width, L layers, G cells a side
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from deepseek_mm.deltas import pack_changes, unpack_whole
from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.space import Floats, known_as
from deepseek_mm.errors import MissingWeights

Seen = tuple[Tensor, Tensor]  # keys and values (N, H, S, K)


class Drop(nn.Module):
    """Leaves channels out in training, the same ones for all tokens of a row (Gal and Ghahramani 2016, arXiv
    1512.05287): a CPU takes long for random numbers, and so needs few.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x_NTD: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x_NTD
        kept_N1D = torch.rand(len(x_NTD), 1, x_NTD.shape[-1]) >= self.share
        return x_NTD * (kept_N1D / (1 - self.share)).to(x_NTD.dtype)


class Attention(nn.Module):
    """Queries from one place, keys and values from the same or another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def keys_values(self, x_NSD: Tensor) -> Seen:
        """Keys and values of what is looked at."""
        k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.kv(x_NSD).chunk(2, dim=-1))
        return k, v

    def forward(self, x_NTD: Tensor, seen: Seen, *, causal: bool = False, added: Tensor | None = None) -> Tensor:
        """What they take. `added` (N, H or 1, T or 1, S) is added to the scores, or is False where nobody may look."""
        q_NHTK = self._queries(x_NTD)
        taken = F.scaled_dot_product_attention(q_NHTK, *seen, attn_mask=added, is_causal=causal)
        out: Tensor = self.out(taken.transpose(1, 2).flatten(2))
        return out

    def attention_shares(self, x_NTD: Tensor, seen: Seen, *, added: Tensor | None = None) -> Tensor:
        """(N, T, S): how much each query looked at each key, the mean of the heads; sums to 1."""
        scores_NHTS = self._queries(x_NTD) @ seen[0].transpose(-1, -2) * seen[0].shape[-1] ** -0.5
        if added is not None:
            scores_NHTS = scores_NHTS + added
        looked_NTS: Tensor = scores_NHTS.float().softmax(dim=-1).mean(dim=1)
        return looked_NTS

    def _queries(self, x_NTD: Tensor) -> Tensor:
        q_NHTK: Tensor = self.q(x_NTD).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return q_NHTK


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


class Feed(nn.Sequential):
    """Normed feed-forward."""

    def __init__(self, width: int, feed: int, dropout: float) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, feed), nn.GELU(), Drop(dropout), nn.Linear(feed, width))


def write_weights(file: Path, state: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    """`told` holds the "fingerprint" of the space that the weights look at."""
    save_file(pack_changes({}, state, new=("",)), file, metadata={"told": json.dumps(told)})
    file.chmod(0o644)


def read_weights(
    file: Path, space: SeeingSpace, *, make: str, vectors_only: bool = False
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights, float32, and what was told. MissingWeights without the file, or where it is for another space.

    What looks at vectors only is also for a space that learned those vectors from the one that it is for.
    """
    state, told = read_any_weights(file, make=make)
    if told["fingerprint"] not in (known_as(space) if vectors_only else (space.fingerprint,)):
        raise MissingWeights(file, make=make)
    return state, told


def weights_for(space: SeeingSpace, file: Path) -> Path:
    """The file of this space: `reader.safetensors` is `edge_reader.safetensors` for the edge space."""
    return file.with_name(space.prefix + file.name)


def read_any_weights(file: Path, *, make: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The same, whatever space it is for. MissingWeights without the file."""
    if not file.is_file():
        raise MissingWeights(file, make=make)
    with safe_open(file, framework="pt") as opened:
        told: dict[str, Any] = json.loads(opened.metadata()["told"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    return unpack_whole(tensors), told
