"""`library`: check, repair, back up, restore, watch and remove files, measure health, and list or steer jobs.

Each word is one row of a table: what it takes, what it does. Long work is a job as everywhere; it is done here and now,
unless a page that is open on the same library is faster.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.cli.migration import MIGRATE, NAME
from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands, number_in
from deepseek_mm.errors import BadQuestion, Conflict
from deepseek_mm.shapes import job_shape
from deepseek_mm.terminal import NOTHING, OK, Command, Desk, add_settings, config_of, finish, run_jobs, tell_failures

if TYPE_CHECKING:
    from deepseek_mm.jobs import Job
    from deepseek_mm.library import Health, Library
    from deepseek_mm.services.library_service import LibraryService


REPAIR = "python -m deepseek_mm library repair"


def health(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Exit code 1 when something needs doing, or when a text that should be gone is not."""
    told = service.measure_health(LOCAL)
    found = service.find_traces(LOCAL, args.gone) if args.gone else []
    well = told.is_well and not found
    if args.json:
        desk.give(asdict(told) | {"well": well, "found": [asdict(each) for each in found]})
        return OK if well else NOTHING
    for line in lines(told):
        desk.say(line)
    if args.gone:
        desk.say(
            f"ok    no file of the library holds {args.gone!r}"
            if not found
            else f"fail  {args.gone!r} still stands in:"
        )
    for each in found:
        desk.say(f"      {each.path}, {each.count} times")
    desk.note("all is well" if well else f"not well: {REPAIR}")
    return OK if well else NOTHING


def lines(told: "Health") -> Iterator[str]:
    """One a finding."""
    left = told.store.traces
    yield line(told.store.recall >= 0.99, f"recall@10 {told.store.recall:.3f} over {told.store.sampled} searches")
    yield line(not told.num_problems, f"{told.num_problems} things do not fit together")
    yield from (f"      {each.path or 'the index'}: {each.detail}" for each in told.problems)
    yield line(not told.gone, f"{told.gone} known files are not there any more", worst="warn")
    yield from (line(False, f"{folder} is not there now", worst="info") for folder in told.away)
    yield from [line(False, f"{told.offline} files are offline", worst="info")] if told.offline else []
    yield line(not told.num_failed, f"{told.num_failed} files could not be read", worst="warn")
    yield from (f"      {each.item}: {each.reason}" for each in told.failed)
    yield line(left.overwrites, "what is deleted is overwritten with zeros")
    yield line(not left.dirty_pages, f"{left.dirty_pages} of {left.free_pages} free pages hold something")
    yield line(not left.log_bytes, f"the log has {left.log_bytes:,} bytes", worst="warn")
    yield line(not left.cached, f"{left.cached} vectors of the cache file belong to nothing")
    yield line(not left.words, f"{left.words} regions are out of step with the index of words")
    yield line(not told.in_trash, f"{told.in_trash} takings can still be put back", worst="info")
    yield "info  " + ", ".join(f"{each.name} {each.size_bytes / 1e6:.1f} MB" for each in told.sizes)


def line(good: bool, text: str, worst: str = "fail") -> str:
    """With its state before it."""
    return f"{'ok' if good else worst:<5} {text}"


KEEPS = ("largest", "oldest", "newest")
SHOWN = 20  # jobs in a list


Word = Callable[["LibraryService", Namespace, Desk], int]  # what a word does; its exit code


def does_job(begin: Callable[["LibraryService", Namespace], "Job"]) -> Word:
    """A word that begins a job, does it, and tells how it ended; exit code 1 when something was found or not done."""

    def run(service: "LibraryService", args: Namespace, desk: Desk) -> int:
        library, job = service.assistant.library, begin(service, args)
        with run_jobs(library):
            job = finish(library, job, desk)
        failed = tell_failures(library, job, desk)
        if args.json:
            desk.give(job_shape(job) | {"failed": failed})
        else:
            desk.say(job.message)
        return NOTHING if failed or job.state != "done" else OK

    return run


def forget(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Take files out; the files themselves stay."""
    count = service.forget(LOCAL, args.what)
    desk.say(f"{count} paths were taken out of the library; the files themselves were not touched")
    return OK if count else NOTHING


def unwatch(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Stop watching a folder."""
    was_watched = service.unwatch(LOCAL, args.what[0])
    desk.say(f"{args.what[0]} is no longer watched" if was_watched else f"{args.what[0]} was not watched")
    return OK if was_watched else NOTHING


def list_watched(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """One folder a line."""
    for folder in service.list_watched(LOCAL):
        desk.say(folder)
    return OK


def watch(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Note the folder; whoever has the library open from now on watches it."""
    folder = service.watch(LOCAL, args.what[0]).payload["folder"]
    desk.say(f"{folder} is watched whenever the page or `index --watch` runs")
    return OK


def jobs(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """The latest jobs, newest first."""
    found = service.list_jobs(LOCAL, limit=SHOWN)
    if args.json:
        desk.give({"jobs": [job_shape(job) for job in found]})
        return OK
    for job in found:
        failed = f", {job.num_failed} failed" if job.num_failed else ""
        far = f" {job.done}/{job.total if job.total is not None else '?'}"
        desk.say(f"{job.id:>5}  {job.state:<9} {far:>12}{failed}  {job.title}: {job.message}")
    return OK


def number(args: Namespace) -> int:
    """The id that was given. BadQuestion if it is no number."""
    return number_in(args.what[0], of="a job", see="library jobs")


def cancel(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """End a job for good, wherever it runs."""
    service.cancel_job(LOCAL, number(args))
    desk.say(f"job {number(args)} is cancelled")
    return OK


def retry(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Do the failed items of a job again, and only those."""
    try:
        return does_job(lambda service, args: service.retry_job(LOCAL, number(args)))(service, args, desk)
    except Conflict:
        desk.say(f"nothing failed in job {number(args)}")
        return OK


def delete_everything(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Only with --yes."""
    library = service.assistant.library
    if not args.yes:
        raise BadQuestion(
            f"this forgets every file, upload and task of {library.config.data}, and the conversations of "
            "all who use it, and cannot be undone (the photos themselves stay). Say so with: "
            "python -m deepseek_mm library delete-everything --yes"
        )
    service.delete_everything(LOCAL)
    library.stop()
    desk.say(f"{library.config.data} is empty; photos and documents were not touched")
    return OK


def duplicates(service: "LibraryService", args: Namespace, desk: Desk) -> int:
    """Look, and list the groups, what is to be kept first; with --take-out the others go, and can be put back."""
    library = service.assistant.library
    with run_jobs(library):
        job = finish(library, service.find_duplicates(LOCAL), desk)
    failed = tell_failures(library, job, desk)
    groups = service.list_duplicates(LOCAL, args.keep)
    spare = [path for group in groups for path in paths_of(library, [source.id for source in group.sources[1:]])]
    if args.json:
        desk.give({"groups": [[source.path for source in group.sources] for group in groups], "failed": failed})
    for group in () if args.json else groups:
        desk.say(
            "\n".join([f"keep  {group.sources[0].path}", *(f"      {each.path}" for each in group.sources[1:]), ""])
        )
    desk.note(job.message)
    if args.take_out and spare:
        taken = service.take_out(LOCAL, spare)
        desk.note(f"{taken.num_sources} photos were taken out of the library; their files were not touched")
    return NOTHING if failed or job.state != "done" else OK


def paths_of(library: "Library", source_ids: Sequence[int]) -> list[str]:
    """Every place of these files."""
    return [path for places in library.store.places_of(source_ids).values() for path in places]


WORDS: dict[str, Subcommand[Word]] = {
    "verify": Subcommand(help="compare index, cache and disk", run=does_job(lambda service, _: service.verify(LOCAL))),
    "health": Subcommand(
        help="recall, orphans, failures, sizes, what is left of deleted things; --gone TEXT", run=health
    ),
    "repair": Subcommand(
        help="mend what verify finds", run=does_job(lambda service, args: service.repair(LOCAL, forget=args.forget))
    ),
    "duplicates": Subcommand(help="find photos that show the same; --keep, --take-out", run=duplicates),
    "backup": Subcommand(
        help="all into FILE",
        takes="FILE",
        run=does_job(lambda service, args: service.backup(LOCAL, args.what[0])),
    ),
    "check-backup": Subcommand(
        help="restore FILE, or the newest backup, as a trial into a temporary folder",
        takes="[FILE]",
        run=does_job(lambda service, args: service.check_backup(LOCAL, Path(args.what[0]) if args.what else "")),
    ),
    "restore": Subcommand(
        help="all out of FILE",
        takes="FILE",
        run=does_job(lambda service, args: service.restore(LOCAL, Path(args.what[0]))),
    ),
    "forget": Subcommand(help="take files or folders out", takes="PATH ...", run=forget),
    "watch": Subcommand(help="follow a folder from now on", takes="FOLDER", run=watch),
    "unwatch": Subcommand(help="follow it no longer", takes="FOLDER", run=unwatch),
    "watched": Subcommand(help="the folders that are followed", run=list_watched),
    "jobs": Subcommand(help="the latest long work", run=jobs),
    "cancel": Subcommand(help="end a job", takes="ID", run=cancel),
    "retry": Subcommand(help="do what failed in a job again", takes="ID", run=retry),
    "delete-everything": Subcommand(help="forget all, with --yes", run=delete_everything),
}


def list_files(args: Namespace, desk: Desk) -> int:
    """The library's files, a path a line; no model is opened. Exit code 1 where there are none."""
    from deepseek_mm.database_places import space_places
    from index.places import known_paths

    choose_subcommand("library", args.word, {"list": LIST}, args.what)
    paths = sorted(known_paths(each.place for each in space_places(config_of(args, desk))))
    if args.json:
        desk.give({"paths": paths})
    for path in () if args.json else paths:
        desk.say(path)
    return OK if paths else NOTHING


LIST = Subcommand(help="the files, a path a line", run=list_files)
PLAIN = {"list": LIST, NAME: MIGRATE}  # words that need no models


def run(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks what it needs, or has too much."""
    if args.word in PLAIN:
        return PLAIN[args.word].run(args, desk)
    from deepseek_mm.services import build_services
    from deepseek_mm.settings_file import SettingsFile

    word = choose_subcommand("library", args.word, WORDS, args.what)
    with desk.assistant(config_of(args, desk), speaks=False) as assistant:
        service = build_services(assistant, SettingsFile.of(assistant.config)).library
        return word.run(service, args, desk)


def add(parser: ArgumentParser) -> None:
    """The words of `library`."""
    parser.add_argument(
        "word",
        metavar="WORD",
        choices=(*PLAIN, *WORDS),
        help=f"{describe_subcommands(PLAIN)}; {describe_subcommands(WORDS)}",
    )
    parser.add_argument("what", metavar="WHAT", nargs="*", help="file, folder, path or number of a job, as WORD needs")
    parser.add_argument("--forget", action="store_true", help="with repair: take out files that are gone")
    parser.add_argument("--keep", choices=KEEPS, default="largest", help="with duplicates: which of a group stays")
    parser.add_argument("--take-out", action="store_true", help="with duplicates: take the others out of the library")
    parser.add_argument("--gone", metavar="TEXT", help="with health: look for this path or sentence in every file")
    parser.add_argument("--to", metavar="URL", help="with migrate: the server's address, or files")
    parser.add_argument("--set-aside", action="store_true", help="with migrate: what is there already makes room")
    parser.add_argument("--yes", action="store_true", help="with delete-everything: do it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMANDS = (
    Command(
        name="library",
        help="check, mend, back up and steer the library",
        example="python -m deepseek_mm library verify",
        add=add,
        run=run,
    ),
)
