"""`train continual`: learn from what was corrected in a library, without forgetting.

Alone it is `learning train` of the library --library: a version that waits to be accepted. `--stage memory` makes the
sample that is shipped for replay. `--experiment` learns five domains in a row in five ways, and writes a report:
`plain` learns the new domain alone. `ewc` is held by the Fisher information of the earlier domains. `replay` learns a
sample of the earlier ones again, from a reservoir of fixed size. `both` does both. `joint` has all data at once: the
upper bound. After each domain the head is tested on all of them. Forgetting of a domain is its loss of accuracy since
its best before the last one (Chaudhry et al. 2018, arXiv:1801.10112, section 3). The heads' inputs and the matrix of
every finished run are kept in --out, so a call resumes where an earlier one stopped.

Shape key:  K domains, S seeds, N questions, W input of a head, V answers of all domains
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.errors import ConfigError
from deepseek_mm.learning.memory import WEIGHTS, ReaderRows, Reservoir, join_rows
from deepseek_mm.learning.study import Anchor, FitConfig, fisher_of, fit, weights_of
from deepseek_mm.training.continual.domains import NAMES, compute_inputs, make_domains
from deepseek_mm.training.continual.replay_sample import make_memory
from deepseek_mm.training.report import make_report, write_report

WAYS = ("plain", "ewc", "replay", "both", "joint")
WIDTH = 64  # of the head
REPLAYED = 64  # examples of the reservoir in a step, beside as many new ones
KNOWN = 128  # examples of a domain that its Fisher information is reckoned from


@dataclass(frozen=True, kw_only=True, slots=True)
class CourseConfig:
    """How the domains are learned."""

    steps: int = 250  # of each domain
    rate: float = 1e-3
    kept: int = 500  # examples in the reservoir
    hold: float = 300.0  # of the anchor's penalty where it is alone
    hold_both: float = 30.0  # the same beside replay
    seed: int = 0


@dataclass(frozen=True, slots=True)
class DomainLesson:
    """A domain: what is learned, and what is asked."""

    train: ReaderRows
    test: ReaderRows


def make_head(width: int, answers: int, seed: int) -> nn.Module:
    """A fresh one."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, WIDTH), nn.GELU(), nn.Linear(WIDTH, answers))


def run_course(lessons: Sequence[DomainLesson], answers: int, way: str, config: CourseConfig) -> Tensor:
    """(K, K): row k is the accuracy on each domain, 0 to 1, after domain k was learned."""
    net = make_head(lessons[0].train.x_NW.shape[1], answers, config.seed)
    every = join_rows([lesson.train for lesson in lessons])
    told = FitConfig(steps=config.steps, rate=config.rate, replayed=REPLAYED, seed=config.seed)
    if way == "joint":
        fit(net, every, replace(told, steps=config.steps * len(lessons), batch=told.batch + REPLAYED))
        return measure_accuracies(net, lessons).expand(len(lessons), -1)
    hold, replays = {"ewc": config.hold, "both": config.hold_both}.get(way, 0.0), way in ("replay", "both")
    memory: Reservoir[int] = Reservoir(size=config.kept, seed=config.seed)
    anchor: Anchor | None = None
    rows, first = list[Tensor](), 0
    for lesson in lessons:
        old = every.at(torch.tensor(memory.kept, dtype=torch.int64)) if replays else None
        fit(net, lesson.train, replace(told, hold=hold), old=old, anchor=anchor)
        memory = memory.with_more(shuffle_numbers(first, len(lesson.train), config.seed))
        first += len(lesson.train)
        if hold:
            needs = fisher_of(net, lesson.train.x_NW[:KNOWN], seed=config.seed)
            anchor = anchor.move_to(net, needs) if anchor else Anchor(weights_of(net), needs)
        rows.append(measure_accuracies(net, lessons))
    return torch.stack(rows)


def shuffle_numbers(first: int, count: int, seed: int) -> list[int]:
    """So many numbers from the first on, in an order of chance."""
    order_N = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return [first + n for n in order_N.tolist()]


@torch.inference_mode()
def measure_accuracies(net: nn.Module, lessons: Sequence[DomainLesson]) -> Tensor:
    """(K,): share of each domain's test questions that are answered right."""
    shares = [(net(each.test.x_NW).argmax(-1) == each.test.right_N).float().mean() for each in lessons]
    return torch.stack(shares)


def compute_new_accuracy(told_KK: Tensor) -> Tensor:
    """Mean accuracy on each domain right after it was learned, 0 to 1; of several matrices (S, K, K) of each."""
    return told_KK.diagonal(dim1=-2, dim2=-1).mean(-1)


def compute_forgetting(told_KK: Tensor) -> Tensor:
    """Mean over all domains but the last: the best accuracy before the last one was learned, less that at the end."""
    best_K = told_KK[..., :-1, :-1].amax(dim=-2)
    return (best_K - told_KK[..., -1, :-1]).mean(-1)


CHOOSING = 1_000  # the seed that chooses
HOLDS = (1_000.0, 10_000.0)  # tried for the anchors
COMMAND = "python -m deepseek_mm train continual --experiment --data DATA --report docs/learning/continual.json"
PLOT = "continual.png"
SEEN, TOLD = "seen.safetensors", "seen.json"


def run_experiment(data: Path, out: Path, report: Path | None, *, seeds: int, config: CourseConfig) -> int:
    """All ways and seeds; prints, draws and writes what came out."""
    lessons, answers = read_lessons(data, out)
    config = choose_holds(lessons, answers, out, config)
    found = {
        way: torch.stack([run_once(lessons, answers, way, replace(config, seed=n), out) for n in range(seeds)])
        for way in WAYS
    }
    figures = compute_figures(found)
    for name, value in figures.items():
        tqdm.write(f"{name} {value:.4g}", file=sys.stderr)
    if report:
        write_report(
            make_report(
                "continual", f"{COMMAND} --seeds {seeds}", figures, write_notes(lessons, answers, seeds, config)
            ),
            report,
        )
        draw_matrices(found, report.with_name(PLOT))
    return 0


def read_lessons(data: Path, out: Path) -> tuple[list[DomainLesson], int]:
    """What heads see of the five domains, and how many answers there are in all of them."""
    if not (out / TOLD).is_file():
        cache_inputs(data, out)
    told, seen = json.loads((out / TOLD).read_text(encoding="utf-8")), load_file(out / SEEN)
    class_of = {answer: n for n, answer in enumerate(sorted({a for name in NAMES for a in told[name]["answers"]}))}
    lessons = []
    for name in NAMES:
        right_N = torch.tensor([class_of[answer] for answer in told[name]["answers"]])
        tested_N, rows = torch.tensor(told[name]["tested"]), ReaderRows.of(seen[name].float(), right_N)
        lessons.append(DomainLesson(rows.at(~tested_N), rows.at(tested_N)))
    return lessons, len(class_of)


def cache_inputs(data: Path, out: Path) -> None:
    """Look at every picture once."""
    out.mkdir(parents=True, exist_ok=True)
    space, told, seen = DefaultSpace(), dict[str, object](), dict[str, Tensor]()
    for domain in make_domains(data):
        seen[domain.name] = compute_inputs(space, domain).bfloat16()
        told[domain.name] = {
            "answers": [put.answer for put in domain.questions],
            "tested": [put.tested for put in domain.questions],
        }
    save_file(seen, out / SEEN)
    (out / TOLD).write_text(json.dumps(told), encoding="utf-8")


def choose_holds(lessons: Sequence[DomainLesson], answers: int, out: Path, config: CourseConfig) -> CourseConfig:
    """Of each anchor the stiffness that leaves most at the end, over all domains."""

    def measure_final(way: str, hold: float) -> float:
        tried = replace(config, hold=hold, hold_both=hold, seed=CHOOSING)
        return float(run_once(lessons, answers, way, tried, out)[-1].mean())

    return replace(
        config,
        hold=max(HOLDS, key=partial(measure_final, "ewc")),
        hold_both=max(HOLDS, key=partial(measure_final, "both")),
    )


def run_once(lessons: Sequence[DomainLesson], answers: int, way: str, config: CourseConfig, out: Path) -> Tensor:
    """(K, K) of one run, out of its folder where it was done before with these numbers."""
    file = out / "runs" / f"{way}-{config.seed}-{config.hold:g}-{config.hold_both:g}.json"
    settings = asdict(config)
    if file.is_file() and (kept := json.loads(file.read_text(encoding="utf-8")))["settings"] == settings:
        return torch.tensor(kept["told"])
    tqdm.write(f"{way}, seed {config.seed}", file=sys.stderr)
    told_KK = run_course(lessons, answers, way, config)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"settings": settings, "told": told_KK.tolist()}), encoding="utf-8")
    return told_KK


def compute_figures(found: Mapping[str, Tensor]) -> dict[str, float]:
    """Percent, but for the ratio: mean and spread (standard deviation) of each way's matrices (S, K, K) over seeds."""
    final = {way: 100 * float(told_SKK[:, -1].mean()) for way, told_SKK in found.items()}
    lost = {way: compute_forgetting(told_SKK) for way, told_SKK in found.items()}
    best = max(("ewc", "replay", "both"), key=lambda way: final[way])
    figures = {"replay_over_finetune": float(lost["plain"].mean()) / max(1e-4, float(lost[best].mean()))}
    for way, told_SKK in found.items():
        if way == "joint":
            figures["joint_accuracy"] = final[way]
            continue
        figures |= summarise(f"{way}_new_accuracy", compute_new_accuracy(told_SKK))
        figures |= summarise(f"{way}_forgetting", lost[way]) | {f"{way}_final_accuracy": final[way]}
    return figures


def summarise(name: str, shares_S: Tensor) -> dict[str, float]:
    """Mean and standard deviation, in percent."""
    return {name: 100 * float(shares_S.mean()), f"{name}_spread": 100 * float(shares_S.std(correction=0))}


def write_notes(lessons: Sequence[DomainLesson], answers: int, seeds: int, config: CourseConfig) -> list[str]:
    """How it was measured."""
    sizes = ", ".join(f"{n} {len(each.train)}/{len(each.test)}" for n, each in zip(NAMES, lessons, strict=True))
    return [
        f"One head (two layers, {answers} answers of all domains) over frozen vectors.",
        f"Questions to learn/to test: {sizes}.",
        f"{seeds} seeds, {config.steps} steps a domain; the reservoir holds {config.kept} examples; anchors hold with "
        f"{config.hold:g} alone and {config.hold_both:g} beside replay, chosen with a seed of its own.",
        "The best way is the one with the highest accuracy over all domains at the end; ratio: forgetting of plain "
        "fine-tuning over its forgetting.",
    ]


def draw_matrices(found: Mapping[str, Tensor], file: Path) -> None:
    """A matrix a way: row k is what is known after domain k, in percent, mean over seeds."""
    from matplotlib.figure import Figure

    ways = [way for way in found if way != "joint"]
    figure = Figure(figsize=(3.2 * len(ways), 3.6), layout="constrained")
    for axes, way in zip(figure.subplots(1, len(ways), squeeze=False)[0], ways, strict=True):
        told_KK = 100 * found[way].mean(dim=0)
        axes.imshow(told_KK, vmin=0, vmax=100, cmap="viridis")
        for k, row in enumerate(told_KK.tolist()):
            for n, value in enumerate(row):
                axes.text(n, k, f"{value:.0f}", ha="center", va="center", color="white" if value < 60 else "black")
        lost = 100 * float(compute_forgetting(found[way]).mean())
        axes.set_title(f"{way}: forgets {lost:.1f}", fontsize=10)
        axes.set_xticks(range(len(NAMES)), NAMES, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(NAMES)), [f"after {name}" for name in NAMES] if way == ways[0] else [], fontsize=8)
    figure.savefig(file, dpi=90)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train continual`."""
    parser.add_argument("--library", metavar="DATA", default="", help="whose corrections (else the usual library's)")
    parser.add_argument("--stage", choices=("memory",), help="make what is shipped, from the photos in --data")
    parser.add_argument("--experiment", action="store_true", help="five domains in a row, with the photos in --data")
    parser.add_argument("--data", type=Path, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--out", type=Path, default=Path("runs/continual"), help="folder of the experiment")
    parser.add_argument("--examples", type=Path, default=Path("examples"), help="folder of the bundled photos")
    parser.add_argument("--weights", type=Path, help="file that --stage memory writes (the shipped one)")
    parser.add_argument("--report", type=Path, help="file for the experiment's report; its plot lies beside it")
    parser.add_argument("--seeds", type=int, default=5, help="of the experiment")
    parser.add_argument("--steps", type=int, default=250, help="of the experiment, for each domain")


def run(args: argparse.Namespace) -> int:
    """Make the sample that is shipped, or run the experiment. ConfigError where a stage lacks its photos."""
    if args.data is None:
        raise ConfigError("this needs photos: --data FOLDER, a folder with flickr8k, coco_vqa and daquar")
    if args.stage:
        return make_memory(args.data, args.examples, args.weights or WEIGHTS)
    config = CourseConfig(steps=args.steps)
    return run_experiment(args.data, args.out, args.report, seeds=args.seeds, config=config)
