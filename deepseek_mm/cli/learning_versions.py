"""`learning`: corrections, the versions that were learned from them, and which of these answers."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands, number_in
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.storage.files import parse_json, read_lines
from deepseek_mm.terminal import OK, OURS, Command, Desk, add_settings, config_of, finish, run_jobs, tell_failures

if TYPE_CHECKING:
    from deepseek_mm.learning import Version
    from deepseek_mm.library import Library


def train(library: "Library", args: Namespace, desk: Desk) -> int:
    """Learn from what is new, as a job, and show the report."""
    with run_jobs(library):
        job = finish(library, library.learning.train(), desk)
    tell_failures(library, job, desk)
    desk.note(job.message)
    return tell(library.learning.get(job.result["version"]), library, args, desk) if job.result else OK


def list_all(library: "Library", args: Namespace, desk: Desk) -> int:
    """What answers, what is new, and every version, the newest first."""
    learning = library.learning
    versions, answering = learning.list(), learning.answering
    if args.json:
        new = [asdict(each) for each in learning.waiting()]
        desk.give({"answers": learning.told, "new": new, "versions": [shape(each, answering) for each in versions]})
        return OK
    desk.say(f"answers: {learning.told}; {len(learning.waiting())} corrections are new")
    for each in versions:
        mark = "*" if each.number == answering else " "
        against = f"  against it: {'; '.join(each.objections)}" if each.objections else ""
        desk.say(f"{mark}{each.number:>4}  {each.made_at[:16].replace('T', ' ')}  {len(each.learned)} learned{against}")
    if learning.trouble:
        desk.note(learning.trouble)
    return OK


def show(library: "Library", args: Namespace, desk: Desk) -> int:
    """The report of one version."""
    return tell(library.learning.get(version_in(args)), library, args, desk)


def accept(library: "Library", args: Namespace, desk: Desk) -> int:
    """Answer with it from now on."""
    version = library.learning.accept(version_in(args), force=args.force)
    desk.say(f"version {version.number} answers from now on; a page that is open takes it at its next start")
    return OK


def back(library: "Library", args: Namespace, desk: Desk) -> int:
    """Answer with what answered before."""
    library.learning.back()
    desk.say(f"answers: {library.learning.told}")
    return OK


def correct(library: "Library", args: Namespace, desk: Desk) -> int:
    """Say what the answer of a turn should have been."""
    library.history.put_right(number_in(args.what[0], of="a turn", see="ask --json"), args.what[1], session=OURS)
    desk.say(f"kept; {len(library.learning.waiting())} corrections are new")
    return OK


def teach(library: "Library", args: Namespace, desk: Desk) -> int:
    """Take in questions about photos with right answers, or descriptions, out of a JSONL file."""
    file = Path(args.what[0])
    if not file.is_file():
        raise NothingThere(f"no file at {file}. Check the name")
    try:
        rows = [parse_json(line) for line in read_lines(file) if line.strip()]
    except ValueError as error:
        raise BadFile(f"{file} is no JSONL: {error}. Write one JSON object a line") from error
    placed = [row | {"image": str((file.parent / str(row.get("image", ""))).resolve())} for row in rows]
    desk.say(f"{library.learning.teach(placed)} rows kept; {len(library.learning.waiting())} corrections are new")
    return OK


def tell_requests(library: "Library", args: Namespace, desk: Desk) -> int:
    """Corrected requests, a JSON object a line: what `train requests --corrections FILE` learns from."""
    from deepseek_mm.learning.request_examples import corrected_requests  # here, because help must not wait for it

    found = corrected_requests(library.history, library.store)
    for correction in found:
        desk.say(json.dumps(correction.as_json(), ensure_ascii=False))
    desk.note(f"{len(found)} requests were corrected")
    return OK


def version_in(args: Namespace) -> int:
    """The number that was given. BadQuestion if it is none."""
    return number_in(args.what[0], of="a version", see="learning list")


def tell(version: "Version", library: "Library", args: Namespace, desk: Desk) -> int:
    """A report: sets of questions before and after, and what speaks against it."""
    if args.json:
        desk.give(shape(version, library.learning.answering))
        return OK
    desk.say(f"version {version.number}, on top of {version.base or 'the shipped weights'}")
    for score in version.scores:
        changed = f"+{score.gained} -{score.lost}"
        desk.say(
            f"  {score.name:<10} {score.count:>5} questions  {score.before:>5} right -> {score.after:>5}  {changed}"
        )
    for question, photo, old, new in version.changed:
        desk.say(f"  {photo}: {question} {old if old == new else f'{old} -> {new}'}")
    for each in version.objections:
        desk.say(f"  against it: {each}")
    return OK


def shape(version: "Version", answering: int) -> dict[str, Any]:
    """As a JSON object."""
    told = asdict(version) | {"accepted": version.number == answering}
    return {name: value for name, value in told.items() if name not in ("sums", "learned")}


WORDS = {
    "train": Subcommand(help="learn from the corrections that are new", run=train),
    "list": Subcommand(help="what answers, and every version", run=list_all),
    "show": Subcommand(help="the report of a version", takes="NUMBER", run=show),
    "accept": Subcommand(help="answer with a version from now on", takes="NUMBER", run=accept),
    "back": Subcommand(help="answer with what answered before", run=back),
    "correct": Subcommand(help="say what an answer should have been", takes="TURN ANSWER", run=correct),
    "teach": Subcommand(help="take in rows {image, question, answer} or {image, words}", takes="FILE", run=teach),
    "requests": Subcommand(help="questions that were misunderstood, as JSONL for train requests", run=tell_requests),
}


def run(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks what it needs, or has too much."""
    word = choose_subcommand("learning", args.word, WORDS, args.what)
    with desk.assistant(config_of(args, desk), speaks=False) as assistant:
        return word.run(assistant.library, args, desk)


def add(parser: ArgumentParser) -> None:
    """The words of `learning`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(WORDS), help=describe_subcommands(WORDS))
    parser.add_argument("what", metavar="WHAT", nargs="*", help="number, turn and answer, or file, as WORD needs")
    parser.add_argument("--force", action="store_true", help="with accept: also where the report speaks against it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


COMMANDS = (
    Command(
        name="learning",
        help="learn from corrected answers; list, accept and take back what was learned",
        example="python -m deepseek_mm learning list",
        add=add,
        run=run,
    ),
)
