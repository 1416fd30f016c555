"""`eval requests` and `eval reading`: what is understood of texts."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deepseek_mm.errors import ConfigError
from deepseek_mm.terminal import Desk, config_of

if TYPE_CHECKING:
    from deepseek_mm.evaluation.requests import RequestReport
    from deepseek_mm.evaluation.texts.reading_scores import ReadingReport, ReadingRow

READ = 6  # passages that are read of those that were found


def score_requests(args: Namespace, desk: Desk) -> "RequestReport":
    """How well requests are understood, of shapes that nothing was trained on."""
    from deepseek_mm.embeddings.token_encoder import load_token_encoder
    from deepseek_mm.evaluation.requests import evaluate_requests
    from deepseek_mm.language.understanding import load_understander
    from deepseek_mm.training.requests.trainer import draw_examples, open_books

    books = open_books(held_out=True)
    examples = draw_examples(books, dict.fromkeys(books, args.requests), f"{args.seed or 0} eval")
    desk.note(f"understanding {len(examples)} requests")
    return evaluate_requests(load_understander(load_token_encoder()), examples)


def score_reading(args: Namespace, desk: Desk) -> "ReadingReport":
    """Questions over passages; with `--open` the passage has to be found first."""
    from deepseek_mm.embeddings.passage_reader import WEIGHTS, PassageReader
    from deepseek_mm.evaluation.texts.reading_scores import evaluate_open_reading, evaluate_reading

    rows, reader = gather_rows(args), PassageReader(weights=args.reader or WEIGHTS)
    if not args.open:
        desk.note(f"reading {len(rows)} passages")
        return evaluate_reading(reader.read_many, rows)
    from deepseek_mm.evaluation.search import open_library

    with TemporaryDirectory() as folder:
        passages = list(dict.fromkeys(row.passage for row in rows))
        for number, passage in enumerate(passages):
            (Path(folder) / f"{number:05}.txt").write_text(passage, encoding="utf-8")
        desk.note(f"looking for {len(rows)} answers in {len(passages)} passages")
        with open_library(Path(folder), config_of(args, desk), desk) as assistant:
            return evaluate_open_reading(assistant.retriever.find_passages, reader.read_many, rows, READ)


def gather_rows(args: Namespace) -> "list[ReadingRow]":
    """Of --data, or made of shapes that were held out; every Nth."""
    from deepseek_mm.evaluation.texts.reading_scores import ReadingRow, read_reading_rows
    from deepseek_mm.training.reading.documents import make_documents
    from deepseek_mm.training.reading.examples import HELD_OUT

    rows = read_reading_rows(args.data_file, titles=HELD_OUT if args.held_out else ()) if args.data_file else []
    for language in ("en", "zh") if args.generated else ():
        made = make_documents(language, args.generated, Random(f"{args.seed or 0} {language}"), held_out=True)
        rows += [
            ReadingRow(each.question, each.passage, (each.passage[each.start : each.end],) if each.is_said else ())
            for each in made[: args.generated]
        ]
    if not rows:
        raise ConfigError("nothing to read. Give --data FILE or --generated N")
    return rows[:: args.every]


def add_text_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of both."""
    group = parser.add_argument_group("requests, reading")
    group.add_argument("--requests", metavar="N", type=int, default=1000, help="requests: how many of each language")
    group.add_argument("--reader", metavar="FILE", type=Path, help="reading: other weights")
    group.add_argument("--open", action="store_true", help="reading: the passage has to be found among all of the set")
    group.add_argument("--held-out", action="store_true", help="reading: only articles that nothing was trained on")
    group.add_argument(
        "--generated",
        metavar="N",
        type=int,
        default=0,
        help="reading: so many questions a language over made documents",
    )
