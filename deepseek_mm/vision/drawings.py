"""Drawings among a user's pictures: flat shapes and rendered scenes, what stands in them, and the models' weights.

Nothing is learned here. A drawing is taken for one only where its ground and a few such shapes are all that there is;
one thing that is no such shape, a shade or a texture, and it is left to those who look at photos.

Whether a picture is a scene on paper is told by a direction of the shared space that was learned from painted scenes
and photos; a flat drawing is one whose ground and shapes are all there is.

Shape key:  P pixels, C colours, N solids, D width of the space; H, W sides of the drawing after it was brought to one
            size
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.logic.programs import FLAT, SCENE, VALUES, Scene, SceneItem, Share, solid
from deepseek_mm.vision.colours import lab
from deepseek_mm.vision.regions import LabelledBox, place_of
from deepseek_mm.vision.scene_models import (
    AnswererConfig,
    AnswerNet,
    FinderNet,
    SceneAnswerer,
    SceneFinder,
    Solids,
)
from deepseek_mm.vision.small_nets import read_any_weights, read_weights, write_weights
from index import Label, Source

SIDE_PX = 256  # the longer side that drawings are brought to
GROUND = 0.3  # of the drawing, at least
EVEN = 12  # steps of 255 by which one colour may differ from itself
INK = 36  # steps of 255 from which a pixel is not of the ground
GLANCE_PX = 48  # a side, at which a picture is glanced at first
NO_GROUND = 0.8  # of `GROUND` that a glance must find
BETWEEN = 0.03  # of the drawing may be neither ground nor ink: the soft edges of shapes
SMALLEST = 40  # pixels of a shape
MOST = 12  # shapes
NEAR = 30  # steps of 255 by which a soft edge may lie beside the line between two colours
PURE = 0.97  # of a shape's pixels lie between its colour and the ground
FULL = 0.3  # of them have its colour
SHAPE_SURE = 0.99  # chance that a shape is what it is called
TINTS = {  # names as CSS Color Module Level 4 defines them, section 6.1, and lime, which people call green
    **{"black": "000000 202020", "grey": "808080 a9a9a9 696969", "white": "ffffff", "red": "ff0000 dc143c"},
    **{"green": "00ff00 008000 32cd32 006400 90ee90", "blue": "0000ff 0000a0 1e90ff 4169e1 87ceeb"},
    **{"teal": "008080", "brown": "a52a2a 8b4513 654321", "yellow": "ffff00 ffd700", "orange": "ffa500 ff8c00"},
    **{"purple": "800080 8a2be2 4b0082", "pink": "ffc0cb ff69b4 ff00ff"},
}

Pixels = NDArray[np.uint8]


def shapes_in(image: Image.Image) -> tuple[SceneItem, ...]:
    """The shapes of a flat drawing, from left to right; none where it is no such drawing."""
    if not may_be_flat(image):
        return ()
    pixels_HW3 = brought(image)
    ground_3 = most_frequent(pixels_HW3)
    off_HW = away(pixels_HW3, ground_3)
    ink_HW = (off_HW > INK).astype(np.uint8)
    if (off_HW <= EVEN).mean() < GROUND or ((off_HW > EVEN) & (off_HW <= INK)).mean() > BETWEEN:
        return ()
    found: list[SceneItem] = []
    for part_HW in parts_of(ink_HW):
        one = shape_of(part_HW, pixels_HW3, ground_3) if len(found) < MOST else None
        if one is None:
            return ()
        found.append(one)
    found.sort(key=lambda item: item.box[0])
    return tuple(
        solid(item.traits, item.box, number=n, chance=SHAPE_SURE, names=item.names[1:])
        for n, item in enumerate(found, start=1)
    )


def may_be_flat(image: Image.Image) -> bool:
    """Is there a ground at a glance? Most photos have none, and cost no more than this."""
    if image.has_transparency_data:
        return True
    looks_HW3 = np.asarray(image.resize((GLANCE_PX, GLANCE_PX), Image.Resampling.NEAREST).convert("RGB"))
    return bool((away(looks_HW3, most_frequent(looks_HW3)) <= EVEN).mean() >= NO_GROUND * GROUND)


def away(pixels_HW3: Pixels, ground_3: NDArray[np.int16]) -> NDArray[np.int16]:
    """(H, W): steps of 255 between each pixel and the ground, in the channel that differs most."""
    off_HW: NDArray[np.int16] = np.abs(pixels_HW3.astype(np.int16) - ground_3).max(axis=-1)
    return off_HW


def brought(image: Image.Image) -> Pixels:
    """To one size, on white where it is transparent."""
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.new("RGBA", above.size, "white")
        image.alpha_composite(above)
    scale = SIDE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))


def most_frequent(pixels_HW3: Pixels) -> NDArray[np.int16]:
    """The colour of the ground (3,)."""
    coarse_P3 = pixels_HW3.reshape(-1, 3) >> 3
    code_P = (coarse_P3.astype(np.int32) * np.array([1024, 32, 1])).sum(axis=-1)
    mean_3: NDArray[np.int16] = (
        pixels_HW3.reshape(-1, 3)[code_P == np.bincount(code_P).argmax()].mean(axis=0).astype(np.int16)
    )
    return mean_3


def parts_of(ink_HW: Pixels) -> Iterator[Pixels]:
    """What hangs together, each as a mask of its own."""
    count, number_HW = cv2.connectedComponents(ink_HW, connectivity=4)
    for n in range(1, count):
        part_HW = (number_HW == n).astype(np.uint8)
        if part_HW.sum() >= SMALLEST:
            yield part_HW


def shape_of(part_HW: Pixels, pixels_HW3: Pixels, ground_3: NDArray[np.int16]) -> SceneItem | None:
    """What it is; None where it is of several colours, or of no shape that has a name here."""
    own_P3 = pixels_HW3[part_HW.astype(bool)].astype(np.float64)
    far_P = np.abs(own_P3 - ground_3).max(axis=-1)
    colour_3 = np.median(own_P3[far_P >= np.quantile(far_P, 1 - FULL)], axis=0)  # soft edges are nearer to the ground
    way_3 = colour_3 - ground_3
    share_P = np.clip((own_P3 - ground_3) @ way_3 / (way_3 @ way_3), 0, 1)
    off_P = np.abs(own_P3 - ground_3 - share_P[:, None] * way_3).max(axis=-1)
    if (off_P <= NEAR).mean() < PURE or (share_P > 0.9).mean() < FULL:
        return None
    part_HW = part_HW.copy()
    part_HW[part_HW.astype(bool)] = share_P > 0.5
    names = names_of(part_HW)
    if not names:
        return None
    left, top, wide, high = cv2.boundingRect(part_HW)
    height, width = part_HW.shape
    box = (left / width, top / height, (left + wide) / width, (top + high) / height)
    traits = {"colour": tint(colour_3.astype(np.uint8)), "shape": names[0]}
    return solid(traits, box, number=0, chance=SHAPE_SURE, names=names[1:])


def names_of(part_HW: Pixels) -> tuple[str, ...]:
    """What its outline is called, by how much of the narrowest rectangle, and of the round around it, it fills."""
    outlines, _ = cv2.findContours(part_HW, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if len(outlines) != 1:  # it has holes, or is in pieces
        return ()
    outline = cv2.convexHull(outlines[0])
    area, around = float(part_HW.sum()), cv2.arcLength(outline, closed=True)
    (_, (one, other), _) = cv2.minAreaRect(outline)
    one, other = one + 1, other + 1  # from middle to middle of pixels
    if area < 0.93 * (cv2.contourArea(outline) + around / 2 + 1):
        return ()  # it is hollow somewhere
    fills, long = area / (one * other), max(one, other) / min(one, other)
    corners, turns = (len(cv2.approxPolyDP(outline, share * around, closed=True)) for share in (0.04, 0.02))
    if fills >= 0.9 and corners <= 5:
        return ("rectangle", "square") if long <= 1.04 else ("rectangle",)
    if fills <= 0.64 and corners <= 4:
        return ("triangle",)
    if 0.7 <= fills <= 0.94 and turns >= 6:
        return ("circle",) if long <= 1.15 else ("ellipse", "oval")
    return ()


@cache
def tints() -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Colours as Lab (C, 3), and their names."""
    rows = [(bytes.fromhex(code), name) for name, codes in TINTS.items() for code in codes.split()]
    return lab(np.array([list(code) for code, _ in rows], np.uint8)), tuple(name for _, name in rows)


def tint(colour_3: Pixels) -> str:
    """The name of a colour."""
    known_C3, names = tints()
    return names[int(np.linalg.norm(known_C3 - lab(colour_3[None]), axis=-1).argmin())]


SURE = 0.95  # probability from which a picture is taken for one: photos are far more frequent


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a drawing shows: everything that is there is known."""

    name: str  # what such pictures are called
    scene: Scene
    solids: Solids | None = None  # with their doubts, where it is a scene of solids

    def parts(self, source: Source) -> list[LabelledBox]:
        """The things as parts of the picture, in their order; each is called by its traits, the shape first."""
        return [place_of(inside(item.box), source, labels_of_item(item)) for item in self.scene.items]


class DrawingFinder:
    """Knows drawings when it sees them."""

    def __init__(self, finder: SceneFinder, answerer: SceneAnswerer, looks_D: Floats, offset: float) -> None:
        self.finder, self.answerer = finder, answerer
        self.looks_D, self.offset = looks_D, offset

    def chance(self, vector_D: Floats) -> float:
        """Probability that a picture with this vector is a scene on paper."""
        return float(1 / (1 + np.exp(-(float(self.looks_D @ vector_D) + self.offset))))

    def is_scene(self, vector_D: Floats) -> bool:
        """Is it taken for one?"""
        return self.chance(vector_D) >= SURE

    def read_drawing(self, vector_D: Floats, image: Image.Image) -> Drawing | None:
        """What a drawing shows; None of other pictures. The vector is the picture's."""
        if self.is_scene(vector_D):
            solids = next(self.finder.find_many([image]))
            return Drawing(SCENE, solids.scene, solids)
        shapes = shapes_in(image)
        return Drawing(FLAT, Scene(items=shapes, complete=True)) if shapes else None

    def answer(self, question: str, drawn: Drawing) -> tuple[str, float]:
        """The small network's answer, without a program, and its probability; "" where it does not know a word."""
        if drawn.solids is None or not self.answerer.knows(question):
            return "", 0.0
        return self.answerer.answer_many([question], [drawn.solids])[0]


def labels_of_item(item: SceneItem) -> tuple[Label, ...]:
    """Shape, its other names, material, colour and size as labels, as sure as the thing is."""
    traits = [item.traits[trait] for trait in reversed(tuple(VALUES)) if trait in item.traits]
    names = [traits[0], *(name for name in item.names[1:] if item.traits.keys() != VALUES.keys()), *traits[1:]]
    return tuple(Label(name=name, score=item.chance) for name in names)


def inside(box: Share) -> Share:
    """A box that does not leave the picture."""
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in box)
    return left, top, right, bottom


WEIGHTS = Path(__file__).parents[1] / "weights" / "scenes.safetensors"
MAKE = "python -m deepseek_mm train scenes --stage pack"
FINDER, ANSWERER, LOOKS = "finder.", "answerer.", "looks"


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneWeightsHeader:
    """What stands beside the weights."""

    vocabulary: Sequence[str]
    config: AnswererConfig
    fingerprint: str  # of the space that `looks` is a direction of


def write_scene_weights(
    file: Path,
    finder: Mapping[str, Tensor],
    answerer: Mapping[str, Tensor],
    *,
    told: SceneWeightsHeader,
    looks: tuple[Floats, float],
) -> None:
    """Weights as int8 with a scale a row. `looks`: the direction (D,) that tells scenes from other pictures, and what
    is added.
    """
    tensors = {FINDER + name: value for name, value in finder.items()}
    tensors |= {ANSWERER + name: value for name, value in answerer.items()}
    tensors[LOOKS] = torch.from_numpy(np.append(*looks).astype(np.float32))
    write_weights(file, tensors, asdict(told))


def read_scene_weights(file: Path = WEIGHTS) -> tuple[SceneFinder, SceneAnswerer]:
    """Both, ready to look and to answer. MissingWeights without the file."""
    return nets_of(*read_any_weights(file, make=MAKE))


def nets_of(tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> tuple[SceneFinder, SceneAnswerer]:
    """Both, of what a file holds."""
    finder, answerer = FinderNet(), AnswerNet(len(told["vocabulary"]) + 1, AnswererConfig(**told["config"]))
    nets: dict[str, nn.Module] = {FINDER: finder, ANSWERER: answerer}
    for prefix, net in nets.items():
        net.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    return SceneFinder(finder), SceneAnswerer(answerer, told["vocabulary"])


def read_paper(space: SeeingSpace, file: Path = WEIGHTS) -> DrawingFinder:
    """The same, and how scenes are known among other pictures. MissingWeights too where another space looked."""
    tensors, told = read_weights(file, space, make=MAKE, vectors_only=True)
    looks = tensors[LOOKS].numpy()
    return DrawingFinder(*nets_of(tensors, told), looks[:-1], float(looks[-1]))
