"""`train ppo`: train the language model to complete code so that tests pass, by proximal policy optimisation.

In stages: `problems` collects functions with tests (MBPP 511 to 974, and small functions of installed packages, with
the results of their calls), `warm` trains on the solutions of those that may be learned from, `learn` continues by PPO,
or by rejection fine-tuning with as many samples, `measure` counts what passes on unseen problems, `report` writes the
report. Every stage resumes where an earlier call stopped.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
from deepseek_mm.lm.tokenizer import Tokenizer, read_tokenizer
from deepseek_mm.parse.packages import packages
from deepseek_mm.training.loop import (
    CHECKPOINT,
    RunFolder,
    add_config_flags,
    choose_config,
    read_checkpoint,
    read_learned,
)
from deepseek_mm.training.ppo.harvest import harvest_problems
from deepseek_mm.training.ppo.judge import CandidateJudge, open_sandbox
from deepseek_mm.training.ppo.learner import Learner, PPOConfig
from deepseek_mm.training.ppo.policy import Policy, PolicyConfig
from deepseek_mm.training.ppo.problems import (
    Puzzle,
    make_puzzles,
    read_mbpp,
    read_problems,
    read_puzzles,
    write_records,
)
from deepseek_mm.training.ppo.report import (
    MeasuredRun,
    describe_rates,
    measure,
    read_outcomes,
    write_outcomes,
    write_ppo_report,
)
from deepseek_mm.training.ppo.rollouts import AnswerWriter
from deepseek_mm.training.ppo.rounds import METHODS, WARM_STEPS, Rounds, WarmConfig, make_lessons, warm_up
from deepseek_mm.training.report import REPORTS

STAGES = ("problems", "warm", "learn", "measure", "report", "all")
PROBLEMS, PUZZLES, WARM = "problems.jsonl", "puzzles.jsonl", "warm"
SEEDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train ppo`; every number of the recipe is one."""
    parser.add_argument("--stage", choices=STAGES, default="all", help="one stage, or all of them in order (all)")
    parser.add_argument("--text", type=Path, default=Path("data/text"), help="folder with mbpp_511_974.jsonl")
    parser.add_argument("--out", type=Path, default=Path("runs/ppo"), help="each stage has a file or folder in it")
    parser.add_argument("--method", choices=METHODS, default="ppo", help="how the stage learn learns (ppo)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of the stage all, seeds 0, 1, ... (3)")
    parser.add_argument("--tests", type=int, default=10_000, help="about so many puzzles are measured (all)")
    parser.add_argument("--report", type=Path, default=REPORTS / "ppo.json", help="file that the stage report writes")
    add_config_flags(parser, PPOConfig, PolicyConfig, WarmConfig)
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
        learn(argparse.Namespace(**{**vars(args), "seed": seed, "method": "ppo"}))
    learn(argparse.Namespace(**{**vars(args), "seed": 0, "method": "rejection"}))
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
    config, each = choose_config(PolicyConfig(), args), choose_config(WarmConfig(), args)
    steps = replace(WARM_STEPS, steps=args.warm_steps, rate=args.warm_rate)
    journal = RunFolder(args.out / WARM, {**asdict(config), **asdict(each), **asdict(steps)})
    if (saved := journal.resume()) and saved["step"] == steps.steps:
        return
    policy, tokenizer = open_policy(config)
    problems = read_problems(args.out / PROBLEMS)
    groups = make_lessons(policy, problems, tokenizer, most=each.batch * steps.steps, seed=steps.seed)
    tell(f"{len(groups)} solutions, {sum(len(g.answers[0]) for g in groups)} tokens")
    warm_up(policy, groups, journal, steps=steps, batch=each.batch)
    journal.plot("loss")


def learn(args: argparse.Namespace) -> None:
    """All rounds of one run that are left."""
    config, shape = choose_config(PPOConfig(), args), choose_config(PolicyConfig(), args)
    journal = RunFolder(name_run_folder(args, config), {**asdict(config), **asdict(shape), "method": args.method})
    policy, tokenizer = open_policy(shape, seed=config.seed)
    policy.load_learned(read_learned(args.out / WARM))
    rounds = Rounds(
        Learner(policy, config), AnswerWriter(policy, tokenizer), CandidateJudge(), journal, method=args.method
    )
    rounds.run(read_puzzles(args.out / PUZZLES), tell)
    journal.plot("reward", "pass_rate", "syntax", "solved")


def measure_runs(args: argparse.Namespace) -> None:
    """Pass rates of the warm-up and of every run, as far as they are not known for as many rounds."""
    unseen = [puzzle for puzzle in read_puzzles(args.out / PUZZLES) if not puzzle.seen]
    puzzles = unseen[:: max(1, len(unseen) // args.tests)]
    for folder in sorted(path.parent for path in args.out.glob(f"*/{CHECKPOINT}")):
        rounds, known = int(read_checkpoint(folder)["step"]), read_outcomes(folder)
        if known and known.rounds == rounds and len(known.solved) == len(puzzles):
            continue
        policy, tokenizer = open_policy(choose_config(PolicyConfig(), args))
        policy.load_learned(read_learned(folder))
        solved = measure(AnswerWriter(policy, tokenizer), CandidateJudge(), puzzles)
        write_outcomes(folder, MeasuredRun(rounds=rounds, solved=tuple(solved)))
        tell(f"{folder.name}, {rounds} rounds: {describe_rates(solved)}")


def write_reports(args: argparse.Namespace) -> None:
    """The report, its plots, and a card."""
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


def name_run_folder(args: argparse.Namespace, config: PPOConfig) -> Path:
    """Of one method and seed."""
    folder: Path = args.out / f"{args.method}-{config.seed}"
    return folder


def tell(line: str) -> None:
    """Progress."""
    sys.stderr.write(line + "\n")
