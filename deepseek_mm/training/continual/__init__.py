"""`train continual`: learn from what was corrected in a library, without forgetting.

Alone it is `learning train` of the library --library: a version that waits to be accepted. `--stage memory` makes the
sample that is shipped for replay. `--experiment` learns five domains in a row in five ways, and writes a report.
"""

import argparse
from pathlib import Path

from deepseek_mm.errors import ConfigError
from deepseek_mm.learning.memory import WEIGHTS
from deepseek_mm.training.continual.experiment import CourseConfig, run_experiment
from deepseek_mm.training.continual.replay_sample import make_memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train continual`."""
    parser.add_argument("--library", metavar="DATA", default="", help="whose corrections (else the usual library's)")
    parser.add_argument("--stage", choices=("memory",), help="make what is shipped, from the photos in --data")
    parser.add_argument("--experiment", action="store_true", help="five domains in a row, with the photos in --data")
    parser.add_argument("--data", type=Path, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--out", type=Path, default=Path("runs/continual"), help="folder of the experiment")
    parser.add_argument("--examples", type=Path, default=Path("examples"), help="folder of the bundled photos")
    parser.add_argument("--weights", type=Path, help="file that --stage memory writes (the shipped one)")
    parser.add_argument("--report", type=Path, help="file for the experiment's report; its plot lies beside it")
    parser.add_argument("--seeds", type=int, default=5, help="of the experiment")
    parser.add_argument("--steps", type=int, default=250, help="of the experiment, for each domain")


def run(args: argparse.Namespace) -> int:
    """Make the sample that is shipped, or run the experiment. ConfigError where a stage lacks its photos."""
    if args.data is None:
        raise ConfigError("this needs photos: --data FOLDER, a folder with flickr8k, coco_vqa and daquar")
    if args.stage:
        return make_memory(args.data, args.examples, args.weights or WEIGHTS)
    config = CourseConfig(steps=args.steps)
    return run_experiment(args.data, args.out, args.report, seeds=args.seeds, config=config)
