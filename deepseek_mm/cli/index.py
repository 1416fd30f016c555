"""`index`: bring a library up to date with files and folders, or make its index anew.

The work is a job of the library: killed or interrupted it goes on with the next start of this command or of the page.
`--rebuild` reads every known file again (or those that are named) and replaces it in the store, a few files at a time.
Files are known from every space of the library: a new encoder starts from them. A store that is damaged or belongs to
other weights is set aside first, never deleted.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.terminal import (
    NOTHING,
    OK,
    Command,
    Desk,
    add_settings,
    config_of,
    finish,
    finish_reading,
    run_jobs,
    tell_job,
)

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
    from deepseek_mm.jobs import Job
    from deepseek_mm.library import Library

POLL_S = 0.5


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when there were files and none could be read."""
    config = config_of(args, desk)
    paths = [*resolve_paths(args.paths, config, desk), *fetch_links(args.link, config, desk)]
    paths = paths or known_files(config, desk, rebuild=args.rebuild)
    with open_assistant(config, desk, rebuild=args.rebuild) as assistant, run_jobs(assistant.library):
        library = assistant.library
        if args.watch:
            for path in paths:
                library.watch(path)
        forget = True if args.forget_gone else None
        job = finish(library, library.add(paths, collection=args.collection, anew=args.rebuild, forget=forget), desk)
        code = tell(library, job, desk, as_json=args.json)
        finish_reading(library, desk)
        if args.watch:
            keep_watching(library, desk)
    return code


def resolve_paths(names: list[str], config: Config, desk: Desk) -> list[Path]:
    """The paths, repositories that are named by an address fetched; NothingThere if one does not exist. (A job would
    only list it.)
    """
    from deepseek_mm.library.git_clone import fetch_repository, is_address

    for address in filter(is_address, names):
        desk.note(f"fetching {address}")
    paths = [fetch_repository(name, config.data) if is_address(name) else Path(name) for name in names]
    for path in paths:
        if not path.is_symlink() and not path.exists() and "!/" not in str(path):
            raise NothingThere(f"no file or folder at {path.absolute()}. Check the name")
    return paths


def fetch_links(links: list[str], config: Config, desk: Desk) -> list[Path]:
    """Where the pictures and pages at these addresses are kept. BadFile, Forbidden or TooLarge says why one is not."""
    from deepseek_mm.library.dropped_files import keep_fetched
    from deepseek_mm.library.web_fetcher import Fetcher

    paths = []
    for link in links:
        desk.note(f"fetching {link}")
        file = Fetcher(config.serve).fetch_file(link)
        paths.append(keep_fetched(file.name, file.data, config.data))
    return paths


def known_files(config: Config, desk: Desk, *, rebuild: bool) -> list[Path]:
    """What a rebuild starts from when no paths are named: every known file that is still there."""
    from deepseek_mm.database_places import space_places
    from deepseek_mm.parse.document import stat_file
    from index.places import known_paths

    known = [Path(path) for path in known_paths(each.place for each in space_places(config))] if rebuild else []
    there = [path for path in known if stat_file(path) is not None]
    if len(there) < len(known):
        desk.note(
            f"{len(known) - len(there)} of {len(known)} known files are not there now; what is known of them stays"
        )
    if not there:
        words = "index --rebuild PHOTOS" if rebuild else "index PHOTOS"
        raise NothingThere(f"no files are named or known in {config.data}. Name some: python -m deepseek_mm {words}")
    return there


@contextmanager
def open_assistant(config: Config, desk: Desk, *, rebuild: bool) -> Iterator["Assistant"]:
    """The Assistant; a rebuild sets a store aside that cannot be opened, and starts with an empty one."""
    from index.database import SpaceMismatch, StoreDamaged, StoreTooOld

    with ExitStack() as stack:
        try:
            assistant = stack.enter_context(desk.assistant(config, speaks=False))
        except (SpaceMismatch, StoreDamaged, StoreTooOld) as error:
            if not rebuild or config.storage.url:
                raise
            desk.note(f"set aside as {set_aside(error.path.parent)}: {error}")
            assistant = stack.enter_context(desk.assistant(config, speaks=False))
        yield assistant


def set_aside(folder: Path) -> Path:
    """Give the folder the first free name of FOLDER.aside-1, -2, ...; returns it."""
    free = next(name for n in count(1) if not (name := folder.with_name(f"{folder.name}.aside-{n}")).exists())
    return folder.rename(free)


def tell(library: "Library", job: "Job", desk: Desk, *, as_json: bool) -> int:
    """What became of the files, and the exit code that it deserves."""
    tell_job(library, job, desk, as_json=as_json)
    kept = sum(job.result.get(name, 0) for name in ("added", "replaced", "unchanged", "copies", "moved"))
    return OK if kept else NOTHING


def keep_watching(library: "Library", desk: Desk) -> None:
    """Tell of every piece of work until Ctrl-C."""
    from deepseek_mm.library.index_jobs import INDEX

    desk.note(f"watching {', '.join(library.list_watched())} (Ctrl-C ends it)")
    last = max((job.id for job in library.jobs.find(limit=1)), default=0)
    while True:
        for job in reversed(library.jobs.find(kinds=(INDEX,), limit=20)):
            if job.id > last:
                last = job.id
                tell(library, finish(library, job, desk), desk, as_json=False)
        time.sleep(POLL_S)


def add(parser: ArgumentParser) -> None:
    """The words of `index`."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="photos, documents, code, archives, folders of them, or the address of a git repository",
    )
    parser.add_argument(
        "--link", metavar="ADDRESS", action="append", default=[], help="a picture or page to fetch, now and once"
    )
    parser.add_argument("--rebuild", action="store_true", help="read every known file again, or those that are named")
    parser.add_argument("--collection", metavar="NAME", default="", help="put all of it into a collection of this name")
    parser.add_argument("--watch", action="store_true", help="stay, and take in what changes in the folders named")
    parser.add_argument("--forget-gone", action="store_true", help="take out known files that are gone from PATH")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a line")
    add_settings(parser)


COMMANDS = (
    Command(
        name="index",
        help="add files to the library, or bring it up to date",
        example="python -m deepseek_mm index ~/Pictures",
        add=add,
        run=run,
    ),
)
