"""`train code`: train the tower and the word table that embed code, from pairs to the shipped weights.

Pairs are made from the installed packages that may be read, except those of the test; then the tower's upper layers
are trained, then the table; the weight of each is chosen on the packages of the dev part. Every step resumes where an
earlier call stopped.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.code import WEIGHTS, CodeSide
from deepseek_mm.embeddings.towers import text_tower_folder
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.code_search import list_held_functions, list_held_packages
from deepseek_mm.parse.packages import packages
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.code.objectives import (
    CodeBatchConfig,
    CodeBatches,
    CodePair,
    choose_share,
    initialise_table,
    make_package_pairs,
    make_table_loss,
    make_tower_loss,
    read_shell_pairs,
    read_task_pairs,
    unfreeze_upper_layers,
)
from deepseek_mm.training.loop import (
    CHECKPOINT,
    RunFolder,
    StepsConfig,
    make_gather,
    read_learned,
    tell_written,
    train_steps,
)

PAIRS, READ = "pairs.jsonl", "packages.tsv"
TASKS, SHELL = "mbpp_511_974.jsonl", "tldr_en.jsonl"
LAYERS = 3  # of the tower's six that are trained
NEW = ("table.", "share")  # without a packaged twin
TOWER = StepsConfig(steps=400, rate=2e-4, warm=0.08, decay=0.01, average=0.97)
TABLE = StepsConfig(steps=120, rate=5e-3, warm=0.05, average=0.97)
TOWER_BATCH = CodeBatchConfig(batch=112, tokens=64)
TABLE_BATCH = CodeBatchConfig(batch=384, tokens=128, doc=0.75, name=0.1, call=0.05, shell=0.07, task=0.03)
EVERY = 20  # steps of the tower between two checkpoints: some minutes
ALL = 10_000  # packages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train code`."""
    parser.add_argument("--text", type=Path, required=True, help=f"folder of {TASKS} and {SHELL}")
    parser.add_argument("--out", type=Path, default=Path("runs/code"), help="folder of this run: pairs, logs, plots")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write to")
    parser.add_argument("--steps", type=int, default=TOWER.steps, help="of the tower")
    parser.add_argument("--table-steps", type=int, default=TABLE.steps, help="of the table")
    parser.add_argument("--packages", type=int, default=ALL, help="read only so many")
    parser.add_argument("--threads", type=int, default=1, help="that are used")


def run(args: argparse.Namespace) -> int:
    """Make pairs, train, choose, write."""
    torch.set_num_threads(args.threads)
    pairs = read_pairs(args.out, args.text, limit=args.packages)
    side = CodeSide(text_tower_folder()).eval()
    before = {name: value.clone() for name, value in side.state_dict().items()}
    train_tower(side, pairs, args.out / "tower", steps=args.steps)
    train_table(side, pairs, args.out / "table", steps=args.table_steps)
    side.eval().requires_grad_(False)
    dev = list_held_functions("dev", packages())
    share, scores = choose_share(side, dev)
    side.share.fill_(share)
    for name, mrr in scores.items():
        say(f"{name}: MRR@10 {mrr:.4f} over {len(dev)} functions of the dev part")
    write_weights(args.weights, before, side)
    tell_written(args.weights)
    return 0


def read_pairs(out: Path, text: Path, *, limit: int) -> list[CodePair]:
    """Those that an earlier call made, or new ones, with a list of the packages they are from beside them."""
    for name in (TASKS, SHELL):
        if not (text / name).is_file():
            raise NothingThere(f"no file {text / name}. Name the folder that holds {TASKS} and {SHELL} with --text")
    file = out / PAIRS
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as stream, (out / READ).open("w", encoding="utf-8") as listed:
            for pair in make_pairs(text, limit, listed.write):
                stream.write(json.dumps(asdict(pair)) + "\n")
        draft.replace(file)
    pairs = [CodePair(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    say(f"{len(pairs)} pairs: {dict(Counter(pair.kind for pair in pairs))}")
    return pairs


def make_pairs(text: Path, limit: int, listed: Callable[[str], object]) -> Iterator[CodePair]:
    """Of every package that may be trained on, then commands and tasks."""
    held = {*list_held_packages("test"), *list_held_packages("dev")}
    for package in packages(limit):
        if package.name not in held:
            made = list(make_package_pairs(package))
            listed(f"{package.name}\t{package.licence}\t{len(made)}\n")
            yield from made
    yield from read_shell_pairs(text / SHELL)
    yield from read_task_pairs(text / TASKS)


def train_tower(side: CodeSide, pairs: Sequence[CodePair], out: Path, *, steps: int) -> None:
    """The upper layers; what is kept is their moving average."""
    journal = RunFolder(out, {"steps": steps, "batch": TOWER_BATCH.batch, "pairs": len(pairs), "layers": LAYERS})
    trained, loss = unfreeze_upper_layers(side, LAYERS), make_tower_loss(side, CodeBatches(pairs, TOWER_BATCH))
    train_steps(trained, make_gather(loss), journal, replace(TOWER, steps=steps), every=EVERY)
    load_learned(trained, out)


def train_table(side: CodeSide, pairs: Sequence[CodePair], out: Path, *, steps: int) -> None:
    """The word pieces' vectors and weights."""
    journal = RunFolder(out, {"steps": steps, "batch": TABLE_BATCH.batch, "pairs": len(pairs)})
    side.requires_grad_(False)
    side.table.requires_grad_(True)
    trained = dict(side.table.named_parameters())
    if not (out / CHECKPOINT).is_file():
        initialise_table(side, pairs)
    loss = make_table_loss(side, CodeBatches(pairs, TABLE_BATCH))
    train_steps(trained, make_gather(loss), journal, replace(TABLE, steps=steps), every=5 * EVERY)
    load_learned(trained, out)


def load_learned(trained: Mapping[str, nn.Parameter], out: Path) -> None:
    """What the run in this folder has learned."""
    kept = read_learned(out)
    with torch.no_grad():
        for name, weight in trained.items():
            weight.copy_(kept[name])


def write_weights(file: Path, before: Mapping[str, Tensor], side: CodeSide) -> None:
    """Write what changed."""
    atomic_write(file, save(pack_changes(before, side.state_dict(), new=NEW)))


def say(text: str) -> None:
    """Beside the bars."""
    tqdm.write(text, file=sys.stderr)
