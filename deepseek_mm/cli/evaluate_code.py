"""`eval code`: programs and lines that the language model writes, run against their tests. `eval code-search`."""

from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import Desk, config_of
from deepseek_mm.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_mm.evaluate.code.score import CodeReport
    from deepseek_mm.evaluate.code_search import CodeSearchReport

PARTS = ("lines", "programs")


def add(parser: ArgumentParser) -> None:
    """The flags of `eval code`."""
    group = parser.add_argument_group("code")
    group.add_argument("--what", choices=PARTS, nargs="+", default=list(PARTS), help="both, if left out")
    group.add_argument("--first", metavar="N", type=int, default=0, help="only tasks from this number on")
    group.add_argument("--last", metavar="N", type=int, default=10**9, help="only tasks up to this number")
    group.add_argument("--holes", metavar="N", type=int, default=1, help="lines taken out of a solution; 0: every one")
    group.add_argument("--drawn", metavar="N", type=int, default=0, help="programs a task that pass@k is estimated of")
    group.add_argument("--temperature", metavar="T", type=float, default=0.6, help="that they are drawn with")
    group.add_argument("--keep", metavar="FILE", type=Path, help="remember what is done; a later run goes on from it")


def measure(args: Namespace, desk: Desk, file: Path) -> "CodeReport":
    """All that was asked for. ConfigError: the language model goes on with no text."""
    from deepseek_mm.evaluate.code.kept import open_kept
    from deepseek_mm.evaluate.code.score import Bench, Sandboxed, evaluate_code
    from deepseek_mm.evaluate.code.tasks import all_holes, read_tasks
    from deepseek_mm.lm.generator import TextCompleter

    config, seed = config_of(args, desk), args.seed or 0
    tasks = read_tasks(file, first=args.first, last=args.last)
    if args.drawn < 0 or args.holes < 0:
        raise ConfigError(f"--drawn {args.drawn} and --holes {args.holes} must not be below 0")
    runs = Sandboxed(config.sandbox)
    lm = desk.open_lm(config.lm, desk.note)
    if not isinstance(lm, TextCompleter):
        raise ConfigError(f"the language model {lm.name} goes on with no text. Choose a kind of Llama with --model")
    how = {"data": file.name, "model": lm.fingerprint, "seed": seed, "drawn": args.drawn, "heat": args.temperature}
    desk.note(f"{len(tasks)} tasks for {lm.name}")
    return evaluate_code(
        Bench(lm=lm, runs=runs, kept=open_kept(args.keep, how), progress=desk.note),
        tasks,
        partial(all_holes, most=args.holes, seed=seed),
        parts=args.what,
        drawn=(args.drawn, args.temperature),
    )


def search(args: Namespace, desk: Desk) -> "CodeSearchReport":
    """How early questions find functions of packages that nothing was trained on; `--split dev` for choosing."""
    from deepseek_mm.evaluate.code_search import evaluate_code_search, held_functions
    from deepseek_mm.parse.packages import packages

    desk.note("taking installed packages apart")
    functions = held_functions(args.split or "test", packages())[:: args.every]
    space = desk.open_space(config_of(args, desk).encoder)
    return evaluate_code_search(space, functions, desk.note)
