"""Where in a photo a question looks: on somebody's head, left of the keyboard, at the yellow thing, in the sky.

The detector's boxes say where the things are that the question names; the part that it means is cut out and seen by
itself, and boxes in that part tell what is there.

Shape key:  L names, C COCO's names
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding, Share, area
from deepseek_mm.language.clues import clues, places_of_likely, places_of_name
from deepseek_mm.language.words import COLOURS
from deepseek_mm.vision.colours import box_on, colour_mask, colours_of_thing
from deepseek_mm.vision.detector.detector import Detection, Detections
from deepseek_mm.vision.pipeline import ImageAnalysis

PERSON = 0  # COCO's first name
ANCHOR = 0.25  # score from which a box is taken for the thing that a question names
FAINTEST, SUREST = 0.05, 0.95  # scores beyond which it says no more
SIDE_CELLS = 28  # of the mask of a colour
NEIGHBOURS = {  # colours that people call by the same name as well
    **{"yellow": ("orange",), "orange": ("red", "yellow"), "red": ("orange", "pink"), "pink": ("purple",)},
    **{"white": ("beige",), "black": (), "brown": ("orange",), "purple": ("pink",)},
}
LEAST_BLOB = 0.01  # of the picture, that a coloured thing covers
MOST_WORDS = 4  # of a phrase that are looked through for the name of a thing
EDGE = 0.08  # of a box's side
LEAST_SIDE = 0.2  # of the picture's side, of a part that is cut out
WEARER = re.compile(
    r"\b(?:he|she|his|her|him|they|their|person'?s?|man'?s?|woman'?s?|boy'?s?|girl'?s?|kids?'?s?|child'?s?|guy'?s?|"
    r"lady'?s?|player'?s?|rider'?s?|people|men|women|surfer|skier|chef|driver)\b"
)
BODY: tuple[tuple[str, Share], ...] = (  # words of a question -> which part of a person's box, in shares of it
    (r"\b(?:head|hair|hat|cap|helmet|face|eyes?|ears?|glasses|beard|smil\w+|laugh\w+|mouth)\b", (-0.1, -0.1, 1.1, 0.4)),
    (r"\bties?\b", (0.25, 0.15, 0.75, 0.65)),
    (r"\b(?:neck|scarf|necklace)\b", (-0.1, 0.0, 1.1, 0.5)),
    (r"\b(?:shirt|t-?shirt|tshirt|top|jacket|sweater|jersey|coat|vest|blouse|hoodie|chest)\b", (0.0, 0.12, 1.0, 0.58)),
    (r"\b(?:shorts|trousers|pants|skirt|jeans)\b", (0.0, 0.42, 1.0, 0.85)),
    (r"\b(?:shoes?|feet|foot|socks?|boots|sneakers|legs?)\b", (-0.15, 0.65, 1.15, 1.08)),
    (
        r"\b(?:stand\w*|sit\w*|rid(?:e|es|ing)|lying|lies?|stepping|step\w*) on\b|\briding\b|\brides?\b",
        (-0.4, 0.3, 1.4, 1.3),
    ),
    (r"\b(?:hands?|hold\w*|carry\w*|carries|arms?|using|pulling|throw\w*|swing\w*)\b", (-0.4, -0.15, 1.4, 1.1)),
    (r"\b(?:wear\w*|dressed|clothes|has on)\b", (-0.05, -0.05, 1.05, 1.05)),
    (r"\b(?:eat\w*|drink\w*)\b", (-0.4, -0.1, 1.4, 1.3)),
)
PARTS = tuple((re.compile(words), part) for words, part in BODY)
AROUND: tuple[tuple[str, Share], ...] = (  # a relation -> which part around the box of the thing that follows it
    (r"(?:to the )?left (?:of|from)", (-1.5, -0.4, 0.1, 1.4)),
    (r"(?:to the )?right (?:of|from)", (0.9, -0.4, 2.5, 1.4)),
    (r"next to|beside|besides|by|near|close to|at", (-0.9, -0.4, 1.9, 1.4)),
    (r"on top of|above|over", (-0.15, -0.9, 1.15, 0.4)),
    (r"under|underneath|below|beneath", (-0.3, 0.5, 1.3, 1.9)),
    (r"behind|in front of|between|around", (-0.7, -0.5, 1.7, 1.3)),
    (r"on|in|inside|stuck in|into", (-0.1, -0.25, 1.1, 1.05)),
)
RELATED = tuple(
    (re.compile(rf"\b(?:{words}) (?:the|a|an|this|that|these|those|his|her|their|its)? ?(?P<noun>[a-z ]+)"), part)
    for words, part in AROUND
)
SIDES: tuple[tuple[str, Share], ...] = (
    (r"\bon the left\b|\bleft (?:side|corner)\b|^left\b|\bto the left$", (0.0, 0.0, 0.45, 1.0)),
    (r"\bon the right\b|\bright (?:side|corner)\b|\bto the right$", (0.55, 0.0, 1.0, 1.0)),
    (r"\bsky\b|\bin the air\b|\bflying\b|\bceiling\b|\bup there\b|\bat the top\b", (0.0, 0.0, 1.0, 0.5)),
    (r"\bon the (?:floor|ground)\b|\bat the bottom\b|\bforeground\b|\bin front$", (0.0, 0.5, 1.0, 1.0)),
    (r"\bin the (?:middle|cent(?:er|re))\b", (0.2, 0.2, 0.8, 0.8)),
)
EDGES = tuple((re.compile(words), part) for words, part in SIDES)
GROUNDS: tuple[tuple[str, Share], ...] = (  # what is large and has no box -> where it mostly is
    (r"\b(?:sky|clouds?)\b", (0.0, 0.0, 1.0, 0.35)),
    (r"\b(?:floor|ground|carpet|rug|road|street|grass|sand|snow|pavement|lawn)\b", (0.0, 0.7, 1.0, 1.0)),
    (r"\b(?:walls?|ceiling|wallpaper|background)\b", (0.0, 0.0, 1.0, 0.5)),
    (r"\b(?:water|sea|lake|river|ocean)\b", (0.0, 0.45, 1.0, 1.0)),
)
LARGE = tuple((re.compile(words), share) for words, share in GROUNDS)
DRESSED = re.compile(
    rf"\b(?:wear(?:s|ing)?|in|with) (?:an? |the )?(?P<colour>{'|'.join(COLOURS)})"
    r"(?: (?P<garment>\w*shirts?|jerseys?|jackets?|tops?|trousers|pants|shorts|shoes|hats?|caps?|helmets?))?$"
)
CLEARLY = 0.35  # score of a person's box from which it is counted
WORN = 0.15  # share of a garment's place that its colour has
WHOLE: Share = (0.0, 0.0, 1.0, 1.0)
COLOURED = re.compile(
    rf"\b(?P<colour>{'|'.join(COLOURS)}) (?:\w+ )?(?:thing|stuff|object|one|food|item|bit|strips?|veg)s?\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoPart:
    """A part of a photo that a question means."""

    share: Share
    rests_on: Detection | None = None  # the box that says where it is
    has_ground: bool = True  # it is a thing before something else


def find_part(text: str, found: Detections | None, image: Image) -> PhotoPart | None:
    """The part that a plain question means; None where it means all of the photo."""
    boxes = found.boxes if found else ()
    return coloured_part(text, image) or part_of_person(text, boxes) or part_around(text, boxes) or part_at_side(text)


def part_of_person(text: str, boxes: Sequence[Detection]) -> PhotoPart | None:
    """Somebody's head, feet, hands with what they hold."""
    if not WEARER.search(text):
        return None
    body = next((share for words, share in PARTS if words.search(text)), None)
    person = largest_of(boxes, PERSON)
    if body is None or person is None:
        return None
    return PhotoPart(share=inside_of(person.box, body), rests_on=person)


def part_around(text: str, boxes: Sequence[Detection]) -> PhotoPart | None:
    """Left of, on, behind or next to a thing that has a box."""
    for words, part in RELATED:
        for match in words.finditer(text):
            anchor = box_of_phrase(match["noun"], boxes)
            if anchor is not None:
                return PhotoPart(share=inside_of(anchor.box, part), rests_on=anchor)
    return None


def part_at_side(text: str) -> PhotoPart | None:
    """The left, the sky, the floor."""
    share = next((share for words, share in EDGES if words.search(text)), None)
    return PhotoPart(share=share) if share else None


def coloured_part(text: str, image: Image) -> PhotoPart | None:
    """Where the colour is of which the question says that the thing has it."""
    match = COLOURED.search(text)
    if not match:
        return None
    colour = COLOURS[match["colour"]]
    masks = [colour_mask(image, each, SIDE_CELLS) for each in (colour, *NEIGHBOURS.get(colour, ()))]
    mask_SS = np.max(masks, axis=0)
    if mask_SS.mean() < LEAST_BLOB:
        return None
    return PhotoPart(share=inside_of(box_of_mask(mask_SS), (-0.1, -0.1, 1.1, 1.1)))


def part_with_colour(phrase: str, text: str, found: Detections | None) -> PhotoPart | None:
    """Where the colour of a thing is to be measured: its box, the part of somebody that it covers, or the ground."""
    boxes = found.boxes if found else ()
    if (worn := part_of_person(text, boxes)) is not None:
        return worn
    if (box := box_of_phrase(phrase, boxes)) is not None:
        return PhotoPart(share=box.box, rests_on=box)
    share = next((share for words, share in LARGE if words.search(phrase)), None)
    return PhotoPart(share=share, has_ground=False) if share else None


def count_dressed(text: str, picture: ImageAnalysis) -> int:
    """How many people wear the colour that a question names ("players in green shirts"); 0 where it names none."""
    match, found = DRESSED.search(text), picture.detections
    if match is None or found is None:
        return 0
    colour = COLOURS[match["colour"]]
    body = next((share for words, share in PARTS if words.search(match["garment"] or "shirt")), WHOLE)
    people = [box for box in found.boxes if box.chances_C[PERSON] >= CLEARLY]
    worn = [colours_of_thing(picture.image, inside_of(person.box, body)) for person in people]
    return sum(colour in list(shares)[:2] and shares[colour] >= WORN for shares in worn)


def box_of_mask(mask_SS: NDArray[np.float64]) -> Share:
    """Where the largest connected piece of a mask lies."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask_SS), strict=True)}
    best: list[tuple[int, int]] = []
    while left:
        piece, edge = [], [left.pop()]
        while edge:
            y, x = edge.pop()
            piece.append((y, x))
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            edge += near
        best = max(best, piece, key=len)
    side = len(mask_SS)
    ys, xs = zip(*best, strict=True)
    return (min(xs) / side, min(ys) / side, (max(xs) + 1) / side, (max(ys) + 1) / side)


def box_of_phrase(phrase: str, boxes: Sequence[Detection]) -> Detection | None:
    """The box of the first thing that some words name: "keyboard and the mouse" -> the keyboard's."""
    words = phrase.split()[:MOST_WORDS]
    names = [" ".join(words[n : n + length]) for n in range(len(words)) for length in (2, 1)]
    found = (largest_of(boxes, place) for name in names for place in places_of_name(name))
    return next((box for box in found if box is not None), None)


def largest_of(boxes: Sequence[Detection], place: int) -> Detection | None:
    """The box of one of COCO's names that a photo is mostly about: large and sure."""
    fitting = [box for box in boxes if box.chances_C[place] >= ANCHOR]
    return max(fitting, key=lambda box: float(box.chances_C[place]) * area(box.box) ** 0.5, default=None)


def inside_of(box: Share, part: Share) -> Share:
    """A part in shares of a box as shares of the picture: inside it, and not too narrow."""
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    x = widen(left + part[0] * wide, left + part[2] * wide)
    y = widen(top + part[1] * high, top + part[3] * high)
    return (x[0], y[0], x[1], y[1])


def inner_part(share: Share) -> Share:
    """Without its edges, where boxes are too large."""
    left, top, right, bottom = share
    wide, high = EDGE * (right - left), EDGE * (bottom - top)
    return (left + wide, top + high, right - wide, bottom - high)


def widen(low: float, high: float) -> tuple[float, float]:
    """An interval, at least LEAST_SIDE long and between 0 and 1."""
    lack = max(0.0, LEAST_SIDE - (high - low)) / 2
    low, high = max(0.0, low - lack), min(1.0, high + lack)
    return (max(0.0, min(low, 1 - LEAST_SIDE)), min(1.0, max(high, LEAST_SIDE)))


def look_closely(space: EmbeddingModel, image: Image, part: PhotoPart) -> ImageEmbedding:
    """What the tower makes of the part alone."""
    return next(iter(space.look_many([image.crop(box_on(image, part.share))])))


def odds_of_scores(scores_C: Floats) -> Floats:
    """(C,): log-odds that each thing is there, by the detector's scores: 0 where a score is even for its name."""
    evens_C = np.array([clue.even for clue in clues()])
    clipped_C = np.clip(scores_C, FAINTEST, SUREST)
    odds_C: Floats = np.log(clipped_C / (1 - clipped_C)) - np.log(evens_C / (1 - evens_C))
    return odds_C


def share_inside(box: Share, part: Share) -> float:
    """How much of the box lies in the part."""
    wide = min(box[2], part[2]) - max(box[0], part[0])
    high = min(box[3], part[3]) - max(box[1], part[1])
    return max(0.0, wide) * max(0.0, high) / max(area(box), 1e-6)


def scores_in(found: Detections, part: PhotoPart | None) -> Floats:
    """(C,): the best score of each of COCO's names, in the part if there is one; without the box that it rests on."""
    if part is None:
        return found.most_C
    inside = [box.chances_C * share_inside(box.box, part.share) for box in found.boxes if box is not part.rests_on]
    return np.max(inside, axis=0) if inside else np.zeros_like(found.most_C)


def detected_odds(names: Sequence[str], found: Detections, part: PhotoPart | None) -> list[float]:
    """(L,): what the detector says of each name, in log-odds; 0 of those that it does not know."""
    odds_C = odds_of_scores(scores_in(found, part))
    places = [places_of_name(name) for name in names]
    return [max(float(odds_C[n]) for n in own) if own else 0.0 for own in places]


def hinted_odds(names: Sequence[str], found: Detections) -> list[float]:
    """(L,): how much what is seen anywhere speaks for each name, in log-odds; never against it."""
    odds_C = odds_of_scores(found.most_C)
    return [max([0.0, *(float(odds_C[n]) for n in places_of_likely(name))]) for name in names]
