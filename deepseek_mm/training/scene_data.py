"""Training data of drawn scenes: pictures with the finder's targets, and questions as numbers.

Pictures are painted once, by several processes; in every step brightness, tint and noise change. For questions the
finder's ideal output stands in for the pictures; a scene may be mirrored, its colours may change places, and so may its
sizes and materials, if the words of question and answer change with them.

Shape key:  B pictures or questions, S side in pixels, G cells a side, N solids, V values of all traits, W words
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from deepseek_mm.evaluation.scene_painter import PaperScene, draw_scene, make_scene
from deepseek_mm.evaluation.scene_questions import KINDS, SAID, make_question
from deepseek_mm.logic.programs import ANSWERS, VALUES
from deepseek_mm.vision.scene_models import (
    GRID,
    MOST_SOLIDS,
    NUM_VALUES,
    PLACE,
    SIDE_PX,
    SPANS,
    USUAL_HALF,
    middles_of,
    words_of,
)

PICTURES_OF_TASK = 250  # pictures that a process paints at a time
SEEN_MORE = 8.0  # weight of a cell with a solid, of which a picture has few


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
        tasks = [(seed, start, min(PICTURES_OF_TASK, count - start)) for start in range(0, count, PICTURES_OF_TASK)]
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(paint_scenes, tasks))
        return cls([made for scenes, _ in parts for made in scenes], np.concatenate([pixels for _, pixels in parts]))

    def batch(self, chance: Random, size: int) -> tuple[Tensor, SolidTarget]:
        """Some of them, each in another light."""
        numbers = chance.sample(range(len(self.scenes)), min(size, len(self.scenes)))
        pixels_BCSS = torch.from_numpy(self.pixels_NSS3[numbers]).permute(0, 3, 1, 2).float() / 255
        noise = torch.Generator().manual_seed(chance.randrange(2**31))
        gain = 1 + 0.12 * torch.randn(size_of(pixels_BCSS, 1), generator=noise)
        tint = 1 + 0.03 * torch.randn(size_of(pixels_BCSS, 3), generator=noise)
        grain = 0.03 * torch.rand(size_of(pixels_BCSS, 1), generator=noise)
        pixels_BCSS = pixels_BCSS * gain * tint + grain * torch.randn(pixels_BCSS.shape, generator=noise)
        return pixels_BCSS.clamp(0, 1), make_solid_target([self.scenes[n] for n in numbers])


def size_of(pixels_BCSS: Tensor, channels: int) -> tuple[int, int, int, int]:
    return (len(pixels_BCSS), channels, 1, 1)


def paint_scenes(task: tuple[int, int, int]) -> tuple[list[PaperScene], NDArray[np.uint8]]:
    """Some scenes of a seed, from a number on."""
    seed, start, count = task
    scenes = [make_scene(Random(f"{seed} picture {number}")) for number in range(start, start + count)]
    return scenes, np.stack([np.asarray(draw_scene(made, SIDE_PX)) for made in scenes])


def make_solid_target(scenes: Sequence[PaperScene]) -> SolidTarget:
    """What the cells of a batch should say."""
    cells, places, traits = [], [], []
    for picture, made in enumerate(scenes):
        for thing in made.things:
            x, y = thing.x, thing.y - thing.half
            cells.append([picture, min(GRID - 1, int(y * GRID)), min(GRID - 1, int(x * GRID))])
            places.append([x, y, thing.half])
            traits.append([values.index(thing.traits[trait]) for trait, values in VALUES.items()])
    return SolidTarget(torch.tensor(cells), torch.tensor(places), torch.tensor(traits))


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
        tasks = [(seed, start, min(SCENES_OF_TASK, scenes - start), each) for start in range(0, scenes, SCENES_OF_TASK)]
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(zip(*pool.map(gather_questions, tasks), strict=True))
        words, answers, places, traits, there = (np.concatenate(part) for part in parts)
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


def compute_answer_loss(scores_BA: Tensor, answer_B: Tensor) -> dict[str, Tensor]:
    """Surprise at the right answer, and how often it was the likeliest."""
    right = (scores_BA.argmax(-1) == answer_B).float().mean()
    return {"right": right, "loss": F.cross_entropy(scores_BA.float(), answer_B)}
