"""`replay`: a conversation out of a bundle is answered again, and what differs is shown word by word."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.history import bytes_of
from deepseek_mm.terminal import NOTHING, OK, UNSHOWN, Command, Desk, add_settings, config_of, escape_letter

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
    from deepseek_mm.services.conversation_replay import ModelDifference, Place, ReplayedTurn
    from deepseek_mm.sharing.answer_differences import AnswerDifference, WordChange
    from deepseek_mm.sharing.replay_bundle import ReplayBundle

MARKS: dict["WordChange", tuple[str, str]] = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
COLOURS: dict["WordChange", str] = {"same": "", "removed": "\x1b[31m", "added": "\x1b[32m"}
PLAIN = "\x1b[0m"
SURE = ".0%"
PLACES = {"library": "over the library here", "bundle": "over the bundle's own files"}


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 0 where every answer is the same, 1 where one differs. BadFile says what is wrong with the file."""
    from deepseek_mm.services.conversation_replay import choose_place, compare_models, models_then
    from deepseek_mm.services.replay_export import list_models
    from deepseek_mm.sharing import ExportLimits
    from deepseek_mm.sharing.replay_bundle import BundleLimits, read_bundle

    config, limits = config_of(args, desk), BundleLimits()
    bundle = read_bundle(bytes_of(Path(args.file), limits.max_bytes), limits=limits)
    then = models_then(bundle.manifest, bundle.open_parcel(ExportLimits()))
    with desk.assistant(config) as assistant:
        place = choose_place(assistant, bundle, args.over)
        models = compare_models(then, list_models(assistant))
        if not args.json:
            tell_begin(bundle, models, place, desk)
        turns = list(answer_again(assistant, bundle, place, desk, quiet=args.json))
    same = sum(turn.is_same for turn in turns)
    if args.json:
        desk.give(shape(bundle, models, place, turns))
    else:
        desk.say(f"{same} of {len(turns)} answers are the same")
    return OK if same == len(turns) else NOTHING


def answer_again(
    assistant: "Assistant", bundle: "ReplayBundle", place: "Place", desk: Desk, *, quiet: bool
) -> Iterator["ReplayedTurn"]:
    """Every turn, told as it comes unless it is to be quiet."""
    from deepseek_mm.services.conversation_replay import open_room

    told = set[int]()

    def tell(done: int, total: int) -> None:
        if not quiet and done not in told:
            told.add(done)
            desk.note(f"taking in the bundle's files: {done} of {total}")

    with open_room(assistant, bundle, place, stop=Event(), tell=tell) as room:
        for number, turn in enumerate(room.ask_all(Event()), start=1):
            if not quiet:
                tell_turn(number, turn, desk)
            yield turn


def tell_begin(bundle: "ReplayBundle", models: Sequence["ModelDifference"], place: str, desk: Desk) -> None:
    """Where it comes from, what is missing, and over what it is answered."""
    manifest = bundle.manifest
    desk.say(f"exported {manifest.exported_at:%Y-%m-%d %H:%M} by deepseek-mm {manifest.program} on {manifest.machine}")
    for each in models:
        desk.say(f"different: {each.sentence}")
    for file in manifest.left_out:
        desk.say(f"left out: {file.name} ({file.why})")
    desk.say(f"answering {PLACES[place]}")


def tell_turn(number: int, turn: "ReplayedTurn", desk: Desk) -> None:
    """The question, the answer with what went and came, and what else differs."""
    paint = desk.out.isatty()
    desk.say(f"\n{number}. {turn.question}")
    seconds = f"{turn.before.seconds:.1f} s then, {turn.after.seconds:.1f} s now"
    desk.say(f"   {'same' if turn.is_same else 'DIFFERENT'} ({seconds})")
    desk.out.write(f"   {mark_words(turn.difference, paint=paint)}\n")
    for text in list_other(turn):
        desk.say(f"   {text}")


def mark_words(difference: "AnswerDifference", *, paint: bool) -> str:
    """One line: what went as [-this-], what came as {+this+}; in colours on a terminal."""
    return "".join(
        f"{COLOURS[kind] if paint else ''}{before}{UNSHOWN.sub(escape_letter, text.strip())}{after}"
        f"{PLAIN if paint and COLOURS[kind] else ''}{' ' if text[-1:].isspace() else ''}"
        for kind, text in difference.words
        for before, after in (MARKS[kind],)
    ).strip()


def list_other(turn: "ReplayedTurn") -> Iterator[str]:
    """What differs beside the words."""
    difference = turn.difference
    yield from (f"[-{name}-] is not cited any more" for name in difference.citations_removed)
    yield from (f"{{+{name}+}} is cited now" for name in difference.citations_added)
    if turn.understood_otherwise:
        yield "it was understood as something else"
    before, after = (f"{each:{SURE}}" if each is not None else "unknown" for each in difference.confidence)
    if before != after:
        yield f"sure: {before} then, {after} now"
    yield from (f"the picture {name} did not come along" for name in turn.lost)
    if turn.unheld:
        yield f"its settings of then do not hold: {turn.unheld}"


def shape(
    bundle: "ReplayBundle", models: Sequence["ModelDifference"], place: str, turns: Sequence["ReplayedTurn"]
) -> dict[str, Any]:
    """As a JSON object."""
    return {
        "program": bundle.manifest.program,
        "over": place,
        "models": [each.sentence for each in models],
        "left_out": [file.model_dump() for file in bundle.manifest.left_out],
        "same": all(turn.is_same for turn in turns),
        "turns": [shape_turn(turn) for turn in turns],
    }


def shape_turn(turn: "ReplayedTurn") -> dict[str, Any]:
    """One of them."""
    difference = turn.difference
    return {
        "question": turn.question,
        "same": turn.is_same,
        "before": turn.before.text,
        "after": turn.after.text,
        "words": [list(each) for each in difference.words],
        "citations_removed": list(difference.citations_removed),
        "citations_added": list(difference.citations_added),
        "confidence": list(difference.confidence),
        "understood_otherwise": turn.understood_otherwise,
        "seconds": [round(turn.before.seconds, 3), round(turn.after.seconds, 3)],
        "lost": list(turn.lost),
        "unheld": turn.unheld,
    }


def add(parser: ArgumentParser) -> None:
    """The words of `replay`."""
    parser.add_argument("file", metavar="FILE", help="a bundle that history export --kind replay wrote")
    parser.add_argument(
        "--over",
        choices=("auto", "library", "bundle"),
        default="auto",
        help="answer over the library here, or over the bundle's own files (auto: these where the library lacks one)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMANDS = (
    Command(
        name="replay",
        help="answer a conversation of a bundle again, and show what differs (exit code 0: nothing)",
        example="python -m deepseek_mm replay kite.replay.zip",
        add=add,
        run=run,
    ),
)
