"""The measured outcomes of every run, the report with its spread, two plots, and a card in the run's folder.

pass@1 is the share of drawn answers that pass every test, at the policy's temperature. Beside it stand the likeliest
answer, the one that the model itself would pick of those it drew (no test is looked at), and the puzzles that any of
them solved. Shares are compared puzzle by puzzle between the warm-up and what came after; the seeds give the spread.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

import torch

from deepseek_mm.errors import NothingThere
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import LOG, read_log
from deepseek_mm.training.ppo.judge import CandidateJudge
from deepseek_mm.training.ppo.learner import PPOConfig
from deepseek_mm.training.ppo.problems import Puzzle
from deepseek_mm.training.ppo.rollouts import AnswerWriter, Rollout
from deepseek_mm.training.ppo.rounds import SAMPLES
from deepseek_mm.training.report import TrainingReport, make_report, write_report

DRAWN = 10  # answers of a puzzle
SEED = 20_261_128


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """One puzzle's outcome."""

    name: str
    level: int
    drawn: int  # of DRAWN answers that pass
    greedy: bool
    picked: bool  # the likeliest of the drawn ones passes
    shown: str  # the first one that was drawn


def measure(writer: AnswerWriter, judge: CandidateJudge, puzzles: Sequence[Puzzle]) -> list[Solved]:
    """Every puzzle's outcome, in order."""
    rollouts = writer.write(puzzles, DRAWN + 1, seed=SEED, greedy=True)
    judge.judge([(rollout.puzzle, text) for rollout in rollouts for text in rollout.texts])  # all in one; remembered
    return [measure_puzzle(writer, judge, rollout) for rollout in rollouts]


def measure_puzzle(writer: AnswerWriter, judge: CandidateJudge, some: Rollout) -> Solved:
    """Of one puzzle; the last of its answers is the likeliest one and was not drawn."""
    puzzle = some.puzzle
    right = [verdict.right for verdict in judge.judge([(puzzle, text) for text in some.texts])]
    return Solved(
        name=puzzle.name,
        level=puzzle.level,
        drawn=sum(right[:-1]),
        greedy=right[-1],
        picked=right[pick_likeliest(writer, some)],
        shown=some.texts[0],
    )


@torch.no_grad()
def pick_likeliest(writer: AnswerWriter, some: Rollout) -> int:
    """The number of the drawn answer with the highest probability a token."""
    logprobs = writer.policy.score_answers([some.group]).logprob_A
    means = [float(each.mean()) for each in logprobs.split([len(answer) for answer in some.group.answers])]
    return max(range(DRAWN), key=lambda n: means[n])


def compute_rates(outcomes: Sequence[Solved]) -> dict[str, float]:
    """Percent."""
    told = {
        "pass_rate": mean(each.drawn / DRAWN for each in outcomes),
        "greedy": mean(each.greedy for each in outcomes),
        "best_of_n": mean(each.picked for each in outcomes),
        "pass_at_n": mean(each.drawn > 0 for each in outcomes),
    }
    for level in sorted({each.level for each in outcomes}):
        told[f"pass_rate_level_{level}"] = mean(each.drawn / DRAWN for each in outcomes if each.level == level)
    return {name: 100 * value for name, value in told.items()}


OUTCOMES, CARD = "outcomes.json", "CARD.md"
UNSEEN = "ppo_unseen.txt"  # problems that nothing is learned from, beside the report
WARM = "warm"
DPI = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredRun:
    """Of one run, after so many rounds."""

    rounds: int
    solved: tuple[Solved, ...]


def write_outcomes(folder: Path, outcomes: MeasuredRun) -> None:
    """Into the run's folder."""
    atomic_write(folder / OUTCOMES, json.dumps(asdict(outcomes), indent=0).encode())


def read_outcomes(folder: Path) -> MeasuredRun | None:
    """None if it was not measured yet."""
    path = folder / OUTCOMES
    if not path.is_file():
        return None
    saved = json.loads(path.read_text(encoding="utf-8"))
    return MeasuredRun(rounds=saved["rounds"], solved=tuple(Solved(**row) for row in saved["solved"]))


def describe_rates(solved: Sequence[Solved]) -> str:
    """For people."""
    return ", ".join(f"{name} {value:.1f}" for name, value in compute_rates(solved).items())


def write_ppo_report(out: Path, path: Path, *, command: str, config: PPOConfig) -> TrainingReport:
    """Write the report, the plots beside it, and the card. NothingThere if nothing was measured."""
    before = read_outcomes(out / WARM)
    runs = {folder.name: told for folder in sorted(out.iterdir()) if (told := read_outcomes(folder))}
    seeds = {name: told for name, told in runs.items() if name.startswith("ppo-")}
    if before is None or not seeds:
        raise NothingThere(f"nothing was measured in {out}. Run: {command} --stage measure")
    figures = compute_figures(before, list(seeds.values())) | compare_rejection(runs)
    report = make_report("ppo", command, figures, write_notes(out, before, seeds, config))
    write_report(report, path)
    atomic_write(path.with_name(UNSEEN), "".join(f"{name}\n" for name in list_problems(before)).encode())
    plot_runs(out, sorted(seeds), figures, path.with_suffix(".png"))
    atomic_write(out / CARD, write_card(report).encode())
    return report


def compute_figures(before: MeasuredRun, after: Sequence[MeasuredRun]) -> dict[str, float]:
    """Percent: means over the seeds, and how far these are apart."""
    warm, ends = compute_rates(before.solved), [compute_rates(each.solved) for each in after]
    passed = [end["pass_rate"] for end in ends]
    figures = {
        "ppo_pass_rate_gain": mean(passed) - warm["pass_rate"],
        "ppo_pass_rate_before": warm["pass_rate"],
        "ppo_pass_rate_after": mean(passed),
        "ppo_pass_rate_after_lowest": min(passed),
        "ppo_pass_rate_after_highest": max(passed),
        "ppo_pass_rate_after_deviation": stdev(passed) if len(passed) > 1 else 0.0,
        "ppo_seeds": len(passed),
        "ppo_rounds": mean(each.rounds for each in after),
        "ppo_test_puzzles": len(before.solved),
        "ppo_test_problems": len(list_problems(before)),
    }
    for name in ("greedy", "best_of_n", "pass_at_n"):
        figures[f"ppo_{name}_before"], figures[f"ppo_{name}_after"] = warm[name], mean(end[name] for end in ends)
    for name in (name for name in warm if "level" in name):
        figures[f"ppo_{name}_before"], figures[f"ppo_{name}_after"] = warm[name], mean(end[name] for end in ends)
    return {name: round(value, 3) for name, value in figures.items()}


def list_problems(outcomes: MeasuredRun) -> list[str]:
    """Names of the problems that were measured."""
    return sorted({each.name.rpartition(":")[0] for each in outcomes.solved})


def compare_rejection(runs: Mapping[str, MeasuredRun]) -> dict[str, float]:
    """Rejection fine-tuning, where it was run."""
    ends = [compute_rates(told.solved) for name, told in runs.items() if name.startswith("rejection-")]
    if not ends:
        return {}
    names = ("pass_rate", "greedy", "pass_at_n")
    return {f"ppo_rejection_{name}": round(mean(end[name] for end in ends), 3) for name in names}


def write_notes(out: Path, before: MeasuredRun, seeds: Mapping[str, MeasuredRun], config: PPOConfig) -> list[str]:
    """How it was measured, in sentences."""
    rounds = ", ".join(f"{name} {told.rounds}" for name, told in seeds.items())
    drawn = sum(len(read_log(out / name / LOG)) for name in seeds) * config.trajectories
    return [
        f"Pass rates are percent of {len(before.solved)} puzzles whose problems nothing was learned from, of 10 answers"
        " drawn at temperature 0.8; before is the supervised warm-up that all runs begin with.",
        f"Rounds of {config.trajectories} trajectories: {rounds}; {drawn} trajectories in all.",
        "best_of_n is the likeliest of the ten, which looks at no test; pass_at_n tells whether any of the ten passes.",
    ]


def plot_runs(out: Path, names: Sequence[str], figures: Mapping[str, float], path: Path) -> None:
    """Reward and pass rate by round, and pass rates of unseen problems before and after."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in names:
        lines = read_log(out / name / LOG)
        rounds = [line["step"] for line in lines]
        left.plot(rounds, [line["reward"] for line in lines], "--", label=f"{name}, reward")
        left.plot(rounds, [line["pass_rate"] for line in lines], label=f"{name}, pass rate")
    left.set(xlabel="round", title="while learning (puzzles get harder)", ylim=(0, 1))
    left.legend(fontsize=7)
    bars = ["pass_rate", "greedy", "best_of_n", "pass_at_n"]
    for shift, when in ((-0.2, "before"), (0.2, "after")):
        right.bar([n + shift for n in range(4)], [figures[f"ppo_{bar}_{when}"] for bar in bars], 0.4, label=when)
    right.set_xticks(range(4), ["pass@1", "greedy", "likeliest of 10", "any of 10"])
    right.set(title="unseen problems, percent")
    right.legend()
    figure.savefig(path, dpi=DPI)


def write_card(report: TrainingReport) -> str:
    """What lies in the folder, for whoever finds it."""
    rows = "\n".join(f"| {name} | {value:g} |" for name, value in report.figures.items())
    return (
        "# Changes of the last layers of deepseek-mm, learned by PPO\n\n"
        f"Made {report.made} by `{report.command}` (commit {report.commit}) on {report.machine}.\n"
        "Learned from MBPP 511-974 (CC BY 4.0) and small functions of installed packages under MIT, BSD, Apache-2.0 and"
        " PSF;\nHumanEval and MBPP 11-510 were not read. `checkpoint.pt` of each run holds the changes,"
        f" `{LOG}` a line a round,\n`{SAMPLES}` answers of every round.\n\n| figure | value |\n|---|---|\n{rows}\n\n"
        + "\n".join(f"- {line}" for line in report.notes)
        + "\n"
    )
