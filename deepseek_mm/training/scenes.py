"""`train scenes`: train the finder and the answerer of drawn scenes.

`find` trains the finder on pictures that are painted for it; `answer` trains the answerer on questions about scenes
that are not painted: it is given what the finder would find, a little blurred. `pack` writes both into `weights/`. Each
stage has a folder of its own: a checkpoint every few minutes, a log, a plot.

Pictures are painted once, by several processes; in every step brightness, tint and noise change. For questions the
finder's ideal output stands in for the pictures; a scene may be mirrored, its colours may change places, and so may its
sizes and materials, if the words of question and answer change with them.

Shape key:  B pictures or questions, S side in pixels or scenes, G cells a side, N solids, V values of all traits,
            W words, A answers
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.evaluation.scene_painter import PaperScene, draw_scene, make_scene
from deepseek_mm.evaluation.scene_questions import KINDS, SAID, make_question
from deepseek_mm.evaluation.vqa import find_easy_images
from deepseek_mm.logic.programs import ANSWERS, VALUES
from deepseek_mm.training.feature_maps import list_pictures
from deepseek_mm.training.loop import (
    StepLoss,
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.vision.drawings import ANSWERER, FINDER, MAKE, WEIGHTS, SceneWeightsHeader, write_scene_weights
from deepseek_mm.vision.scene_models import (
    GRID,
    MOST_SOLIDS,
    NUM_VALUES,
    PLACE,
    SIDE_PX,
    SPANS,
    USUAL_HALF,
    AnswererConfig,
    AnswerNet,
    FinderNet,
    middles_of,
    words_of,
)
from deepseek_mm.vision.small_nets import read_any_weights

PICTURES_OF_TASK = 250  # pictures that a process paints at a time
SEEN_MORE = 8.0  # weight of a cell with a solid, of which a picture has few


def make_parts(
    make: Callable[..., tuple[Any, ...]], count: int, size: int, *more: int, seed: int, workers: int
) -> list[tuple[Any, ...]]:
    """What `make` makes of the scenes 0 to `count`, `size` of them in a process at a time; result by result."""
    tasks = [(seed, start, min(size, count - start), *more) for start in range(0, count, size)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(zip(*pool.map(make, tasks), strict=True))


@dataclass(frozen=True, slots=True)
class SolidTarget:
    """Where the solids of a batch are, and what they are like."""

    cells_N3: Tensor  # picture, row and column of the cell
    places_N3: Tensor  # middle across and down, half the side, as shares of the picture
    traits_NT: Tensor  # number of each trait's value


@dataclass(frozen=True, slots=True)
class ScenePictures:
    """Scenes and their pictures."""

    scenes: Sequence[PaperScene]
    pixels_NSS3: NDArray[np.uint8]

    @classmethod
    def paint(cls, count: int, *, seed: int, workers: int) -> "ScenePictures":
        """So many, always the same for a seed."""
        scenes, pixels = make_parts(paint_scenes, count, PICTURES_OF_TASK, seed=seed, workers=workers)
        return cls([made for part in scenes for made in part], np.concatenate(pixels))

    def batch(self, chance: Random, size: int) -> tuple[Tensor, SolidTarget]:
        """Some of them, each in another light."""
        numbers = chance.sample(range(len(self.scenes)), min(size, len(self.scenes)))
        pixels_BCSS = torch.from_numpy(self.pixels_NSS3[numbers]).permute(0, 3, 1, 2).float() / 255
        noise = torch.Generator().manual_seed(chance.randrange(2**31))
        count = len(numbers)
        gain = 1 + 0.12 * torch.randn((count, 1, 1, 1), generator=noise)
        tint = 1 + 0.03 * torch.randn((count, 3, 1, 1), generator=noise)
        grain = 0.03 * torch.rand((count, 1, 1, 1), generator=noise)
        pixels_BCSS = pixels_BCSS * gain * tint + grain * torch.randn(pixels_BCSS.shape, generator=noise)
        return pixels_BCSS.clamp(0, 1), make_solid_target([self.scenes[n] for n in numbers])


def paint_scenes(task: tuple[int, int, int]) -> tuple[list[PaperScene], NDArray[np.uint8]]:
    """Some scenes of a seed, from a number on."""
    seed, start, count = task
    scenes = [make_scene(Random(f"{seed} picture {number}")) for number in range(start, start + count)]
    return scenes, np.stack([np.asarray(draw_scene(made, SIDE_PX)) for made in scenes])


def make_solid_target(scenes: Sequence[PaperScene]) -> SolidTarget:
    """What the cells of a batch should say."""
    places_SN3, traits_SNT, there_SN = tabulate_solids(scenes)
    places_N3 = places_SN3[there_SN]
    places_N3[:, 1] -= places_N3[:, 2]  # of its foot, so far
    across_N, down_N = np.minimum(places_N3[:, :2] * GRID, GRID - 1).astype(np.int64).T
    cells_N3 = np.stack([there_SN.nonzero()[0], down_N, across_N], axis=1)
    traits_NT = traits_SNT[there_SN].astype(np.int64)
    return SolidTarget(*map(torch.from_numpy, (cells_N3, places_N3, traits_NT)))


def compute_finder_loss(told_BGGO: Tensor, target: SolidTarget) -> dict[str, Tensor]:
    """Is a solid here, where and how large, and what is it like."""
    told_BGGO = told_BGGO.float()
    here_BGG = torch.zeros(told_BGGO.shape[:3])
    picture_N, row_N, column_N = target.cells_N3.unbind(-1)
    here_BGG[picture_N, row_N, column_N] = 1
    weight = torch.tensor(SEEN_MORE)
    here = F.binary_cross_entropy_with_logits(told_BGGO[..., 0], here_BGG, pos_weight=weight)
    middle_BGG2, half_BGG = middles_of(told_BGGO)
    middle_N2, half_N = (x[picture_N, row_N, column_N] for x in (middle_BGG2, half_BGG))
    place = (middle_N2 - target.places_N3[:, :2]).abs().sum(-1) + (half_N - target.places_N3[:, 2]).abs()
    logits_NV = told_BGGO[picture_N, row_N, column_N][:, 1 + PLACE :]
    pairs = zip(SPANS.values(), target.traits_NT.unbind(-1), strict=True)
    like = torch.stack([F.cross_entropy(logits_NV[:, span], right_N) for span, right_N in pairs]).sum()
    parts_of = {"here": 10 * here, "place": place.mean() / USUAL_HALF, "like": like}
    return parts_of | {"loss": torch.stack(list(parts_of.values())).sum()}


SCENES_OF_TASK = 100  # scenes that a process asks about at a time
MOST_WORDS = 40
BLUR = 0.004  # standard deviation of a place, as a share of the picture
DOUBT = 0.03  # of a trait, at most, goes to its other values
MIRRORED = {"left": "right", "right": "left"}
SWAPPED = ("colour", "size", "material")  # traits whose values may change places
SMALL_WORDS = """
    is there a an can you see do how many are what number of the more fewer as than same and have things thing objects
    object colour size material shape made to left right behind in front both or that
"""
NAMES = {said for values in VALUES.values() for value in values for said in SAID.get(value, (value,))}
VOCABULARY = tuple(sorted({*NAMES, *(f"{name}s" for name in NAMES), *SMALL_WORDS.split()}))
NUMBERS = {word: number for number, word in enumerate(VOCABULARY, start=1)}


@dataclass(frozen=True, slots=True)
class SceneQuestions:
    """All of them, and the scene that each belongs to."""

    words_QW: NDArray[np.int16]
    answers_Q: NDArray[np.int16]
    scene_Q: NDArray[np.int32]
    places_SN3: NDArray[np.float32]
    traits_SNT: NDArray[np.int8]
    there_SN: NDArray[np.bool_]

    @classmethod
    def ask(cls, scenes: int, each: int, *, seed: int, workers: int) -> "SceneQuestions":
        """So many about each of so many scenes, always the same for a seed."""
        parts = make_parts(gather_questions, scenes, SCENES_OF_TASK, each, seed=seed, workers=workers)
        words, answers, places, traits, there = map(np.concatenate, parts)
        return cls(words, answers, np.repeat(np.arange(scenes, dtype=np.int32), each), places, traits, there)

    def batch(self, chance: Random, size: int) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Words, solids and which are there; and the answers. Each question is changed by chance."""
        draw = np.random.default_rng(chance.randrange(2**31))
        some_B = draw.integers(len(self.answers_Q), size=size)
        words_BW, answers_B = self.words_QW[some_B].astype(np.int64), self.answers_Q[some_B].astype(np.int64)
        scene_B = self.scene_Q[some_B]
        places_BN3, traits_BNT, there_BN = self.places_SN3[scene_B], self.traits_SNT[scene_B], self.there_SN[scene_B]
        for row in range(size):
            change = QuestionChange(draw)
            words_BW[row], answers_B[row] = change.words[words_BW[row]], change.answers[answers_B[row]]
            for number, trait in enumerate(VALUES):
                traits_BNT[row, :, number] = change.values[trait][traits_BNT[row, :, number]]
            if change.mirrored:
                places_BN3[row, :, 0] = 1 - places_BN3[row, :, 0]
        words_BW = words_BW[:, : max(1, int((words_BW != 0).sum(axis=1).max()))]
        solids_BNF = blur_solids(places_BN3, traits_BNT, draw) * there_BN[..., None]
        given = (torch.from_numpy(words_BW), torch.from_numpy(solids_BNF), torch.from_numpy(there_BN))
        return given, torch.from_numpy(answers_B)


class QuestionChange:
    """Values that change places, and whether left and right do."""

    def __init__(self, draw: np.random.Generator) -> None:
        self.mirrored = bool(draw.random() < 0.5)
        self.values = {
            trait: draw.permutation(len(values)) if trait in SWAPPED else np.arange(len(values))
            for trait, values in VALUES.items()
        }
        self.words, self.answers = np.arange(len(VOCABULARY) + 1), np.arange(len(ANSWERS))
        for trait in SWAPPED:
            values = VALUES[trait]
            for value, other in zip(values, (values[n] for n in self.values[trait]), strict=True):
                self.answers[ANSWERS.index(value)] = ANSWERS.index(other)
                for said, instead in zip(SAID.get(value, (value,)), SAID.get(other, (other,)), strict=True):
                    self.words[NUMBERS[said]] = NUMBERS[instead]
        for word, instead in MIRRORED.items() if self.mirrored else ():
            self.words[NUMBERS[word]] = NUMBERS[instead]


def blur_solids(
    places_BN3: NDArray[np.float32], traits_BNT: NDArray[np.int8], draw: np.random.Generator
) -> NDArray[np.float32]:
    """What the finder would say: places a little off, traits a little in doubt; (B, N, 3 + V)."""
    batch, most, _ = places_BN3.shape
    solids_BNF = np.zeros((batch, most, PLACE + NUM_VALUES), np.float32)
    solids_BNF[..., :PLACE] = places_BN3 + draw.normal(0, BLUR, places_BN3.shape)
    for number, (trait, values) in enumerate(VALUES.items()):
        doubt = draw.uniform(0, DOUBT, (batch, most, 1))
        sure = np.eye(len(values), dtype=np.float32)[traits_BNT[..., number]]
        solids_BNF[..., PLACE:][..., SPANS[trait]] = (1 - doubt) * sure + doubt / len(values)
    return solids_BNF


def gather_questions(task: tuple[int, int, int, int]) -> tuple[NDArray[np.generic], ...]:
    """Words, answers, places, traits and which are there, of some scenes of a seed, from a number on."""
    seed, start, count, each = task
    draws = [Random(f"{seed} question {number}") for number in range(start, start + count)]
    scenes = [make_scene(draw) for draw in draws]
    kinds = [list(KINDS)[number % len(KINDS)] for number in range(each)]
    asked = [make_question(made, kind, draw) for made, draw in zip(scenes, draws, strict=True) for kind in kinds]
    words_QW = np.zeros((len(asked), MOST_WORDS), np.int16)
    for row, one in enumerate(asked):
        numbers = [NUMBERS[word] for word in words_of(one.question)][:MOST_WORDS]
        words_QW[row, : len(numbers)] = numbers
    answers = np.array([ANSWERS.index(one.answer) for one in asked], np.int16)
    return words_QW, answers, *tabulate_solids(scenes)


def tabulate_solids(scenes: Sequence[PaperScene]) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.bool_]]:
    """Places, numbers of the traits' values, and which are there."""
    places = np.zeros((len(scenes), MOST_SOLIDS, PLACE), np.float32)
    traits = np.zeros((len(scenes), MOST_SOLIDS, len(VALUES)), np.int8)
    there = np.zeros((len(scenes), MOST_SOLIDS), bool)
    for row, made in enumerate(scenes):
        for n, thing in enumerate(made.things):
            places[row, n] = (thing.x, thing.y, thing.half)
            traits[row, n] = [values.index(thing.traits[trait]) for trait, values in VALUES.items()]
            there[row, n] = True
    return places, traits, there


MOST = 1_200  # photos that scenes are told from
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
    torch.manual_seed(steps.seed)
    net, loss = begin_find(pool, steps) if args.stage == "find" else begin_answer(pool, steps, model)
    if args.begin:
        net.load_state_dict(load_earlier_net(args.begin, args.stage))
    train_stage(args.out / args.stage, net, loss, steps, pool, model, every=pool.every)
    return 0


def load_earlier_net(file: Path, stage: str) -> dict[str, torch.Tensor]:
    """What `file` holds of that stage's network. ConfigError where it learned other words."""
    tensors, told = read_any_weights(file, make=MAKE)
    if tuple(told["vocabulary"]) != VOCABULARY:
        raise ConfigError(f"{file} learned other words. Begin without --begin")
    prefix = {"find": FINDER, "answer": ANSWERER}[stage]
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def begin_find(pool: PoolConfig, steps: StepsConfig) -> tuple[nn.Module, StepLoss]:
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
        right = (scores_BA.argmax(-1) == answer_B).float().mean()
        return {"right": right, "loss": F.cross_entropy(scores_BA.float(), answer_B)}

    return net, loss


def pack(args: argparse.Namespace) -> int:
    """Write what both stages learned into the weights that are shipped, and how scenes are told from photos."""
    if args.photos is None:
        raise ConfigError("--photos is missing. Name a folder of photos that scenes are to be told from")
    finder, answerer = (read_learned(args.out / stage) for stage in ("find", "answer"))
    space = DefaultSpace()
    looks = learn_looks(space, args.photos, seed=StepsConfig().seed)
    config = choose_config(AnswererConfig(), args)
    told = SceneWeightsHeader(vocabulary=VOCABULARY, config=config, fingerprint=space.fingerprint)
    write_scene_weights(args.weights, finder, answerer, told=told, looks=looks)
    tell_written(args.weights)
    return 0


def learn_looks(space: EmbeddingModel, photos: Path, *, seed: int) -> tuple[Floats, float]:
    """A direction of the space along which painted scenes lie apart from photos, and the drawings of easy-VQA."""
    paths = list_pictures(photos)[:MOST]
    paths += sorted(find_easy_images("train").iterdir())[: len(paths) // 4]
    chance = Random(f"{seed} looks")
    painted = [draw_scene(make_scene(chance)) for _ in range(len(paths) // 2)]
    vectors_ND = np.concatenate([space.embed_images(painted), space.embed_images([read_picture(p) for p in paths])])
    is_scene_N = np.arange(len(vectors_ND)) < len(painted)
    return fit_logistic(vectors_ND.astype(np.float64), is_scene_N, np.ones(len(vectors_ND)))
