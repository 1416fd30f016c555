"""Places in a picture: the extent of a label or of a thing that is asked for, and which parts are people.

The map of the tower has nine cells a side, so a box of hot cells cuts through things and takes in what lies beside.
Here the picture is shrunk to a canvas of some 1,300 points. Points of like colour are one kind; a kind that is common
where it is hot and rare elsewhere belongs to the thing. Colour and heat are weighed against each other, the sum is
smoothed, and what hangs together around the hottest point is the thing's extent: GrabCut (Rother, Kolmogorov and
Blake, 2004) with a heat map for the user's rectangle, histograms for mixtures, and a blur for the graph cut.

Of some six hundred names it is known from photos what speaks for them: the tower's classifier learned them from a
million pictures, and everyday words were learned from captions. Any other thing is looked for by the names whose text
is nearest to its own (moose: deer, camel), each as far as it is near (after ConSE, arXiv:1312.5650). The picture is
looked at as a whole, in four large pieces and in nine smaller ones that overlap, and what each says is laid over each
other: in a piece a small thing fills more cells of the tower's map, and in the whole a large one is seen at once.

Shape key:  N places, K kinds of colour or names, W names that are near, V views (14), H, W, G cells a side of a map
            (9), S points a side of the canvas, P = S * S of them, D width of the space
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding, Share
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.language.words import names_the_same
from deepseek_mm.vision.box_scorer import BoxScorer, cover_vectors, covered_share
from deepseek_mm.vision.colours import colour_mask, lab
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.people import PEOPLE, PERSON, may_be_said
from deepseek_mm.vision.vocabulary import Learned, Vocabulary, word_vectors
from index import Box, Label, Source


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


def area(box: Box | Share) -> float:
    """Square pixels, or a share of the picture."""
    return (box[2] - box[0]) * (box[3] - box[1])


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
SAME = 0.45  # boxes of one name that overlap more show the same thing
WITHIN = 0.7  # so do boxes of which that share of the smaller lies in the larger one
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


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedBox:
    """A box of the detector with the words that hold there, the most telling first."""

    share: Share
    labels: tuple[Label, ...]


def name_boxes(boxes: Sequence[Share], names: Sequence[str], chances_NT: Floats, least: float) -> list[NamedBox]:
    """The boxes that a name holds for with this probability; a name stays at the surest of boxes that coincide."""
    told: list[list[Label]] = [[] for _ in boxes]
    for t, name in enumerate(names):
        kept: list[Share] = []
        for n in np.argsort(-chances_NT[:, t], kind="stable"):
            chance = float(chances_NT[n, t])
            told_apart = chance >= least and may_be_said(name, chance)
            if told_apart and not any(coincide(boxes[n], other) for other in kept):
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


VIEWS = ((1.0, 1), (0.6, 2), (0.42, 3))  # side of a piece as a share of the picture's, and how many there are a side
NEAR = 10  # names that speak for a thing
APART = 0.05  # of cosine: a name that is less near by so much counts e times less
STUFF_WORDS = """
    sky cloud sun sunset water sea ocean lake river wave snow ice sand beach desert dune grass field meadow lawn hill
    mountain forest wood jungle ground floor soil mud road street path pavement sidewalk wall ceiling rock stone
"""
STUFF = frozenset(STUFF_WORDS.split())
SOMEBODY = 0.5  # of the detector's score of a person, from which a box is somebody
RARELY = 0.1  # of the probability is left that somebody is a thing
FITS = 0.3  # probability from which a box is better than the extent of what is hot
ALIKE = 0.4  # of the surest box's probability that a box of about its size needs
ALIKE_OTHERWISE = 0.6  # and one of another size
AS_LARGE = 2.5  # times the area
COLOURED = 0.25  # share of a box that has the colour, from which it is of that colour
LEAST_COLOURED = 0.002  # share of the points that must have the colour that was asked for
FLAT = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPlace:
    """Where a thing is, were it there."""

    share: Share
    chance: float  # that what is there is the thing
    is_box: bool  # of the detector; else it is the extent of what is hot


class Localizer:
    """Things and pictures to places."""

    def __init__(
        self, space: SeeingSpace, learned: Learned | None, vocabulary: Vocabulary, scorer: BoxScorer | None = None
    ) -> None:
        """The vocabulary spares reading most of the names. Without `scorer` every place is an extent of what is hot."""
        self.space, self.vocabulary, self.scorer = space, vocabulary, scorer
        self.groups = [group.name for group in space.namer.groups]
        self.words = list(learned.names) if learned else []
        self.directions_WD = learned.directions_LD if learned else np.zeros((0, space.dim), np.float32)

    @cached_property
    def names_KD(self) -> Floats:
        """The vector of each name: the classifier's groups, then the words that were learned."""
        vectors = dict(zip(self.vocabulary.names, self.vocabulary.vectors_LD, strict=True))
        names = [*self.groups, *self.words]
        others = [name for name in dict.fromkeys(names) if name not in vectors]
        vectors |= zip(others, word_vectors(self.space, others), strict=True) if others else ()
        return np.stack([vectors[name] for name in names])

    def find_many(
        self,
        image: Image,
        things: Sequence[ThingPhrase],
        detections: Detections | None = None,
        look: ImageEmbedding | None = None,
    ) -> list[list[FoundPlace]]:
        """The places of each thing, were it there, the likeliest first; none where nothing has the colour asked for.

        Boxes that are about as likely, and of about the same size, are all of the thing. Where no box fits well, or it
        is no thing that has an end (sky, water), it is the extent of what is hot in a closer look.
        """
        found: list[list[FoundPlace]] = [[] for _ in things]
        if self.scorer and detections and detections.boxes and look is not None:
            chances_NT = self.scorer.score([thing.name for thing in things], detections, look)
            for n, thing in enumerate(things):
                found[n] = choose_boxes(detections, weigh_boxes(image, thing, detections, chances_NT[:, n]))
        missing = [n for n, places in enumerate(found) if not places]
        if missing:
            canvas, heats = Canvas.of(image), self.heats(image, [things[n].name for n in missing])
            for n, heat_SS in zip(missing, heats, strict=True):
                found[n] = spread_heat(image, canvas, heat_SS, things[n].colour)
        return found

    def heats(self, image: Image, names: Sequence[str]) -> list[Floats]:
        """(S, S) for each name: how much each point of the picture speaks for it."""
        near_KD = self.vocabulary.words.vectors(names) @ self.names_KD.T
        chosen = [np.argsort(-near_K, kind="stable")[:NEAR] for near_K in near_KD]
        used = sorted({int(n) for each in chosen for n in each})
        views = list(views_of())
        spoken_VGGK = self.spoken(image, views, used)
        heats = []
        for near_K, each in zip(near_KD, chosen, strict=True):
            weight_W = np.exp((near_K[each] - near_K[each[0]]) / APART)
            rows = [used.index(int(n)) for n in each]
            heats.append(overlay_views(spoken_VGGK[..., rows] @ (weight_W / weight_W.sum()), views))
        return heats

    def spoken(self, image: Image, views: Sequence[tuple[Share, int]], used: Sequence[int]) -> Floats:
        """(V, G, G, used): what each cell of each view says to each name, in standard deviations from its mean."""
        pieces = [cut(image, share) for share, _ in views]
        groups = [n for n in used if n < len(self.groups)]
        words = [n - len(self.groups) for n in used if n >= len(self.groups)]
        cells_VGGD, spoken_VGGK = self.space.cells_many(pieces, groups)
        both = np.concatenate([spoken_VGGK, cells_VGGD @ self.directions_WD[words].T], axis=-1)
        over = (0, 1, 2)
        return np.asarray((both - both.mean(axis=over)) / (both.std(axis=over) + FLAT), np.float32)


def is_stuff(name: str) -> bool:
    """Is it something without an end of its own, which a detector of things puts no box around?"""
    return name in STUFF or any(is_kind_of(name, other) for other in STUFF)


def weigh_boxes(image: Image, thing: ThingPhrase, detections: Detections, chances_N: Floats) -> Floats:
    """(N,): the probabilities; less for boxes with little of the colour that is asked for, for somebody where a thing
    is asked for that nobody wears, and for the whole picture, which points at nothing; 0 for what has no end.
    """
    if is_stuff(thing.name):
        return np.zeros_like(chances_N)
    boxes = [found.box for found in detections.boxes]
    kept_N = np.where([area(box) > WHOLE for box in boxes], 0, chances_N)
    if thing.name not in PEOPLE and not names_the_same(thing.name, "clothes"):
        somebody_N = np.array([found.chances_C[NAMES.index(PERSON)] > SOMEBODY for found in detections.boxes])
        kept_N = np.where(somebody_N, kept_N * RARELY, kept_N)
    if thing.colour:
        coloured_SS = where_coloured(image, thing.colour)
        covered_NSS = [covered_share(box, SIDE, SIDE) for box in boxes]
        share_N = np.array([float((here * coloured_SS).sum() / here.sum()) for here in covered_NSS])
        kept_N = kept_N * np.minimum(1, share_N / COLOURED)
    return np.asarray(kept_N, np.float32)


def choose_boxes(detections: Detections, chances_N: Floats) -> list[FoundPlace]:
    """The surest box and all that are like it, surest first; none if that one does not fit well."""
    boxes, order = [found.box for found in detections.boxes], np.argsort(-chances_N, kind="stable")
    best = order[0]
    if chances_N[best] < FITS:
        return []
    kept: list[int] = []
    for n in order:
        least = chances_N[best] * (ALIKE if is_as_large(boxes[n], boxes[best]) else ALIKE_OTHERWISE)
        if chances_N[n] >= least and not any(coincide(boxes[n], boxes[k]) for k in kept):
            kept.append(int(n))
    return [FoundPlace(share=boxes[n], chance=float(chances_N[n]), is_box=True) for n in kept]


def is_as_large(one: Share, other: Share) -> bool:
    """Are their areas about the same?"""
    return 1 / AS_LARGE < area(one) / max(area(other), FLAT) < AS_LARGE


def spread_heat(image: Image, canvas: Canvas, heat_SS: Floats, colour: str) -> list[FoundPlace]:
    """The extent of what is hot, and has the colour that is asked for."""
    if colour:
        heat_SS = (heat_SS - heat_SS.min()) * where_coloured(image, colour)
    if not heat_SS.any():
        return []
    left, top, right, bottom = (edge / SIDE for edge in trim_extent(canvas.extent(heat_SS, FINE)))
    return [FoundPlace(share=(left, top, right, bottom), chance=0.0, is_box=False)]


def views_of() -> list[tuple[Share, int]]:
    """Every view as shares of the picture, and the number of its kind."""
    return [
        ((x, y, x + side, y + side), kind)
        for kind, (side, many) in enumerate(VIEWS)
        for y in np.linspace(0, 1 - side, many).tolist()
        for x in np.linspace(0, 1 - side, many).tolist()
    ]


def cut(image: Image, share: Share) -> Image:
    """That piece of the picture; at least one pixel."""
    left, top = int(share[0] * image.width), int(share[1] * image.height)
    right, bottom = round(share[2] * image.width), round(share[3] * image.height)
    return image.crop((left, top, max(left + 1, right), max(top + 1, bottom)))


def overlay_views(heat_VGG: Floats, views: Sequence[tuple[Share, int]]) -> Floats:
    """(S, S): the sum over the kinds of views, of the mean of those views that show a point."""
    summed = np.zeros((len(VIEWS), SIDE, SIDE), np.float32)
    times = np.zeros_like(summed)
    for heat_GG, (share, kind) in zip(heat_VGG, views, strict=True):
        left, top, right, bottom = (round(edge * SIDE) for edge in share)
        stretched = PILImage.fromarray(heat_GG).resize((right - left, bottom - top), PILImage.Resampling.BICUBIC)
        summed[kind, top:bottom, left:right] += np.asarray(stretched)
        times[kind, top:bottom, left:right] += 1
    return np.asarray((summed / times).sum(axis=0), np.float32)


def where_coloured(image: Image, colour: str) -> NDArray[np.float32]:
    """(S, S): how much of that colour there is around each point, 0 to 1; 0 everywhere if it is hardly there at all."""
    here_SS = colour_mask(image, colour, SIDE)
    return np.asarray(blur(here_SS) if here_SS.mean() >= LEAST_COLOURED else np.zeros_like(here_SS), np.float32)


def read_pointer(
    space: EmbeddingModel, learned: Learned | None, vocabulary: Vocabulary, scorer: BoxScorer | None
) -> Localizer | None:
    """None for a space without a classifier of its own: nothing else tells well enough where a thing is."""
    return Localizer(space, learned, vocabulary, scorer) if isinstance(space, SeeingSpace) else None
