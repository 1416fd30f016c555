"""`library migrate`: the library's databases from files to a server, back, or to another server; no model is opened."""

import time
from argparse import Namespace
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from deepseek_mm.cli.words import Subcommand, choose_subcommand
from deepseek_mm.errors import BadQuestion
from deepseek_mm.terminal import NOTHING, OK, Desk, Meter, config_of

if TYPE_CHECKING:
    from deepseek_mm.config import Config
    from deepseek_mm.library.migration import FileCounts, MigrationReport

NAME = "migrate"
FILES = "files"
LEAST_SHARE = 0.02  # of a step, from which on it is told how long it may still take


@dataclass(kw_only=True, slots=True)
class StepClock:
    """Shows each step of a migration, how far it is, and how long it may still take."""

    meter: Meter
    step: str = ""
    began: float = field(default_factory=time.monotonic)

    def __call__(self, database: str, what: str, rows: int, share: float | None) -> None:
        """Show it, not more often than a reader can follow."""
        name, now = f"{database}: {what}", time.monotonic()
        if name != self.step:
            self.step, self.began = name, now
        left = ""
        if share is not None and LEAST_SHARE < share < 1:
            left = f", {100 * share:.0f} %, {(now - self.began) * (1 - share) / share:.0f} s left of this step"
        self.meter.show(f"{name}, {rows:,} rows{left}")


def migrate(args: Namespace, desk: Desk) -> int:
    """Exit code 1 where all is copied, and the page must be ended before it can take its place."""
    from deepseek_mm.api.server import lock_library
    from deepseek_mm.library.migration import LibraryMove

    choose_subcommand("library", NAME, {NAME: MIGRATE}, args.what)
    if not args.to:
        raise BadQuestion("library migrate needs --to URL, such as postgresql://USER@HOST:5432/DATABASE, or --to files")
    config = config_of(args, desk)
    url = "" if args.to == FILES else args.to
    target = replace(config, storage=replace(config.storage, url=url))
    with closing(Meter(err=desk.err)) as meter:
        report = LibraryMove(
            origin=config, target=target, set_aside=args.set_aside, hold=lock_library, told=StepClock(meter=meter)
        ).run()
    tell(report, target, desk, as_json=args.json)
    return NOTHING if report.waits_for else OK


def tell(report: "MigrationReport", target: "Config", desk: Desk, *, as_json: bool) -> None:
    """What became of it, and what to set."""
    if as_json:
        tables = [
            {"database": copy.name, "table": each.name, "rows": each.rows, "checksum": each.checksum}
            for copy in report.copies
            for each in copy.tables
        ]
        state = {"moved": not report.waits_for, "waits_for": report.waits_for, "aside": report.aside}
        settings = {"storage.url": target.storage.url, "storage.prefix": target.storage.prefix}
        files = {"files": asdict(report.files)} if report.files else {}
        desk.give(
            {**state, "settings": settings, "rows": report.rows, "seconds": report.seconds, "tables": tables, **files}
        )
        return
    if report.files:
        desk.say(tell_files(report.files, target))
    if report.waits_for:
        desk.say(f"{report.rows:,} rows are copied, and nothing took its place yet, for {report.waits_for}")
        desk.say("then run the same once more: it brings up what was written meanwhile")
        return
    for copy in report.copies:
        rows = sum(table.rows for table in copy.tables)
        desk.say(f"ok    {copy.name}: {rows:,} rows in {len(copy.tables)} tables, alike in number and checksum")
    if report.aside:
        desk.say(f"what was there before lies at {report.aside}")
    desk.say(f"moved in {report.seconds:.0f} s; the old place is as it was. Use the new one from the next start on:")
    desk.say(describe_setting(target))


def tell_files(files: "FileCounts", target: "Config") -> str:
    """What became of the files themselves."""
    way = f"sent to {target.storage.files}" if target.storage.url else f"brought from {target.storage.files}"
    said = f"ok    files: {files.moved:,} {way}, {files.there:,} there already"
    if not files.absent:
        return said
    more = "library repair, where they lie, sends them" if target.storage.url else "add the originals again"
    return f"{said}, {files.absent:,} not to be had from here: {more}"


def describe_setting(target: "Config") -> str:
    """What is to be set, in the settings file of the library."""
    file = target.data / "config.toml"
    if not target.storage.url:
        return f"take url out of [storage] in {file}, or start with --set storage.url="
    lines = f"[storage]\nurl = '{target.storage.url}'\nprefix = '{target.storage.prefix}'"
    return f"{lines}\nin {file}, or start with --set storage.url={target.storage.url}"


MIGRATE = Subcommand(help="copy all to a server, or back: --to URL or --to files, --set-aside", run=migrate)
