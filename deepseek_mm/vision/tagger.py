"""Pictures to the things that people would name of them.

Shape key:  B pictures, P cells, C channels, D width of the space, L things
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.vision.attention import Attention, Drop, Feed
from deepseek_mm.vision.weight_file import read_weights, weights_for, write_weights

SHARP = 20.0  # brings a unit vector's numbers to the size of the others


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeConfig:
    """The size of the model, and how much of it is left out in training."""

    channels: int = 2680  # of a cell
    cells: int = 81
    space: int = 512
    width: int = 384
    heads: int = 8
    feed: int = 768  # width of the feed-forward
    dropout: float = 0.2

    def __post_init__(self) -> None:
        between("width", self.width, 1, 10_000)
        between("dropout", self.dropout, 0, 0.99)


class NoticeNet(nn.Module):
    """Photos to the log-odds of all things."""

    texts: Tensor

    def __init__(self, things: int, config: NoticeConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.drop_in = Drop(config.dropout / 2)
        self.bring = nn.Sequential(nn.LayerNorm(config.channels), nn.Linear(config.channels, width))
        self.place = nn.Parameter(torch.randn(config.cells, width) * 0.02)
        self.whole = nn.Linear(config.space, width)
        self.norm_each, self.each = nn.LayerNorm(width), Attention(width, config.heads)
        self.feed = Feed(width, config.feed, config.dropout)
        self.norm_seen = nn.LayerNorm(width)
        self.register_buffer("texts", torch.zeros(things, config.space))  # of the space: the things' names
        self.things = nn.Parameter(torch.randn(things, width) * 0.02)
        self.by_text = nn.Linear(config.space, width)
        self.alike = nn.Parameter(torch.tensor(5.0))
        self.look = Attention(width, config.heads)
        self.think = nn.Sequential(
            nn.LayerNorm(width), Drop(config.dropout), nn.Linear(width, width), nn.GELU(), Drop(config.dropout)
        )
        self.weight = nn.Parameter(torch.randn(things, width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(things))
        self.drop = Drop(config.dropout)

    def forward(self, cells_BPC: Tensor, vectors_BD: Tensor) -> Tensor:
        """(B, L)."""
        cells_BPW = self.bring(self.drop_in(cells_BPC)) + self.place
        x_BSW = torch.cat([self.whole(vectors_BD * SHARP)[:, None], cells_BPW], dim=1)
        normed_BSW = self.norm_each(x_BSW)
        x_BSW = x_BSW + self.drop(self.each(normed_BSW, self.each.keys_values(normed_BSW)))
        x_BSW = self.norm_seen(x_BSW + self.drop(self.feed(x_BSW)))
        things_LW = self.things + self.by_text(self.texts * SHARP)
        things_BLW = things_LW.expand(len(x_BSW), -1, -1)
        found_BLW = self.think(self.look(things_BLW, self.look.keys_values(x_BSW)))
        alike_BL = self.alike * (vectors_BD.float() @ self.texts.float().T)
        scores_BL: Tensor = (found_BLW * self.weight).float().sum(-1) + self.bias + alike_BL
        return scores_BL


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


WEIGHTS = Path(__file__).parents[1] / "weights" / "notice.safetensors"
MAKE = "python -m deepseek_mm train notice --help"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaggerHeader:
    """What stands beside the weights."""

    names: Sequence[str]
    usual: Sequence[float]  # log-odds of the things among the photos that were learned from
    curve: tuple[float, float]  # slope and offset
    config: NoticeConfig
    fingerprint: str  # of the space whose maps it was trained on


def write_noticer(file: Path, states: Sequence[Mapping[str, Tensor]], told: TaggerHeader) -> None:
    """Weights of every net as int8 with a scale a row."""
    beside = {
        "names": list(told.names),
        "usual": [round(each, 4) for each in told.usual],
        "curve": list(told.curve),
        "nets": len(states),
        "config": asdict(told.config),
        "fingerprint": told.fingerprint,
    }
    write_weights(file, {f"{n}.{name}": value for n, own in enumerate(states) for name, value in own.items()}, beside)


def read_noticer(space: SeeingSpace, file: Path | None = None) -> MultiLabelTagger:
    """Ready to look. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_weights(file or weights_for(space, WEIGHTS), space, make=MAKE)
    nets = [NoticeNet(len(told["names"]), NoticeConfig(**told["config"])) for _ in range(told["nets"])]
    for n, net in enumerate(nets):
        own = f"{n}."
        net.load_state_dict({name.removeprefix(own): each for name, each in state.items() if name.startswith(own)})
    return MultiLabelTagger(nets, told["names"], torch.tensor(told["usual"]), tuple(told["curve"]))
