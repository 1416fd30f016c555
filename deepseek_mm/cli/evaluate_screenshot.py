"""`eval screenshot`: pictures of code that is installed here, drawn, and looked for in a library of that code."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import Desk, config_of
from deepseek_mm.cli.progress import finish, run_jobs

if TYPE_CHECKING:
    from deepseek_mm.evaluate.screenshot.score import ScreenshotReport

WORK = Path("runs/screenshots")


def add(parser: ArgumentParser) -> None:
    """The flags of `eval screenshot`."""
    group = parser.add_argument_group("screenshot")
    group.add_argument(
        "--work",
        metavar="FOLDER",
        type=Path,
        default=WORK,
        help=f"where sources, library and pictures are kept for the next run ({WORK})",
    )


def measure(args: Namespace, desk: Desk) -> "ScreenshotReport":
    """Copy the packages' sources, index them, draw the pictures, search. What was done before is taken as it is."""
    from deepseek_mm.evaluate.screenshot.draw import draw, read_shots
    from deepseek_mm.evaluate.screenshot.repository import copy_sources, licences, listed
    from deepseek_mm.evaluate.screenshot.score import evaluate_screenshots
    from deepseek_mm.parse.packages import packages

    work, shots = args.work.absolute(), read_shots(args.split or "test")[:: args.every]
    installed = list(packages())
    copy_sources(list(licences(listed(), installed)), installed, work / "repository")
    desk.note(f"drawing {len(shots)} pictures into {work / 'pictures'}")
    pictures = list(zip(shots, draw(shots, work / "repository", work / "pictures"), strict=True))
    config = replace(config_of(args, desk), data=work / "library")
    with desk.assistant(config, speaks=False) as assistant:
        with run_jobs(assistant.library):
            finish(assistant.library, assistant.library.add([work / "repository"]), desk)
        files = assistant.store.counts().sources
        return evaluate_screenshots(assistant.find, pictures, work / "repository", files, desk.note)
