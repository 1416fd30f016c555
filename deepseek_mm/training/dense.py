"""What a mixture of experts has to beat: one dense expert beside the feed-forward, with as many active parameters."""

from torch import Tensor, nn

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.moe import Expert, Gate, LookBack
from deepseek_mm.lm.shape import ExpertSpec, MoEShape

STEP = 32  # widths are multiples of it, rounded up: the opponent is never the smaller one


class DenseAdapter(nn.Module):
    """In the place of a mixture: every token takes the same way."""

    def __init__(self, width: int, moe: MoEShape) -> None:
        super().__init__()
        spec = ExpertSpec(name="dense", domain="all", width=compute_active_width(width, moe), activation="silu")
        self.expert = Expert(width, spec)

    def forward(self, x_BTD: Tensor, look_back: LookBack) -> tuple[Tensor, None]:
        """What it adds (B, T, D). There is no routing."""
        return self.expert(x_BTD), None


def compute_active_width(width: int, moe: MoEShape) -> int:
    """The width of an expert with as many parameters as a token meets: the mean of `top_k` experts, and the gate."""
    gate = sum(parameter.numel() for parameter in Gate(width, moe).parameters())
    visited = moe.top_k * sum(spec.width for spec in moe.experts) / len(moe.experts)
    return STEP * -int(-(visited + gate / (3 * width)) // STEP)


def make_dense(decoder: Decoder) -> Decoder:
    """Put a dense adapter in the place of every mixture."""
    assert decoder.shape.moe is not None, "there is no mixture to replace"
    for number in decoder.shape.moe.layers:
        decoder.layers[number].moe = DenseAdapter(decoder.shape.width, decoder.shape.moe)
    return decoder
