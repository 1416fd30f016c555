"""`train code`: the tower and the table of words that read code, from pairs to the weights that are shipped.

Pairs are made out of the packages that are installed here and may be read, but for those of the test; then the tower's
upper layers learn, then the table; how much each of them counts is chosen on the packages of the dev part. Every step
goes on where an earlier call stopped.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.code import WEIGHTS, CodeSide
from deepseek_mm.embeddings.package_files import text_tower_folder
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.code_search import list_held_functions, list_held_packages
from deepseek_mm.parse.packages import packages
from deepseek_mm.train.code.choose import choose_share
from deepseek_mm.train.code.learn import BatchConfig, Batches, first_table, table_loss, tower_loss, upper_layers
from deepseek_mm.train.code.pairs import Pair, package_pairs, shell_pairs, task_pairs
from deepseek_mm.train.journal import CHECKPOINT, Journal, learned
from deepseek_mm.train.loop import gathered, train_steps
from deepseek_mm.train.steps import StepsConfig

PAIRS, READ = "pairs.jsonl", "packages.tsv"
TASKS, SHELL = "mbpp_511_974.jsonl", "tldr_en.jsonl"
LAYERS = 3  # of the tower's six that are trained
NEW = ("table.", "share")  # without a packaged twin
TOWER = StepsConfig(steps=400, rate=2e-4, warm=0.08, decay=0.01, average=0.97)
TABLE = StepsConfig(steps=120, rate=5e-3, warm=0.05, average=0.97)
TOWER_BATCH = BatchConfig(batch=112, tokens=64)
TABLE_BATCH = BatchConfig(batch=384, tokens=128, doc=0.75, name=0.1, call=0.05, shell=0.07, task=0.03)
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
    say(f"wrote {args.weights} ({args.weights.stat().st_size / 1e6:.1f} MB)")
    return 0


def read_pairs(out: Path, text: Path, *, limit: int) -> list[Pair]:
    """Those that an earlier call made, or new ones, with a list of the packages they are from beside them."""
    for name in (TASKS, SHELL):
        if not (text / name).is_file():
            raise NothingThere(f"no file {text / name}. Name the folder that holds {TASKS} and {SHELL} with --text")
    file = out / PAIRS
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as stream, (out / READ).open("w", encoding="utf-8") as listed:
            for pair in new_pairs(text, limit, listed.write):
                stream.write(json.dumps(asdict(pair)) + "\n")
        draft.replace(file)
    pairs = [Pair(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    say(f"{len(pairs)} pairs: {dict(Counter(pair.kind for pair in pairs))}")
    return pairs


def new_pairs(text: Path, limit: int, listed: Callable[[str], object]) -> Iterator[Pair]:
    """Of every package that may be trained on, then commands and tasks."""
    held = {*list_held_packages("test"), *list_held_packages("dev")}
    for package in packages(limit):
        if package.name not in held:
            made = list(package_pairs(package))
            listed(f"{package.name}\t{package.licence}\t{len(made)}\n")
            yield from made
    yield from shell_pairs(text / SHELL)
    yield from task_pairs(text / TASKS)


def train_tower(side: CodeSide, pairs: Sequence[Pair], out: Path, *, steps: int) -> None:
    """The upper layers; what is kept is their moving average."""
    journal = Journal(out, {"steps": steps, "batch": TOWER_BATCH.batch, "pairs": len(pairs), "layers": LAYERS})
    trained, loss = upper_layers(side, LAYERS), tower_loss(side, Batches(pairs, TOWER_BATCH))
    train_steps(trained, gathered(loss), journal, replace(TOWER, steps=steps), every=EVERY)
    take_over(trained, out)


def train_table(side: CodeSide, pairs: Sequence[Pair], out: Path, *, steps: int) -> None:
    """The word pieces' vectors and weights."""
    journal = Journal(out, {"steps": steps, "batch": TABLE_BATCH.batch, "pairs": len(pairs)})
    side.requires_grad_(False)
    side.table.requires_grad_(True)
    trained = dict(side.table.named_parameters())
    if not (out / CHECKPOINT).is_file():
        first_table(side, pairs)
    loss = table_loss(side, Batches(pairs, TABLE_BATCH))
    train_steps(trained, gathered(loss), journal, replace(TABLE, steps=steps), every=5 * EVERY)
    take_over(trained, out)


def take_over(trained: Mapping[str, nn.Parameter], out: Path) -> None:
    """What the run in this folder has learned."""
    kept = learned(out)
    with torch.no_grad():
        for name, weight in trained.items():
            weight.copy_(kept[name])


def write_weights(file: Path, before: Mapping[str, Tensor], side: CodeSide) -> None:
    """What changed, beside the target and then renamed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    save_file(pack_changes(before, side.state_dict(), new=NEW), draft)
    draft.replace(file)


def say(text: str) -> None:
    """Beside the bars."""
    tqdm.write(text, file=sys.stderr)
