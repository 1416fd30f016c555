"""`train ppo`: train the language model to complete code so that tests pass, by proximal policy optimisation.

In stages: `problems` collects functions with tests (MBPP 511 to 974, and small functions of installed packages, with
the results of their calls), `warm` trains on the solutions of those that may be learned from, `learn` continues by PPO,
`measure` counts what passes on unseen problems, `report` writes the report: pass@1 is the share of drawn answers that
pass every test, at the policy's temperature; beside it stand the likeliest answer and the puzzles that any of them
solved, and the seeds give the spread. Every stage resumes where an earlier call stopped.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev

from tqdm import tqdm

from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
from deepseek_mm.lm.tokenizer import Tokenizer, read_tokenizer
from deepseek_mm.parse.packages import packages
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import (
    CHECKPOINT,
    LOG,
    RunFolder,
    add_config_flags,
    choose_config,
    read_checkpoint,
    read_learned,
    read_log,
)
from deepseek_mm.training.ppo.harvest import harvest_problems
from deepseek_mm.training.ppo.learner import (
    WARM_STEPS,
    Learner,
    PPOConfig,
    Rounds,
    judge_rollouts,
    make_lessons,
    warm_up,
)
from deepseek_mm.training.ppo.policy import AnswerWriter, Policy, PolicyConfig
from deepseek_mm.training.ppo.problems import (
    CandidateJudge,
    CodeProblem,
    Puzzle,
    make_puzzles,
    open_sandbox,
    read_mbpp,
    read_records,
    write_records,
)
from deepseek_mm.training.report import REPORTS, TrainingReport, make_report, write_report

PROBLEMS, PUZZLES, WARM = "problems.jsonl", "puzzles.jsonl", "warm"
SEEDS = 3
WARM_BATCH = 8  # problems of a step of the warm-up
tell = partial(tqdm.write, file=sys.stderr)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train ppo`; every number of the recipe is one."""
    parser.add_argument(
        "--stage", choices=(*STAGE_OF, "all"), default="all", help="one stage, or all of them in order (all)"
    )
    parser.add_argument("--text", type=Path, default=Path("data/text"), help="folder with mbpp_511_974.jsonl")
    parser.add_argument("--out", type=Path, default=Path("runs/ppo"), help="each stage has a file or folder in it")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of the stage all, seeds 0, 1, ... (3)")
    parser.add_argument("--tests", type=int, default=10_000, help="about so many puzzles are measured (all)")
    parser.add_argument("--report", type=Path, default=REPORTS / "ppo.json", help="file that the stage report writes")
    add_config_flags(parser, PPOConfig, PolicyConfig)
    parser.add_argument("--batch", type=int, default=WARM_BATCH, help="problems of a step of the warm-up")
    parser.add_argument("--warm-steps", type=int, default=WARM_STEPS.steps, help="of the warm-up")
    parser.add_argument("--warm-rate", type=float, default=WARM_STEPS.rate, help="the warm-up's learning rate")


def run(args: argparse.Namespace) -> int:
    """One stage, or all that are left."""
    if args.stage != "all":
        STAGE_OF[args.stage](args)
        return 0
    for stage in ("problems", "warm"):
        STAGE_OF[stage](args)
    for seed in range(args.seeds):
        learn(argparse.Namespace(**{**vars(args), "seed": seed}))
    for stage in ("measure", "report"):
        STAGE_OF[stage](args)
    return 0


def collect(args: argparse.Namespace) -> None:
    """Problems and puzzles, once."""
    if (args.out / PUZZLES).is_file():
        return
    sandbox = open_sandbox()
    problems = read_mbpp(args.text / "mbpp_511_974.jsonl") + harvest_problems(packages(), sandbox)
    tell(f"{len(problems)} problems")
    tokenizer = read_tokenizer(our_checkpoint().folder)
    puzzles = [puzzle for problem in problems for puzzle in make_puzzles(problem, tokenizer)]
    fit = select_sound(puzzles, CandidateJudge(sandbox))
    tell(f"{len(fit)} of {len(puzzles)} puzzles are sound; {sum(p.seen for p in fit)} may be learned from")
    write_records(args.out / PROBLEMS, problems)
    write_records(args.out / PUZZLES, fit)


def select_sound(puzzles: list[Puzzle], judge: CandidateJudge) -> list[Puzzle]:
    """Those whose own answer passes every test, and where nothing does not: neither `pass` nor no line at all."""
    right = judge.judge([(puzzle, puzzle.answer) for puzzle in puzzles])
    empty = judge.judge([(puzzle, puzzle.empty_answer) for puzzle in puzzles])
    gone = judge.judge([(puzzle, "") for puzzle in puzzles])
    return [
        p for p, a, *idle in zip(puzzles, right, empty, gone, strict=True) if a.right and not any(i.right for i in idle)
    ]


def train_warm_up(args: argparse.Namespace) -> None:
    """The supervised warm-up."""
    config: PolicyConfig = choose_config(PolicyConfig(), args)
    steps = replace(WARM_STEPS, steps=args.warm_steps, rate=args.warm_rate)
    journal = RunFolder(args.out / WARM, {**asdict(config), "batch": args.batch, **asdict(steps)})
    if (saved := journal.resume()) and saved["step"] == steps.steps:
        return
    policy, tokenizer = open_policy(config)
    problems = read_records(args.out / PROBLEMS, CodeProblem)
    groups = make_lessons(policy, problems, tokenizer, most=args.batch * steps.steps, seed=steps.seed)
    tell(f"{len(groups)} solutions, {sum(len(g.answers[0]) for g in groups)} tokens")
    warm_up(policy, groups, journal, steps=steps, batch=args.batch)
    journal.plot("loss")


def learn(args: argparse.Namespace) -> None:
    """All rounds of one run that are left."""
    config, shape = choose_config(PPOConfig(), args), choose_config(PolicyConfig(), args)
    journal = RunFolder(args.out / f"ppo-{config.seed}", {**asdict(config), **asdict(shape)})
    policy, tokenizer = open_policy(shape, seed=config.seed)
    policy.load_learned(read_learned(args.out / WARM))
    rounds = Rounds(Learner(policy, config), AnswerWriter(policy, tokenizer), CandidateJudge(), journal)
    rounds.run(read_records(args.out / PUZZLES, Puzzle), tell)
    journal.plot("reward", "pass_rate", "syntax", "solved")


def measure_runs(args: argparse.Namespace) -> None:
    """Pass rates of the warm-up and of every run, as far as they are not known for as many rounds."""
    unseen = [puzzle for puzzle in read_records(args.out / PUZZLES, Puzzle) if not puzzle.seen]
    puzzles = unseen[:: max(1, len(unseen) // args.tests)]
    for folder in sorted(path.parent for path in args.out.glob(f"*/{CHECKPOINT}")):
        rounds, known = int(read_checkpoint(folder)["step"]), read_outcomes(folder)
        if known and known.rounds == rounds and len(known.solved) == len(puzzles):
            continue
        policy, tokenizer = open_policy(choose_config(PolicyConfig(), args))
        policy.load_learned(read_learned(folder))
        solved = measure(AnswerWriter(policy, tokenizer), CandidateJudge(), puzzles)
        write_outcomes(folder, MeasuredRun(rounds=rounds, solved=tuple(solved)))
        rates = ", ".join(f"{name} {value:.1f}" for name, value in compute_rates(solved).items())
        tell(f"{folder.name}, {rounds} rounds: {rates}")


def write_reports(args: argparse.Namespace) -> None:
    """The report and its plots."""
    command = f"python -m deepseek_mm train ppo --text {args.text} --out {args.out}"
    report = write_ppo_report(args.out, args.report, command=command, config=choose_config(PPOConfig(), args))
    tell("\n".join(f"{name}: {value:.4g}" for name, value in report.figures.items()))


STAGE_OF: dict[str, Callable[[argparse.Namespace], None]] = {
    "problems": collect,
    "warm": train_warm_up,
    "learn": learn,
    "measure": measure_runs,
    "report": write_reports,
}


def open_policy(config: PolicyConfig, *, seed: int = 0) -> tuple[Policy, Tokenizer]:
    """The product's language model, nothing learned."""
    checkpoint = our_checkpoint()
    decoder, _ = open_decoder(checkpoint)
    return Policy(decoder, config, seed=seed), read_tokenizer(checkpoint.folder)


DRAWN = 10  # answers of a puzzle
SEED = 20_261_128


@dataclass(frozen=True, slots=True)
class Solved:
    """One puzzle's outcome."""

    name: str
    level: int
    drawn: int  # of DRAWN answers that pass
    greedy: bool


def measure(writer: AnswerWriter, judge: CandidateJudge, puzzles: Sequence[Puzzle]) -> list[Solved]:
    """Every puzzle's outcome, in order; the last of its answers is the likeliest one and was not drawn."""
    rollouts = writer.write(puzzles, DRAWN + 1, seed=SEED, greedy=True)
    told = []
    for rollout, verdicts in zip(rollouts, judge_rollouts(judge, rollouts), strict=True):
        *drawn, greedy = (verdict.right for verdict in verdicts)
        told.append(Solved(rollout.puzzle.name, rollout.puzzle.level, drawn=sum(drawn), greedy=greedy))
    return told


def compute_rates(outcomes: Sequence[Solved]) -> dict[str, float]:
    """Percent."""
    told = {
        "pass_rate": mean(each.drawn / DRAWN for each in outcomes),
        "greedy": mean(each.greedy for each in outcomes),
        "pass_at_n": mean(each.drawn > 0 for each in outcomes),
    }
    for level in sorted({each.level for each in outcomes}):
        told[f"pass_rate_level_{level}"] = mean(each.drawn / DRAWN for each in outcomes if each.level == level)
    return {name: 100 * value for name, value in told.items()}


OUTCOMES = "outcomes.json"
UNSEEN = "ppo_unseen.txt"  # problems that nothing is learned from, beside the report
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


def write_ppo_report(out: Path, path: Path, *, command: str, config: PPOConfig) -> TrainingReport:
    """Write the report, and the plots beside it. NothingThere if nothing was measured."""
    before = read_outcomes(out / WARM)
    seeds = {folder.name: told for folder in sorted(out.glob("ppo-*")) if (told := read_outcomes(folder))}
    if before is None or not seeds:
        raise NothingThere(f"nothing was measured in {out}. Run: {command} --stage measure")
    figures = compute_figures(before, list(seeds.values()))
    report = make_report("ppo", command, figures, write_notes(out, before, seeds, config))
    write_report(report, path)
    atomic_write(path.with_name(UNSEEN), "".join(f"{name}\n" for name in list_problems(before)).encode())
    plot_runs(out, sorted(seeds), figures, path.with_suffix(".png"))
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
    for name in (name for name in warm if name != "pass_rate"):
        figures[f"ppo_{name}_before"], figures[f"ppo_{name}_after"] = warm[name], mean(end[name] for end in ends)
    return {name: round(value, 3) for name, value in figures.items()}


def list_problems(outcomes: MeasuredRun) -> list[str]:
    """Names of the problems that were measured."""
    return sorted({each.name.rpartition(":")[0] for each in outcomes.solved})


def write_notes(out: Path, before: MeasuredRun, seeds: Mapping[str, MeasuredRun], config: PPOConfig) -> list[str]:
    """How it was measured, in sentences."""
    rounds = ", ".join(f"{name} {told.rounds}" for name, told in seeds.items())
    drawn = sum(len(read_log(out / name / LOG)) for name in seeds) * config.trajectories
    return [
        f"Pass rates are percent of {len(before.solved)} puzzles whose problems nothing was learned from, of 10 answers"
        " drawn at temperature 0.8; before is the supervised warm-up that all runs begin with.",
        f"Rounds of {config.trajectories} trajectories: {rounds}; {drawn} trajectories in all.",
        "pass_at_n tells whether any of the ten passes.",
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
    bars = {"pass_rate": "pass@1", "greedy": "greedy", "pass_at_n": "any of 10"}
    for shift, when in ((-0.2, "before"), (0.2, "after")):
        right.bar(
            [n + shift for n in range(len(bars))], [figures[f"ppo_{bar}_{when}"] for bar in bars], 0.4, label=when
        )
    right.set_xticks(range(len(bars)), list(bars.values()))
    right.set(title="unseen problems, percent")
    right.legend()
    figure.savefig(path, dpi=DPI)
