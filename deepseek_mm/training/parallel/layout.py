"""The layout of ranks along the axes data, pipeline and tensor, and the registry of where each of them is.

Ranks that differ in `data` have the same weights and read other rows; in `pipeline`, other layers; in `tensor`, other
heads and columns of the same layers. Tensor ranks communicate most and stand side by side, on the fastest wires. In the
registry ranks leave their process and their step, so that survivors can name the one that is lost; its store is kept by
torchrun's agent or by our launcher, which outlive a rank.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import distributed as dist
from torch.distributed.device_mesh import init_device_mesh

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError, DeepSeekMMError
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.storage.owner import Owner, current_process

AXES = ("data", "pipeline", "tensor")
ENDS = "ends"  # the first and the last stage, where words come in and go out


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Ranks along each axis."""

    data: int = 1
    pipeline: int = 1
    tensor: int = 1

    def __post_init__(self) -> None:
        for axis in AXES:
            between(axis, getattr(self, axis), 1, 4096)

    def __str__(self) -> str:
        return "x".join(str(size) for size in self.sizes)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """In the order of AXES."""
        return self.data, self.pipeline, self.tensor

    @property
    def ranks(self) -> int:
        """Processes in all."""
        return self.data * self.pipeline * self.tensor

    def place(self, rank: int) -> tuple[int, int, int]:
        """Where a rank stands along each axis."""
        return rank // (self.pipeline * self.tensor), rank // self.tensor % self.pipeline, rank % self.tensor

    def rank(self, data: int, pipeline: int, tensor: int) -> int:
        """Who stands there."""
        return (data * self.pipeline + pipeline) * self.tensor + tensor

    def describe_rank(self, rank: int) -> str:
        """A rank in words."""
        where = ", ".join(f"{axis} {place}" for axis, place in zip(AXES, self.place(rank), strict=True))
        return f"rank {rank} ({where})"

    def layers(self, shape: DecoderShape, stage: int) -> range:
        """Layers of a stage; the first ones have one more where they cannot be shared evenly."""
        each, more = divmod(shape.num_layers, self.pipeline)
        first = stage * each + min(stage, more)
        return range(first, first + each + (stage < more))

    def check(self, shape: DecoderShape) -> None:
        """ConfigError if this model cannot be shared so."""
        if self.pipeline > shape.num_layers:
            raise ConfigError(
                f"pipeline={self.pipeline} stages, and the model has {shape.num_layers} layers. Use fewer"
            )
        shared = {"num_heads": shape.num_heads, "num_kv_heads": shape.num_kv_heads, "ffn_width": shape.ffn_width}
        shared["vocab_size"] = shape.vocab_size
        shared |= {f"width of expert {spec.name}": spec.width for spec in (shape.moe.experts if shape.moe else ())}
        odd = [f"{name}={size}" for name, size in shared.items() if size % self.tensor]
        if odd:
            raise ConfigError(
                f"tensor={self.tensor} ranks cannot share {', '.join(odd)} evenly. Use a divisor of these"
            )


@dataclass(frozen=True, slots=True)
class Axis:
    """One rank's place among those that it shares something with."""

    size: int = 1
    place: int = 0
    group: Any = None  # torch's process group; None where nobody else is

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        """The sum over all of them, in place."""
        if self.size > 1:
            dist.all_reduce(x, group=self.group)
        return x

    def largest(self, x: torch.Tensor) -> torch.Tensor:
        """The largest of all of them, in place."""
        if self.size > 1:
            dist.all_reduce(x, op=dist.ReduceOp.MAX, group=self.group)
        return x


ALONE = Axis()


@dataclass(frozen=True, kw_only=True, slots=True)
class RankPlace:
    """Where this process stands."""

    layout: Layout
    rank: int
    data: Axis = ALONE
    pipeline: Axis = ALONE
    tensor: Axis = ALONE
    ends: Axis = ALONE  # of the first and the last stage only
    world: Axis = ALONE

    @property
    def first(self) -> bool:
        """Whether words come in here."""
        return self.pipeline.place == 0

    @property
    def last(self) -> bool:
        """Whether words go out here."""
        return self.pipeline.place == self.pipeline.size - 1


def take_place(layout: Layout) -> RankPlace:
    """This process's place; all ranks call it, after init_process_group."""
    mesh = init_device_mesh("cpu", layout.sizes, mesh_dim_names=AXES)
    axes = {axis: Axis(mesh.size(n), mesh.get_local_rank(axis), mesh.get_group(axis)) for n, axis in enumerate(AXES)}
    rank = dist.get_rank()
    return RankPlace(layout=layout, rank=rank, **axes, ends=_join_ends(layout, rank), world=Axis(layout.ranks, rank))


def _join_ends(layout: Layout, rank: int) -> Axis:
    """The other end's rank and this one; every rank makes every group, as torch wants it."""
    found = ALONE
    for data in range(layout.data if layout.pipeline > 1 else 0):
        for tensor in range(layout.tensor):
            ranks = [layout.rank(data, stage, tensor) for stage in (0, layout.pipeline - 1)]
            group = dist.new_group(ranks)
            found = Axis(len(ranks), ranks.index(rank), group) if rank in ranks else found
    return found


class RankLost(DeepSeekMMError, RuntimeError):
    """A rank of a training is gone, or does not answer."""


class RankRegistry:
    """The list of ranks, kept in a store that all of them reach."""

    def __init__(self, store: Any, layout: Layout, rank: int = -1) -> None:
        """With a rank, it answers for this process; the launcher has none."""
        self.store, self.layout, self.rank, self.step = store, layout, rank, 0

    def sign(self) -> None:
        """This process is that rank, before its first step."""
        self.store.set(f"process/{self.rank}", json.dumps([socket.gethostname(), asdict(current_process())]))
        self.enter_step(0)

    def enter_step(self, step: int) -> None:
        """This rank begins with a step; 0 is before the first."""
        self.step = step
        self.store.set(f"step/{self.rank}", str(step))

    def explain(self, error: Exception) -> RankLost:
        """What a survivor has to say: who of this machine is gone, else where everybody is."""
        try:
            gone = [rank for rank in range(self.layout.ranks) if rank != self.rank and self._is_gone(rank)]
            steps = self.read_steps()
        except RuntimeError:  # the store went with the launcher
            return RankLost(f"{self.layout.describe_rank(self.rank)} lost its launcher in step {self.step} and stopped")
        if gone:
            return make_rank_lost(self.layout, {rank: "is gone" for rank in gone}, steps)
        return make_rank_unanswered(self.layout, steps, str(error).splitlines()[0])

    def read_error(self, rank: int) -> str:
        """The error of that rank, if it left one."""
        return self.store.get(f"said/{rank}").decode() if self.store.check([f"said/{rank}"]) else ""

    def leave_error(self, error: DeepSeekMMError) -> None:
        """Leave an error for the launcher."""
        self.store.set(f"said/{self.rank}", str(error))

    def read_steps(self) -> dict[int, int]:
        """Rank -> the step that it is in."""
        ranks = [rank for rank in range(self.layout.ranks) if self.store.check([f"step/{rank}"])]
        return {rank: int(self.store.get(f"step/{rank}")) for rank in ranks}

    def _is_gone(self, rank: int) -> bool:
        if not self.store.check([f"process/{rank}"]):
            return False
        host, process = json.loads(self.store.get(f"process/{rank}"))
        return host == socket.gethostname() and not Owner(**process).lives


def make_rank_lost(layout: Layout, how: Mapping[int, str], steps: Mapping[int, int]) -> RankLost:
    """Says which ranks are gone, where they were, and what to do."""
    said = "; ".join(f"{layout.describe_rank(rank)} {what} in step {steps.get(rank, 0)}" for rank, what in how.items())
    return RankLost(
        f"{said}. All other ranks were stopped. Run the same command again: it goes on from the last checkpoint"
    )


def make_rank_unanswered(layout: Layout, steps: Mapping[int, int], why: str) -> RankLost:
    """Nobody is gone, and yet somebody does not answer: whoever is in the earliest step."""
    first = min(steps.values(), default=0)
    behind = ", ".join(layout.describe_rank(rank) for rank, step in steps.items() if step == first)
    return RankLost(
        f"no answer in step {first} ({why}). In that step: {behind}. Look at these ranks, then run the same command"
        " again: it goes on from the last checkpoint"
    )
