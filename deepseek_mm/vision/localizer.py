"""Where in a picture a thing is that is asked for: boxes of the detector that fit it, or the extent of what is hot.

Of some six hundred names it is known from photos what speaks for them: the tower's classifier learned them from a
million pictures, and everyday words were learned from captions. Any other thing is looked for by the names whose text
is nearest to its own (moose: deer, camel), each as far as it is near (after ConSE, arXiv:1312.5650). The picture is
looked at as a whole, in four large pieces and in nine smaller ones that overlap, and what each says is laid over each
other: in a piece a small thing fills more cells of the tower's map, and in the whole a large one is seen at once.

Shape key:  N boxes, T things, K names, W names that are near, V views (14), G cells a side of a map (9), S points a
            side of the canvas, D width of the space
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding, Share, area
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.language.words import names_the_same
from deepseek_mm.stage_clock import note_model
from deepseek_mm.vision.box_scorer import BoxScorer, covered_shares
from deepseek_mm.vision.colours import colour_mask
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.people import PEOPLE, PERSON
from deepseek_mm.vision.regions import FINE, SIDE, WHOLE, Canvas, blur, coincide, is_stuff, trim_extent
from deepseek_mm.vision.vocabulary import Learned, Vocabulary

VIEWS = ((1.0, 1), (0.6, 2), (0.42, 3))  # side of a piece as a share of the picture's, and how many there are a side
NEAR = 10  # names that speak for a thing
APART = 0.05  # of cosine: a name that is less near by so much counts e times less
SOMEBODY = 0.5  # score of the detector, from which a box is somebody, or an animal
RARELY = 0.1  # of the probability is left that these are a thing
FITS = 0.2  # probability from which a box is better than the extent of what is hot
ALIKE = 0.8  # of the surest box's probability that a box of about its size needs
ALIKE_AMONG_MANY = 0.5  # the same where many are alike
ALIKE_OTHERWISE = 0.95  # and for one of another size
MANY = 3  # boxes
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
        vectors |= zip(others, self.vocabulary.keep_words(others), strict=True) if others else ()
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
        note_model("pointer")
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


def is_one_of(name: str, kind: str) -> bool:
    """Is it called by the kind's name, or may a person be called so?"""
    return names_the_same(name, kind) or (kind == PERSON and name in PEOPLE)


ANIMALS = ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"]
ALIVE = (  # what a thing must be called to be what the detector calls by these names
    ((PERSON, "clothes", "animal"), [NAMES.index(PERSON)]),
    (("animal",), [NAMES.index(name) for name in ANIMALS]),
)


def weigh_boxes(image: Image, thing: ThingPhrase, detections: Detections, chances_N: Floats) -> Floats:
    """(N,): the probabilities; less for boxes with little of the colour that is asked for, and for somebody or an
    animal where a thing is asked for that is neither and that nobody wears; 0 for the whole picture, which points at
    nothing, and for what has no end.
    """
    if is_stuff(thing.name):
        return np.zeros_like(chances_N)
    boxes = [found.box for found in detections.boxes]
    kept_N = np.where([area(box) > WHOLE for box in boxes], 0, chances_N)
    others = [rows for names, rows in ALIVE if not any(is_one_of(thing.name, name) for name in names)]
    if others:
        rows = [row for own in others for row in own]
        alive_N = np.array([found.chances_C[rows].max() > SOMEBODY for found in detections.boxes])
        kept_N = np.where(alive_N, kept_N * RARELY, kept_N)
    if thing.colour:
        coloured_SS = where_coloured(image, thing.colour)
        covered_NSS = covered_shares(boxes, SIDE, SIDE)
        share_N = (covered_NSS * coloured_SS).sum(axis=(1, 2)) / covered_NSS.sum(axis=(1, 2))
        kept_N = kept_N * np.minimum(1, share_N / COLOURED)
    return np.asarray(kept_N, np.float32)


def choose_boxes(detections: Detections, chances_N: Floats) -> list[FoundPlace]:
    """The surest box and all that are like it, surest first; none if that one does not fit well."""
    boxes = [found.box for found in detections.boxes]
    if chances_N.max() < FITS:
        return []
    kept = keep_like(boxes, chances_N, ALIKE)
    if len(kept) >= MANY:
        kept = keep_like(boxes, chances_N, ALIKE_AMONG_MANY)
    return [FoundPlace(share=boxes[n], chance=float(chances_N[n]), is_box=True) for n in kept]


def keep_like(boxes: Sequence[Share], chances_N: Floats, alike: float) -> list[int]:
    """The surest box and those that have this share of its probability; boxes of another size need nearly all of it."""
    order = np.argsort(-chances_N, kind="stable")
    best, kept = order[0], list[int]()
    for n in order:
        least = chances_N[best] * (alike if is_as_large(boxes[n], boxes[best]) else ALIKE_OTHERWISE)
        if chances_N[n] >= least and not any(coincide(boxes[n], boxes[k]) for k in kept):
            kept.append(int(n))
    return kept


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
