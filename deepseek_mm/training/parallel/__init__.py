"""`train parallel`: train one model on many processes, by data, pipeline and tensor parallelism; and measure the cost.

Run as it is, it starts the ranks of the layout on this machine; under torchrun it is one of the ranks. A run that was
stopped resumes from its last checkpoint, with any layout.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import sleep
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.shape import SMOLLM2, DecoderShape
from deepseek_mm.machine import memory_mb, set_peak_back
from deepseek_mm.training.loop import RunFolder, StepsConfig, add_config_flags, choose_config
from deepseek_mm.training.parallel import checkpoint
from deepseek_mm.training.parallel.layout import Layout, RankLost
from deepseek_mm.training.parallel.recipe import (
    SOURCE,
    MicrobatchConfig,
    ModelConfig,
    compute_loss,
    make_first_weights,
    open_whole,
    train_single,
)
from deepseek_mm.training.parallel.shards import list_cuts, recompute
from deepseek_mm.training.parallel.worker import STEPS, KeepConfig, RunOrder, run_local, run_rank
from deepseek_mm.training.report import make_report, read_report, write_report

STAGES = ("train", "layouts", "memory")
LAYOUTS = tuple(Layout(data=d, pipeline=p, tensor=t) for d in (1, 2) for p in (1, 2) for t in (1, 2))
EIGHT, FOUR = Layout(data=2, pipeline=2, tensor=2), Layout(pipeline=2, tensor=2)
REPORT = "--report docs/learning/parallel.json"
COMMAND = f"python -m deepseek_mm train parallel --stage layouts {REPORT}; and the same with --stage memory"
VICTIM, VICTIM_STEP = 5, 12  # the rank that is killed, and the step it is killed after
LOOK_S = 0.05  # between two looks at the log
ROW_TOKENS, POINTS, TIMES = 512, 6, 2  # of the row; cases between no layer and all; steps, of which the fastest counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train parallel`; every number of the recipe is one."""
    parser.add_argument(
        "--stage",
        choices=STAGES,
        default="train",
        help="train; layouts: all of them beside one process; memory: layers worked out twice",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/parallel"), help="folder that all ranks reach")
    parser.add_argument("--text", type=Path, default=SOURCE, help="folder whose Python files are read")
    parser.add_argument("--report", type=Path, help="layouts, memory: file for the figures")
    add_config_flags(parser, Layout, ModelConfig, MicrobatchConfig, StepsConfig, KeepConfig)


def run(args: argparse.Namespace) -> int:
    """Train as all ranks or as one, or measure."""
    if args.stage == "memory":
        measure_memory(args)
    elif args.stage == "layouts":
        measure_layouts(args)
    elif "WORLD_SIZE" not in os.environ:
        run_local(read_order(args))
    else:
        order = read_order(args)
        check_world(order, int(os.environ["WORLD_SIZE"]))
        run_rank(order)
    return 0


def measure_layouts(args: argparse.Namespace) -> None:
    """Every layout of up to eight ranks, and a rank that is killed."""
    order = read_order(args)
    truth = train_single(order.model.shape(), order.batch, order.steps, text=order.text)
    told: dict[str, float] = {}
    for layout in tqdm(LAYOUTS, "layouts"):
        told |= measure_layout(replace(order, layout=layout, out=order.out / str(layout)), truth)
    for kind in ("loss_difference", "weight_difference"):
        told[f"parallel_{kind}"] = max(value for name, value in told.items() if name.endswith(kind))
    with TemporaryDirectory() as folder:
        said, loss_off, weight_off = measure_killed_rank(replace(order, layout=EIGHT, out=Path(folder)), FOUR, truth)
    told |= {"parallel_resumed_loss_difference": loss_off, "parallel_resumed_weight_difference": weight_off}
    report_figures(args, told, (f"a killed rank: {said}", f"it was resumed as {FOUR}"))


def measure_memory(args: argparse.Namespace) -> None:
    """The shape of the packaged language model, with more and more of its layers worked out twice.

    Each case has a process of its own, so that none inherits memory from another.
    """
    told: dict[str, float] = {}
    counts = sorted({round(SMOLLM2.num_layers * n / (POINTS - 1)) for n in range(POINTS)})
    with ProcessPoolExecutor(1, get_context("forkserver"), max_tasks_per_child=1) as pool:
        for layers, cost in zip(counts, pool.map(partial(measure_cost, SMOLLM2), counts), strict=True):
            told |= {f"memory_{layers}_layers_{name}": value for name, value in cost.items()}
    title = f"a step of SmolLM2's shape, {ROW_TOKENS} tokens, 32-bit numbers, one thread"
    report_figures(args, told, (title,))


def report_figures(args: argparse.Namespace, figures: Mapping[str, float], notes: Sequence[str]) -> None:
    """Print these, and write them into the report that was named; what another stage put there stays."""
    sys.stdout.write("".join(f"{name:<40} {value:,.4g}\n" for name, value in figures.items()))
    if not args.report:
        return
    before = read_report(args.report) if args.report.is_file() else None
    now = make_report("parallel", COMMAND, figures, [f"{args.stage}: {note}" for note in notes])
    if before:
        kept = [note for note in before.notes if not note.startswith(f"{args.stage}: ")]
        now = replace(now, figures={**before.figures, **now.figures}, notes=(*kept, *now.notes))
    write_report(now, args.report)


def read_order(args: argparse.Namespace) -> RunOrder:
    """What was asked for."""
    layout, model, batch = (choose_config(config, args) for config in (Layout(), ModelConfig(), MicrobatchConfig()))
    order = RunOrder(out=args.out, layout=layout, model=model, batch=batch, text=args.text)
    return replace(order, steps=choose_config(STEPS, args), keep=choose_config(KeepConfig(), args))


def check_world(order: RunOrder, processes: int) -> None:
    """ConfigError unless torchrun started as many as the layout has."""
    order.layout.check(order.model.shape())
    if processes != order.layout.ranks:
        raise ConfigError(
            f"torchrun started {processes} processes, and {order.layout} needs {order.layout.ranks}."
            " Change --nproc-per-node, or --data, --pipeline and --tensor"
        )


Truth = tuple[list[float], dict[str, Tensor]]


def measure_layout(order: RunOrder, truth: Truth) -> dict[str, float]:
    """Train with this layout: how far its losses and weights are off, and the seconds of the median step."""
    run_local(order)
    loss_off, weight_off = measure_difference(order, truth)
    seconds, name = median(line["seconds"] for line in RunFolder(order.out, {}).read_log()), f"parallel_{order.layout}"
    return {f"{name}_loss_difference": loss_off, f"{name}_weight_difference": weight_off, f"{name}_seconds": seconds}


def measure_difference(order: RunOrder, truth: Truth) -> tuple[float, float]:
    """How far losses, and weights, of a run's folder are from the truth."""
    losses = [line["loss"] for line in RunFolder(order.out, {}).read_log()]
    folder = checkpoint.find_latest(order.out)
    assert folder is not None, f"no checkpoint in {order.out}"
    weights = checkpoint.read_weights(folder, list_cuts(order.model.shape()))
    return (
        max(abs(a - b) for a, b in zip(losses, truth[0], strict=True)),
        max(float((weights[name] - value).abs().max()) for name, value in truth[1].items()),
    )


def measure_killed_rank(order: RunOrder, resumed: Layout, truth: Truth) -> tuple[str, float, float]:
    """Kill a rank in the middle, go on with another layout: (what was said, and how far losses and weights are off)."""
    try:
        run_local(order, started=make_killer(order.out, rank=VICTIM, step=VICTIM_STEP))
        said = "nothing: all steps were over"
    except RankLost as error:
        said = str(error)
    again = replace(order, layout=resumed)
    run_local(again)
    return said, *measure_difference(again, truth)


def make_killer(out: Path, *, rank: int, step: int) -> Callable[[Sequence[Any]], None]:
    """Somebody who kills a rank as soon as the log has that step."""

    def wait_and_kill(process: int) -> None:
        while len(RunFolder(out, {}).read_log()) < step:
            sleep(LOOK_S)
        os.kill(process, signal.SIGKILL)

    return lambda ranks: Thread(target=wait_and_kill, args=(ranks[rank].pid,), daemon=True).start()


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


def measure_cost(shape: DecoderShape, layers: int, *, tokens: int = ROW_TOKENS, times: int = TIMES) -> dict[str, float]:
    """One step, forwards and back, with so many layers worked out twice. Weights are random: they cost as learned ones.

    MB that autograd keeps, MB of resident memory above what weights and gradients have, and seconds of the processor:
    one thread, so that others at work hardly change it.
    """
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
    return {"kept_mb": kept.bytes / 1e6, "peak_mb": peak_mb, "seconds": seconds}


def _step(decoder: nn.Module, ids: Tensor) -> float:
    begun = time.process_time()
    compute_loss(decoder, ids).backward()  # type: ignore[arg-type]
    return time.process_time() - begun
