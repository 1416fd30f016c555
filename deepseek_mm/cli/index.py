"""`index`: bring a library up to date with files and folders, or make its index anew.

`--rebuild` reads every known file again (or those that are named) and replaces it in the store, one transaction a file,
so it may be stopped at any moment. Files are known from every space of the library: a new encoder starts from them. A
store that is damaged or belongs to other weights is set aside first, never deleted.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import NOTHING, OK, Command, Desk
from deepseek_mm.cli.flags import add_settings, config_of
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere

if TYPE_CHECKING:
    from deepseek_mm.ingest import Report
    from deepseek_mm.rag.assistant import Assistant


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when there were files and none could be read."""
    from deepseek_mm.cli.meter import Meter
    from deepseek_mm.ingest import ingest

    config = config_of(args, desk)
    paths = args.paths or known_files(config, desk, rebuild=args.rebuild)
    with opened(config, desk, rebuild=args.rebuild) as assistant, closing(Meter(err=desk.err)) as meter:
        report = ingest(
            paths, eyes=assistant.eyes, store=assistant.store, config=config.parse, progress=meter, anew=args.rebuild
        )
    for path, reason in report.failed:
        desk.note(f"not read: {reason if path in reason else f'{path}: {reason}'}")
    return tell(report, desk, as_json=args.json)


def known_files(config: Config, desk: Desk, *, rebuild: bool) -> list[Path]:
    """What a rebuild starts from when no paths are named: every known file that is still there."""
    from index.known import known_paths

    known = [Path(path) for path in known_paths(sorted((config.data / "spaces").glob("*/store.db")))] if rebuild else []
    there = [path for path in known if path.exists()]
    if len(there) < len(known):
        desk.note(
            f"{len(known) - len(there)} of {len(known)} known files are not there now; what is known of them stays"
        )
    if not there:
        words = "index --rebuild PHOTOS" if rebuild else "index PHOTOS"
        raise NothingThere(f"no photos are named or known in {config.data}. Name some: python -m deepseek_mm {words}")
    return there


@contextmanager
def opened(config: Config, desk: Desk, *, rebuild: bool) -> Iterator["Assistant"]:
    """The Assistant; a rebuild sets a store aside that cannot be opened, and starts with an empty one."""
    from index.errors import SpaceMismatch, StoreDamaged

    with ExitStack() as stack:
        try:
            assistant = stack.enter_context(desk.assistant(config, speaks=False))
        except (SpaceMismatch, StoreDamaged) as error:
            if not rebuild:
                raise
            desk.note(f"set aside as {set_aside(error.path.parent)}: {error}")
            assistant = stack.enter_context(desk.assistant(config, speaks=False))
        yield assistant


def set_aside(folder: Path) -> Path:
    """Give the folder the first free name of FOLDER.aside-1, -2, ...; returns it."""
    free = next(name for n in count(1) if not (name := folder.with_name(f"{folder.name}.aside-{n}")).exists())
    return folder.rename(free)


def tell(report: "Report", desk: Desk, *, as_json: bool) -> int:
    """The report, and the exit code that it deserves."""
    kept = report.added + report.replaced + report.unchanged
    if as_json:
        failed = [{"path": path, "reason": reason} for path, reason in report.failed]
        desk.give(asdict(report) | {"failed": failed, "seconds": round(report.seconds, 2)})
    else:
        failed_too = f", {len(report.failed)} not read" if report.failed else ""
        desk.say(
            f"{report.added} added, {report.replaced} replaced, {report.unchanged} unchanged{failed_too} "
            f"in {report.seconds:.1f} s"
        )
    return OK if kept else NOTHING


def add(parser: ArgumentParser) -> None:
    """The words of `index`."""
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="pictures, and folders of pictures")
    parser.add_argument("--rebuild", action="store_true", help="read every known file again, or those that are named")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a line")
    add_settings(parser)


COMMAND = Command(
    name="index",
    help="add photos to the library, or bring it up to date",
    example="python -m deepseek_mm index ~/Pictures",
    add=add,
    run=run,
)
