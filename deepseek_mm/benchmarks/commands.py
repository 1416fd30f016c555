"""`bench`: how fast a part of the product is. A table for people, then one JSON object, the last line."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deepseek_mm.benchmarks.page_browser import explain_keys
from deepseek_mm.config import Config, cache_folder
from deepseek_mm.terminal import OK, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
    from deepseek_mm.benchmarks.results import BenchResult, BenchSetting
    from deepseek_mm.runtime.planner import PresetResult

PARTS = (
    "index",
    "search",
    "page",
    "lm",
    "answer",
    "serve",
    "soak",
    "plan",
    "code",
    "learning",
    "edge",
    "start",
    "documents",
    "exchange",
    "inspection",
    "library",
    "accounts",
    "cluster",
)
MODULES = {
    "cluster": "cluster.measurement",
    "plan": "answer",
    "code": "ingestion",
    "learning": "results",
    "start": "servers",
}  # else as the part


def measure_part(part: str, setting: "BenchSetting") -> "BenchResult":
    """Call the part's `measure_...`; its module is imported here, because help must not wait for torch."""
    module = import_module(f"{__package__}.{MODULES.get(part, part)}")
    result: BenchResult = getattr(module, f"measure_{part}")(setting)
    return result


def run(args: Namespace, desk: Desk) -> int:
    """Measure in a folder that is removed afterwards; with `--json` the last line only."""
    from deepseek_mm.benchmarks.results import BenchSetting, format_json, format_table
    from deepseek_mm.machine import about
    from deepseek_mm.training.report import REPORTS

    config, start = config_of(args, desk), time.monotonic()
    with TemporaryDirectory(prefix="deepseek-mm-bench-") as folder:
        setting = BenchSetting(
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
        result = measure_part(args.part, setting)
    desk.note(f"measured in {time.monotonic() - start:.0f} s")
    origin = about()
    if not args.json:
        desk.say(format_table(result))
        desk.say("\n".join(f"{name}: {words}" for name, words in ({**result.words, **origin}).items()))
    desk.say(format_json(result, **origin))
    return OK


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `bench`."""
    parser.add_argument(
        "part",
        choices=PARTS,
        help="searching and indexing, the page in Chromium, the language model, an answer, the service, its memory"
        " under load, what the machine's plan saves, code that goes in, the reports of what was"
        " learned, the student of small machines, how soon a server is there, long documents,"
        " the exchange of a model while people ask, files that were moved and renamed, or a library on a PostgreSQL"
        " server of its own",
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
        "--code",
        metavar="FOLDER",
        help="what `bench code` indexes (20,000 functions of Python's library), and `bench answer` asks of",
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
    parser.add_argument_group("what `bench page --json` says, each figure the median of its rounds", explain_keys())


def measure_presets(
    config: Config, load: Callable[..., "Assistant"], note: Callable[[str], None]
) -> "list[PresetResult]":
    """What each quality preset costs and is worth on this machine, as `plan --dial` asks for it."""
    from deepseek_mm.benchmarks.answer import measure_dial

    return measure_dial(config, load, note=note)


def add_commands(register: Callable[..., object]) -> None:
    """Register `bench`, by its name, help, example, add(parser) and run(args, desk)."""
    register(
        name="bench",
        help="measure how fast searching, indexing, the page, the language model and answers are on this machine",
        example="python -m deepseek_mm bench index",
        add=add_arguments,
        run=run,
    )
