"""`eval`: score a part of the house on a file of examples. A table for people, then one JSON object, the last line."""

import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from deepseek_mm.cli import evaluate_code, evaluate_lm, evaluate_quant, evaluate_screenshot
from deepseek_mm.cli.desk import OK, Command, Desk, add_settings, config_of
from deepseek_mm.config import cache_folder
from deepseek_mm.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_mm.evaluate.vqa import QuestionRow
    from deepseek_mm.rag.assistant import Assistant


class Report(Protocol):
    """What every evaluation returns."""

    def table(self) -> str:
        """For people."""

    def json(self) -> str:
        """For machines: one line."""


def retrieval(args: Namespace, desk: Desk) -> int:
    """Recalls of captions and photos, with `--distractors` among other photos as well."""
    from deepseek_mm.evaluate.crowd import looked_at, others_in
    from deepseek_mm.evaluate.retrieval import evaluate_retrieval, read_caption_rows

    config = config_of(args, desk)
    rows = read_caption_rows(needed(args.data_file, "--data"), split=args.split)
    images = needed(args.images, "--images")
    own = {images / row.image for row in rows}
    others = others_in([images, *args.others], but=own, count=args.distractors) if args.distractors else []
    space = desk.open_space(config.encoder)
    others_OD = looked_at(space, others, cache_folder(), note=desk.note) if others else None
    desk.note(f"embedding {len(rows)} photos and {sum(len(row.captions) for row in rows)} captions")
    return tell(evaluate_retrieval(space, rows, images, others_OD=others_OD), args, desk)


def combined(args: Namespace, desk: Desk) -> int:
    """Pluses and minuses of the search box beside plain words."""
    from deepseek_mm.evaluate.combined import evaluate_combined, read_cases
    from deepseek_mm.evaluate.retrieval import read_caption_rows

    config = config_of(args, desk)
    rows = read_caption_rows(needed(args.data_file, "--data"), split=args.split)
    images = needed(args.images, "--images")
    desk.note(f"embedding {len(rows)} photos")
    return tell(evaluate_combined(desk.open_space(config.encoder), rows, images, read_cases()), args, desk)


def regions(args: Namespace, desk: Desk) -> int:
    """The pointing game for people, or with `--sheet` a picture of photos with their regions drawn."""
    from deepseek_mm.evaluate.regions import evaluate_regions, read_box_rows
    from deepseek_mm.see.pipeline import VisionPipeline

    config = config_of(args, desk)
    if args.sheet:
        return sheet(args, desk)
    rows = read_box_rows(needed(args.data_file, "--data"), split=args.split)
    images = needed(args.images, "--images")
    desk.note(f"looking for people in {len(rows)} photos")
    report = evaluate_regions(VisionPipeline(desk.open_space(config.encoder), config.see), rows, images)
    return tell(report, args, desk)


def pointing(args: Namespace, desk: Desk) -> int:
    """The pointing game with answers: whether what they cite first holds the thing that was asked for."""
    from deepseek_mm.evaluate.pointing import evaluate_pointing, read_point_rows

    rows = read_point_rows(needed(args.data_file, "--data"), split=args.split)
    images = needed(args.images, "--images")
    desk.note(f"asking for {len(rows)} things in {len({row.image for row in rows})} photos, in two ways")
    with decider(args, desk) as assistant:
        return tell(evaluate_pointing(assistant, rows, images), args, desk)


def placed(args: Namespace, desk: Desk) -> int:
    """How things stand in photos and how many there are, with programs and without."""
    from deepseek_mm.evaluate.placed import evaluate_placed
    from deepseek_mm.evaluate.pointing import read_point_rows

    rows = read_point_rows(needed(args.data_file, "--data"), split=args.split)
    images = needed(args.images, "--images")
    desk.note(f"asking about {len(rows)} things, with programs and without")
    with decider(args, desk) as assistant:
        return tell(evaluate_placed(assistant, rows, images), args, desk)


def sheet(args: Namespace, desk: Desk) -> int:
    """Draw the regions of the photos named, or of those in the folder --images."""
    from deepseek_mm.evaluate.sheet import draw_sheet
    from deepseek_mm.see.pipeline import VisionPipeline

    config, folder = config_of(args, desk), needed(args.images, "--images")
    eyes = VisionPipeline(desk.open_space(config.encoder), config.see)
    count = draw_sheet(eyes, folder, args.photos or (), args.sheet)
    desk.say(f"drew {count} photos into {args.sheet}")
    return OK


def abstain(args: Namespace, desk: Desk) -> int:
    """How often a search claims what is not there, and misses what is."""
    from deepseek_mm.evaluate.abstain import THINGS_FILE, evaluate_abstain, read_things
    from deepseek_mm.evaluate.retrieval import read_caption_rows
    from deepseek_mm.rag.search import save_measured

    config = config_of(args, desk)
    rows = read_caption_rows(needed(args.data_file, "--data"), split=args.split)
    images, things = needed(args.images, "--images"), read_things(args.things or THINGS_FILE)
    desk.note(f"looking at {len(rows)} photos, then asking for {len(things)} things")
    report = evaluate_abstain(desk.open_space(config.encoder), rows, images, things, config)
    if args.scores:
        save_measured(args.scores, report.measured)
    return tell(report, args, desk)


def answers(args: Namespace, desk: Desk) -> int:
    """Whether the language model answers from the evidence: 200 questions over photos on paper, made from captions."""
    from deepseek_mm.evaluate.answers import WAYS, evaluate_answers, questions
    from deepseek_mm.evaluate.retrieval import read_caption_rows

    config = config_of(args, desk)
    rows = read_caption_rows(needed(args.data_file, "--data"), split=args.split)
    asked = questions(rows, config)[:: args.every]
    lm = desk.open_lm(config.lm, desk.note)
    desk.note(f"asking {lm.name} {len(asked)} questions")
    ways = WAYS if args.way == "all" else (args.way,)
    return tell(evaluate_answers(lm, asked, config, ways=ways, progress=desk.note), args, desk)


def caption(args: Namespace, desk: Desk) -> int:
    """BLEU-4 and CIDEr of the sentences that are said of photos."""
    from deepseek_mm.encoders.default import DefaultSpace
    from deepseek_mm.evaluate.caption import evaluate_captions
    from deepseek_mm.evaluate.retrieval import read_caption_rows
    from deepseek_mm.see.caption.captioner import WEIGHTS, read_captioner

    rows = read_caption_rows(needed(args.data_file, "--data"), split=args.split)
    images, files = needed(args.images, "--images"), args.captioner or [WEIGHTS]
    desk.note(f"describing {len(rows)} photos")
    return tell(evaluate_captions(read_captioner(DefaultSpace(), files), rows, images), args, desk)


def vqa(args: Namespace, desk: Desk) -> int:
    """How many questions about photos are answered right, how sure the answers were, and what is gained by looking."""
    from deepseek_mm.evaluate.easy import EASY, easy_images, easy_rows
    from deepseek_mm.evaluate.vqa import read_question_rows

    file = needed(args.data_file, "--data")
    if file == Path(EASY):
        return asked_about(easy_rows(args.split), easy_images(args.split), args, desk)
    images = needed(args.images, "--images")
    return asked_about(read_question_rows(file, split=args.split), images, args, desk)


def presence(args: Namespace, desk: Desk) -> int:
    """The same for whether things are there, each as often as not, out of captions."""
    from deepseek_mm.evaluate.presence import presence_rows
    from deepseek_mm.evaluate.retrieval import read_caption_rows

    rows = presence_rows(read_caption_rows(needed(args.data_file, "--data"), split=args.split))
    if not rows:
        raise ConfigError("too few photos show the same thing. Give --data with captions of more photos")
    desk.note(f"{len({row.kind for row in rows})} things are asked for")
    return asked_about(rows, needed(args.images, "--images"), args, desk)


def doubt(args: Namespace, desk: Desk) -> int:
    """How far confidence can be trusted, over both kinds of questions; `--pictures` draws it."""
    from deepseek_mm.evaluate.doubt import evaluate_doubt
    from deepseek_mm.evaluate.presence import presence_rows
    from deepseek_mm.evaluate.retrieval import read_caption_rows
    from deepseek_mm.evaluate.vqa import read_question_rows

    captions = read_caption_rows(needed(args.captions, "--captions"), split=args.split)
    sets: dict[str, tuple[Sequence[QuestionRow], Path]] = {
        "asked": (
            read_question_rows(needed(args.data_file, "--data"), split=args.split),
            needed(args.images, "--images"),
        ),
        "presence": (presence_rows(captions), needed(args.caption_images, "--caption-images")),
    }
    desk.note(f"asking {sum(len(rows) for rows, _ in sets.values())} questions")
    with decider(args, desk) as assistant:
        report = evaluate_doubt(assistant, sets)
    for file in report.draw(args.pictures) if args.pictures else ():
        desk.note(f"drew {file}")
    return tell(report, args, desk)


def asked_about(rows: "Sequence[QuestionRow]", images: Path, args: Namespace, desk: Desk) -> int:
    """Ask all of it."""
    from deepseek_mm.evaluate.vqa import evaluate_vqa

    desk.note(f"asking {len(rows)} questions about {len({row.image for row in rows})} pictures")
    with decider(args, desk) as assistant:
        return tell(evaluate_vqa(assistant, rows, images, blind=args.blind), args, desk)


@contextmanager
def decider(args: Namespace, desk: Desk) -> Iterator["Assistant"]:
    """An assistant that says nothing, over a library of its own: nobody's is opened for it."""
    with TemporaryDirectory() as folder:
        config = replace(config_of(args, desk), data=Path(folder))
        with desk.assistant(config, speaks=False) as assistant:
            yield assistant


def scenes(args: Namespace, desk: Desk) -> int:
    """Questions about scenes that are drawn for this, answered with programs and without."""
    from deepseek_mm.evaluate.scenes.score import evaluate_scenes
    from deepseek_mm.see.scene.weights import read_scene_weights

    seed = args.seed if args.seed is not None else secrets.randbelow(10**9)
    desk.note(f"drawing {args.scenes} scenes, seed {seed}")
    return tell(evaluate_scenes(*read_scene_weights(), scenes=args.scenes, seed=seed), args, desk)


def code(args: Namespace, desk: Desk) -> int:
    """How many programs and lines that our language model writes pass their tests, in the sandbox."""
    return tell(evaluate_code.measure(args, desk, needed(args.data_file, "--data")), args, desk)


def telling(measure: Callable[[Namespace, Desk], Report]) -> Callable[[Namespace, Desk], int]:
    """A part that measures, and then tells."""
    return lambda args, desk: tell(measure(args, desk), args, desk)


def tell(report: Report, args: Namespace, desk: Desk) -> int:
    """The table, unless --json was given, then the object."""
    if not args.json:
        desk.say(report.table())
    desk.say(report.json())
    return OK


PARTS: dict[str, Callable[[Namespace, Desk], int]] = {
    "retrieval": retrieval,
    "combined": combined,
    "regions": regions,
    "pointing": pointing,
    "placed": placed,
    "abstain": abstain,
    "answers": answers,
    "caption": caption,
    "vqa": vqa,
    "presence": presence,
    "doubt": doubt,
    "scenes": scenes,
    "code-search": telling(evaluate_code.search),
    "screenshot": telling(evaluate_screenshot.measure),
    "lm": telling(evaluate_lm.measure),
    "quant": telling(evaluate_quant.measure),
    "code": code,
}


def run(args: Namespace, desk: Desk) -> int:
    """Score the part that is named."""
    return PARTS[args.part](args, desk)


def needed(path: Path | None, flag: str) -> Path:
    """What a flag names; ConfigError when it was left out."""
    if path is None:
        raise ConfigError(f"{flag} is missing. Give it, e.g. {COMMAND.example}")
    return path


def add(parser: ArgumentParser) -> None:
    """The words of `eval`. Here --data is the file of examples: no library is opened."""
    parser.add_argument("part", choices=tuple(PARTS), help="what to score")
    parser.add_argument(
        "--data",
        dest="data_file",
        metavar="FILE",
        type=Path,
        help="JSONL of rows {image, captions}, for regions {image, person_boxes}, for pointing and placed {image, "
        "thing, boxes}, for vqa {image, question, answer}; vqa: or easy-vqa, the package; code: HumanEval's or MBPP's",
    )
    parser.add_argument("--images", metavar="FOLDER", type=Path, help="where the rows' pictures lie")
    parser.add_argument("--split", metavar="NAME", default="", help="only rows of this split")
    parser.add_argument("--json", action="store_true", help="the JSON object without the table")
    parser.add_argument(
        "--distractors", metavar="N", type=int, default=0, help="retrieval: captions also among so many other photos"
    )
    parser.add_argument(
        "--others", metavar="FOLDER", type=Path, nargs="+", default=[], help="retrieval: where more of them lie"
    )
    parser.add_argument("--sheet", metavar="FILE", type=Path, help="regions: draw them into this picture instead")
    parser.add_argument("--photos", metavar="NAME", nargs="+", help="for --sheet: only these photos of --images")
    parser.add_argument("--things", metavar="FILE", type=Path, help="abstain: JSONL of rows {thing, there}")
    parser.add_argument("--scores", metavar="FILE", type=Path, help="abstain: keep how certain it was of each thing")
    parser.add_argument("--way", choices=("all", "read", "draft", "answer"), default="all", help="answers: how to ask")
    parser.add_argument(
        "--every", metavar="N", type=int, default=1, help="answers, code-search, screenshot: every Nth only"
    )
    parser.add_argument(
        "--captioner", metavar="FILE", type=Path, nargs="+", help="caption: other weights; several vote"
    )
    parser.add_argument("--blind", action="store_true", help="vqa, presence: ask once more about grey pictures")
    parser.add_argument(
        "--scenes", metavar="N", type=int, default=250, help="scenes: how many; each has a question a kind"
    )
    parser.add_argument("--seed", metavar="N", type=int, help="scenes: the same ones again; left out, they are new")
    parser.add_argument("--captions", metavar="FILE", type=Path, help="doubt: JSONL of rows {image, captions} as well")
    parser.add_argument("--caption-images", metavar="FOLDER", type=Path, help="doubt: where their pictures lie")
    evaluate_lm.add(parser)
    evaluate_quant.add(parser)
    evaluate_code.add(parser)
    evaluate_screenshot.add(parser)
    add_settings(parser, data=False)


COMMAND = Command(
    name="eval",
    help="score retrieval, combined words, regions, pointing, abstaining, answers, captions, vqa, scenes, models, code",
    example="python -m deepseek_mm eval retrieval --data captions.jsonl --images photos --split dev",
    add=add,
    run=run,
)
