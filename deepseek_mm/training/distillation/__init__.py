"""`train distill`: distil the default models into a small student, for machines with little memory.

`look` caches what teacher and student's tower compute of all photos. `sight` trains the student's vision, `read` its
reader. `words` makes a tokenizer of fewer tokens, for which `train corpus --model OUT/words --out OUT/corpus` cuts the
corpus; `speech` trains a fifth of the language model's layers on it. `pack` writes the weights, and `draw` plots the
runs of the stage sight beside the teacher. Every stage can be stopped and resumes.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from deepseek_mm.training.distillation.features import DistillationRun
from deepseek_mm.training.distillation.language_lessons import SpeechConfig
from deepseek_mm.training.distillation.reader_lessons import ReadingConfig
from deepseek_mm.training.distillation.stages import (
    draw_stage,
    look_stage,
    pack_stage,
    read_stage,
    sight_stage,
    speech_stage,
    words_stage,
)
from deepseek_mm.training.distillation.vision_lessons import SightConfig
from deepseek_mm.training.loop import StepsConfig, add_config_flags
from deepseek_mm.training.question_albums import QuestionBatchConfig

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
