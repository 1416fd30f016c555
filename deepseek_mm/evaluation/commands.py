"""`eval`: score a part of the product on a file of examples. A table for people, then a line of JSON, the last."""

import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from deepseek_mm.config import cache_folder
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation import model_commands
from deepseek_mm.evaluation.code_graphs import commands as code_commands
from deepseek_mm.evaluation.drafts.commands import add_draft_arguments, score_test_drafts
from deepseek_mm.evaluation.people.commands import score_people
from deepseek_mm.evaluation.texts import commands as text_commands
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.terminal import OK, Desk, add_settings, config_of, finish, run_jobs

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
    from deepseek_mm.evaluation.natural import NaturalCase, ScoredTurn
    from deepseek_mm.evaluation.pointing_game import PointRow
    from deepseek_mm.evaluation.retrieval import CaptionRow
    from deepseek_mm.evaluation.vqa import QuestionRow

EXAMPLE = "python -m deepseek_mm eval retrieval --data captions.jsonl --images photos --split dev"
WORK, BUNDLED = Path("runs/screenshots"), Path("examples/photos")


class EvaluationReport(Protocol):
    """What every evaluation returns."""

    def table(self) -> str:
        """A table for people."""

    def json(self) -> str:
        """The figures as one line of JSON."""


def score_retrieval(args: Namespace, desk: Desk) -> EvaluationReport:
    """Recalls of captions and photos, with `--distractors` among other photos as well."""
    from deepseek_mm.evaluation.retrieval import choose_distractors, embed_cached, evaluate_retrieval

    config = config_of(args, desk)
    rows, images = read_captions(args), images_of(args)
    own = {images / row.image for row in rows}
    count = args.distractors
    others = choose_distractors([images, *args.others], but=own, count=count) if count else []
    space = desk.open_space(config.encoder)
    others_OD = embed_cached(space, others, cache_folder(), note=desk.note) if others else None
    desk.note(f"embedding {len(rows)} photos and {sum(len(row.captions) for row in rows)} captions")
    return evaluate_retrieval(space, rows, images, others_OD=others_OD)


def score_regions(args: Namespace, desk: Desk) -> EvaluationReport | None:
    """The pointing game for people; with `--sheet` nothing but a picture of photos with their regions drawn."""
    from deepseek_mm.evaluation.drawings import draw_sheet
    from deepseek_mm.evaluation.pointing_game import evaluate_regions, read_box_rows
    from deepseek_mm.vision.detector.detector import read_detector
    from deepseek_mm.vision.pipeline import VisionModels, VisionPipeline

    config = config_of(args, desk)
    detector = read_detector() if config.see.detector else None
    eyes = VisionPipeline(desk.open_space(config.encoder), config.see, models=VisionModels(detector=detector))
    if args.sheet:
        count = draw_sheet(eyes, images_of(args), args.photos or (), args.sheet)
        desk.say(f"drew {count} photos into {args.sheet}")
        return None
    rows = read_box_rows(require_path(args.data_file, "--data"), split=args.split)
    images = images_of(args)
    desk.note(f"looking for people in {len(rows)} photos")
    return evaluate_regions(eyes, rows, images)


def score_pointing(args: Namespace, desk: Desk) -> EvaluationReport:
    """The pointing game with answers: whether what they cite first holds the thing that was asked for."""
    from deepseek_mm.evaluation.pointing_game import evaluate_pointing

    rows, images = read_points(args), images_of(args)
    desk.note(f"asking for {len(rows)} things in {len({row.image for row in rows})} photos, in two ways")
    with open_decider(args, desk) as assistant:
        return evaluate_pointing(assistant, rows, images)


def score_placement(args: Namespace, desk: Desk) -> EvaluationReport:
    """How things stand in photos and how many there are, with programs and without."""
    from deepseek_mm.evaluation.pointing_game import evaluate_placement

    rows, images = read_points(args), images_of(args)
    desk.note(f"asking about {len(rows)} things, with programs and without")
    with open_decider(args, desk) as assistant:
        return evaluate_placement(assistant, rows, images)


def score_abstaining(args: Namespace, desk: Desk) -> EvaluationReport:
    """How often a search claims what is not there, and misses what is; without `--data` in the library of a folder."""
    from deepseek_mm.evaluation.abstain import THINGS_FILE, ask_for_things, evaluate_abstain, read_things
    from deepseek_mm.evaluation.search import open_library
    from deepseek_mm.retrieval.certainty import save_measured

    images, things = images_of(args), read_things(args.things or THINGS_FILE)
    if args.data_file:
        rows = read_captions(args)
        desk.note(f"looking at {len(rows)} photos, then asking for {len(things)} things")
        with open_decider(args, desk) as assistant:
            report = evaluate_abstain(assistant.eyes, rows, images, things, assistant.config)
    else:
        with open_library(images, config_of(args, desk), desk) as assistant:
            report = ask_for_things(assistant.retriever.find_many, things)
    if args.scores:
        save_measured(args.scores, report.certainties)
    return report


def score_answers(args: Namespace, desk: Desk) -> EvaluationReport:
    """Whether the language model answers from the evidence: 200 questions over photos on paper, made from captions."""
    from deepseek_mm.evaluation.answers import WAYS, evaluate_answers, make_questions

    config = config_of(args, desk)
    asked = make_questions(read_captions(args), config)[:: args.every]
    lm = desk.open_lm(config.lm, desk.note)
    desk.note(f"asking {lm.name} {len(asked)} questions")
    ways = WAYS if args.way == "all" else (args.way,)
    return model_commands.ReportSet(parts=evaluate_answers(lm, asked, config, ways=ways, progress=desk.note))


def score_captions(args: Namespace, desk: Desk) -> EvaluationReport:
    """BLEU-4 and CIDEr of the sentences that are said of photos."""
    from deepseek_mm.embeddings.default import DefaultSpace
    from deepseek_mm.evaluation.captions import evaluate_captions
    from deepseek_mm.vision.captioner import WEIGHTS, read_captioner

    rows, images, files = read_captions(args), images_of(args), args.captioner or [WEIGHTS]
    desk.note(f"describing {len(rows)} photos")
    return evaluate_captions(read_captioner(DefaultSpace(), files), rows, images)


def score_vqa(args: Namespace, desk: Desk) -> EvaluationReport:
    """How many questions about photos are answered right, how sure the answers were, and what is gained by looking."""
    from deepseek_mm.evaluation.vqa import EASY, find_easy_images, read_easy_rows

    file = require_path(args.data_file, "--data")
    if file == Path(EASY):
        return ask_questions(read_easy_rows(args.split), find_easy_images(args.split), args, desk)
    return ask_questions(read_questions(args), images_of(args), args, desk)


def score_presence(args: Namespace, desk: Desk) -> EvaluationReport:
    """Whether things are there, asked of photos with captions."""
    from deepseek_mm.evaluation.vqa import make_presence_rows

    rows = make_presence_rows(read_captions(args))
    if not rows:
        raise ConfigError("too few photos show the same thing. Give --data with captions of more photos")
    desk.note(f"{len({row.kind for row in rows})} things are asked for")
    return ask_questions(rows, images_of(args), args, desk)


def score_hallucination(args: Namespace, desk: Desk) -> EvaluationReport | None:
    """Whether things are claimed that are not there; `--make` writes the questions for `eval vqa` instead."""
    from deepseek_mm.evaluation.pope import make_pope_rows, read_named_things
    from deepseek_mm.evaluation.vqa import write_question_rows

    things = read_named_things(require_path(args.data_file, "--data"), split=args.split, boxes=args.boxes)
    rows = make_pope_rows(things, seed=args.seed or 0)
    if args.make:
        write_question_rows(args.make, rows)
        desk.say(f"wrote {len(rows)} questions into {args.make}")
        return None
    return ask_questions(rows, images_of(args), args, desk)


def score_calibration(args: Namespace, desk: Desk) -> EvaluationReport:
    """How far confidence can be trusted, over both kinds of questions; `--pictures` draws it."""
    from deepseek_mm.evaluation.retrieval import read_caption_rows
    from deepseek_mm.evaluation.vqa import evaluate_calibration, make_presence_rows

    captions = read_caption_rows(require_path(args.captions, "--captions"), split=args.split)
    sets: dict[str, tuple[Sequence[QuestionRow], Path]] = {
        "asked": (read_questions(args), images_of(args)),
        "presence": (make_presence_rows(captions), require_path(args.caption_images, "--caption-images")),
    }
    desk.note(f"asking {sum(len(rows) for rows, _ in sets.values())} questions")
    with open_decider(args, desk) as assistant:
        report = evaluate_calibration(assistant, sets)
    for file in report.draw(args.pictures) if args.pictures else ():
        desk.note(f"drew {file}")
    return report


def score_scenes(args: Namespace, desk: Desk) -> EvaluationReport:
    """Questions about scenes that are drawn for this, answered with programs and without."""
    from deepseek_mm.evaluation.scene_questions import evaluate_scenes
    from deepseek_mm.vision.drawings import read_scene_weights

    seed = args.seed if args.seed is not None else secrets.randbelow(10**9)
    desk.note(f"drawing {args.scenes} scenes, seed {seed}")
    return evaluate_scenes(*read_scene_weights(), scenes=args.scenes, seed=seed)


def score_code(args: Namespace, desk: Desk) -> EvaluationReport:
    """How many programs and lines that our language model writes pass their tests, in the sandbox.

    ConfigError: the language model goes on with no text.
    """
    from deepseek_mm.evaluation.code_score import (
        CodeBench,
        SandboxRunner,
        cut_all_holes,
        evaluate_code,
        open_journal,
        read_tasks,
    )
    from deepseek_mm.lm.generator import TextCompleter

    config, seed = config_of(args, desk), args.seed or 0
    file = require_path(args.data_file, "--data")
    tasks = read_tasks(file, first=args.first, last=args.last)
    if args.drawn < 0 or args.holes < 0:
        raise ConfigError(f"--drawn {args.drawn} and --holes {args.holes} must not be below 0")
    runs = SandboxRunner(config.sandbox)
    lm = desk.open_lm(config.lm, desk.note)
    if not isinstance(lm, TextCompleter):
        raise ConfigError(f"the language model {lm.name} goes on with no text. Choose a kind of Llama with --model")
    how = {"data": file.name, "model": lm.fingerprint, "seed": seed, "drawn": args.drawn, "heat": args.temperature}
    desk.note(f"{len(tasks)} tasks for {lm.name}")
    return evaluate_code(
        CodeBench(lm=lm, runs=runs, journal=open_journal(args.keep, how), progress=desk.note),
        tasks,
        partial(cut_all_holes, most=args.holes, seed=seed),
        parts=args.what,
        drawn=(args.drawn, args.temperature),
    )


def score_code_search(args: Namespace, desk: Desk) -> EvaluationReport:
    """How early questions find functions of packages that nothing was trained on; `--split dev` for choosing."""
    from deepseek_mm.evaluation.code_search import evaluate_code_search, list_held_functions
    from deepseek_mm.parse.packages import packages

    desk.note("taking installed packages apart")
    functions = list_held_functions(args.split or "test", packages())[:: args.every]
    space = desk.open_space(config_of(args, desk).encoder)
    return evaluate_code_search(space, functions, desk.note)


def score_screenshots(args: Namespace, desk: Desk) -> EvaluationReport:
    """Copy the packages' sources, index them, draw the pictures, search. What was done before is taken as it is."""
    from deepseek_mm.evaluation.screenshots import (
        copy_sources,
        draw_screenshots,
        evaluate_screenshots,
        list_packages,
        read_licences,
        read_shots,
    )
    from deepseek_mm.parse.packages import packages

    work, shots = (args.work or WORK).absolute(), read_shots(args.split or "test")[:: args.every]
    installed = list(packages())
    copy_sources(list(read_licences(list_packages(), installed)), installed, work / "repository")
    desk.note(f"drawing {len(shots)} pictures into {work / 'pictures'}")
    pictures = list(zip(shots, draw_screenshots(shots, work / "repository", work / "pictures"), strict=True))
    config = replace(config_of(args, desk), data=work / "library")
    with desk.assistant(config, speaks=False) as assistant:
        with run_jobs(assistant.library):
            finish(assistant.library, assistant.library.add([work / "repository"]), desk)
        files = assistant.store.counts().sources
        return evaluate_screenshots(assistant.find, pictures, work / "repository", files, desk.note)


def score_natural(args: Namespace, desk: Desk) -> EvaluationReport:
    """Index the three folders into temporary libraries, ask every conversation of the set, score the answers."""
    from deepseek_mm.evaluation.natural import NaturalReport, read_cases

    cases = read_cases(require_path(args.data_file, "--data"))
    folders = {"bundled": args.bundled, "documents": args.documents, "code": args.repository}
    rows = [
        row
        for home in dict.fromkeys(case.home for case in cases)
        for row in ask_home([c for c in cases if c.home == home], require_path(folders[home], f"--{home}"), args, desk)
    ]
    report = NaturalReport(rows=tuple(rows))
    if args.keep:
        atomic_write(args.keep, "".join(f"{line}\n" for line in report.lines()).encode())
    return report


def ask_home(cases: "list[NaturalCase]", folder: Path, args: Namespace, desk: Desk) -> "list[ScoredTurn]":
    """The conversations of one library, which is made of a folder and asked."""
    from deepseek_mm.evaluation.natural import ask_cases
    from deepseek_mm.evaluation.natural_library import NaturalAsker
    from deepseek_mm.evaluation.search import open_library

    config = config_of(args, desk)
    with open_library(folder, config, desk, speaks=config.lm.name != "none") as assistant:
        return ask_cases(cases, NaturalAsker(assistant, images_of(args)).ask)


def score_search(args: Namespace, desk: Desk) -> EvaluationReport:
    """Index the photos into a temporary library, and type every row's words into its search."""
    from deepseek_mm.evaluation.search import SEARCHES_FILE, copy_nameless, evaluate_search, open_library, read_searches

    rows = read_searches(args.data_file or SEARCHES_FILE, split=args.split or "score")
    images, names = args.images or BUNDLED, None
    with TemporaryDirectory() as copies:
        if args.nameless:
            images, names = Path(copies), copy_nameless(images, Path(copies))
        with open_library(images, config_of(args, desk), desk) as assistant:
            desk.note(f"asking {len(rows)} searches")
            report = evaluate_search(lambda query, k: assistant.find(query, k=k), rows, names)
    if args.keep:
        atomic_write(args.keep, "".join(f"{line}\n" for line in report.lines()).encode())
    return report


def ask_questions(rows: "Sequence[QuestionRow]", images: Path, args: Namespace, desk: Desk) -> EvaluationReport:
    """Ask all of them, with `--blind` about grey pictures as well."""
    from deepseek_mm.evaluation.vqa import evaluate_vqa

    desk.note(f"asking {len(rows)} questions about {len({row.image for row in rows})} pictures")
    with open_decider(args, desk) as assistant:
        return evaluate_vqa(assistant, rows, images, blind=args.blind)


@contextmanager
def open_decider(args: Namespace, desk: Desk) -> Iterator["Assistant"]:
    """An assistant without a language model over an empty temporary library."""
    with TemporaryDirectory() as folder:
        config = replace(config_of(args, desk), data=Path(folder))
        with desk.assistant(config, speaks=False) as assistant:
            yield assistant


def read_captions(args: Namespace) -> "list[CaptionRow]":
    """The rows of --data, with captions."""
    from deepseek_mm.evaluation.retrieval import read_caption_rows

    return read_caption_rows(require_path(args.data_file, "--data"), split=args.split)


def read_points(args: Namespace) -> "list[PointRow]":
    """The rows of --data, with things and their boxes."""
    from deepseek_mm.evaluation.pointing_game import read_point_rows

    return read_point_rows(require_path(args.data_file, "--data"), split=args.split)


def read_questions(args: Namespace) -> "list[QuestionRow]":
    """The rows of --data, with questions and their answers."""
    from deepseek_mm.evaluation.vqa import read_question_rows

    return read_question_rows(require_path(args.data_file, "--data"), split=args.split)


def images_of(args: Namespace) -> Path:
    """The folder of the pictures of the rows."""
    return require_path(args.images, "--images")


def require_path(path: Path | None, flag: str) -> Path:
    """What a flag names; ConfigError when it was left out."""
    if path is None:
        raise ConfigError(f"{flag} is missing. Give it, e.g. {EXAMPLE}")
    return path


PARTS: Mapping[str, Callable[[Namespace, Desk], EvaluationReport | None]] = {
    "natural": score_natural,
    "retrieval": score_retrieval,
    "regions": score_regions,
    "pointing": score_pointing,
    "placed": score_placement,
    "abstain": score_abstaining,
    "answers": score_answers,
    "caption": score_captions,
    "vqa": score_vqa,
    "presence": score_presence,
    "pope": score_hallucination,
    "doubt": score_calibration,
    "scenes": score_scenes,
    "code-search": score_code_search,
    "references": code_commands.score_references,
    "code-context": code_commands.score_context,
    "screenshot": score_screenshots,
    "test-drafts": score_test_drafts,
    "lm": model_commands.score_models,
    "quant": model_commands.score_schemes,
    "code": score_code,
    "requests": text_commands.score_requests,
    "reading": text_commands.score_reading,
    "search": score_search,
    "people": score_people,
}


def run(args: Namespace, desk: Desk) -> int:
    """Score the part that is named; print the table, unless --json was given, then the object."""
    report = PARTS[args.part](args, desk)
    if report is None:
        return OK
    if not args.json:
        desk.say(report.table())
    desk.say(report.json())
    return OK


def add_arguments(parser: ArgumentParser) -> None:
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
    add_thing_arguments(parser)
    parser.add_argument("--way", choices=("all", "read", "draft", "answer"), default="all", help="answers: how to ask")
    parser.add_argument(
        "--every", metavar="N", type=int, default=1, help="answers, code-search, screenshot, reading: every Nth only"
    )
    parser.add_argument(
        "--captioner", metavar="FILE", type=Path, nargs="+", help="caption: other weights; several vote"
    )
    parser.add_argument("--blind", action="store_true", help="vqa, presence: ask once more about grey pictures")
    parser.add_argument(
        "--scenes", metavar="N", type=int, default=250, help="scenes: how many; each has a question a kind"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        help="scenes: the same ones again; left out, they are new; test-drafts: which are drawn (0)",
    )
    parser.add_argument("--captions", metavar="FILE", type=Path, help="doubt: JSONL of rows {image, captions} as well")
    parser.add_argument("--caption-images", metavar="FOLDER", type=Path, help="doubt: where their pictures lie")
    model_commands.add_lm_arguments(parser)
    model_commands.add_quant_arguments(parser)
    model_commands.add_code_arguments(parser)
    add_natural_arguments(parser)
    text_commands.add_text_arguments(parser)
    add_draft_arguments(parser)
    code_commands.add_graph_arguments(parser)
    add_settings(parser, data=False)


def add_thing_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `eval abstain` and `eval pope`."""
    group = parser.add_argument_group("abstain, pope")
    group.add_argument("--things", metavar="FILE", type=Path, help="abstain: JSONL of rows {thing, there or images}")
    group.add_argument("--boxes", metavar="FILE", type=Path, help="pope: JSONL of rows {image, person_boxes} as well")
    group.add_argument("--make", metavar="FILE", type=Path, help="pope: write the questions there, ask nothing")
    group.add_argument("--scores", metavar="FILE", type=Path, help="abstain: keep how certain it was of each thing")


def add_natural_arguments(parser: ArgumentParser) -> None:
    """Folders that questions as people type them are asked of."""
    group = parser.add_argument_group("natural, search, code-context")
    group.add_argument("--nameless", action="store_true", help="search: copies of the photos that a camera named")
    group.add_argument(
        "--bundled", metavar="FOLDER", type=Path, default=Path("examples/photos"), help="photos to index"
    )
    group.add_argument("--documents", metavar="FOLDER", type=Path, help="documents to index")
    group.add_argument(
        "--repository",
        metavar="FOLDER",
        type=Path,
        help="code to index; code-context: a clone with its history (this folder)",
    )


def add_commands(register: Callable[..., object]) -> None:
    """Register `eval` and `quantize`, each by its name, help, example, add(parser) and run(args, desk)."""
    register(
        name="eval",
        help="score retrieval, search, regions, pointing, abstaining, captions, vqa, scenes, models, code, reading",
        example=EXAMPLE,
        add=add_arguments,
        run=run,
    )
    model_commands.add_commands(register)
