"""`keys`: who may use the server from elsewhere: list the keys, make one, remove one, also while it runs."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands
from deepseek_mm.terminal import OK, Command, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.api.credentials import Key, Keys


def list_all(keys: "Keys", args: Namespace, desk: Desk) -> int:
    """One key a line, oldest first; a key itself cannot be shown again."""
    found = [shape(key) for key in keys.all()]
    if args.json:
        desk.give({"keys": found})
        return OK
    for row in found:
        desk.say(f"{row['name']:<20}  {row['made_at'][:16].replace('T', ' ')}  {','.join(row['rights'])}")
    if not found:
        desk.note("no keys. Make one with: python -m deepseek_mm keys add NAME")
    return OK


def add_one(keys: "Keys", args: Namespace, desk: Desk) -> int:
    """The key, and nothing else, on stdout."""
    from deepseek_mm.accounts.permissions import USUAL

    rights = USUAL if args.rights is None else [right.strip() for right in args.rights.split(",") if right.strip()]
    secret = keys.add(args.name, rights)
    if args.json:
        desk.give({"name": args.name, "rights": list(rights), "key": secret})
    else:
        desk.say(secret)
    desk.note(f"this is the key {args.name!r} ({','.join(rights)}). It is shown this once: copy it now")
    return OK


def remove(keys: "Keys", args: Namespace, desk: Desk) -> int:
    """Nobody comes in with it from now on."""
    keys.remove(args.name)
    desk.say(f"the key {args.name!r} is removed")
    return OK


def shape(key: "Key") -> dict[str, Any]:
    """As a JSON object, without anything secret."""
    made_at = datetime.fromtimestamp(key.made_s, UTC).isoformat(timespec="seconds")
    return {"name": key.name, "rights": sorted(key.rights), "made_at": made_at}


WORDS = {
    "list": Subcommand(help="names and rights, oldest first", run=list_all),
    "add": Subcommand(help="make a key, which is shown once", takes="NAME", run=add_one),
    "remove": Subcommand(help="let nobody in with it any more", takes="NAME", run=remove),
}


def run(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks its name, or has one too many."""
    from deepseek_mm.api.credentials import Keys

    word = choose_subcommand("keys", args.word, WORDS, [args.name] if args.name else [])
    return word.run(Keys(config_of(args, desk).data), args, desk)


def add(parser: ArgumentParser) -> None:
    """The words of `keys`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(WORDS), help=describe_subcommands(WORDS))
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="what to call the key, such as: laptop")
    parser.add_argument(
        "--rights",
        metavar="LIST",
        help="what it may do, with commas between: ask,library,settings,page (these if left out), run",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMAND = Command(
    name="keys",
    help="make, list and remove the keys of those who use the server from elsewhere",
    example="python -m deepseek_mm keys add laptop --rights ask,page",
    add=add,
    run=run,
)
