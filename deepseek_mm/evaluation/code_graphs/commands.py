"""`eval references` and `eval code-context`: the graph of code, and the context that it finds."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.storage.files import atomic_write
from deepseek_mm.terminal import Desk, config_of

if TYPE_CHECKING:
    from deepseek_mm.evaluation.code_graphs.code_context import ContextReport
    from deepseek_mm.evaluation.code_graphs.references import ReferencesReport

WORK = Path("runs/code_graph")
UNTIL = "d744fe79"  # the last commit before the graph, so that the figures stay comparable


def score_references(args: Namespace, desk: Desk) -> "ReferencesReport":
    """Who calls what, against calls traced while packages' own tests run; `--keep` writes the answers to be read."""
    from deepseek_mm.evaluation.code_graphs.references import evaluate_references

    report = evaluate_references(args.split or "test", args.work or WORK, seed=args.seed or 0, note=desk.note)
    if args.keep:
        atomic_write(args.keep, "".join(f"{line}\n" for line in report.lines()).encode())
    return report


def score_context(args: Namespace, desk: Desk) -> "ContextReport":
    """Whether what is found for a commit's message holds the functions that it changed; `--split dev` for choosing."""
    from deepseek_mm.evaluation.code_graphs.code_context import ContextTasks, evaluate_context

    space = desk.open_space(config_of(args, desk).encoder)
    tasks = ContextTasks(
        repository=(args.repository or Path()).absolute(),
        split=args.split or "test",
        most=args.most_tasks,
        until=args.until,
    )
    return evaluate_context(tasks, args.work or WORK, space, desk.note)


def add_graph_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of both, and the folder that others use as well."""
    group = parser.add_argument_group("references, code-context")
    group.add_argument("--most-tasks", metavar="N", type=int, default=100, help="code-context: commits to ask for")
    group.add_argument(
        "--until", metavar="COMMIT", default=UNTIL, help=f"code-context: commits up to this one ({UNTIL})"
    )
