"""A description put together from what was found in a picture, where no sentence of the captioner may be told.

A thing with its colour, what else is there, and where: "A grey vest on a plain ground", "Two dogs and a person in a
field". Of a plot or a page its heading is told. Nothing is said of which nothing is sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.language.words import (
    ALWAYS_MANY,
    UNCOUNTED,
    join_words,
    names_the_same,
    plural,
    quotable,
    with_article,
)
from deepseek_mm.logic.programs import FLAT, SCENE
from deepseek_mm.vision.colours import NAMES
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.people import PEOPLE
from deepseek_mm.vision.picture_kind import DRAWING, KINDS, PHOTO, PRODUCT, PictureKind
from index import Label, Region

LEAST, LEAST_PEOPLE = 0.6, 0.7  # score from which a thing is told, and people, whom a detector sees in stars and gloves
BESIDE = 0.75  # from which it is told beside another
MOST_THINGS = 3
MANY = 7  # from which things are many and not counted
COUNTS = ("no", "one", "two", "three", "four", "five", "six")
DRAWN = (SCENE, FLAT)
LONGEST = 80  # letters of a heading
HEADED = 0.5  # of the picture's height within which a heading stands
BEHIND = """wall floor sky ground water grass lawn snow sand cloud light background picture photo face hair head hand
arm leg mouth eye ear beard tongue"""
GROUND = frozenset(BEHIND.split())  # what is behind things, or a part of somebody
OPEN, CLOSED = (
    "beach street road sidewalk stage hill playground",
    "field forest park kitchen bathroom bedroom restaurant",
)
SCENES = {  # what a label calls a place -> where something is
    **{name: f"on a {name}" for name in OPEN.split()},
    **{name: f"in a {name}" for name in (*CLOSED.split(), "bedroom", "garden", "city", "shop", "supermarket")},
    **{
        "snow": "in the snow",
        "water": "in the water",
        "grass": "on grass",
        "market": "at a market",
        "lake": "by a lake",
    },
    **{"grocery store": "in a shop"},
}
LANDS = frozenset(["mountain", "hill", "cliff", "valley", "forest", "fire", "smoke", "sun"])  # as blue as the air
PAPERS = {"plot": "A plot", "document": "A document", "screenshot": "A screenshot"}
TITLES = {"plot": "with the title", "document": "with the heading", "screenshot": "with the words"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundThing:
    """What is called by one name in a picture."""

    name: str
    score: float  # of the surest, 0 to 1
    count: int = 1
    colour: str = ""  # where it is known and all have it

    @property
    def phrase(self) -> str:
        """A red apple, two dogs, many apples."""
        many = self.name.split(" ")[-1] in ALWAYS_MANY | UNCOUNTED
        named = " ".join(filter(None, [self.colour, self.name]))
        if self.count == 1 or many:
            return named if many else with_article(named)
        number = COUNTS[self.count] if self.count < MANY else "many"
        return f"{number} {' '.join(filter(None, [self.colour, plural(self.name)]))}"


def compose_description(kind: PictureKind, things: Sequence[FoundThing], *, scene: str = "", heading: str = "") -> str:
    """One sentence without a full stop; empty where nothing is known that is worth one. `scene`: of `SCENES`."""
    if kind.is_made:
        title = quotable(heading, LONGEST)
        return PAPERS[kind.name] + (f' {TITLES[kind.name]} "{title}"' if title else "")
    named = join_words([thing.phrase for thing in things[:MOST_THINGS]])
    if kind.name == DRAWING:
        return f"A drawing of {named}" if named else "A drawing"
    if not named:
        return ""
    where = "on a plain ground" if kind.name == PRODUCT else SCENES.get(scene, "")
    told = f"{named} {where}".strip()
    return told[:1].upper() + told[1:]


def list_things(kind: PictureKind, regions: Sequence[Region]) -> list[FoundThing]:
    """What the regions of a picture name, the whole first; people come first, then what has a box, the surest first.

    A product shot shows one thing, and nobody.
    """
    whole, *parts = regions
    boxed = [count_thing(kind, whole, own) for own in group_parts(whole, parts)]
    named = [FoundThing(name=label.name, score=label.score) for label in whole.labels if is_sure(label)]
    ranked = sorted(boxed, key=lambda thing: (thing.name not in PEOPLE, -thing.score))
    ranked += [thing for thing in named if is_thing(thing.name)]
    if kind.name == PRODUCT:
        return [replace(thing, count=1) for thing in ranked if thing.name not in PEOPLE][:1]
    told = [thing for n, thing in enumerate(ranked) if not any(are_one(thing.name, other.name) for other in ranked[:n])]
    return [thing for n, thing in enumerate(told) if n == 0 or thing.score >= BESIDE]


def group_parts(whole: Region, parts: Sequence[Region]) -> list[list[Region]]:
    """Parts that are sure by name; of a name that is sure for the whole picture only, the best part."""
    sure = {label.name for label in whole.labels if is_sure(label)}
    found: dict[str, list[Region]] = {}
    for part in parts:
        if part.labels and is_thing(part.label):
            found.setdefault(part.label, []).append(part)
    best = {name: [part for part in own if is_sure(part.labels[0])] for name, own in found.items()}
    return [best[name] or own[:1] for name, own in found.items() if best[name] or name in sure]


def is_sure(label: Label) -> bool:
    """Is it sure enough to be told?"""
    return label.score >= (LEAST_PEOPLE if label.name in PEOPLE else LEAST)


def is_thing(name: str) -> bool:
    """No ground, no place, no kind of picture."""
    return not any(name in names for names in (GROUND, SCENES, KINDS, DRAWN))


def are_one(one: str, other: str) -> bool:
    """Whether either names what the other names: fruit and apple."""
    one, other = one.lower().replace("-", " "), other.lower().replace("-", " ")  # a T-shirt is a shirt
    return names_the_same(one, other) or names_the_same(other, one)


def count_thing(kind: PictureKind, whole: Region, parts: Sequence[Region]) -> FoundThing:
    """Parts of one name as one thing, with their colour where that is not their ground's."""
    first = parts[0]
    colours = {part.colours[0] for part in parts if part.colours}
    own = kind.name != PHOTO or colours.isdisjoint(whole.colours)
    told = first.label not in PEOPLE | LANDS and len(colours) == 1 and own and colours <= set(NAMES)
    score = max(label.score for region in (whole, *parts) for label in region.labels if label.name == first.label)
    return FoundThing(name=first.label, score=score, count=len(parts), colour=colours.pop() if told else "")


def find_scene(whole: Region) -> str:
    """The surest label that names a place, or "in the snow" and the like."""
    return next((label.name for label in whole.labels if label.name in SCENES and is_sure(label)), "")


def find_heading(lines: Sequence[TextBlock], height_px: int) -> str:
    """The largest line in the upper half, of equal ones the first; empty without any."""
    upper = [line for line in lines if line.box_px[1] < HEADED * height_px and line.text.strip()]
    high = max((line.box_px[3] - line.box_px[1] for line in upper), default=0)
    return next((" ".join(line.text.split()) for line in upper if line.box_px[3] - line.box_px[1] >= 0.9 * high), "")
