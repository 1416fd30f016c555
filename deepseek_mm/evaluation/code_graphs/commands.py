"""`eval references` and `eval code-context`: the graph of code, and the context that it finds."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.storage.files import atomic_write
from deepseek_mm.terminal import Desk

if TYPE_CHECKING:
    from deepseek_mm.evaluation.code_graphs.references import ReferencesReport

WORK = Path("runs/code_graph")


def score_references(args: Namespace, desk: Desk) -> "ReferencesReport":
    """Who calls what, against calls traced while packages' own tests run; `--keep` writes the answers to be read."""
    from deepseek_mm.evaluation.code_graphs.references import evaluate_references

    report = evaluate_references(args.split or "test", args.graph_work, seed=args.seed or 0, note=desk.note)
    if args.keep:
        atomic_write(args.keep, "".join(f"{line}\n" for line in report.lines()).encode())
    return report


def add_graph_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of both."""
    group = parser.add_argument_group("references, code-context")
    group.add_argument(
        "--graph-work",
        metavar="FOLDER",
        type=Path,
        default=WORK,
        help=f"where packages, traces and vectors are kept for the next run ({WORK})",
    )
