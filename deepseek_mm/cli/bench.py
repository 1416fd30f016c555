"""`bench`: how fast a part of the house is. A table for people, then one JSON object, the last line."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deepseek_mm.bench.page_keys import explained
from deepseek_mm.cli.desk import OK, Command, Desk, add_settings, config_of
from deepseek_mm.config import cache_folder

if TYPE_CHECKING:
    from deepseek_mm.bench.result import Result, Setting

PARTS = ("index", "search", "page", "lm", "answer", "serve", "soak", "plan", "code", "learning", "edge", "start")


def measure_of(part: str) -> Callable[["Setting"], "Sequence[Result]"]:
    """What measures this part; imported here, because help must not wait for torch."""
    if part == "page":
        from deepseek_mm.bench.page import page

        return lambda setting: [page(setting)]
    if part == "search":
        from deepseek_mm.bench.search import search

        return lambda setting: [search(setting)]
    if part == "answer":
        from deepseek_mm.bench.answer import answer

        return lambda setting: [answer(setting)]
    if part == "serve":
        from deepseek_mm.bench.serve import serve

        return lambda setting: [serve(setting)]
    if part == "soak":
        from deepseek_mm.bench.soak import soak

        return lambda setting: [soak(setting)]
    if part == "plan":
        from deepseek_mm.bench.plan import plan

        return lambda setting: [plan(setting)]
    if part == "code":
        from deepseek_mm.bench.code import code

        return lambda setting: [code(setting)]
    if part == "learning":
        from deepseek_mm.bench.learning import learning

        return lambda setting: [learning(setting)]
    if part == "edge":
        from deepseek_mm.bench.edge import edge

        return lambda setting: [edge(setting)]
    if part == "start":
        from deepseek_mm.bench.server_start import start

        return lambda setting: [start(setting)]
    if part == "lm":
        from deepseek_mm.bench import lm

        return lm.measure
    from deepseek_mm.bench.index import measure

    return measure


def run(args: Namespace, desk: Desk) -> int:
    """Measure in a folder that is removed afterwards; with `--json` the last line only."""
    from deepseek_mm.bench.result import Setting, one_object, table
    from deepseek_mm.machine import about
    from deepseek_mm.train.report import REPORTS

    config, start = config_of(args, desk), time.monotonic()
    with TemporaryDirectory(prefix="deepseek-mm-bench-") as folder:
        setting = Setting(
            folder=Path(folder),
            note=desk.note,
            full=args.full,
            minutes=args.minutes,
            config=config,
            code=desk.cwd / args.code if args.code else None,
            out=desk.cwd / args.out,
            reports=desk.cwd / args.reports if args.reports else REPORTS,
            data=desk.cwd / args.judged if args.judged else None,
            report=desk.cwd / args.report if args.report else None,
            cache=cache_folder(),
        )
        results = measure_of(args.part)(setting)
    desk.note(f"measured in {time.monotonic() - start:.0f} s")
    origin = about()
    if not args.json:
        desk.say(table(results))
        said = {name: words for result in results for name, words in result.words.items()}
        desk.say("\n".join(f"{name}: {words}" for name, words in (said | origin).items()))
    desk.say(one_object(results, **origin))
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `bench`."""
    parser.add_argument(
        "part",
        choices=PARTS,
        help="searching and indexing, the page in Chromium, the language model, an answer, the service, its memory"
        " under load, what the machine's plan saves, code that goes in, the reports of what was"
        " learned, the student of small machines, or how soon a server is there",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="also what takes minutes and gigabytes: a million vectors, prompts of 32,768 tokens",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        default="runs/bench",
        help="where `bench lm` and `bench soak` save their pictures (runs/bench)",
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long `bench soak` takes (30)")
    parser.add_argument(
        "--code", metavar="FOLDER", help="what `bench code` indexes (20,000 functions of Python's standard library)"
    )
    parser.add_argument(
        "--reports",
        metavar="FOLDER",
        help="where the reports are that `bench learning` reads (docs/learning of the project)",
    )
    parser.add_argument(
        "--judged", metavar="FOLDER", help="with flickr8k and coco_vqa: what `bench edge` judges both models on"
    )
    parser.add_argument("--report", metavar="FILE", help="where `bench edge` writes the student's report")
    parser.add_argument("--json", action="store_true", help="the JSON object without the table")
    add_settings(parser)
    parser.add_argument_group("what `bench page --json` says, each figure the median of its rounds", explained())


COMMAND = Command(
    name="bench",
    help="measure how fast searching, indexing, the page, the language model and answers are on this machine",
    example="python -m deepseek_mm bench index",
    add=add,
    run=run,
)
