"""What layers keep for the way back, and what it costs not to: bytes counted by autograd's own hooks, memory and time.

Shape key:  T tokens
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_mm.lm.shape import SMOLLM2, DecoderShape
from deepseek_mm.machine import memory_mb, set_peak_back
from deepseek_mm.training.parallel.recipe import make_first_weights, open_whole
from deepseek_mm.training.parallel.single import compute_loss
from deepseek_mm.training.parallel.stage import recompute

ROW_TOKENS, POINTS, TIMES = 512, 6, 2  # of the row; cases between no layer and all; steps, of which the fastest counts


@dataclass(frozen=True, kw_only=True, slots=True)
class RecomputeCost:
    """One step, forwards and back, with so many layers worked out twice."""

    layers: int
    kept_mb: float  # by autograd, from forward to backward
    peak_mb: float  # resident memory above what weights and gradients have
    seconds: float  # of the processor: one thread, so others at work hardly change it


class SavedTensorCounter:
    """Counts the bytes that autograd keeps while it is entered: each storage once, and no parameters."""

    def __init__(self, module: nn.Module) -> None:
        self.bytes, self._seen = 0, {p.untyped_storage().data_ptr() for p in module.parameters()}
        self._held: list[Tensor] = []  # so that no place in memory is used again meanwhile
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda x: x)

    def __enter__(self) -> "SavedTensorCounter":
        self._hooks.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self._hooks.__exit__(*problem)
        self._held.clear()

    def _pack(self, x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self._held.append(x.detach())
            self.bytes += storage.nbytes()
        return x


def measure_costs(
    shape: DecoderShape = SMOLLM2, *, tokens: int = ROW_TOKENS, points: int = POINTS
) -> Iterator[RecomputeCost]:
    """From no layer to all; each in a process of its own, so that no case inherits memory from another."""
    context = get_context("forkserver")
    for layers in sorted({round(shape.num_layers * n / (points - 1)) for n in range(points)}):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_send, args=(there, shape, tokens, layers))
        process.start()
        there.close()
        yield here.recv()
        process.join()


def measure_cost(shape: DecoderShape, *, tokens: int, layers: int, times: int = TIMES) -> RecomputeCost:
    """The same in this process. Weights are random: they cost what learned ones do."""
    torch.set_num_threads(1)
    decoder = open_whole(shape, make_first_weights(0))
    ids = torch.randint(shape.vocab_size, (1, tokens + 1), generator=torch.Generator().manual_seed(0))
    recompute(decoder, range(layers))
    for parameter in decoder.parameters():
        parameter.grad = torch.zeros_like(parameter).fill_(0.0)  # what is never written has no memory yet
    set_peak_back()
    before_mb = memory_mb("VmRSS")  # before the first step: what is freed later may stay with the process
    seconds = min(_step(decoder, ids) for _ in range(times))
    peak_mb = memory_mb("VmHWM") - before_mb
    with SavedTensorCounter(decoder) as kept:
        compute_loss(decoder, ids)
    return RecomputeCost(layers=layers, kept_mb=kept.bytes / 1e6, peak_mb=peak_mb, seconds=seconds)


def draw_costs(spent: Sequence[RecomputeCost], file: Path, *, title: str) -> Path:
    """Memory and time against the number of layers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    figure.suptitle(title)
    memory, clock = figure.subplots(1, 2)
    layers = [each.layers for each in spent]
    memory.plot(layers, [each.kept_mb for each in spent], marker="o", label="kept by autograd")
    memory.plot(layers, [each.peak_mb for each in spent], marker="o", label="peak of resident memory")
    memory.set(ylabel="MB above weights and gradients")
    memory.legend()
    clock.plot(layers, [each.seconds for each in spent], marker="o")
    clock.set(ylabel="seconds of processor a step")
    for axes in (memory, clock):
        axes.set(xlabel="layers that are worked out again", ylim=(0, None))
        axes.grid(alpha=0.3)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=90)
    return file


def _step(decoder: nn.Module, ids: Tensor) -> float:
    begun = time.process_time()
    compute_loss(decoder, ids).backward()  # type: ignore[arg-type]
    return time.process_time() - begun


def _send(there: object, shape: DecoderShape, tokens: int, layers: int) -> None:
    there.send(measure_cost(shape, tokens=tokens, layers=layers))  # type: ignore[attr-defined]
