"""The laboratory's command `train`. Every trainer describes its own flags and is imported only when it is named."""

from argparse import REMAINDER, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

RunWords = Callable[[Sequence[str], Any], int]  # words of the command line and a desk -> exit code
TRAINERS = {  # name -> its module in this package, which offers add_arguments(parser) and run(args), and an example
    "align": ("alignment", "--data captions.jsonl --images photos --out runs/align"),
    "languages": (
        "languages",
        "--data captions.jsonl --images photos --chinese zh.jsonl --questions qa.jsonl --text text --reading reading",
    ),
    "distill": ("distillation", "--stage look --data data"),
    "code": ("code", "--text data/text --out runs/code"),
    "detector": ("detector", "--package package"),
    "faces": ("witnesses.faces", "--package human-models --identity face-api"),
    "boxes": (
        "box_scorer",
        "--data person_boxes.jsonl --images photos --captions captions.jsonl --caption-images photos",
    ),
    "names": ("word_classifiers", "--captions captions.jsonl --caption-images photos --out runs/names"),
    "lm": ("language_model", "--stage reach --out runs/lm"),
    "confidence": ("confidence", "--data natural.jsonl"),
    "caption": ("captioner", "--stage words --data captions.jsonl --images photos --out runs/caption"),
    "kind": (
        "descriptions.kinds",
        "--photos photos --products clothes --garments garments.jsonl --icons icons.json --out runs/kind",
    ),
    "gate": ("descriptions.gate", "--data captions.jsonl --images photos"),
    "reader": ("reader", "--stage maps --data data"),
    "notice": ("tagger", "--stage learn --data data"),
    "box-reader": ("witnesses.box_reader", "--stage read --data data"),
    "reading": ("reading.trainer", "--data data --out runs/reading"),
    "presence": ("witnesses.presence", "--data data --out runs/presence"),
    "see": ("visual_prompts", "--stage look --data data"),
    "scenes": ("scenes", "--stage find --out runs/scenes"),
    "qat": ("qat", "--data captions.jsonl --images photos --out runs/qat"),
    "fp4": ("language_model.fp4", "--out runs/fp4"),
    "ppo": ("ppo", "--text data/text --out runs/ppo"),
    "corpus": ("corpus", "--text data/text --captions captions.jsonl"),
    "requests": ("requests.trainer", "--data data --unpacked data --out runs/requests"),
    "intents": ("intents", "--weights intents.safetensors"),
    "parallel": ("parallel", "--data 2 --pipeline 2 --tensor 2 --out runs/parallel"),
    "continual": ("continual", "--library library"),
    "search": ("search_weights", "--data captions.jsonl --images photos"),
    "abstain": (
        "search_certainty",
        "--data captions.jsonl --images photos --questions qa.jsonl --question-images more-photos",
    ),
}


def add_commands(register: Callable[..., object], run_words: RunWords) -> None:
    """Register `train`, by its name, help, example, add(parser) and run(args, desk).

    `run_words` runs other words of the command line: `train continual` alone is `learning train`.
    """
    register(
        name="train",
        help="train weights",
        example="python -m deepseek_mm train align --help",
        add=add_arguments,
        run=partial(run, run_words=run_words),
    )


def add_arguments(parser: ArgumentParser) -> None:
    """The words of `train`."""
    parser.add_argument("trainer", choices=tuple(TRAINERS), help="what to train; --help after it lists its own words")
    parser.add_argument("words", nargs=REMAINDER, metavar="...", help="words of the trainer")


def run(args: Namespace, desk: Any, run_words: RunWords) -> int:
    """Hand the words after the trainer's name to the trainer."""
    module, example = TRAINERS[args.trainer]
    trainer, program = import_module(f"{__package__}.{module}"), f"python -m deepseek_mm train {args.trainer}"
    parser = ArgumentParser(
        prog=program,
        description=trainer.__doc__,
        epilog=f"example:\n  {program} {example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    trainer.add_arguments(parser)
    parsed = parser.parse_args(args.words)
    if args.trainer == "continual" and not (parsed.stage or parsed.experiment):
        return run_words(["learning", "train", *(["--data", parsed.library] if parsed.library else [])], desk)
    return int(trainer.run(parsed))
