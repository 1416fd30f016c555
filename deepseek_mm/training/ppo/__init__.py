"""`train ppo`: the language model learns to complete code so that tests pass, by proximal policy optimisation.

In stages: `problems` collects functions with tests (MBPP 511 to 974, and small functions of installed packages, with
what they gave back when they were called), `warm` teaches the solutions of those that may be learned from, `learn` goes
on by PPO, or by rejection fine-tuning with as many samples, `measure` counts what passes on problems that nothing was
learned from, `report` writes what came out. Every stage goes on where an earlier call stopped.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
from deepseek_mm.lm.tokenizer import Tokenizer, read_tokenizer
from deepseek_mm.parse.packages import packages
from deepseek_mm.training.journal import CHECKPOINT, Journal, learned, recorded
from deepseek_mm.training.loop import add_configs, chosen
from deepseek_mm.training.ppo.harvest import harvested
from deepseek_mm.training.ppo.judge import Judge, open_walls
from deepseek_mm.training.ppo.learn import Learner, PPOConfig
from deepseek_mm.training.ppo.measure import measure
from deepseek_mm.training.ppo.policy import Policy, PolicyConfig
from deepseek_mm.training.ppo.problems import Puzzle, mbpp, puzzles_of, read_problems, read_puzzles, write_rows
from deepseek_mm.training.ppo.rollouts import Writer
from deepseek_mm.training.ppo.rounds import METHODS, Rounds
from deepseek_mm.training.ppo.told import Outcomes, read_outcomes, tell, told_rates, write_outcomes
from deepseek_mm.training.ppo.warm import STEPS, WarmConfig, lessons, warm_up
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
    add_configs(parser, PPOConfig, PolicyConfig, WarmConfig)
    parser.add_argument("--warm-steps", type=int, default=STEPS.steps, help="of the warm-up")
    parser.add_argument("--warm-rate", type=float, default=STEPS.rate, help="the warm-up's learning rate")


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
    sandbox = open_walls()
    problems = mbpp(args.text / "mbpp_511_974.jsonl") + harvested(packages(), sandbox)
    note(f"{len(problems)} problems")
    tokenizer = read_tokenizer(our_checkpoint().folder)
    puzzles = [puzzle for problem in problems for puzzle in puzzles_of(problem, tokenizer)]
    fit = sound(puzzles, Judge(sandbox))
    note(f"{len(fit)} of {len(puzzles)} puzzles are sound; {sum(p.seen for p in fit)} may be learned from")
    write_rows(args.out / PROBLEMS, problems)
    write_rows(args.out / PUZZLES, fit)


def sound(puzzles: list[Puzzle], judge: Judge) -> list[Puzzle]:
    """Those whose own answer passes every test, and where nothing does not: neither `pass` nor no line at all."""
    right = judge.judge([(puzzle, puzzle.answer) for puzzle in puzzles])
    empty = judge.judge([(puzzle, puzzle.without) for puzzle in puzzles])
    gone = judge.judge([(puzzle, "") for puzzle in puzzles])
    return [
        p for p, a, *idle in zip(puzzles, right, empty, gone, strict=True) if a.right and not any(i.right for i in idle)
    ]


def warm(args: argparse.Namespace) -> None:
    """The supervised warm-up."""
    config, each = chosen(PolicyConfig(), args), chosen(WarmConfig(), args)
    steps = replace(STEPS, steps=args.warm_steps, rate=args.warm_rate)
    journal = Journal(args.out / WARM, {**asdict(config), **asdict(each), **asdict(steps)})
    if (saved := journal.resume()) and saved["step"] == steps.steps:
        return
    policy, tokenizer = open_policy(config)
    problems = read_problems(args.out / PROBLEMS)
    groups = lessons(policy, problems, tokenizer, most=each.batch * steps.steps, seed=steps.seed)
    note(f"{len(groups)} solutions, {sum(len(g.answers[0]) for g in groups)} tokens")
    warm_up(policy, groups, journal, steps=steps, batch=each.batch)
    journal.plot("loss")


def learn(args: argparse.Namespace) -> None:
    """All rounds of one run that are left."""
    config, shape = chosen(PPOConfig(), args), chosen(PolicyConfig(), args)
    journal = Journal(run_folder(args, config), {**asdict(config), **asdict(shape), "method": args.method})
    policy, tokenizer = open_policy(shape, seed=config.seed)
    policy.begin_with(learned(args.out / WARM))
    rounds = Rounds(Learner(policy, config), Writer(policy, tokenizer), Judge(), journal, method=args.method)
    rounds.run(read_puzzles(args.out / PUZZLES), note)
    journal.plot("reward", "pass_rate", "syntax", "solved")


def measured(args: argparse.Namespace) -> None:
    """Pass rates of the warm-up and of every run, as far as they are not known for as many rounds."""
    unseen = [puzzle for puzzle in read_puzzles(args.out / PUZZLES) if not puzzle.seen]
    puzzles = unseen[:: max(1, len(unseen) // args.tests)]
    for folder in sorted(path.parent for path in args.out.glob(f"*/{CHECKPOINT}")):
        rounds, known = int(recorded(folder)["step"]), read_outcomes(folder)
        if known and known.rounds == rounds and len(known.solved) == len(puzzles):
            continue
        policy, tokenizer = open_policy(chosen(PolicyConfig(), args))
        policy.begin_with(learned(folder))
        solved = measure(Writer(policy, tokenizer), Judge(), puzzles)
        write_outcomes(folder, Outcomes(rounds=rounds, solved=tuple(solved)))
        note(f"{folder.name}, {rounds} rounds: {told_rates(solved)}")


def reported(args: argparse.Namespace) -> None:
    """The report, its plots, and a card."""
    command = f"python -m deepseek_mm train ppo --text {args.text} --out {args.out}"
    report = tell(args.out, args.report, command=command, config=chosen(PPOConfig(), args))
    note("\n".join(f"{name}: {value:.4g}" for name, value in report.figures.items()))


STAGE_OF: dict[str, Callable[[argparse.Namespace], None]] = {
    "problems": collect,
    "warm": warm,
    "learn": learn,
    "measure": measured,
    "report": reported,
}


def open_policy(config: PolicyConfig, *, seed: int = 0) -> tuple[Policy, Tokenizer]:
    """The product's language model, nothing learned."""
    checkpoint = our_checkpoint()
    decoder, _ = open_decoder(checkpoint)
    return Policy(decoder, config, seed=seed), read_tokenizer(checkpoint.folder)


def run_folder(args: argparse.Namespace, config: PPOConfig) -> Path:
    """Of one method and seed."""
    folder: Path = args.out / f"{args.method}-{config.seed}"
    return folder


def note(line: str) -> None:
    """Progress."""
    sys.stderr.write(line + "\n")
