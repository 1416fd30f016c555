"""The noticer's weights in one file, with the things that it knows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.encoders.default import SeeingSpace
from deepseek_mm.see.notice.net import NoticeConfig, NoticeNet
from deepseek_mm.see.notice.notice import MultiLabelTagger
from deepseek_mm.see.weight_file import read_weights, weights_for, write_weights

WEIGHTS = Path(__file__).parents[2] / "weights" / "notice.safetensors"
MAKE = "python -m deepseek_mm train notice --help"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What stands beside the weights."""

    names: Sequence[str]
    usual: Sequence[float]  # log-odds of the things among the photos that were learned from
    curve: tuple[float, float]  # slope and offset
    config: NoticeConfig
    fingerprint: str  # of the space whose maps it was trained on


def write_noticer(file: Path, states: Sequence[Mapping[str, Tensor]], told: Kept) -> None:
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
