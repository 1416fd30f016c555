"""`train scenes`: train the finder and the answerer of drawn scenes.

`find` trains the finder on pictures that are painted for it; `answer` trains the answerer on questions about scenes
that are not painted: it is given what the finder would find, a little blurred. `pack` writes both into `weights/`. Each
stage has a folder of its own: a checkpoint every few minutes, a log, a plot.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.question_sets import find_easy_images
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.evaluation.scene_painter import draw_scene, make_scene
from deepseek_mm.training.loop import (
    RunFolder,
    StepLoss,
    StepsConfig,
    add_config_flags,
    choose_config,
    make_gather,
    read_learned,
    tell_written,
    train_steps,
)
from deepseek_mm.training.scene_data import (
    VOCABULARY,
    ScenePictures,
    SceneQuestions,
    compute_answer_loss,
    compute_finder_loss,
)
from deepseek_mm.training.search_certainty import fit_logistic
from deepseek_mm.vision.drawings import ANSWERER, FINDER, MAKE, WEIGHTS, SceneWeightsHeader, write_scene_weights
from deepseek_mm.vision.scene_models import AnswererConfig, AnswerNet, FinderNet
from deepseek_mm.vision.small_nets import read_any_weights

MOST = 1_200  # photos that scenes are told from
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
STAGES = ("find", "answer", "pack")


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolConfig:
    """What is learned from."""

    scenes: int = 12_000  # pictures, or scenes that are asked about
    questions: int = 24  # about each scene
    batch: int = 48  # pictures, or questions, of a step
    every: int = 100  # steps between two checkpoints
    workers: int = 2  # processes that paint and ask before training begins

    def __post_init__(self) -> None:
        between("scenes", self.scenes, 1, 10**7)
        between("batch", self.batch, 1, 65_536)
        between("workers", self.workers, 1, 256)


DEFAULTS = {
    "find": (PoolConfig(), StepsConfig(steps=3_000, rate=2e-3, decay=0.02)),
    "answer": (PoolConfig(scenes=20_000, batch=256), StepsConfig(steps=8_000, rate=1e-3, decay=0.02)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train scenes`; what is left out is the stage's own default."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/scenes"), help="each stage has a folder in it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    parser.add_argument("--begin", type=Path, help="weights that find and answer begin with, instead of chance")
    parser.add_argument("--photos", type=Path, help="pack: folder of photos that scenes are to be told from")
    add_config_flags(parser, PoolConfig, StepsConfig, AnswererConfig)


def run(args: argparse.Namespace) -> int:
    """Train one stage to its end; goes on where an earlier call stopped."""
    if args.stage == "pack":
        return pack(args)
    pool, steps = (choose_config(config, args) for config in DEFAULTS[args.stage])
    model = choose_config(AnswererConfig(), args)
    journal = RunFolder(args.out / args.stage, {**asdict(pool), **asdict(steps), **asdict(model)})
    torch.manual_seed(steps.seed)
    net, loss = (begin_find if args.stage == "find" else begin_answer)(pool, steps, model)
    if args.begin:
        net.load_state_dict(load_earlier_net(args.begin, args.stage))
    train_steps(dict(net.named_parameters()), make_gather(loss), journal, steps, every=pool.every)
    journal.plot("loss")
    return 0


def load_earlier_net(file: Path, stage: str) -> dict[str, torch.Tensor]:
    """What `file` holds of that stage's network. ConfigError where it learned other words."""
    tensors, told = read_any_weights(file, make=MAKE)
    if tuple(told["vocabulary"]) != VOCABULARY:
        raise ConfigError(f"{file} learned other words. Begin without --begin")
    prefix = {"find": FINDER, "answer": ANSWERER}[stage]
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def begin_find(pool: PoolConfig, steps: StepsConfig, model: AnswererConfig) -> tuple[nn.Module, StepLoss]:
    """The finder and its pictures."""
    net = FinderNet()
    pictures = ScenePictures.paint(pool.scenes, seed=steps.seed, workers=pool.workers)

    def loss(step: int) -> dict[str, torch.Tensor]:
        pixels_BCSS, target = pictures.batch(Random(f"{steps.seed} {step}"), pool.batch)
        with autocast_bf16():
            told_BGGO = net(pixels_BCSS)
        return compute_finder_loss(told_BGGO, target)

    return net, loss


def begin_answer(pool: PoolConfig, steps: StepsConfig, model: AnswererConfig) -> tuple[nn.Module, StepLoss]:
    """The answerer and its questions."""
    net = AnswerNet(len(VOCABULARY) + 1, model)
    questions = SceneQuestions.ask(pool.scenes, pool.questions, seed=steps.seed, workers=pool.workers)

    def loss(step: int) -> dict[str, torch.Tensor]:
        given, answer_B = questions.batch(Random(f"{steps.seed} {step}"), pool.batch)
        with autocast_bf16():
            scores_BA = net(*given)
        return compute_answer_loss(scores_BA, answer_B)

    return net, loss


def pack(args: argparse.Namespace) -> int:
    """Write what both stages learned into the weights that are shipped, and how scenes are told from photos."""
    if args.photos is None:
        raise ConfigError("--photos is missing. Name a folder of photos that scenes are to be told from")
    finder, answerer = (read_learned(args.out / stage) for stage in ("find", "answer"))
    space = DefaultSpace()
    looks = learn_looks(space, args.photos, seed=StepsConfig().seed)
    told = SceneWeightsHeader(
        vocabulary=VOCABULARY, config=choose_config(AnswererConfig(), args), fingerprint=space.fingerprint
    )
    write_scene_weights(args.weights, finder, answerer, told=told, looks=looks)
    tell_written(args.weights)
    return 0


def learn_looks(space: EmbeddingModel, photos: Path, *, seed: int) -> tuple[Floats, float]:
    """A direction of the space along which painted scenes lie apart from photos, and the drawings of easy-VQA."""
    paths = [path for path in sorted(photos.iterdir()) if path.suffix.lower() in SUFFIXES][:MOST]
    paths += sorted(find_easy_images("train").iterdir())[: len(paths) // 4]
    chance = Random(f"{seed} looks")
    painted = [draw_scene(make_scene(chance)) for _ in range(len(paths) // 2)]
    vectors_ND = np.concatenate([space.embed_images(painted), space.embed_images([read_picture(p) for p in paths])])
    is_scene_N = np.arange(len(vectors_ND)) < len(painted)
    return fit_logistic(vectors_ND.astype(np.float64), is_scene_N, np.ones(len(vectors_ND)))
