"""`models`: which revision of each hub's model this library uses, and going over to the newest one."""

from argparse import ArgumentParser, Namespace

from deepseek_mm.cli.words import Word, chosen, listed
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.terminal import OK, Command, Desk, add_settings, config_of


def list_all(args: Namespace, config: Config, desk: Desk) -> int:
    """One model a line, with its commit."""
    from deepseek_mm.hub import Revisions  # here, because help must not wait for the hub's package

    known = Revisions(config.data).all()
    if args.json:
        desk.give({"models": [{"name": name, "revision": revision} for name, revision in known.items()]})
        return OK
    for name, revision in known.items():
        desk.say(f"{revision}  {name}")
    if not known:
        desk.note("no model of a hub was used here yet; the first start with one keeps its revision")
    return OK


def update(args: Namespace, config: Config, desk: Desk) -> int:
    """Fetch the newest revision whole, then keep it for the next start."""
    from deepseek_mm.hub import UNREACHABLE, Revisions

    (name,) = args.what
    try:
        before, now = Revisions(config.data).update(name)
    except UNREACHABLE as error:
        raise NothingThere(
            f"the hub does not give {name} ({type(error).__name__}), and nothing was changed. "
            "Try again where there is a network"
        ) from error
    same = before == now
    desk.say(f"{name} stays at {now}" if same else f"{name} goes from {before or 'none'} to {now} with the next start")
    return OK


WORDS = {
    "list": Word(help="the models of a hub, and the commit of each", run=list_all),
    "update": Word(help="take the newest commit of a model", takes="NAME", run=update),
}


def run(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks what it needs, or has too much."""
    return chosen("models", args.word, WORDS, args.what).run(args, config_of(args, desk), desk)


def add(parser: ArgumentParser) -> None:
    """The words of `models`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(WORDS), help=listed(WORDS))
    parser.add_argument("what", metavar="NAME", nargs="*", help="OWNER/MODEL, as WORD needs")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMAND = Command(
    name="models",
    help="see and update the revisions of models that came from a hub",
    example="python -m deepseek_mm models update openai/clip-vit-base-patch32",
    add=add,
    run=run,
)
