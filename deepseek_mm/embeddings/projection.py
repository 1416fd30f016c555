"""The heads that bring every tower into one space: unit vectors of width 512.

The image head looks at each cell of the feature map, decides how much it matters, and mixes the cells that do. Text and
code have a small residual network each. Beside these main heads stand side heads: they look at the towers as packaged
and at earlier layers too, err on other photos, and so the two together err less. A vector of the space is the main
vector, turned so that its strongest half is kept, followed by the side vector; its cosine is the weighted mean of both.

Shape key:  B pictures or texts, P positions of the map (81), C channels, D width of the space (512), W tower width,
            L layers of the text tower, M width of a main vector before it is narrowed (512)
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SPACE_DIM = 512
HIDDEN = 512  # width inside the heads
MAIN_DIM = 256  # of the space's width belong to the main heads
MAIN_SHARE = 0.6  # of the cosine
HEADS = 8  # groups of channels of the image head, each with its own attention over the cells


class Residual(nn.Module):
    """x + MLP(norm(x))."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class ImageHead(nn.Module):
    """Feature map positions (B, P, C) to unit vectors."""

    def __init__(
        self,
        channels: int = 1280,
        dim: int = SPACE_DIM,
        *,
        hidden: int = HIDDEN,
        dropout: float = 0.1,
        edges: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.value = nn.Linear(channels, hidden)
        self.weight = nn.Linear(channels, HEADS)
        self.mix = Residual(hidden, 2 * hidden, dropout)
        self.out = nn.Linear(hidden, dim)
        self.edge = nn.Dropout(edges)  # of what comes in and what goes out

    def forward(self, map_BPC: Tensor, cover_BP: Tensor | None = None) -> Tensor:
        """(B, D): one vector a picture. `cover_BP` (0 to 1) says how much of each cell a box covers; None is all."""
        return self._finish(self._pool(*self._values(map_BPC), cover_BP))

    def cells(self, map_BPC: Tensor) -> Tensor:
        """(B, P, D): each cell on its own."""
        return self._finish(self._values(map_BPC)[0])

    def both(self, map_BPC: Tensor) -> tuple[Tensor, Tensor]:
        """The picture and its cells, in one go: one row more takes next to nothing, a pass of its own takes a third."""
        value_BPD, logit_BPH = self._values(map_BPC)
        all_BQD = torch.cat([self._pool(value_BPD, logit_BPH)[:, None], value_BPD], dim=1)
        vector_BQD = self._finish(all_BQD)
        return vector_BQD[:, 0], vector_BQD[:, 1:]

    def _pool(self, value_BPD: Tensor, logit_BPH: Tensor, cover_BP: Tensor | None = None) -> Tensor:
        if cover_BP is not None:
            logit_BPH = logit_BPH + cover_BP.clamp_min(1e-6).log()[..., None]
        share_BPH = logit_BPH.softmax(dim=1)
        return torch.einsum("bph,bphk->bhk", share_BPH, value_BPD.unflatten(-1, (HEADS, -1))).flatten(1)

    def _values(self, map_BPC: Tensor) -> tuple[Tensor, Tensor]:
        x_BPC = self.edge(self.norm(map_BPC))
        return self.value(x_BPC), self.weight(x_BPC)

    def _finish(self, x: Tensor) -> Tensor:
        return F.normalize(self.out(self.edge(self.mix(x))).float(), dim=-1)


class TextHead(nn.Module):
    """Pooled text or code (B, W) to unit vectors (B, D)."""

    def __init__(self, width: int = 384, dim: int = SPACE_DIM, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.mix = Residual(width, 4 * width, dropout)
        self.out = nn.Linear(width, dim)

    def forward(self, pooled_BW: Tensor) -> Tensor:
        return F.normalize(self.out(self.mix(pooled_BW)).float(), dim=-1)


class LayersHead(nn.Module):
    """Pooled states of several layers (B, L, W) to unit vectors (B, D)."""

    def __init__(self, layers: int, dim: int, *, width: int = 384, dropout: float = 0.1, edges: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.into = nn.Linear(layers * width, HIDDEN)
        self.mix = Residual(HIDDEN, 2 * HIDDEN, dropout)
        self.out = nn.Linear(HIDDEN, dim)
        self.edge = nn.Dropout(edges)

    def forward(self, pooled_BLW: Tensor) -> Tensor:
        x_BH = self.mix(self.into(self.edge(self.norm(pooled_BLW).flatten(1))))
        return F.normalize(self.out(self.edge(x_BH)).float(), dim=-1)


class SideHead(nn.Module):
    """The side heads: one for pictures, one for texts, into the same few dimensions."""

    def __init__(self, channels: int, layers: int, dim: int = SPACE_DIM - MAIN_DIM) -> None:
        super().__init__()
        self.image = ImageHead(channels, dim, dropout=0.2, edges=0.15)
        self.text = LayersHead(layers, dim, dropout=0.2, edges=0.15)


def join(main_BM: Tensor, side_BK: Tensor, narrow_MN: Tensor) -> Tensor:
    """(B, D): the narrowed main vector and the side vector as one vector of length 1."""
    with torch.autocast("cpu", enabled=False):  # a length of 1 needs more than bfloat16
        strongest = F.normalize(main_BM.float() @ narrow_MN.float(), dim=-1)
    return torch.cat([strongest * MAIN_SHARE**0.5, side_BK * (1 - MAIN_SHARE) ** 0.5], dim=-1)
