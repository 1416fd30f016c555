"""`train parallel`: train one model on many processes, by data, pipeline and tensor parallelism; and measure the cost.

Run as it is, it starts the ranks of the layout on this machine; under torchrun it is one of the ranks. A run that was
stopped resumes from its last checkpoint, with any layout.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.loop import StepsConfig, add_config_flags, choose_config
from deepseek_mm.training.parallel import measurements
from deepseek_mm.training.parallel.cost_model import write_tables
from deepseek_mm.training.parallel.launcher import run_local
from deepseek_mm.training.parallel.layout import Layout
from deepseek_mm.training.parallel.recipe import SOURCE, MicrobatchConfig, ModelConfig, train_single
from deepseek_mm.training.parallel.worker import STEPS, KeepConfig, RunOrder, run_rank
from deepseek_mm.training.report import make_report, read_report, write_report

STAGES = ("train", "layouts", "memory", "arithmetic")
LAYOUTS = tuple(Layout(data=d, pipeline=p, tensor=t) for d in (1, 2) for p in (1, 2) for t in (1, 2))
EIGHT, FOUR = Layout(data=2, pipeline=2, tensor=2), Layout(pipeline=2, tensor=2)
WORDS = "--report docs/learning/parallel.json --pictures docs/learning"
COMMAND = f"python -m deepseek_mm train parallel --stage layouts {WORDS}; and the same with --stage memory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train parallel`; every number of the recipe is one."""
    parser.add_argument(
        "--stage",
        choices=STAGES,
        default="train",
        help="train; layouts: all of them beside one process; memory: layers worked out twice; arithmetic: a giant",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/parallel"), help="folder that all ranks reach")
    parser.add_argument("--text", type=Path, default=SOURCE, help="folder whose Python files are read")
    parser.add_argument("--report", type=Path, help="layouts, memory: file for the figures")
    parser.add_argument("--pictures", type=Path, help="layouts, memory: folder of the picture; without it --out")
    add_config_flags(parser, Layout, ModelConfig, MicrobatchConfig, StepsConfig, KeepConfig)


def run(args: argparse.Namespace) -> int:
    """Train as all ranks or as one, or measure."""
    if args.stage == "arithmetic":
        sys.stdout.write(write_tables() + "\n")
    elif args.stage == "memory":
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
    found = measurements.measure_layouts(order, LAYOUTS, truth)
    with TemporaryDirectory() as folder:
        said, loss_off, weight_off = measurements.measure_killed_rank(
            replace(order, layout=EIGHT, out=Path(folder)), FOUR, truth
        )
    told = measurements.make_figures(found)
    told |= {"parallel_resumed_loss_difference": loss_off, "parallel_resumed_weight_difference": weight_off}
    measurements.draw_layouts(found, (args.pictures or args.out) / "parallel_layouts.png")
    sys.stdout.write(
        f"{measurements.write_table(found)}killed: {said}\nresumed as {FOUR}: weights off by {weight_off:.1e}\n"
    )
    notes = (f"a killed rank: {said}", f"it was resumed as {FOUR}", "bytes are those of all ranks in one step")
    add_to_report(args, told, notes)


def measure_memory(args: argparse.Namespace) -> None:
    """The shape of the packaged language model, with more and more of its layers worked out twice."""
    spent = list(measurements.measure_costs())
    title = f"a step of SmolLM2's shape, {measurements.ROW_TOKENS} tokens, 32-bit numbers, one thread"
    measurements.draw_costs(spent, (args.pictures or args.out) / "parallel_memory.png", title=title)
    told: dict[str, float] = {}
    for cost in spent:
        name = f"memory_{cost.layers}_layers"
        told |= {f"{name}_kept_mb": cost.kept_mb, f"{name}_peak_mb": cost.peak_mb, f"{name}_seconds": cost.seconds}
    sys.stdout.write("".join(f"{name:<32} {value:,.4g}\n" for name, value in told.items()))
    add_to_report(args, told, (title,))


def add_to_report(args: argparse.Namespace, figures: Mapping[str, float], notes: Sequence[str]) -> None:
    """Write these into the report that was named; what another stage put there stays."""
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
