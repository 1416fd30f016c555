"""Things on a floor: what they are, and where they stand, drawn by lot.

The nearer a thing is the lower it stands and the larger it is drawn. Any two differ clearly in how far they stand to
the right and to the front, so that every question has one answer; what one hides of another leaves more than half.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from deepseek_mm.logic.drawn import VALUES, solid
from deepseek_mm.logic.scene import Scene, Share

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
        """The square it is drawn in."""
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
