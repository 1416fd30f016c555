"""The noticer's weights in one file, with the things that it knows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.see.kept import read_kept, write_kept
from deepseek_mm.see.notice.net import NoticeConfig, NoticeNet
from deepseek_mm.see.notice.notice import Noticer

WEIGHTS = Path(__file__).parents[2] / "weights" / "notice.safetensors"
MAKE = "python -m deepseek_mm train notice --help"


def write_noticer(
    file: Path,
    states: Sequence[Mapping[str, Tensor]],
    *,
    names: Sequence[str],
    usual: Sequence[float],
    curve: tuple[float, float],
    config: NoticeConfig,
    fingerprint: str,
) -> None:
    """Weights as int8 with a scale a row; `fingerprint` is that of the space whose maps it was trained on.

    `usual` are the log-odds of the things among the photos that were learned from, `curve` is slope and offset.
    """
    told = {
        "names": list(names),
        "usual": [round(each, 4) for each in usual],
        "curve": list(curve),
        "nets": len(states),
        "config": asdict(config),
        "fingerprint": fingerprint,
    }
    write_kept(file, {f"{n}.{name}": value for n, own in enumerate(states) for name, value in own.items()}, told)


def read_noticer(space: DefaultSpace, file: Path = WEIGHTS) -> Noticer:
    """Ready to look. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_kept(file, space, make=MAKE)
    nets = [NoticeNet(len(told["names"]), NoticeConfig(**told["config"])) for _ in range(told["nets"])]
    for n, net in enumerate(nets):
        own = f"{n}."
        net.load_state_dict({name.removeprefix(own): each for name, each in state.items() if name.startswith(own)})
    return Noticer(nets, told["names"], torch.tensor(told["usual"]), tuple(told["curve"]))
