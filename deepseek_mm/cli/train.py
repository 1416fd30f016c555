"""`train`: make weights. Every trainer describes its own flags and is imported only when it is named."""

from argparse import REMAINDER, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib import import_module

from deepseek_mm.terminal import Command, Desk

TRAINERS = {  # name -> its module, which offers add_arguments(parser) and run(args), and an example of its words
    "align": ("deepseek_mm.train.align", "--data captions.jsonl --images photos --out runs/align"),
    "distill": ("deepseek_mm.train.distill", "--stage look --data data"),
    "code": ("deepseek_mm.train.code", "--text data/text --out runs/code"),
    "boxes": ("deepseek_mm.train.boxes", "--data person_boxes.jsonl --images photos --out runs/boxes"),
    "names": ("deepseek_mm.train.names", "--captions captions.jsonl --caption-images photos --out runs/names"),
    "lm": ("deepseek_mm.train.lm", "--stage reach --out runs/lm"),
    "caption": ("deepseek_mm.train.caption", "--stage words --data captions.jsonl --images photos --out runs/caption"),
    "reader": ("deepseek_mm.train.reader", "--stage maps --data data"),
    "notice": ("deepseek_mm.train.notice", "--stage learn --data data"),
    "see": ("deepseek_mm.train.see", "--stage look --data data"),
    "scenes": ("deepseek_mm.train.scenes", "--stage find --out runs/scenes"),
    "qat": ("deepseek_mm.train.qat", "--data captions.jsonl --images photos --out runs/qat"),
    "fp4": ("deepseek_mm.train.fp4", "--out runs/fp4"),
    "ppo": ("deepseek_mm.train.ppo", "--text data/text --out runs/ppo"),
    "corpus": ("deepseek_mm.train.corpus", "--text data/text --captions captions.jsonl"),
    "parallel": ("deepseek_mm.train.parallel", "--data 2 --pipeline 2 --tensor 2 --out runs/parallel"),
    "continual": ("deepseek_mm.cli.continual", "--library library"),
    "abstain": (
        "deepseek_mm.train.abstain",
        "--data captions.jsonl --images photos --questions qa.jsonl --question-images more-photos",
    ),
}


def run(args: Namespace, desk: Desk) -> int:
    """Hand the words after the trainer's name to the trainer."""
    module, example = TRAINERS[args.trainer]
    trainer, program = import_module(module), f"python -m deepseek_mm train {args.trainer}"
    parser = ArgumentParser(
        prog=program,
        description=trainer.__doc__,
        epilog=f"example:\n  {program} {example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    trainer.add_arguments(parser)
    return int(trainer.run(parser.parse_args(args.words)))


def add(parser: ArgumentParser) -> None:
    """The words of `train`."""
    parser.add_argument("trainer", choices=tuple(TRAINERS), help="what to train; --help after it lists its own words")
    parser.add_argument("words", nargs=REMAINDER, metavar="...", help="words of the trainer")


COMMAND = Command(
    name="train", help="train weights", example="python -m deepseek_mm train align --help", add=add, run=run
)
