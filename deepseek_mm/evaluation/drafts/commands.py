"""`eval test-drafts` on the command line."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.storage.files import atomic_write
from deepseek_mm.terminal import Desk, config_of

if TYPE_CHECKING:
    from deepseek_mm.evaluation.drafts.draft_score import DraftReport

WORK = Path("runs/drafts")


def score_test_drafts(args: Namespace, desk: Desk) -> "DraftReport":
    """Tests that are written for functions of packages that were not looked at; `--split dev` for development."""
    from deepseek_mm.evaluation.drafts.draft_score import evaluate_test_drafts, list_packages, open_runner

    report = evaluate_test_drafts(
        list_packages(args.split or "test"),
        args.work or WORK,
        open_runner(config_of(args, desk).sandbox),
        seed=args.seed or 0,
        each=args.each,
        note=desk.note,
    )
    if args.keep:
        atomic_write(args.keep, "".join(f"{line}\n" for line in report.lines()).encode())
    return report


def add_draft_arguments(parser: ArgumentParser) -> None:
    """The folder of work, which evaluations of code and screenshots have too, and how many functions."""
    group = parser.add_argument_group("screenshot, test-drafts, references, code-context")
    group.add_argument(
        "--work",
        metavar="FOLDER",
        type=Path,
        help=f"where packages, sources and pictures are kept for the next run (runs/..., of test-drafts {WORK})",
    )
    group.add_argument("--each", metavar="N", type=int, default=10, help="test-drafts: functions of each package")
