"""`ask`: a question over the library, or about some pictures; words come as they are found, then what they rest on."""

import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.hosts import add_host, explain_errors, remote_of
from deepseek_mm.config import Config
from deepseek_mm.settings import Settings
from deepseek_mm.shapes import answer_shape
from deepseek_mm.terminal import MARK, NOTHING, OK, STOPPED, Command, Desk, add_settings, settings_of
from deepseek_mm.types import Answer, Picture, Question
from index.region import at_lines

if TYPE_CHECKING:
    from deepseek_mm.api.remote_server import RemoteServer

Shape = dict[str, Any]  # an answer as `answer_shape` tells it


def question_of(args: Namespace, config: Config) -> Question:
    """The words and the pictures that are named."""
    pictures = [picture_at(path, config) for path in args.image]
    about = "code" if args.code else "photos"
    return Question.of(args.text, pictures, conversation=args.continue_id, about=about, run=args.leave_to_run)


def picture_at(path: Path, config: Config) -> Picture:
    """The picture in this file. BadPicture if it is none, NothingThere without a file."""
    from deepseek_mm.parse.document import read_photo

    photo = read_photo(path, max_pixels=config.parse.max_pixels)
    return Picture(image=photo.image, name=path.name, path=str(path), source=photo.source)


def speak(shapes: Iterable[Shape], desk: Desk) -> Shape:
    """Say what each state of the answer adds; one that was revised is said anew on its own line. Returns the last."""
    said, shape = "", answer_shape(Answer(text=""))
    for shape in shapes:
        if not shape["text"].startswith(said):
            desk.say()
            said = ""
        desk.say(shape["text"][len(said) :], end="")
        said = shape["text"]
    desk.say()
    return shape


def format_citation(citation: Shape) -> str:
    """One line: number, file, box, label."""
    if any(citation["lines"]):
        return f"[{citation['number']}] {at_lines(citation['path'], citation['lines'])}"
    box = ",".join(map(str, citation["box_px"]))
    return f"[{citation['number']}] {citation['path']} box {box} {citation['label']}".rstrip()


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when nothing relevant was found. Ctrl-C ends the answer, not the history's knowledge of it."""
    settings = settings_of(args, desk)
    question, stop = question_of(args, settings.config), Event()
    with first_ctrl_c_sets(stop):
        remote = remote_of(args, desk)
        shapes = ask_remote(question, remote, stop) if remote else answers_of(question, settings, desk, stop)
        shape = list(shapes)[-1] if args.json else speak(shapes, desk)
    if args.json:
        desk.give(shape)
    else:
        tell_sources(shape, desk, host=args.host)
    if stop.is_set():
        return STOPPED
    return OK if shape["found"] else NOTHING


def answers_of(question: Question, settings: Settings, desk: Desk, stop: Event) -> Iterator[Shape]:
    """The growing answer: by the server of this library where one runs, else by models that are opened here.

    A picture from a file is always looked at here, and so is everything by other settings than the server's.
    """
    from deepseek_mm.api.local_server import (  # here, because help must not wait for it
        ServerGone,
        ask_server,
        find_server,
    )

    server = None if question.pictures else find_server(settings.config.data, settings.config)
    if server is not None:
        try:
            yield from ask_server(server, question, stop=stop)
            return
        except ServerGone as error:
            desk.note(f"the server of this library went away ({error}), so the models are opened here")
    from deepseek_mm.accounts.permissions import COMMAND_LINE  # here, because a server needs none of it
    from deepseek_mm.services.answer_service import AnswerService

    with desk.assistant(settings.config, saved=settings.saved_names) as assistant:
        yield from map(answer_shape, AnswerService.of(assistant).stream(COMMAND_LINE, question, stop=stop))


def ask_remote(question: Question, server: "RemoteServer", stop: Event) -> Iterator[Shape]:
    """The growing answer of another machine. ServerError says why there is none, and what to do."""
    from deepseek_mm.api.local_server import ask_server  # as above

    with explain_errors(server):
        yield from ask_server(server, question, stop=stop)


def tell_sources(shape: Shape, desk: Desk, *, host: str = "") -> None:
    """What the answer rests on, and how to go on."""
    for citation in shape["citations"]:
        desk.say(format_citation(citation))
    understood = shape["understood"] or {"acts": (), "by": ""}
    for act in understood["acts"]:
        desk.note(format_act(act, by=understood["by"]))
    if shape["unread"]:
        desk.note(f"the first {shape['unread']} questions of this conversation were too long ago to be read with it")
    if shape["conversation"]:
        where = f" --host {host}" if host else ""
        desk.note(f"go on with: python -m deepseek_mm ask{where} --continue {shape['conversation']} QUESTION")


def format_act(act: Shape, *, by: str) -> str:
    """One line: what was understood, where it is looked for, and how likely that is right where a model says so."""
    line = f"understood as: {act['kind']} ({act['scope']}): {act['subject'] or act['text']}"
    return f"{line}, {100 * act['chance']:.0f} %" if by == "model" else line


@contextmanager
def first_ctrl_c_sets(stop: Event) -> Iterator[None]:
    """The first Ctrl-C asks politely, so that what was said is kept and marked stopped; the second interrupts."""

    def politely(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, politely)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def add(parser: ArgumentParser) -> None:
    """The words of `ask`."""
    parser.add_argument("text", metavar="TEXT", help="the question")
    parser.add_argument(
        "--image",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="ask about this picture instead of the library; may be given several times",
    )
    parser.add_argument(
        "--code", action="store_true", help="about the code in the library: who calls what, where it is, a traceback"
    )
    parser.add_argument(
        "--run",
        dest="leave_to_run",
        action="store_true",
        help='with --code "write a test for NAME": try it, behind the walls of the sandbox',
    )
    parser.add_argument("--continue", dest="continue_id", metavar="ID", type=int, help="go on with this conversation")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    parser.add_argument(
        "--dial", metavar="STEP", dest=f"{MARK}runtime.dial", help="fast, balanced or best: speed against quality"
    )
    add_host(parser)
    add_settings(parser)


COMMANDS = (
    Command(
        name="ask",
        help="ask a question and see what the answer rests on",
        example='python -m deepseek_mm ask "Is there a dog on the beach?"',
        add=add,
        run=run,
    ),
)
