"""What the shipped reader learned from, as a small sample: enough to replay, to measure what is forgotten, and to know
which weights it needs.

`weights/replay.safetensors` holds no photo and no question: only what the reader's layers made of some of them, and
the numbers of the right answers. `python -m deepseek_mm train continual --stage memory` writes it.

Shape key:  N examples, W width of what is seen (256), V answers
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.embeddings.package_files import fingerprint
from deepseek_mm.errors import MissingWeights
from deepseek_mm.learning.memory import ReaderRows
from deepseek_mm.vision.vqa import WEIGHTS as READER
from deepseek_mm.vision.weight_file import read_any_weights, write_weights

WEIGHTS = Path(__file__).parents[1] / "weights" / "replay.safetensors"
MAKE = "python -m deepseek_mm train continual --stage memory --data DATA"


@dataclass(frozen=True, kw_only=True, slots=True)
class Builtin:
    """Samples of the task that the shipped weights were learned on."""

    replay: ReaderRows  # out of training
    dev: ReaderRows  # of photos that were held out, and of the bundled ones
    sets: tuple[str, ...]  # of each of dev: the family of its question, or "bundled"
    closed_N: Tensor  # bool, of each of dev: it is answered with yes or no
    stiff: Mapping[str, Tensor]  # Fisher information of "weight" (V, W) and "bias" (V,)


def write_builtin(file: Path, builtin: Builtin, *, reader: str) -> None:
    """In a byte a number; of the Fisher information the roots, whose range is smaller. `reader`: see `known_by`."""
    arrays = {"replay": builtin.replay.x_NW, "dev": builtin.dev.x_NW}
    arrays |= {f"root.{name}": value.sqrt().reshape(len(value), -1) for name, value in builtin.stiff.items()}
    told = {
        "reader": reader,
        "replay_right": builtin.replay.right_N.tolist(),
        "dev_right": builtin.dev.right_N.tolist(),
        "sets": list(builtin.sets),
        "closed": builtin.closed_N.tolist(),
    }
    write_weights(file, arrays, told)


def read_builtin(file: Path = WEIGHTS, *, reader: Path = READER) -> Builtin:
    """MissingWeights without the file, or where it was made of another reader."""
    arrays, told = read_any_weights(file, make=MAKE)
    if told["reader"] != known_by(reader):
        raise MissingWeights(file, make=MAKE)
    stiff = {name: arrays[f"root.{name}"].square() for name in ("weight", "bias")}
    return Builtin(
        replay=ReaderRows.of(arrays["replay"], numbers(told["replay_right"])),
        dev=ReaderRows.of(arrays["dev"], numbers(told["dev_right"])),
        sets=tuple(told["sets"]),
        closed_N=torch.tensor(told["closed"]),
        stiff=stiff | {"bias": stiff["bias"].squeeze(1)},
    )


def known_by(reader: Path = READER) -> str:
    """SHA-256 of the reader's weights, hexadecimal: versions and samples fit these alone."""
    return fingerprint((reader,))


def numbers(listed: Sequence[int]) -> Tensor:
    """As int64, also of none."""
    return torch.tensor(listed, dtype=torch.int64)
