"""Pictures to the things that people would name of them.

Shape key:  B pictures, P cells, C channels, D width of the space, L things
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from deepseek_mm.encoders.default import quick
from deepseek_mm.see.notice.net import NoticeNet


class Noticer:
    """Knows some hundred things when it sees them."""

    def __init__(self, net: NoticeNet, names: Sequence[str], usual_L: Tensor, curve: tuple[float, float]) -> None:
        """`usual_L`: the log-odds of each thing among the photos that were learned from.

        `curve`: slope and offset of what a score says beyond that.
        """
        self.net, self.names = net.eval().requires_grad_(False), tuple(names)
        self.usual_L, (self.slope, self.offset) = usual_L, curve

    @torch.inference_mode()
    def notice(self, cells_BPC: Tensor, vectors_BD: Tensor) -> list[Mapping[str, float]]:
        """For each picture the probability of each thing, were it there as often as not."""
        with quick():
            scores_BL = self.net(cells_BPC, vectors_BD)
        chance_BL = torch.sigmoid(self.slope * (scores_BL - self.usual_L) + self.offset)
        return [dict(zip(self.names, chance_L, strict=True)) for chance_L in chance_BL.tolist()]
