"""`history`: list the conversations of the command line, write one into a file, take one in from a file.

Listing and writing need no models. Taking one in asks the library which of the cited photos are here.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands, number_in
from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, BadQuestion, NothingThere
from deepseek_mm.shapes import pick
from deepseek_mm.terminal import OK, OURS, Command, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.history import Conversation, History
    from deepseek_mm.services.history_service import ExportKind
    from deepseek_mm.sharing import Exported, Sharing

KINDS: dict[str, "ExportKind"] = {
    ".md": "markdown", ".html": "html", ".htm": "html", ".json": "json", ".zip": "replay",
}  # fmt: skip


def list_all(args: Namespace, config: Config, desk: Desk) -> int:
    """One conversation a line, in the history's own order."""
    with open_history(config) as history:
        found = history.conversations(session=OURS, limit=-1)
    if args.json:
        desk.give({"conversations": [shape(each) for each in found]})
        return OK
    for each in found:
        desk.say(f"{each.id:>5}  {each.last_at:%Y-%m-%d %H:%M}  {each.num_turns:>3} turns  {each.title}")
    return OK


def export(args: Namespace, config: Config, desk: Desk) -> int:
    """Write it into a file; into a folder under a name made from its title."""
    from deepseek_mm.storage.files import atomic_write

    number, target = number_of(args), Path(args.to)
    kind = args.kind or kind_of(target)
    if kind == "replay":
        exported = export_replay(number, config, desk, places=args.with_places)
    else:
        with open_history(config) as history:
            exported = sharing(history, config).export(number, kind, session=OURS, places=args.with_places)
    file = target / exported.name if target.is_dir() else target
    atomic_write(file, exported.data)
    desk.say(str(file))
    return OK


def export_replay(number: int, config: Config, desk: Desk, *, places: bool) -> "Exported":
    """A bundle that can be answered again: the models are opened, since it names them."""
    from deepseek_mm.services.replay_export import export_bundle

    with open_history(config) as history:  # says at once what is not there
        history.conversation(number, session=OURS)
    with desk.assistant(config) as assistant:
        return export_bundle(assistant, sharing(assistant.history, config), number, session=OURS, places=places)


def take_in(args: Namespace, config: Config, desk: Desk) -> int:
    """Out of a JSON file or a replayable bundle that export wrote; tells its new number."""
    from deepseek_mm.sharing import here_in
    from deepseek_mm.sharing.replay_bundle import BundleLimits, is_bundle, read_bundle

    with desk.assistant(config, speaks=False) as assistant:
        door = replace(sharing(assistant.history, config), here=here_in(assistant.store))
        data = bytes_of(Path(args.what), door.limits.max_bytes)
        bundled = is_bundle(data)
        told = read_bundle(data, limits=BundleLimits()).conversation if bundled else data
        number = door.take_in(told, session=OURS)
    desk.say(f"conversation {number}")
    desk.note(f"go on with: python -m deepseek_mm ask --continue {number} QUESTION")
    if bundled:
        desk.note(f"answer it again with: python -m deepseek_mm replay {args.what}")
    return OK


@contextmanager
def open_history(config: Config) -> Iterator["History"]:
    """The history without any model. NothingThere if there is none yet."""
    from deepseek_mm.database_places import server_place
    from deepseek_mm.history import History
    from deepseek_mm.read_only import writable_home

    if place := server_place(config, "history"):
        with closing(History(place)) as history:
            yield history
        return
    file = config.data / "history.db"
    if not file.is_file():
        raise NothingThere(f"no history at {file}. Begin one with: python -m deepseek_mm ask QUESTION")
    with writable_home(config.data) as home, closing(History(home / file.name)) as history:
        yield history


def sharing(history: "History", config: Config) -> "Sharing":
    """The door of this library."""
    from deepseek_mm.parse.document import read_page
    from deepseek_mm.sharing import ExportLimits, Sharing

    return Sharing(
        history=history,
        picture=lambda source, page: read_page(source.path, page, config.parse),
        uploads=config.data / "uploads",
        version=str(import_module("deepseek_mm").__version__),
        limits=ExportLimits(max_pixels=config.parse.max_pixels),
    )


def bytes_of(file: Path, most: int) -> bytes:
    """What the file holds, and no more than shows that it is too much. NothingThere or BadFile says why not."""
    try:
        with file.open("rb") as stream:
            return stream.read(most + 1)
    except FileNotFoundError:
        raise NothingThere(f"no file at {file}. Check the name") from None
    except OSError as error:
        raise BadFile(f"{file} cannot be read: {error.strerror}. Name a file that history export wrote") from error


def number_of(args: Namespace) -> int:
    """The id that was given. BadQuestion if it is no number."""
    return number_in(args.what, of="a conversation", see="history list")


def kind_of(target: Path) -> "ExportKind":
    """What the file's ending says; JSON, which can be taken in again, for a folder."""
    if target.is_dir():
        return "json"
    if target.suffix.lower() not in KINDS:
        raise BadQuestion(
            f"the name {target.name!r} does not say what to write. End it in .md, .html, .json or .zip, or add --kind"
        )
    return KINDS[target.suffix.lower()]


def shape(conversation: "Conversation") -> dict[str, Any]:
    """As a JSON object."""
    told = pick(conversation, "id", "title", "started_at", "last_at", "num_turns", "pinned")
    return told | {name: told[name].isoformat() for name in ("started_at", "last_at")}


WORDS = {
    "list": Subcommand(help="what there is, pinned first, then newest first", run=list_all),
    "export": Subcommand(help="into the file or folder --to", takes="ID", run=export),
    "import": Subcommand(help="out of a JSON file or a replayable bundle that export wrote", takes="FILE", run=take_in),
}


def run(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks what it needs, or has too much."""
    word = choose_subcommand("history", args.word, WORDS, [args.what] if args.what else [])
    return word.run(args, config_of(args, desk), desk)


def add(parser: ArgumentParser) -> None:
    """The words of `history`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(WORDS), help=describe_subcommands(WORDS))
    parser.add_argument("what", metavar="WHAT", nargs="?", default="", help="number or file, as WORD needs")
    parser.add_argument("--to", metavar="FILE", default=".", help="with export: the file, or a folder (here)")
    parser.add_argument(
        "--kind",
        choices=("markdown", "html", "json", "replay"),
        help="with export: what to write (as FILE ends; else json); replay is a ZIP that can be answered again",
    )
    parser.add_argument(
        "--with-places",
        action="store_true",
        help="with export: folders, and where photos were taken, in JSON and bundles",
    )
    parser.add_argument("--json", action="store_true", help="with list: one JSON object instead of lines")
    add_settings(parser)


COMMANDS = (
    Command(
        name="history",
        help="list, export and import the conversations of the command line (the page keeps its own, a browser each)",
        example="python -m deepseek_mm history export 3 --to kite.html",
        add=add,
        run=run,
    ),
)
