"""Pointing at a thing that was asked for: a closer look, and what is known of things like it.

Of some six hundred names it is known from photos what speaks for them: the tower's classifier learned them from a
million pictures, and everyday words were learned from captions. Any other thing is looked for by the names whose text
is nearest to its own (moose: deer, camel), each as far as it is near (after ConSE, arXiv:1312.5650). The picture is
looked at as a whole, in four large pieces and in nine smaller ones that overlap, and what each says is laid over each
other: in a piece a small thing fills more cells of the tower's map, and in the whole a large one is seen at once.

Shape key:  K names, W those that are near, V views (14), H, G cells a side of the map (9), S points a side of the
            canvas, D width of the space
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, Share
from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.vision.colours import colour_mask
from deepseek_mm.vision.regions import FINE, SIDE, Canvas, blur, covered_share, trim_extent
from deepseek_mm.vision.vocabulary import Learned, Vocabulary, word_vectors
from index import Box

VIEWS = ((1.0, 1), (0.6, 2), (0.42, 3))  # side of a piece as a share of the picture's, and how many there are a side
NEAR = 10  # names that speak for a thing
APART = 0.05  # of cosine: a name that is less near by so much counts e times less
LEAST_COLOURED = 0.002  # share of the points that must have the colour that was asked for
FLAT = 1e-6


class Localizer:
    """Things and pictures to places."""

    def __init__(self, space: SeeingSpace, learned: Learned | None, vocabulary: Vocabulary) -> None:
        """The vocabulary spares reading most of the names."""
        self.space, self.vocabulary = space, vocabulary
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

    def point_many(self, image: Image, things: Sequence[ThingPhrase]) -> list[Share | None]:
        """The likeliest place of each thing, were it there; None where nothing has the colour that is asked for."""
        canvas, heats = Canvas.of(image), self.heats(image, [thing.name for thing in things])
        found: list[Share | None] = []
        for thing, heat_SS in zip(things, heats, strict=True):
            if thing.colour:
                heat_SS = heat_SS - heat_SS.min()
                heat_SS *= where_coloured(image, thing.colour)
            found.append(shares(trim_extent(canvas.extent(heat_SS, FINE))) if heat_SS.any() else None)
        return found

    def choose(self, image: Image, thing: ThingPhrase, places: Sequence[Share]) -> Share:
        """The one of these places, at least one, that speaks most for the thing."""
        if len(places) == 1:
            return places[0]
        (heat_SS,) = self.heats(image, [thing.name])
        return max(places, key=lambda place: float((heat_SS * covered_share(place, SIDE, SIDE)).sum() / area(place)))

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


def shares(box: Box) -> Share:
    """A box in points of the canvas as shares of the picture."""
    left, top, right, bottom = (edge / SIDE for edge in box)
    return (left, top, right, bottom)


def area(place: Share) -> float:
    """Share of the picture."""
    return (place[2] - place[0]) * (place[3] - place[1])


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


def read_pointer(space: EmbeddingModel, learned: Learned | None, vocabulary: Vocabulary) -> Localizer | None:
    """None for a space without a classifier of its own: nothing else tells well enough where a thing is."""
    return Localizer(space, learned, vocabulary) if isinstance(space, SeeingSpace) else None
