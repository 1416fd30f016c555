"""`train`: make weights. Every trainer describes its own flags and is imported only when it is named."""

from argparse import REMAINDER, ArgumentParser, Namespace
from importlib import import_module

from deepseek_mm.cli.desk import OK, Command, Desk

TRAINERS = {"align": "deepseek_mm.train.align"}  # each offers add_arguments(parser) and run(args)


def run(args: Namespace, desk: Desk) -> int:
    """Hand the words after the trainer's name to the trainer."""
    trainer = import_module(TRAINERS[args.trainer])
    parser = ArgumentParser(prog=f"python -m deepseek_mm train {args.trainer}", description=trainer.__doc__)
    trainer.add_arguments(parser)
    trainer.run(parser.parse_args(args.words))
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `train`."""
    parser.add_argument("trainer", choices=tuple(TRAINERS), help="what to train; --help after it lists its own words")
    parser.add_argument("words", nargs=REMAINDER, metavar="...", help="words of the trainer")


COMMAND = Command(
    name="train", help="train weights", example="python -m deepseek_mm train align --help", add=add, run=run
)
