"""`eval`: score a part of the house on a file of examples. A table for people, then one JSON object, the last line."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepseek_mm.cli.desk import OK, Command, Desk
from deepseek_mm.cli.flags import add_settings, config_of


def run(args: Namespace, desk: Desk) -> int:
    """Recalls of captions and photos; with `--json` the last line only."""
    from deepseek_mm.evaluate.retrieval import evaluate_retrieval, read_caption_rows

    config = config_of(args, desk)
    rows = read_caption_rows(args.data_file, split=args.split)
    desk.note(f"embedding {len(rows)} photos and {sum(len(row.captions) for row in rows)} captions")
    report = evaluate_retrieval(desk.open_space(config.encoder), rows, args.images)
    if not args.json:
        desk.say(report.table())
    desk.say(report.json())
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `eval`. Here --data is the file of examples: no library is opened."""
    parser.add_argument("part", choices=("retrieval",), help="what to score")
    parser.add_argument(
        "--data", dest="data_file", metavar="FILE", type=Path, required=True, help="JSONL of rows {image, captions}"
    )
    parser.add_argument("--images", metavar="FOLDER", type=Path, required=True, help="where the rows' pictures lie")
    parser.add_argument("--split", metavar="NAME", default="", help="only rows of this split")
    parser.add_argument("--json", action="store_true", help="the JSON object without the table")
    add_settings(parser, data=False)


COMMAND = Command(
    name="eval",
    help="score retrieval on captioned photos",
    example="python -m deepseek_mm eval retrieval --data captions.jsonl --images photos --split dev",
    add=add,
    run=run,
)
