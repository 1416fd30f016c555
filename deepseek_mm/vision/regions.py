"""Places in a picture: the extent of what is hot for a word, and the boxes of the detector with their names.

The map of the tower has nine cells a side, so a box of hot cells cuts through things and takes in what lies beside.
Here the picture is shrunk to a canvas of some 1,300 points. Points of like colour are one kind; a kind that is common
where it is hot and rare elsewhere belongs to the thing. Colour and heat are weighed against each other, the sum is
smoothed, and what hangs together around the hottest point is the thing's extent: GrabCut (Rother, Kolmogorov and
Blake, 2004) with a heat map for the user's rectangle, histograms for mixtures, and a blur for the graph cut.

Shape key:  N places, T names, K kinds of colour, H, W cells a side of a map, S points a side of the canvas, P = S * S
            of them, D width of the space
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.embeddings.space import Floats, ImageEmbedding, Share, area
from deepseek_mm.language.words import IS_A, names_the_same
from deepseek_mm.vision.box_scorer import cover_vectors
from deepseek_mm.vision.colours import lab
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.people import may_be_said
from deepseek_mm.vision.vocabulary import Learned
from index import Box, Label, Source

ALIKE_KINDS = ("animal", "fruit", "vegetable", "clothes")  # whose members the detector takes for each other
LIKELY_SCORE = 0.2  # of the detector, from which a name is tried


def connected_cells(hot_HW: NDArray[np.bool_], seed: tuple[int, int]) -> NDArray[np.bool_]:
    """The hot cells that can be reached from `seed` in steps up, down, left and right."""
    cells_HW = hot_HW.astype(np.uint8)
    cells_HW[seed] = 1
    _, part_HW = cv2.connectedComponents(cells_HW, connectivity=4)
    return np.asarray(part_HW == part_HW[seed])


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, wide) * max(0, high)
    return shared / max(1, area(a) + area(b) - shared)


SIDE = 36  # points a side
SAMPLES = 4  # looks a side that one point is the mean of
SUREST = 0.98  # what the hottest point counts, as a probability
STEP = (12.5, 14.0, 14.0)  # of L, a and b that make another kind of colour
SPREAD = 10.0  # kinds as far apart as this, in Lab, still speak for each other
MOST_TOLD = 3.0  # by one colour, as a logit
ROUNDS = 2  # the extent says what its colours are, which says what its extent is
RARE = 1e-4  # share of a kind that was never seen
TAIL = 0.015  # of the extent's points on each side that its box leaves out: single points that stick out


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """What the sum is made of: weights of heat and colour, and what is added."""

    heat: float
    colour: float
    eager: float


COARSE = Pull(heat=0.6, colour=1.2, eager=0.4)  # for the tower's map, which tells little of where things end
FINE = Pull(heat=1.0, colour=1.2, eager=-0.4)  # for a map made of closer looks


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture made small, its colours sorted into kinds."""

    kind_P: NDArray[np.intp]
    near_KK: NDArray[np.float64]  # 1 where two kinds are one, falling to 0 with their distance

    @classmethod
    def of(cls, image: Image) -> "Canvas":
        """Sort the colours of a picture of any size; the cost does not grow with it."""
        looks = image.resize((SIDE * SAMPLES, SIDE * SAMPLES), PILImage.Resampling.NEAREST).convert("RGB")
        points_P3 = lab(np.asarray(looks.resize((SIDE, SIDE), PILImage.Resampling.BOX)).reshape(-1, 3))
        steps_P3 = np.floor((points_P3 + np.array([0.0, 128.0, 128.0])) / np.array(STEP)).astype(np.intp)
        _, kind_P = np.unique(steps_P3 @ np.array([10_000, 100, 1]), return_inverse=True)
        kind_P = kind_P.reshape(-1)
        sum_K3 = np.stack([np.bincount(kind_P, points_P) for points_P in points_P3.T], axis=1)
        mean_K3 = sum_K3 / np.bincount(kind_P)[:, None]
        apart_KK = ((mean_K3[:, None] - mean_K3[None]) ** 2).sum(axis=-1)
        return cls(kind_P, np.exp(-apart_KK / (2 * SPREAD**2)))

    def extent(self, heat_HW: Floats, pull: Pull = COARSE) -> NDArray[np.bool_]:
        """(S, S): the points that belong to what is hot."""
        heat_SS = spread_out(heat_HW)
        prior_SS = np.log(heat_SS / (1 - heat_SS))
        belongs_SS = heat_SS
        for _ in range(ROUNDS):
            told_SS = self._told_by_colour(belongs_SS.ravel()).reshape(SIDE, SIDE)
            sum_SS = pull.colour * blur(told_SS) + pull.heat * prior_SS + pull.eager
            belongs_SS = 1 / (1 + np.exp(-sum_SS))
        within_SS = belongs_SS > 0.5
        seed = np.unravel_index(int((heat_SS * (within_SS + 0.01)).argmax()), heat_SS.shape)
        return connected_cells(within_SS, (int(seed[0]), int(seed[1])))

    def _told_by_colour(self, belongs_P: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P,): how much more common each point's colour is in the thing than beside it, as a logit."""
        inside_K, outside_K = (
            self.near_KK @ np.bincount(self.kind_P, weight_P, len(self.near_KK))
            for weight_P in (belongs_P, 1 - belongs_P)
        )
        odds_K = (inside_K / inside_K.sum() + RARE) / (outside_K / outside_K.sum() + RARE)
        return np.asarray(np.clip(np.log(odds_K), -MOST_TOLD, MOST_TOLD)[self.kind_P])


def spread_out(heat_HW: Floats) -> NDArray[np.float64]:
    """(S, S): the map stretched over the canvas, 0 at its median and 1 at its peak, kept off both ends."""
    low, high = float(np.median(heat_HW)), float(heat_HW.max())
    scaled_HW = ((heat_HW - low) / (high - low)) if high > low else np.ones_like(heat_HW)
    stretched = PILImage.fromarray(scaled_HW.astype(np.float32)).resize((SIDE, SIDE), PILImage.Resampling.BICUBIC)
    return np.clip(np.asarray(stretched, np.float64), 1 - SUREST, SUREST)


def blur(x_SS: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each point mixed with its neighbours, 1 2 1 across and down."""
    p = np.pad(x_SS, 1, mode="edge")
    rows = (p[:-2] + 2 * p[1:-1] + p[2:]) / 4
    mixed: NDArray[np.float64] = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return mixed


def trim_extent(within_SS: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, in points, of what is within, without the TAIL on each side."""
    across, down = (_core(within_SS.sum(axis=axis)) for axis in (0, 1))
    return (across[0], down[0], across[1], down[1])


def _core(count_S: NDArray[np.intp]) -> tuple[int, int]:
    share_S = np.cumsum(count_S) / count_S.sum()
    return int(np.searchsorted(share_S, TAIL, side="right")), int(np.searchsorted(share_S, 1 - TAIL)) + 1


SAME_PLACE = 0.6  # boxes that overlap more are one region
SAME = 0.2  # boxes of one name that overlap more show the same thing
WITHIN = 0.4  # so do boxes of which that share of the smaller lies in the larger one
SOMEWHERE = 0.2  # probability that the surest box needs of something that is expected in the picture
NEARLY = 0.7  # of a wide name's probability that a narrow one needs to come before it
WHOLE = 0.8  # a box with more of the picture's area is the picture, not a part


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A word that holds for a picture, and how much each cell of the map speaks for it, where that is known."""

    label: Label
    heat_HW: Floats | None


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A part of the picture and the words that hold there, the most telling first: apple before fruit."""

    labels: tuple[Label, ...]
    box_px: Box
    share: Share  # the same box as shares of the picture

    @property
    def score(self) -> float:
        """Of the surest word."""
        return max(label.score for label in self.labels)


def places(source: Source, image: Image, named: Sequence[ScoredWord]) -> list[LabelledBox]:
    """Where each word holds, if that is less than the whole picture; a wide word joins its narrowest (fruit: apple)."""
    found = []
    canvas = Canvas.of(image) if named else None
    for word in named:
        if canvas is not None and word.heat_HW is not None and not narrower(word, named):
            within_SS = canvas.extent(word.heat_HW)
            left, top, right, bottom = (edge / len(within_SS) for edge in trim_extent(within_SS))
            wider = tuple(other.label for other in named if word in narrower(other, named))
            found.append(place_of((left, top, right, bottom), source, (word.label, *wider)))
    return [place for place in found if area(place.box_px) <= WHOLE * source.width_px * source.height_px]


def narrower(word: ScoredWord, named: Sequence[ScoredWord]) -> list[ScoredWord]:
    """Other words that name a kind of what this word names, and have a place of their own."""
    name = word.label.name
    return [
        other
        for other in named
        if other.heat_HW is not None
        and names_the_same(other.label.name, name)
        and not names_the_same(name, other.label.name)
    ]


STUFF_WORDS = """
    sky cloud sun sunset water sea ocean lake river wave snow ice sand beach desert dune grass field meadow lawn hill
    mountain forest wood jungle ground floor soil mud road street path pavement sidewalk wall ceiling rock stone
"""
STUFF = frozenset(STUFF_WORDS.split())


def is_stuff(name: str) -> bool:
    """Is it something without an end of its own, which a detector of things puts no box around?"""
    return name in STUFF or any(is_kind_of(name, other) for other in STUFF)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedBox:
    """A box of the detector with the words that hold there, the most telling first."""

    share: Share
    labels: tuple[Label, ...]


def name_boxes(
    boxes: Sequence[Share], names: Sequence[str], chances_NT: Floats, least: float, shown: Collection[str] = ()
) -> list[NamedBox]:
    """The boxes that a name holds for with this probability; a name stays at the surest of boxes that coincide.

    Of what is `shown` in the picture by what else is known the surest box need not be that sure: it lies somewhere.
    Names of what has no end (sky) hold for no box.
    """
    told: list[list[Label]] = [[] for _ in boxes]
    for t, name in enumerate(names):
        if is_stuff(name):
            continue
        kept: list[Share] = []
        for n in np.argsort(-chances_NT[:, t], kind="stable"):
            chance = float(chances_NT[n, t])
            enough = SOMEWHERE if name in shown and not kept else least
            if chance >= enough and may_be_said(name, chance) and not any(coincide(boxes[n], other) for other in kept):
                kept.append(boxes[n])
                told[n].append(Label(name=name, score=chance))
    pairs = zip(boxes, map(sort_labels, told), strict=True)
    return [NamedBox(share=box, labels=labels) for box, labels in pairs if labels]


def sort_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """Surest first, but a narrow name before a wide one that is hardly surer: apple before fruit."""
    ordered = sorted(labels, key=lambda label: -label.score)
    for label in sorted(labels, key=lambda label: label.score):
        wide = [n for n, other in enumerate(ordered) if is_kind_of(label.name, other.name)]
        if wide and label.score >= NEARLY * ordered[wide[0]].score and wide[0] < ordered.index(label):
            ordered.remove(label)
            ordered.insert(wide[0], label)
    return tuple(ordered)


def is_kind_of(name: str, other: str) -> bool:
    """Is what is called by the first always called by the second too, but not the other way round?"""
    return names_the_same(name, other) and not names_the_same(other, name)


def coincide(one: Share, other: Share) -> bool:
    """Do two boxes show the same thing: they overlap much, or one lies in the other?"""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared > SAME * (area(one) + area(other) - shared) or shared > WITHIN * min(area(one), area(other))


def place_of(share: Share, source: Source, labels: tuple[Label, ...]) -> LabelledBox:
    """A place from shares of the picture; its box in pixels of the original is never empty."""
    left, top = int(share[0] * source.width_px), int(share[1] * source.height_px)
    right, bottom = int(share[2] * source.width_px), int(share[3] * source.height_px)
    left, top = min(left, source.width_px - 1), min(top, source.height_px - 1)
    return LabelledBox(labels, (left, top, max(left + 1, right), max(top + 1, bottom)), share)


def merge_places(places: Sequence[LabelledBox]) -> list[LabelledBox]:
    """Places that nearly coincide as one, under the box of the surest; surest first."""
    groups: list[list[LabelledBox]] = []
    for place in sorted(places, key=lambda place: -place.score):
        home = next((group for group in groups if overlap(group[0].box_px, place.box_px) > SAME_PLACE), None)
        if home is None:
            groups.append([place])
        else:
            home.append(place)
    return [
        LabelledBox(tuple(label for place in group for label in place.labels), group[0].box_px, group[0].share)
        for group in groups
    ]


def vectors_of(look: ImageEmbedding, places: Sequence[LabelledBox]) -> Floats:
    """(1 + N, D): the whole picture, then each place."""
    return np.concatenate([look.vector_D[None], cover_vectors(look, [place.share for place in places])])


def name_learned(learned: Learned, look: ImageEmbedding, least: float) -> list[ScoredWord]:
    """The learned words that are at least that probable."""
    chance_L = learned.chances(look.vector_D[None])[0]
    chosen = [n for n, chance in enumerate(chance_L) if chance >= least]
    heat_HWL = learned.heat(look.grid_HWD, chosen)
    return [
        ScoredWord(Label(name=learned.names[n], score=float(chance_L[n])), heat_HWL[..., place])
        for place, n in enumerate(chosen)
    ]


def is_confused(name: str, foreign: str) -> bool:
    """May the detector take what it does not know for this: a panda for a bear, both animals?"""
    return name != foreign and any(name in IS_A[kind] and foreign in IS_A[kind] for kind in ALIKE_KINDS)


def likely_names(detections: Detections) -> list[str]:
    """COCO's names that a box may be called by."""
    return [NAMES[n] for n in np.flatnonzero(detections.most_C >= LIKELY_SCORE)]
