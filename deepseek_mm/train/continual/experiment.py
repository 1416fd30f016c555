"""`train continual --experiment`: five domains in a row, learned in five ways, for several seeds.

What heads see of all questions is kept in --out, so that the towers look at every picture once; so is the matrix of
every run that is done, so that a call goes on where an earlier one stopped. How stiffly the anchors hold is chosen with
a seed of its own.

Shape key:  K domains, S seeds
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.learning.rows import Rows
from deepseek_mm.train.continual.course import WAYS, CourseConfig, Lesson, course, forgotten, learned_newly
from deepseek_mm.train.continual.domains import NAMES, domains, seen_of
from deepseek_mm.train.report import made_now, write

CHOOSING = 1_000  # the seed that chooses
HOLDS = (1_000.0, 10_000.0)  # tried for the anchors
COMMAND = "python -m deepseek_mm train continual --experiment --data DATA --report docs/learning/continual.json"
PLOT = "continual.png"
SEEN, TOLD = "seen.safetensors", "seen.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A way's matrices."""

    told_SKK: Tensor

    @property
    def newly_S(self) -> Tensor:
        """Accuracy right after learning, of each seed."""
        return torch.tensor([learned_newly(told_KK) for told_KK in self.told_SKK])

    @property
    def forgotten_S(self) -> Tensor:
        """What was lost at the end, of each seed."""
        return torch.tensor([forgotten(told_KK) for told_KK in self.told_SKK])


def run_experiment(data: Path, out: Path, report: Path | None, *, seeds: int, config: CourseConfig) -> int:
    """All ways and seeds; prints, draws and writes what came out."""
    lessons, answers = read_lessons(data, out)
    config = with_chosen_holds(lessons, answers, out, config)
    found = {way: Outcome(torch.stack([told_by(lessons, answers, way, replace(config, seed=seed), out)
        for seed in range(seeds)])) for way in WAYS}  # fmt: skip
    figures = figures_of(found)
    for name, value in figures.items():
        tqdm.write(f"{name} {value:.4g}", file=sys.stderr)
    if report:
        write(
            made_now("continual", f"{COMMAND} --seeds {seeds}", figures, notes_of(lessons, answers, seeds, config)),
            report,
        )
        draw(found, report.with_name(PLOT))
    return 0


def read_lessons(data: Path, out: Path) -> tuple[list[Lesson], int]:
    """What heads see of the five domains, and how many answers there are in all of them."""
    if not (out / TOLD).is_file():
        keep_seen(data, out)
    told, seen = json.loads((out / TOLD).read_text(encoding="utf-8")), load_file(out / SEEN)
    class_of = {answer: n for n, answer in enumerate(sorted({a for name in NAMES for a in told[name]["answers"]}))}
    lessons = []
    for name in NAMES:
        right_N = torch.tensor([class_of[answer] for answer in told[name]["answers"]])
        tested_N, rows = torch.tensor(told[name]["tested"]), Rows.of(seen[name].float(), right_N)
        lessons.append(Lesson(rows.at(~tested_N), rows.at(tested_N)))
    return lessons, len(class_of)


def keep_seen(data: Path, out: Path) -> None:
    """Look at every picture once."""
    out.mkdir(parents=True, exist_ok=True)
    space, told, seen = DefaultSpace(), dict[str, object](), dict[str, Tensor]()
    for domain in domains(data):
        seen[domain.name] = seen_of(space, domain).bfloat16()
        told[domain.name] = {
            "answers": [put.answer for put in domain.puts],
            "tested": [put.tested for put in domain.puts],
        }
    save_file(seen, out / SEEN)
    (out / TOLD).write_text(json.dumps(told), encoding="utf-8")


def with_chosen_holds(lessons: Sequence[Lesson], answers: int, out: Path, config: CourseConfig) -> CourseConfig:
    """Of each anchor the stiffness that leaves most at the end, over all domains."""

    def left(way: str, hold: float) -> float:
        tried = replace(config, hold=hold, hold_both=hold, seed=CHOOSING)
        return float(told_by(lessons, answers, way, tried, out)[-1].mean())

    return replace(config, hold=max(HOLDS, key=partial(left, "ewc")), hold_both=max(HOLDS, key=partial(left, "both")))


def told_by(lessons: Sequence[Lesson], answers: int, way: str, config: CourseConfig, out: Path) -> Tensor:
    """(K, K) of one run, out of its folder where it was done before with these numbers."""
    file = out / "runs" / f"{way}-{config.seed}-{config.hold:g}-{config.hold_both:g}.json"
    settings = asdict(config)
    if file.is_file() and (kept := json.loads(file.read_text(encoding="utf-8")))["settings"] == settings:
        return torch.tensor(kept["told"])
    tqdm.write(f"{way}, seed {config.seed}", file=sys.stderr)
    told_KK = course(lessons, answers, way, config)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"settings": settings, "told": told_KK.tolist()}), encoding="utf-8")
    return told_KK


def figures_of(found: Mapping[str, Outcome]) -> dict[str, float]:
    """Percent, but for the ratio: mean and spread (standard deviation) over seeds of each way."""
    figures = {}
    for way, outcome in found.items():
        if way == "joint":
            figures["joint_accuracy"] = 100 * float(outcome.told_SKK[:, -1].mean())
            continue
        figures |= spread(f"{way}_new_accuracy", outcome.newly_S) | spread(f"{way}_forgetting", outcome.forgotten_S)
        figures[f"{way}_final_accuracy"] = 100 * float(outcome.told_SKK[:, -1].mean())
    plain = float(found["plain"].forgotten_S.mean())
    best = min(("ewc", "replay", "both"), key=lambda way: -float(found[way].told_SKK[:, -1].mean()))
    least = max(1e-4, float(found[best].forgotten_S.mean()))
    return {"replay_over_finetune": plain / least} | figures


def spread(name: str, shares_S: Tensor) -> dict[str, float]:
    """Mean and standard deviation, in percent."""
    return {name: 100 * float(shares_S.mean()), f"{name}_spread": 100 * float(shares_S.std(correction=0))}


def notes_of(lessons: Sequence[Lesson], answers: int, seeds: int, config: CourseConfig) -> list[str]:
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


def draw(found: Mapping[str, Outcome], file: Path) -> None:
    """A matrix a way: row k is what is known after domain k, in percent, mean over seeds."""
    from matplotlib.figure import Figure

    ways = [way for way in found if way != "joint"]
    figure = Figure(figsize=(3.2 * len(ways), 3.6), layout="constrained")
    for axes, way in zip(figure.subplots(1, len(ways), squeeze=False)[0], ways, strict=True):
        told_KK = 100 * found[way].told_SKK.mean(dim=0)
        axes.imshow(told_KK, vmin=0, vmax=100, cmap="viridis")
        for k, row in enumerate(told_KK.tolist()):
            for n, value in enumerate(row):
                axes.text(n, k, f"{value:.0f}", ha="center", va="center", color="white" if value < 60 else "black")
        lost = 100 * float(found[way].forgotten_S.mean())
        axes.set_title(f"{way}: forgets {lost:.1f}", fontsize=10)
        axes.set_xticks(range(len(NAMES)), NAMES, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(NAMES)), [f"after {name}" for name in NAMES] if way == ways[0] else [], fontsize=8)
    figure.savefig(file, dpi=90)
