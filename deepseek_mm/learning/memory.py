"""What is remembered: a reservoir sample of learned corrections, and a sample of what the shipped reader learned from.

Algorithm R (Vitter 1985, ACM TOMS 11:1, p. 39): the first `size` items are kept; item number t after them takes the
place of a random one with probability size / t. Chance depends on the seed and t alone, so a stream that comes in
pieces leaves the same sample as one that comes at once.

A correction that was made anew takes the place of the one before. Those that were held out are remembered too, to be
asked again whenever something new was learned.

`weights/replay.safetensors` holds no photo and no question: only what the reader's layers made of some of them, and
the numbers of the right answers. `python -m deepseek_mm train continual --stage memory` writes it.

Shape key:  N examples, W width of what is seen (256), V answers
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

from deepseek_mm.embeddings.towers import fingerprint
from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.small_nets import read_any_weights, write_weights
from deepseek_mm.vision.vqa import WEIGHTS as READER

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservoir(Generic[Item]):
    """The sample, and how many items it was drawn from."""

    size: int
    seed: int = 0
    kept: tuple[Item, ...] = ()
    seen: int = 0

    def with_more(self, items: Sequence[Item]) -> "Reservoir[Item]":
        """After these items of the stream, too."""
        kept = list(self.kept)
        for t, item in enumerate(items, start=self.seen + 1):
            if len(kept) < self.size:
                kept.append(item)
            elif (place := Random(f"{self.seed} {t}").randrange(t)) < self.size:
                kept[place] = item
        return Reservoir(size=self.size, seed=self.seed, kept=tuple(kept), seen=self.seen + len(items))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderRows:
    """Some examples."""

    x_NW: Tensor
    right_N: Tensor  # int64, the number of the answer
    wrong_N: Tensor  # bool: that answer is the one which is wrong, and nothing else is known
    weight_N: Tensor  # how much each counts

    @classmethod
    def of(cls, x_NW: Tensor, right_N: Tensor) -> Self:
        """Examples of right answers that count alike."""
        count = len(right_N)
        return cls(x_NW=x_NW, right_N=right_N, wrong_N=torch.zeros(count, dtype=torch.bool), weight_N=torch.ones(count))

    def __len__(self) -> int:
        return len(self.right_N)

    def at(self, some_K: Tensor) -> "ReaderRows":
        """Those of these numbers, or those where a mask holds."""
        return ReaderRows(**{item.name: getattr(self, item.name)[some_K] for item in fields(self)})


def join_rows(parts: Sequence[ReaderRows]) -> ReaderRows:
    """All of them, in order; at least one part."""
    return ReaderRows(
        **{item.name: torch.cat([getattr(part, item.name) for part in parts]) for item in fields(ReaderRows)}
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrections:
    """Corrections: what is known of each, which are answered with yes or no, and what each asks."""

    rows: ReaderRows
    closed_N: Tensor  # bool
    asks_N: Tensor  # int64: the same for the same question about the same photo

    def at(self, some_K: Tensor) -> "Corrections":
        """Those of these numbers, or where a mask holds."""
        return Corrections(rows=self.rows.at(some_K), closed_N=self.closed_N[some_K], asks_N=self.asks_N[some_K])

    def __len__(self) -> int:
        return len(self.rows)


def both(parts: Sequence[Corrections]) -> Corrections:
    """All of them, in order; at least one part."""
    return Corrections(
        rows=join_rows([part.rows for part in parts]),
        closed_N=torch.cat([part.closed_N for part in parts]),
        asks_N=torch.cat([part.asks_N for part in parts]),
    )


def no_corrections(width: int) -> Corrections:
    """No correction."""
    none = torch.zeros(0, dtype=torch.int64)
    return Corrections(rows=ReaderRows.of(torch.zeros(0, width), none), closed_N=none.bool(), asks_N=none)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayMemory:
    """The sample, which of it was held out, and how many it was drawn from."""

    asked: Corrections
    held_N: Tensor  # bool
    seen: int

    @classmethod
    def nothing(cls, width: int) -> Self:
        """Before the first."""
        asked = no_corrections(width)
        return cls(asked=asked, held_N=asked.closed_N, seen=0)

    def with_more(self, new: Corrections, held_N: Tensor, *, size: int) -> "ReplayMemory":
        """After these, too."""
        still_N = ~torch.isin(self.asked.asks_N, new.asks_N)
        every = both([self.asked.at(still_N), new])
        held = torch.cat([self.held_N[still_N], held_N])
        old = int(still_N.sum())
        sample = Reservoir(size=size, kept=tuple(range(old)), seen=max(self.seen, old))
        sample = sample.with_more(range(old, len(every)))
        kept = torch.tensor(sample.kept, dtype=torch.int64)
        return ReplayMemory(asked=every.at(kept), held_N=held[kept], seen=sample.seen)

    def tensors(self) -> dict[str, Tensor]:
        """As they are kept."""
        rows = self.asked.rows
        return {
            "x": rows.x_NW.half(),
            "right": rows.right_N,
            "wrong": rows.wrong_N,
            "weight": rows.weight_N.half(),
            "closed": self.asked.closed_N,
            "asks": self.asked.asks_N,
            "held": self.held_N,
            "seen": torch.tensor([self.seen]),
        }

    @classmethod
    def of(cls, kept: Mapping[str, Tensor]) -> Self:
        """Out of what `tensors` gave."""
        rows = ReaderRows(
            x_NW=kept["x"].float(), right_N=kept["right"], wrong_N=kept["wrong"], weight_N=kept["weight"].float()
        )
        asked = Corrections(rows=rows, closed_N=kept["closed"], asks_N=kept["asks"])
        return cls(asked=asked, held_N=kept["held"], seen=int(kept["seen"]))


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
