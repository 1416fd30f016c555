"""Scenes on paper: things placed on a floor by lot, and painted as shaded solids with shadows, a light and noise.

After CLEVR (Johnson et al. 2017, arXiv 1612.06890). The nearer a thing is the lower it stands and the larger it is
drawn. Any two differ clearly in how far they stand to the right and to the front, so that every question has one
answer; what one hides of another leaves more than half. Each solid is a square of numbers from -1 to 1 across (u) and
down (v): where it is, and how bright the light makes it. Metal has strong lights and a gleam, rubber is dull.

Shape key:  S side of the picture in pixels, N side of the square of a thing
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_mm.logic.programs import VALUES, Scene, Share, solid

HALVES = {"small": 0.075, "big": 0.135}  # half a thing's side in the middle of the floor, as a share of the picture
FEWEST, MOST = 3, 10
APART = 0.03  # of the picture's side, between any two, across and to the front
FLOOR = (0.3, 0.9)  # where things stand, as shares of the height
SEEN = 0.55  # of a thing's square that no nearer one may cover
TRIES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneThing:
    """One thing, where its foot stands, and how large it is drawn."""

    shape: str
    colour: str
    size: str
    material: str
    x: float  # shares of the picture's side, 0 to 1
    y: float

    @property
    def half(self) -> float:
        """Half its side: what is far away is smaller."""
        near = (self.y - FLOOR[0]) / (FLOOR[1] - FLOOR[0])
        return HALVES[self.size] * (0.75 + 0.5 * near)

    @property
    def traits(self) -> dict[str, str]:
        """By name."""
        return {"size": self.size, "colour": self.colour, "material": self.material, "shape": self.shape}

    @property
    def box(self) -> Share:
        """The square that it is drawn in."""
        return (self.x - self.half, self.y - 2 * self.half, self.x + self.half, self.y)


@dataclass(frozen=True, slots=True)
class PaperScene:
    """A scene, the farthest thing first."""

    things: tuple[SceneThing, ...]
    seed: int  # of how it is painted

    @property
    def scene(self) -> Scene:
        """As programs see it."""
        items = [solid(thing.traits, thing.box, number=n) for n, thing in enumerate(self.things, start=1)]
        return Scene(items=tuple(items), complete=True)


def make_scene(draw: Random) -> PaperScene:
    """A scene by lot."""
    wanted = draw.randint(FEWEST, MOST)
    while True:
        things: list[SceneThing] = []
        for _ in range(TRIES * wanted):
            thing = place_thing(draw)
            if fits(thing, things):
                things.append(thing)
            if len(things) == wanted:
                return PaperScene(tuple(sorted(things, key=lambda thing: thing.y)), draw.randrange(2**31))


def place_thing(draw: Random) -> SceneThing:
    """A thing anywhere on the floor."""
    traits = {trait: draw.choice(values) for trait, values in VALUES.items()}
    thing = SceneThing(**traits, x=0.5, y=draw.uniform(*FLOOR))
    return replace(thing, x=draw.uniform(thing.half, 1 - thing.half))


def fits(thing: SceneThing, others: Sequence[SceneThing]) -> bool:
    """Is it apart from all others, in the picture, and is enough left to see of each?"""
    if thing.box[1] < 0:
        return False
    if any(min(abs(thing.x - other.x), abs(thing.y - other.y)) < APART for other in others):
        return False
    return all(visible_share(each, [*others, thing]) >= SEEN for each in (*others, thing))


def visible_share(thing: SceneThing, others: Sequence[SceneThing]) -> float:
    """At least this share of its square lies under no nearer one."""
    nearer = (other for other in others if other.y > thing.y)
    return 1 - sum(overlap_area(thing.box, other.box) for other in nearer) / (4 * thing.half**2)


def overlap_area(one_box: Share, other: Share) -> float:
    """Area of the overlap."""
    wide = min(one_box[2], other[2]) - max(one_box[0], other[0])
    high = min(one_box[3], other[3]) - max(one_box[1], other[1])
    return max(0.0, wide) * max(0.0, high)


Floats = NDArray[np.floating[Any]]
SIDE_PX = 192
FINER = 2  # painted so many times larger, then shrunk
PAINTS = {
    **{"red": (196, 44, 40), "blue": (40, 76, 196), "green": (36, 140, 56), "yellow": (226, 196, 44)},
    **{"purple": (134, 48, 160), "orange": (232, 124, 28), "brown": (116, 72, 40), "grey": (128, 128, 128)},
}
LIGHT = np.array([-0.45, -0.6, 0.66])


def draw_scene(made: PaperScene, side_px: int = SIDE_PX) -> Image.Image:
    """The picture, RGB."""
    chance, side = np.random.default_rng(made.seed), FINER * side_px
    picture_SS3 = paint_ground(side, chance)
    light = LIGHT + chance.normal(0, 0.12, 3)
    light /= np.linalg.norm(light)
    for thing in made.things:
        paint_shadow(picture_SS3, thing, side)
        paint_thing(picture_SS3, thing, side, light, chance)
    picture_SS3 *= chance.uniform(0.85, 1.12)
    small = Image.fromarray(np.clip(picture_SS3, 0, 255).astype(np.uint8)).resize(
        (side_px, side_px), Image.Resampling.BOX
    )
    noisy = np.asarray(small, np.float32) + chance.normal(0, chance.uniform(0, 7), (side_px, side_px, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def paint_ground(side: int, chance: np.random.Generator) -> Floats:
    """A wall and a floor in pale colours, brighter in one place."""
    down_S = np.linspace(0, 1, side, dtype=np.float32)
    pale = chance.uniform(165, 215) + chance.normal(0, 5, 3)
    shade_S = np.where(down_S < FLOOR[0] - 0.12, 0.86, 0.92 + 0.12 * down_S)
    across_S = 1 - 0.12 * np.abs(np.linspace(-1, 1, side) - chance.uniform(-0.6, 0.6))
    ground_SS3: Floats = (shade_S[:, None, None] * across_S[None, :, None] * pale).astype(np.float32)
    return ground_SS3


def paint_shadow(picture_SS3: Floats, thing: SceneThing, side: int) -> None:
    """A dark blot under its foot, to the right of it."""
    half = thing.half * side
    x, y, wide, high = thing.x * side + 0.35 * half, thing.y * side - 0.14 * half, 1.15 * half, 0.3 * half
    top, bottom = max(0, int(y - high)), min(side, int(y + high) + 1)
    left, right = max(0, int(x - wide)), min(side, int(x + wide) + 1)
    if top >= bottom or left >= right:
        return
    down, across = np.mgrid[top:bottom, left:right].astype(np.float32)
    far = ((across - x) / wide) ** 2 + ((down - y) / high) ** 2
    picture_SS3[top:bottom, left:right] *= (1 - 0.45 * np.clip(1 - far, 0, 1))[..., None]


def paint_thing(picture_SS3: Floats, thing: SceneThing, side: int, light: Floats, chance: np.random.Generator) -> None:
    """Paint one solid over what is there."""
    size = max(4, round(2 * thing.half * side))
    left, top = round((thing.x - thing.half) * side), round(thing.y * side) - size
    grid_N = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    v_NN, u_NN = np.meshgrid(grid_N, grid_N, indexing="ij")
    there_NN, shade_NN = SOLIDS[thing.shape](u_NN, v_NN, light)
    colour_3 = np.asarray(PAINTS[thing.colour], np.float32) + chance.normal(0, 9, 3)
    if thing.material == "metal":
        bright_NN = 0.3 + 1.0 * shade_NN**1.4
        gleam_NN = 190 * np.clip((shade_NN - 0.86) / 0.14, 0, 1) ** 2 + 45 * (np.abs(shade_NN - 0.5) < 0.05)
    else:
        bright_NN, gleam_NN = 0.62 + 0.4 * shade_NN, np.zeros_like(shade_NN)
    painted_NN3 = bright_NN[..., None] * colour_3 + gleam_NN[..., None]
    height, width = picture_SS3.shape[:2]
    rows, columns = slice(max(0, top), min(height, top + size)), slice(max(0, left), min(width, left + size))
    inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    there = there_NN[inside]
    picture_SS3[rows, columns][there] = painted_NN3[inside][there]


def shade_surface(x: Floats, y: Floats, z: Floats, light: Floats) -> Floats:
    """How bright a surface is that looks that way, 0 to 1."""
    bright: Floats = np.clip(x * light[0] + y * light[1] + z * light[2], 0, 1)
    return bright


def shade_sphere(u: Floats, v: Floats, light: Floats) -> tuple[NDArray[np.bool_], Floats]:
    far = u**2 + v**2
    return far <= 1, shade_surface(u, v, np.sqrt(np.clip(1 - far, 0, 1)), light)


def shade_cube(u: Floats, v: Floats, light: Floats) -> tuple[NDArray[np.bool_], Floats]:
    front = (u >= -0.95) & (u <= 0.5) & (v >= -0.5) & (v <= 1)
    lean_top, lean_side = (-0.5 - v) / 0.45, (u - 0.5) / 0.45
    top = (lean_top > 0) & (lean_top <= 1) & (u >= -0.95 + 0.45 * lean_top) & (u <= 0.5 + 0.45 * lean_top)
    side = (lean_side > 0) & (lean_side <= 1) & (v >= -0.5 - 0.45 * lean_side) & (v <= 1 - 0.45 * lean_side)
    shade = np.where(front, light[2] + 0.12 * (0.5 - v / 2), np.where(top, 0.3 - light[1], 0.12))
    return front | top | side, np.clip(shade, 0, 1).astype(np.float32)


def shade_cylinder(u: Floats, v: Floats, light: Floats) -> tuple[NDArray[np.bool_], Floats]:
    wide, high = 0.8, 0.28
    rim = (u / wide) ** 2
    lid = rim + ((v + 1 - high) / high) ** 2 <= 1
    bow = high * np.sqrt(np.clip(1 - rim, 0, 1))
    body = (rim <= 1) & (v >= -1 + high) & (v <= 1 - high + bow)
    turned = shade_surface(u / wide, np.zeros_like(u), np.sqrt(np.clip(1 - rim, 0, 1)), light)
    return lid | body, np.where(lid, np.float32(min(1.0, 0.35 - float(light[1]))), turned).astype(np.float32)


def shade_cone(u: Floats, v: Floats, light: Floats) -> tuple[NDArray[np.bool_], Floats]:
    foot, high = 0.7, 0.3
    wide = np.clip(0.95 * (v + 1) / (1 + foot), 1e-3, None)
    body = (np.abs(u) <= wide) & (v <= foot)
    base = (u / 0.95) ** 2 + ((v - foot) / high) ** 2 <= 1
    across = np.clip(u / np.where(v <= foot, wide, 0.95), -1, 1)
    return body | base, shade_surface(0.9 * across, np.full_like(u, -0.35), np.sqrt(1 - across**2), light)


SOLIDS = {"sphere": shade_sphere, "cube": shade_cube, "cylinder": shade_cylinder, "cone": shade_cone}
