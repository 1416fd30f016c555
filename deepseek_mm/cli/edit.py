"""`edit`: a larger model proposes a change to code of the library; it is written only where that is asked."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from deepseek_mm.accounts.permissions import COMMAND_LINE
from deepseek_mm.cli.ask import first_ctrl_c_sets
from deepseek_mm.errors import BadQuestion
from deepseek_mm.terminal import NOTHING, OK, STOPPED, Command, Desk, add_settings, settings_of

if TYPE_CHECKING:
    from deepseek_mm.answering.code_edits.records import CodeEdit
    from deepseek_mm.services.code_edit_service import CodeEditService

MOST_SAID = 200  # characters of what a step was told
MARKS = {"good": "+", "bad": "!", "not checked": "?"}


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 where nothing is proposed. Ctrl-C stops the model; nothing was written then."""
    from deepseek_mm.services.code_edit_service import CodeEditService  # here, because help must not wait for it

    settings = settings_of(args, desk)
    if sum(map(bool, (args.text, args.accept, args.undo, args.list))) != 1:
        raise BadQuestion('say what is to be changed, such as: edit "fix the bug in parse_line"; or one of the flags')
    with desk.assistant(settings.config, speaks=bool(args.text), saved=settings.saved_names) as assistant:
        service = CodeEditService.of(assistant)
        if args.list:
            return tell_list(service.list_edits(COMMAND_LINE), desk, as_json=args.json)
        if args.accept or args.undo:
            act = service.apply_edit if args.accept else service.undo_edit
            return tell_written(act(COMMAND_LINE, args.accept or args.undo), desk, as_json=args.json)
        edit = propose(service, args.text, desk)
        if args.apply and may_be_applied(edit):
            edit = service.apply_edit(COMMAND_LINE, edit.id)
        return tell_end(edit, desk, as_json=args.json, wanted=args.apply)


def propose(service: "CodeEditService", request: str, desk: Desk) -> "CodeEdit":
    """The change as it ended; every step is said when it has been made."""
    under_way = service.start(COMMAND_LINE, request)
    edit, told = service.find_edit(COMMAND_LINE, under_way.token), 0
    with first_ctrl_c_sets(under_way.stopping):
        for edit in under_way.follow():
            for step in edit.steps[told:]:
                said = " ".join(step.said.split())[:MOST_SAID]
                desk.note(f"{step.tool} {step.about}{' REFUSED' if step.refused else ''}: {said}")
            told = len(edit.steps)
    return edit


def may_be_applied(edit: "CodeEdit") -> bool:
    """Whether it is proposed and no check speaks against it."""
    return edit.state == "proposed" and all(check.verdict != "bad" for check in edit.checks)


def tell_end(edit: "CodeEdit", desk: Desk, *, as_json: bool, wanted: bool) -> int:
    """The diff, what checks say, and how it is written or undone."""
    if as_json:
        desk.give(shape_of(edit))
    else:
        desk.say(edit.diff, end="")
        for check in edit.checks:
            desk.say(f"{MARKS[check.verdict]} {check.name}: {check.words}")
        desk.say("\n".join(filter(None, [edit.text, edit.message])))
    if edit.state == "proposed":
        why = "a check speaks against it, so nothing was written" if wanted else "nothing was written"
        desk.note(f"{why}. Write it with: python -m deepseek_mm edit --accept {edit.id}")
    if edit.state == "applied":
        desk.note(f"written. Undo it with: python -m deepseek_mm edit --undo {edit.id}")
    return STOPPED if edit.state == "stopped" else OK if edit.state in ("proposed", "applied") else NOTHING


def tell_written(edit: "CodeEdit", desk: Desk, *, as_json: bool) -> int:
    """Which files were written, or put back."""
    if as_json:
        desk.give(shape_of(edit))
    else:
        desk.say(f"{edit.state}: {', '.join(each.name for each in edit.changes)}")
    return OK


def tell_list(edits: Iterable["CodeEdit"], desk: Desk, *, as_json: bool) -> int:
    """One line each, newest first."""
    edits = list(edits)
    if as_json:
        desk.give({"edits": [shape_of(edit) for edit in edits]})
    else:
        for edit in edits:
            desk.say(f"{edit.id} {edit.made_at:%Y-%m-%d %H:%M} {edit.state}: {' '.join(edit.request.split())[:80]}")
    return OK if edits else NOTHING


def shape_of(edit: "CodeEdit") -> dict[str, Any]:
    """As the API says it."""
    from deepseek_mm.api.routes.code_edit_routes import EditOut  # as above

    return EditOut.of(edit).model_dump(mode="json")


def add(parser: ArgumentParser) -> None:
    """The words of `edit`."""
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="what is to be changed")
    parser.add_argument("--apply", action="store_true", help="write it at once, if no check speaks against it")
    parser.add_argument("--accept", metavar="ID", default="", help="write a change that was proposed before")
    parser.add_argument("--undo", metavar="ID", default="", help="put the files back as they were before a change")
    parser.add_argument("--list", action="store_true", help="the changes that are kept, newest first")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    add_settings(parser)


COMMANDS = (
    Command(
        name="edit",
        help="have a larger model (--llm) propose a change to code; see it as a diff with checks, write it, undo it",
        example='python -m deepseek_mm edit "fix the bug in parse_line" --llm http://127.0.0.1:11434/v1'
        " --set serve.roots=/home/me/shop",
        add=add,
        run=run,
    ),
)
