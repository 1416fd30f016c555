"""`import`: take in what another program for photos has exported, with its albums, dates, places and favourites.

`sidecars`: write what was said here beside the photos, for other programs to read. `export`: all of a library as a
folder of files, sidecars and JSON, which `import` takes back.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deepseek_mm.accounts.permissions import COMMAND_LINE
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
from index.statements import PROGRAM_NAMES

if TYPE_CHECKING:
    from deepseek_mm.imports import ImportPreview

KINDS = ("export", "takeout", "apple", "immich", "digikam")
SHOWN = 20  # files and albums that are listed


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when there were no photos, or some could not be read."""
    from deepseek_mm.services import build_services
    from deepseek_mm.settings_file import SettingsFile

    with desk.assistant(config_of(args, desk), speaks=False) as assistant:
        service = build_services(assistant, SettingsFile.of(assistant.config)).library
        if args.dry_run:
            preview = service.preview_import(COMMAND_LINE, args.paths, kind=args.kind)
            if args.json:
                desk.give(preview.as_json())
            for line in () if args.json else lines(preview):
                desk.say(line)
            return OK if preview.files else NOTHING
        library = assistant.library
        job = service.begin_import(COMMAND_LINE, args.paths, kind=args.kind)
        with run_jobs(library):
            job = finish(library, job, desk)
            failed = tell_job(library, job, desk, as_json=args.json)
            finish_reading(library, desk)
    return OK if job.state == "done" and job.result.get("files") and not failed else NOTHING


def write(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when some could not be written."""
    from deepseek_mm.services import build_services
    from deepseek_mm.settings_file import SettingsFile

    with desk.assistant(config_of(args, desk), speaks=False) as assistant:
        service = build_services(assistant, SettingsFile.of(assistant.config)).library
        job = (
            service.export_everything(COMMAND_LINE, args.folder)
            if "folder" in args
            else service.write_sidecars(COMMAND_LINE, dry_run=args.dry_run)
        )
        with run_jobs(assistant.library):
            job = finish(assistant.library, job, desk)
        failed = tell_job(assistant.library, job, desk, as_json=args.json)
    return OK if job.state == "done" and not failed else NOTHING


def lines(preview: "ImportPreview") -> Iterator[str]:
    """What an import would do, for people."""
    yield f"{PROGRAM_NAMES[preview.kind]}: {preview.files} photos and videos, {preview.new} new, {preview.known} known"
    yield (
        f"of them {preview.dates} with a date, {preview.places} with a place, {preview.favourites} favourites, "
        f"{preview.rated} with stars, {preview.described} described, {preview.named} with people"
    )
    new = {name.casefold() for name in preview.new_albums}
    for name, count in list(preview.albums.items())[:SHOWN]:
        yield f"album {name}: {count}{' (new)' if name.casefold() in new else ''}"
    if len(preview.albums) > SHOWN:
        yield f"and {len(preview.albums) - SHOWN} more albums"
    yield f"{preview.unmatched} of which nothing is said"
    yield from (f"  {path}" for path in preview.without_facts[:SHOWN])
    yield f"{preview.num_left_out} files are not taken"
    yield from (f"  {path} {reason}" for path, reason in preview.left_out[:SHOWN])


def add(parser: ArgumentParser) -> None:
    """The words of `import`."""
    parser.add_argument("paths", metavar="FOLDER", nargs="+", help="a folder or ZIP archives that a program exported")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
    parser.add_argument("--kind", choices=KINDS, default="", help="whose export it is, where that is not found out")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


def add_sidecars(parser: ArgumentParser) -> None:
    """The words of `sidecars`."""
    parser.add_argument("word", metavar="WORD", choices=("write",), help="write: what was said here, beside each photo")
    parser.add_argument("--dry-run", action="store_true", help="only count what would be written")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


def add_export(parser: ArgumentParser) -> None:
    """The words of `export`."""
    parser.add_argument("folder", metavar="FOLDER", help="a new or empty folder")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMANDS = (
    Command(
        name="import",
        help="take in an export of Google Photos, Apple Photos, Immich or digiKam",
        example="python -m deepseek_mm import takeout-001.zip takeout-002.zip --dry-run",
        add=add,
        run=run,
    ),
    Command(
        name="sidecars",
        help="write descriptions, stars, favourites and albums into XMP sidecars beside the photos",
        example="python -m deepseek_mm sidecars write --dry-run",
        add=add_sidecars,
        run=write,
    ),
    Command(
        name="export",
        help="copy the whole library into a folder: files, sidecars, albums and conversations",
        example="python -m deepseek_mm export everything",
        add=add_export,
        run=write,
    ),
)
