"""Pictures to the things that people would name of them.

Shape key:  B pictures, P cells, C channels, D width of the space, L things
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.see.notice.net import NoticeNet


class MultiLabelTagger:
    """Knows some hundred things when it sees them."""

    def __init__(
        self, nets: Sequence[NoticeNet], names: Sequence[str], usual_L: Tensor, curve: tuple[float, float]
    ) -> None:
        """Of several nets the mean counts: they err on different photos.

        `usual_L`: the log-odds of each thing among the photos that were learned from. `curve`: slope and offset of what
        a score says beyond that.
        """
        self.nets, self.names = [net.eval().requires_grad_(False) for net in nets], tuple(names)
        self.usual_L, (self.slope, self.offset) = usual_L, curve

    @torch.inference_mode()
    def notice(self, cells_BPC: Tensor, vectors_BD: Tensor) -> list[Mapping[str, float]]:
        """For each picture the probability of each thing, were it there as often as not."""
        over_BL = self.over(cells_BPC, vectors_BD)
        chance_BL = torch.sigmoid(self.slope * over_BL + self.offset)
        return [dict(zip(self.names, chance_L, strict=True)) for chance_L in chance_BL.tolist()]

    @torch.inference_mode()
    def over(self, cells_BPC: Tensor, vectors_BD: Tensor) -> Tensor:
        """(B, L): by how much the log-odds are above what is usual."""
        with autocast_bf16():
            scores_BL = torch.stack([net(cells_BPC, vectors_BD) for net in self.nets]).mean(0)
        return scores_BL - self.usual_L
