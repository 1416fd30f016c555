"""`hosts`: keys for servers of other machines; and the flag --host of the commands that such a server can answer."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from getpass import getpass
from typing import TYPE_CHECKING

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands
from deepseek_mm.errors import BadQuestion, ServerError, Unauthorised
from deepseek_mm.settings import KEY_VARIABLE
from deepseek_mm.terminal import OK, Command, Desk, flags_of

if TYPE_CHECKING:
    from deepseek_mm.api.remote_server import RemoteServer


def add_host(parser: ArgumentParser) -> None:
    """The flag."""
    text = f"the server of another machine, with the key that `hosts add URL` keeps, or of {KEY_VARIABLE}"
    parser.add_argument("--host", metavar="URL", default="", help=text)


def remote_of(args: Namespace, desk: Desk) -> "RemoteServer | None":
    """The server that --host names, with its key; None without the flag. BadQuestion beside settings of this run."""
    from deepseek_mm.api.remote_server import find_key, parse_address  # here, because help must not wait for it

    if not args.host:
        return None
    if flags := sorted(flags_of(args)):
        raise BadQuestion(
            f"another machine answers by its own settings, and {', '.join(flags)} would be of this one."
            " Leave out either --host or those"
        )
    server = parse_address(args.host)
    key = find_key(server, desk.environ)
    if key and server.is_open:
        desk.note(f"warning: {server.url} is not encrypted, so whoever is on the way can read the key. Use https")
    return replace(server, token=key)


@contextmanager
def explain_errors(server: "RemoteServer") -> Iterator[None]:
    """Within the block, a server of another machine that says nothing, or knows no key, is a ServerError that says
    what to do.
    """
    from deepseek_mm.api.local_server import ServerGone
    from deepseek_mm.api.remote_server import explain_key, explain_silence

    try:
        yield
    except ServerGone as error:
        raise ServerError(explain_silence(server, error)) from error
    except Unauthorised as error:
        raise ServerError(explain_key(server)) from error


def list_hosts(args: Namespace, desk: Desk) -> int:
    """One address a line; never a key."""
    from deepseek_mm.accounts.host_keys import read_keyring

    for address in read_keyring(desk.environ):
        desk.say(address)
    return OK


def add_host_key(args: Namespace, desk: Desk) -> int:
    """Typed where somebody sits there, else a line of standard input; never on the command line, which every account
    of the machine can read.
    """
    from deepseek_mm.api.remote_server import keep_key, parse_address

    server = parse_address(args.url)
    asked = sys.stdin.isatty()
    key = getpass(f"key for {server.url} (not shown): ") if asked else sys.stdin.readline()
    if not key.strip():
        raise BadQuestion("no key came. Make one there with: python -m deepseek_mm keys add NAME, and give it here")
    desk.say(f"kept: {keep_key(server, key, desk.environ)}")
    return OK


def remove_host(args: Namespace, desk: Desk) -> int:
    """Forget the key."""
    from deepseek_mm.api.remote_server import forget_key, parse_address

    desk.say(f"forgotten: {forget_key(parse_address(args.url), desk.environ)}")
    return OK


HOST_WORDS = {
    "list": Subcommand(help="addresses with a key", run=list_hosts),
    "add": Subcommand(help="keep the key for a server, which is asked for", takes="URL", run=add_host_key),
    "remove": Subcommand(help="forget it", takes="URL", run=remove_host),
}


def run(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks its address, or has one too many."""
    word = choose_subcommand("hosts", args.word, HOST_WORDS, [args.url] if args.url else [])
    return word.run(args, desk)


def add(parser: ArgumentParser) -> None:
    """The words of `hosts`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(HOST_WORDS), help=describe_subcommands(HOST_WORDS))
    parser.add_argument("url", metavar="URL", nargs="?", default="", help="such as https://photos.example:7860")


COMMANDS = (
    Command(
        name="hosts",
        help="keep, list and forget this user's keys for servers of other machines",
        example="python -m deepseek_mm hosts add https://photos.example:7860",
        add=add,
        run=run,
    ),
)
