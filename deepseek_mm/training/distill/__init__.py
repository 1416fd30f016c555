"""`train distill`: a small model learns from the default one, for machines with little memory.

`look` keeps what teacher and student's tower make of all photos. `sight` teaches the student to see, `read` to answer
questions. `words` makes a tokenizer of fewer tokens, for which `train corpus --model OUT/words --out OUT/corpus` cuts
the corpus; `speech` teaches a fifth of the language model's layers to speak in those. `pack` writes the weights,
and `draw` the runs of the stage sight beside the teacher. Every stage can be stopped and goes on where it was.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from deepseek_mm.training.bank import QuestionBatchConfig
from deepseek_mm.training.distill.house import DistillationRun
from deepseek_mm.training.distill.reading import ReadingConfig
from deepseek_mm.training.distill.sight import SightConfig
from deepseek_mm.training.distill.speech import SpeechConfig
from deepseek_mm.training.distill.stages import (
    draw_stage,
    look_stage,
    pack_stage,
    read_stage,
    sight_stage,
    speech_stage,
    words_stage,
)
from deepseek_mm.training.loop import StepsConfig, add_config_flags

STAGES: Mapping[str, Callable[[DistillationRun, argparse.Namespace], int]] = {
    "look": look_stage,
    "sight": sight_stage,
    "read": read_stage,
    "words": words_stage,
    "speech": speech_stage,
    "pack": pack_stage,
    "draw": draw_stage,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train distill`."""
    parser.add_argument("--stage", choices=tuple(STAGES), required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--out", type=Path, default=Path("runs/distill"), help="a folder in it for each stage")
    parser.add_argument("--name", default="", help="another name for the folder of this stage's run")
    parser.add_argument("--begin", default="", help="sight: folder of an earlier run in OUT, to go on from")
    parser.add_argument("--views", type=int, default=1, help="of each photo: itself, then random crops")
    parser.add_argument("--weights", type=Path, help="folder that the stages pack and draw write to")
    add_config_flags(parser, SightConfig, ReadingConfig, QuestionBatchConfig, SpeechConfig, StepsConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    return STAGES[args.stage](DistillationRun(args.data, args.out, views=args.views), args)
