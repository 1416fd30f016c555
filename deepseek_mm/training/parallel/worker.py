"""One rank of a parallel training, from its place to the last step, under torchrun or our own launcher.

Its AdamW shares its state among the data ranks (ZeRO stage 1, Rajbhandari et al. 2020, arXiv 1910.02054): all
parameters of a rank are one long vector, and each data rank keeps the moments of its slice. A dispatch mode counts the
bytes that the rank hands to others where torch makes its calls: a sum of n bytes counts n, a gathering counts what one
rank gives, and a message counts at its sender.

Shape key:  P parameters of this rank, filled up to a multiple of the data ranks; S parameters of its slice
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.rendezvous import rendezvous
from torch.utils._python_dispatch import TorchDispatchMode

from deepseek_mm.config import between
from deepseek_mm.training.loop import BETAS, RunFolder, StepsConfig, compute_rate
from deepseek_mm.training.parallel import checkpoint
from deepseek_mm.training.parallel.cost_model import list_sizes
from deepseek_mm.training.parallel.layout import Layout, RankPlace, RankRegistry, take_place
from deepseek_mm.training.parallel.pipeline import PipelineRunner, open_stage
from deepseek_mm.training.parallel.recipe import (
    SOURCE,
    MicrobatchConfig,
    ModelConfig,
    draw_rows,
    fill_missing_gradients,
    make_first_weights,
    read_text,
)
from deepseek_mm.training.parallel.tensor_parallel import cut_part, list_cuts

STATE = ("weight", "exp_avg", "exp_avg_sq")  # of each parameter; the names are AdamW's
SCATTER = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor  # its name before torch 2.13
GATHER = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
SMALL = 1e-6  # as torch.nn.utils.clip_grad_norm_ adds


class ShardedAdamW:
    """The same update as `training.steps.Steps`, for one rank of many."""

    def __init__(self, trained: Mapping[str, nn.Parameter], place: RankPlace, config: StepsConfig) -> None:
        self.trained, self.place, self.config = dict(trained), place, config
        self.length = sum(parameter.numel() for parameter in self.trained.values())
        share = -(-self.length // place.data.size)
        self.mine = slice(place.data.place * share, (place.data.place + 1) * share)
        self.padded = share * place.data.size
        self.slice_S = nn.Parameter(self._flatten([p.detach() for p in self.trained.values()])[self.mine].clone())
        self.optimiser = torch.optim.AdamW(
            [self.slice_S], lr=config.rate, betas=BETAS, weight_decay=config.decay, fused=True
        )

    def update(self, step: int, *, counted: Mapping[str, bool], lost: float) -> tuple[float, float]:
        """One update from the gradients that were gathered: (the loss of all ranks, the gradient's length).

        `counted` says whose gradients count towards the length here: of several ranks that have the same, one.
        """
        fill_missing_gradients(list(self.trained.values()))
        grads_S = self._scatter(self._flatten([_grad(p) for p in self.trained.values()]))
        told = torch.tensor([lost, float(self._sum_squares(grads_S, counted))], dtype=torch.float64)
        loss, squares = self.place.world.sum(told).tolist()
        norm = squares**0.5
        self.slice_S.grad = grads_S * min(1.0, self.config.clip / (norm + SMALL))
        for group in self.optimiser.param_groups:
            group["lr"] = compute_rate(step, self.config)
        self.optimiser.step()
        self._spread()
        return loss, norm

    def pieces(self) -> dict[str, list[tuple[str, int, Tensor]]]:
        """Kind -> (parameter, where in it the piece begins, its values) of all that lies in this rank's slice."""
        kept: dict[str, Any] = {"weight": self.slice_S.detach(), **self.optimiser.state[self.slice_S]}
        return {kind: self._cut_up(kept[kind]) for kind in STATE}

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Go on from this rank's part of every parameter, kind -> name -> values, after so many steps."""
        flat = {kind: self._flatten([state[kind][name] for name in self.trained])[self.mine].clone() for kind in STATE}
        with torch.no_grad():
            self.slice_S.copy_(flat.pop("weight"))
        self.optimiser.state[self.slice_S] = {"step": torch.tensor(float(step)), **flat}
        self._spread()

    def _scatter(self, grads_P: Tensor) -> Tensor:
        """The sum over data ranks of this rank's slice."""
        if self.place.data.size == 1:
            return grads_P
        grads_S = torch.empty_like(self.slice_S)
        SCATTER(grads_S, grads_P, group=self.place.data.group)
        return grads_S

    @torch.no_grad()
    def _spread(self) -> None:
        """Every data rank's slice becomes the parameters of all."""
        flat_P = self.slice_S.detach()
        if self.place.data.size > 1:
            flat_P = torch.empty(self.padded)
            GATHER(flat_P, self.slice_S.detach(), group=self.place.data.group)
        at = 0
        for parameter in self.trained.values():
            parameter.copy_(flat_P[at : at + parameter.numel()].view_as(parameter))
            parameter.grad = None
            at += parameter.numel()

    def _flatten(self, tensors: list[Tensor]) -> Tensor:
        flat_P = torch.zeros(self.padded)
        torch.cat([each.flatten() for each in tensors], out=flat_P[: self.length])
        return flat_P

    def _sum_squares(self, grads_S: Tensor, counted: Mapping[str, bool]) -> Tensor:
        squares = [
            piece.double().square().sum() for name, _, piece in self._cut_up(grads_S) if counted[name] and len(piece)
        ]
        return torch.stack(squares).sum() if squares else torch.zeros(())

    def _cut_up(self, values_S: Tensor) -> list[tuple[str, int, Tensor]]:
        """The slice, parameter by parameter."""
        found, at = [], 0
        for name, parameter in self.trained.items():
            begin, end = max(at, self.mine.start), min(at + parameter.numel(), self.mine.stop)
            if begin < end:
                found.append((name, begin - at, values_S[begin - self.mine.start : end - self.mine.start]))
            at += parameter.numel()
        return found


def _grad(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None, "gradients are gathered before an update"
    return parameter.grad


HEARD = ("recv_", "recv_any_source_", "barrier", "monitored_barrier_")  # nothing is handed in
GIVEN = {"_reduce_scatter_base_": 1, "_allgather_base_": 1}  # place of the input among the arguments; else the first


class TrafficCounter(TorchDispatchMode):
    """Counts while it is entered."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        super().__init__()
        self.groups = groups  # name of a process group -> name of its axis
        self.bytes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Everything as usual."""
        if func.namespace == "c10d":
            self._count(func.overloadpacket.__name__, args)
        return func(*args, **(kwargs or {}))

    def _count(self, name: str, args: Sequence[Any]) -> None:
        if name in HEARD:
            return
        axis = next((self.groups.get(_group_name(each)) for each in args if isinstance(each, torch.ScriptObject)), None)
        axis = axis or "world"
        self.bytes[axis] += sum(each.nbytes for each in _tensors(args[GIVEN.get(name, 0)]))
        self.calls[axis] += 1


def _group_name(given: torch.ScriptObject) -> str:
    try:
        return str(dist.ProcessGroup.unbox(given).group_name)
    except (RuntimeError, TypeError):  # a reduction's kind is a script object too
        return ""


def _tensors(given: Any) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    return [tensor for each in given for tensor in _tensors(each)]


STEPS = StepsConfig(steps=20, rate=3e-3, warm=0.2)
WIRES = "wires.json"  # what every rank counted, in the folder of a run
COUNTED_STEP = 1  # whose bytes are counted: at the first one, pipelining tells itself about shapes


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepConfig:
    """What is kept, and how long ranks wait for each other."""

    every: int = 5  # steps between two checkpoints
    checkpointed: int = 0  # layers of each stage that are worked out again on the way back
    patience_s: int = 60  # seconds without an answer, after which a rank is taken for lost

    def __post_init__(self) -> None:
        between("every", self.every, 1, 10**7)
        between("checkpointed", self.checkpointed, 0, 10**4)
        between("patience_s", self.patience_s, 1, 86_400)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrder:
    """Everything that a rank has to know."""

    out: Path
    layout: Layout = field(default_factory=Layout)
    model: ModelConfig = field(default_factory=ModelConfig)
    batch: MicrobatchConfig = field(default_factory=MicrobatchConfig)
    steps: StepsConfig = STEPS
    keep: KeepConfig = field(default_factory=KeepConfig)
    text: Path = SOURCE

    @property
    def settings(self) -> dict[str, Any]:
        """The recipe, without what may change when a run goes on: the layout, and what is kept."""
        return {**asdict(self.model), **asdict(self.batch), **asdict(self.steps)}


def run_rank(order: RunOrder) -> None:
    """Train as the rank that the environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), as torchrun sets it.

    RankLost names the rank that is gone.
    """
    torch.set_num_threads(1)
    wait = timedelta(seconds=order.keep.patience_s)
    store, rank, _ = next(iter(rendezvous("env://", timeout=wait)))
    roll = RankRegistry(store, order.layout, rank)
    try:
        roll.sign()
        dist.init_process_group("gloo", store=store, rank=rank, world_size=order.layout.ranks, timeout=wait)
        RankWorker(order, take_place(order.layout), roll).run()
        dist.destroy_process_group()
    except RuntimeError as error:  # what gloo raises when a neighbour is gone, or does not answer
        raise roll.explain(error) from error


class RankWorker:
    """A rank that has its place."""

    def __init__(self, order: RunOrder, place: RankPlace, roll: RankRegistry) -> None:
        self.order, self.place, self.roll = order, place, roll
        self.shape = order.model.shape()
        self.cuts = list_cuts(self.shape)
        self.text = read_text(order.text)
        self.settings = {**order.settings, "text": crc32(self.text.numpy().tobytes())}
        self.journal = RunFolder(order.out, self.settings)
        stage = open_stage(
            self.shape, place, make_first_weights(order.steps.seed), checkpointed=order.keep.checkpointed
        )
        self.runner = PipelineRunner(stage, microbatches=order.batch.microbatches)
        self.trained = {n.removeprefix("decoder."): p for n, p in stage.named_parameters()}
        self.optimiser = ShardedAdamW(self.trained, place, order.steps)
        self.ties = self.shape.tied and not (place.first and place.last)
        self.counted = {name: self._counts(name) for name in self.trained}
        self.seconds: list[float] = []

    def run(self) -> None:
        """All steps that are left."""
        first, tally = self._resume(), TrafficCounter(self._groups())
        for step in range(first, self.order.steps.steps):
            self.roll.enter_step(step + 1)
            begun = time.perf_counter()
            if step == first + COUNTED_STEP:
                with tally:
                    told = self.step(step)
            else:
                told = self.step(step)
                self.seconds.append(time.perf_counter() - begun)
            if self.place.rank == 0:
                self.journal.log(step + 1, **told)
            if (step + 1) % self.order.keep.every == 0 or step + 1 == self.order.steps.steps:
                self.save(step + 1)
        self.roll.leave({"bytes": dict(tally.bytes), "calls": dict(tally.calls), "seconds": self.seconds})
        if self.place.rank == 0:
            wires = {"layout": asdict(self.order.layout), "ranks": self.roll.collect()}
            (self.order.out / WIRES).write_text(json.dumps(wires))

    def step(self, step: int) -> dict[str, float]:
        """One step of all ranks."""
        order, begun = self.order, time.perf_counter()
        ids = torch.cat(
            [
                draw_rows(self.text, order.batch, step=step, number=number, seed=order.steps.seed)
                for number in self.runner.numbers
            ]
        )
        lost = self.runner.gather(ids) if self.place.tensor.place == 0 else 0 * self.runner.gather(ids)
        self._tie()
        loss, norm = self.optimiser.update(step, counted=self.counted, lost=lost)
        return {"loss": loss, "gradient": norm, "seconds": time.perf_counter() - begun}

    def save(self, step: int) -> None:
        """A checkpoint of all ranks; the next step waits for it."""
        mine = {
            kind: [piece for piece in pieces if self.counted[piece[0]]]
            for kind, pieces in self.optimiser.pieces().items()
        }
        checkpoint.save_pieces(self.order.out, step, mine, rank=self.place.rank, tensor=self.place.tensor.place)
        self._meet()
        if self.place.rank == 0:
            sizes = {name: list(size) for name, size in list_sizes(self.shape).items()}
            checkpoint.finish_checkpoint(self.order.out, step, self.settings, sizes, layout=str(self.order.layout))

    def _resume(self) -> int:
        """The step to go on with."""
        folder = checkpoint.find_latest(self.order.out)
        if self.place.rank == 0:
            self.journal.truncate_log(int(folder.name.rpartition("-")[2]) if folder else 0)
        self._meet()
        if folder is None:
            return 0
        with checkpoint.open_checkpoint(folder, self.cuts) as found:
            found.check(self.settings)
            self.optimiser.restore({kind: self._own(found, kind) for kind in STATE}, found.step)
            return found.step

    def _own(self, found: checkpoint.ShardedCheckpoint, kind: str) -> dict[str, Tensor]:
        tensor = self.place.tensor
        return {
            name: cut_part(found.whole(kind, self._first_name(name)), self.cuts.get(name), tensor.place, tensor.size)
            for name in self.trained
        }

    def _first_name(self, name: str) -> str:
        """Of a head that is the embedding, the embedding's."""
        return "embedding.weight" if self.shape.tied and name == "head.weight" else name

    def _counts(self, name: str) -> bool:
        """Whether this rank is the one that answers for it, among those that have the same."""
        twin = self.ties and name == "head.weight"
        return not twin and (name in self.cuts or self.place.tensor.place == 0)

    def _tie(self) -> None:
        """The two ends' gradients of the words that both have."""
        for name in ("embedding.weight", "head.weight"):
            if self.ties and name in self.trained:
                gradient = self.trained[name].grad
                assert gradient is not None, f"no gradient of {name}"
                self.place.ends.sum(gradient)

    def _meet(self) -> None:
        if self.place.world.size > 1:
            dist.barrier()

    def _groups(self) -> dict[str, str]:
        axes = {axis: getattr(self.place, axis) for axis in ("data", "pipeline", "tensor", "ends")}
        return {axis.group.group_name: name for name, axis in axes.items() if axis.group is not None and axis.size > 1}
