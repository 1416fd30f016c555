"""`users`: who has an account in this house, with which role; and what was done."""

import getpass
import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands
from deepseek_mm.errors import BadQuestion
from deepseek_mm.terminal import OK, USER_ERROR, Command, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.accounts.accounts import Accounts
    from deepseek_mm.accounts.records import User

MOST_SHOWN = 50  # entries of what was done
ACTOR = "command line"  # who did it, in the audit log


def list_users(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """One person a line, oldest first."""
    found = [user_shape(user) for user in accounts.all()]
    if args.json:
        desk.give({"users": found})
        return OK
    for row in found:
        state = "disabled" if row["disabled"] else ""
        desk.say(f"{row['name']:<20}  {row['role']:<8}  {row['made_at'][:16].replace('T', ' ')}  {state}".rstrip())
    if not found:
        desk.note("nobody has an account. Make one with: python -m deepseek_mm users add NAME --role owner")
    return OK


def add_user(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """A new account; the password is asked for, or read from standard input."""
    role = args.role or ("member" if accounts.all() else "owner")
    user = accounts.add(args.name, role, read_password(desk))
    accounts.note(ACTOR, "account made", target=f"{user.name} {user.role}")
    return tell(user, args, desk, f"{user.name!r} has an account, as {user.role}")


def set_password(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Another password; every browser of this person is logged out."""
    user = accounts.change(accounts.find_by_name(args.name).id, password=read_password(desk))
    accounts.note(ACTOR, "password changed", target=user.name)
    return tell(user, args, desk, f"{user.name!r} has another password, and is logged out everywhere")


def set_role(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Another role, from the next request on."""
    if not args.role:
        raise BadQuestion(f"no role is named: python -m deepseek_mm users role {args.name} --role member")
    user = accounts.change(accounts.find_by_name(args.name).id, role=args.role)
    accounts.note(ACTOR, "role changed", target=f"{user.name} {user.role}")
    return tell(user, args, desk, f"{user.name!r} is {user.role} now")


def disable(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Nobody comes in with this account; what belongs to it stays."""
    return _set_disabled(accounts, args, desk, is_disabled=True)


def enable(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Come in again."""
    return _set_disabled(accounts, args, desk, is_disabled=False)


def _set_disabled(accounts: "Accounts", args: Namespace, desk: Desk, *, is_disabled: bool) -> int:
    user = accounts.change(accounts.find_by_name(args.name).id, is_disabled=is_disabled)
    accounts.note(ACTOR, "account disabled" if is_disabled else "account enabled", target=user.name)
    return tell(user, args, desk, f"{user.name!r} may {'not ' if is_disabled else ''}come in")


def remove_user(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Forget an account with its keys and logins; with --delete-data everything that belongs to the person, too."""
    from deepseek_mm.accounts.shared_access import open_key_ring

    config, user = config_of(args, desk), accounts.find_by_name(args.name)
    if args.delete_data:
        return remove_with_data(accounts, user, args, desk)
    accounts.remove(user.id)
    with open_key_ring(config) as keys:
        keys.remove_all(user.id)
    accounts.note(ACTOR, "account removed", target=user.name)
    return tell(user, args, desk, f"the account of {user.name!r} is removed")


def remove_with_data(accounts: "Accounts", user: "User", args: Namespace, desk: Desk) -> int:
    """What was deleted, and where any of it still stands."""
    from deepseek_mm.accounts.permissions import COMMAND_LINE
    from deepseek_mm.accounts.shared_access import open_key_ring
    from deepseek_mm.services.account_erasure import AccountErasure
    from deepseek_mm.services.account_service import AccountService

    config = config_of(args, desk)
    with desk.assistant(config, speaks=False) as assistant, open_key_ring(config) as keys:
        erasure = AccountErasure(assistant=assistant)
        service = AccountService(accounts=accounts, keys=keys, erasure=erasure)
        report = service.remove_person(COMMAND_LINE, user.id, data=True).report
    assert report is not None, "there is a library to delete from"
    if args.json:
        desk.give(user_shape(user) | {"report": asdict(report)})
        return OK
    desk.say(
        f"the account of {user.name!r} is removed, with {report.conversations} conversations, {report.searches} saved "
        f"searches, {report.tasks} tasks and {report.files} uploads"
    )
    if report.learned:
        desk.say(
            f"{report.learned} versions of the reader that learned from them are gone, too: learn anew from others"
        )
    for found in report.leftovers:
        desk.say(f"still there: {found.path}")
    if not report.leftovers:
        desk.say(f"a search of all files for {len(report.sought)} things that only they wrote finds nothing")
    return USER_ERROR if report.leftovers else OK


def list_logins(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Where this person is logged in, newest first."""
    found = accounts.list_logins(accounts.find_by_name(args.name).id)
    times = [{"begun_at": shape_time(each.begun_at), "ends_at": shape_time(each.ends_at)} for each in found]
    rows = [at | {"address": each.address, "browser": each.browser} for at, each in zip(times, found, strict=True)]
    if args.json:
        desk.give({"logins": rows})
        return OK
    for row in rows:
        desk.say(f"{row['begun_at'][:16].replace('T', ' ')}  {row['address']}  {row['browser']}".rstrip())
    if not rows:
        desk.note(f"{args.name!r} is logged in nowhere")
    return OK


def log_out(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """Every browser of this person has to log in again."""
    user = accounts.find_by_name(args.name)
    num = accounts.end_logins(user.id)
    accounts.note(ACTOR, "logged out everywhere", target=user.name)
    return tell(user, args, desk, f"{user.name!r} is logged out of {num} browser{'' if num == 1 else 's'}")


def show_audit(accounts: "Accounts", args: Namespace, desk: Desk) -> int:
    """What was done, newest first."""
    entries = accounts.audit(limit=MOST_SHOWN, name=args.name)
    if args.json:
        fields = ("name", "action", "target", "address")
        rows = [{"at": shape_time(each.at)} | {name: getattr(each, name) for name in fields} for each in entries]
        desk.give({"audit": rows})
        return OK
    for each in entries:
        said = "  ".join(part for part in (each.name, each.action, each.target, each.address) if part)
        desk.say(f"{shape_time(each.at)[:16].replace('T', ' ')}  {said}")
    if not entries:
        desk.note("nothing was done yet")
    return OK


def tell(user: "User", args: Namespace, desk: Desk, said: str) -> int:
    """One line, or the account as JSON."""
    desk.give(user_shape(user)) if args.json else desk.say(said)
    return OK


def user_shape(user: "User") -> dict[str, Any]:
    """As a JSON object, without anything secret."""
    return {"name": user.name, "role": user.role, "made_at": shape_time(user.made_at), "disabled": user.is_disabled}


def shape_time(at: datetime) -> str:
    """2026-11-30T12:00:00+00:00"""
    return at.isoformat(timespec="seconds")


def read_password(desk: Desk) -> str:
    """Typed twice where somebody sits there, else a line of standard input; never on the command line, which every
    account of the machine can read.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != first:
        raise BadQuestion("the two passwords differ. Try again")
    return first


USER_WORDS = {
    "list": Subcommand(help="names and roles, oldest first", run=list_users),
    "add": Subcommand(help="make an account; the first is an owner's", takes="NAME", run=add_user),
    "password": Subcommand(help="give another password", takes="NAME", run=set_password),
    "role": Subcommand(help="give the role of --role", takes="NAME", run=set_role),
    "logins": Subcommand(help="where somebody is logged in", takes="NAME", run=list_logins),
    "logout": Subcommand(help="log somebody out everywhere", takes="NAME", run=log_out),
    "disable": Subcommand(help="let somebody in no more, and keep what is theirs", takes="NAME", run=disable),
    "enable": Subcommand(help="let them in again", takes="NAME", run=enable),
    "remove": Subcommand(help="forget an account", takes="NAME", run=remove_user),
    "audit": Subcommand(help="what was done and by whom: by NAME or to them, or all", takes="[NAME]", run=show_audit),
}


def run_users(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks its name, or has one too many."""
    from deepseek_mm.accounts.accounts import Accounts
    from deepseek_mm.database_places import place_of

    word = choose_subcommand("users", args.word, USER_WORDS, [args.name] if args.name else [])
    config = config_of(args, desk)
    config.data.mkdir(parents=True, exist_ok=True)
    with closing(Accounts(place_of(config, "accounts"))) as accounts:
        return word.run(accounts, args, desk)


def add_users(parser: ArgumentParser) -> None:
    """The words of `users`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(USER_WORDS), help=describe_subcommands(USER_WORDS))
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="of the person, such as: Anna")
    parser.add_argument("--role", metavar="ROLE", help="owner, member or guest")
    parser.add_argument("--delete-data", action="store_true", help="with remove: all that is theirs, and prove it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMANDS = (
    Command(
        name="users",
        help="make, list and remove accounts of people",
        example="python -m deepseek_mm users add Anna --role owner",
        add=add_users,
        run=run_users,
    ),
)
