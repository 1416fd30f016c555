"""One picture on its way through a question or into the library: decoded once, and each model's output added once.

Whoever first wants an output computes it and puts it there; whoever comes after finds it. Two threads that want the
same output at the same time may both compute it: they put the same there.

Shape key:  N regions, D width of the space, G cells a side
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import numpy as np
from cachetools import LRUCache
from PIL.Image import Image, Resampling

from deepseek_mm.embeddings.default import ImageFeatures, SeeingSpace
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding
from deepseek_mm.parse.document import stat_file
from deepseek_mm.vision.drawings import Drawing
from index import Label, Region, Source

SIDE_PX, COARSE_PX = 128, 16
FLAT = 3.0  # standard deviation of the grey values, of 255, below which nothing stands out
NOISE = 0.25  # share of that deviation which is left in a coarse copy: photos keep most of it, noise none


def shows_nothing(image: Image) -> bool:
    """A blank picture, or noise."""
    grey = image.convert("L").resize((SIDE_PX, SIDE_PX), Resampling.NEAREST)
    spread = float(np.asarray(grey, np.float32).std())
    if spread < FLAT:
        return True
    coarse = grey.resize((COARSE_PX, COARSE_PX), Resampling.BOX)
    return float(np.asarray(coarse, np.float32).std()) < NOISE * spread


MOST_READINGS = 64  # of one picture that are kept: a conversation about it asks less
MOST_ANALYSES = 8  # that are kept between questions, 8 MB each with a decoded picture


@dataclass(frozen=True, slots=True)
class VqaPrediction:
    """What was read off a picture for one question."""

    family: str  # of the question
    chances: Mapping[str, float]  # answer -> probability, the likeliest first
    heat_GG: Floats  # how much was looked at each cell; sums to 1
    noticed: Mapping[str, float] = field(default_factory=dict)  # thing -> how probable it is that it is there
    glanced: Mapping[str, float] = field(default_factory=dict)  # the same answers, by a language model that looked


class ImageAnalysis:
    """A picture, and what was found in it so far; equal only to itself."""

    def __init__(self, image: Image | Callable[[], Image], source: Source | None = None) -> None:
        """`image` is upright RGB, or what decodes it when the pixels are first wanted, and may raise."""
        self._image, self.source = image, source
        self.features: ImageFeatures | None = None  # what the image tower makes of it
        self.labels: tuple[Label, ...] | None = None  # what it is called, best first
        self.noticed: Mapping[str, float] | None = None  # thing -> how probable it is that it is there
        self.regions: tuple[Region, ...] = ()  # the whole picture first
        self.vectors_ND: Floats = np.zeros((0, 0), np.float32)  # row n belongs to regions[n]
        self._drawing: tuple[Drawing | None] | None = None  # None until somebody has looked for it
        self._readings: LRUCache[Hashable, VqaPrediction] = LRUCache(MOST_READINGS)
        self._lock = Lock()

    @property
    def image(self) -> Image:
        """The pixels. What decoding raises is raised here, and it is tried again the next time."""
        if callable(self._image):
            self._image = self._image()
        return self._image

    @property
    def look(self) -> ImageEmbedding:
        """The embedding of the whole picture and of its cells, once `add_features` was called."""
        assert self.features is not None, "add_features comes first"
        return self.features.look

    @cached_property
    def is_blank(self) -> bool:
        """Whether there is nothing to see: one colour, or noise."""
        return shows_nothing(self.image)

    def drawing(self, find: Callable[[Floats, Image], Drawing | None]) -> Drawing | None:
        """What it shows if it is a drawing, as `find` tells it from the picture's vector and its pixels."""
        if self._drawing is None:
            self._drawing = (find(self.look.vector_D, self.image),)
        return self._drawing[0]

    def reading(self, key: Hashable) -> VqaPrediction | None:
        """What was read for a question before."""
        with self._lock:
            return self._readings.get(key)

    def add_reading(self, key: Hashable, reading: VqaPrediction) -> None:
        """Keep what was read for a question."""
        with self._lock:
            self._readings[key] = reading


def add_features(space: EmbeddingModel, pictures: Iterable[ImageAnalysis]) -> Iterator[ImageAnalysis]:
    """The same pictures, in order, with what the tower makes of them; pictures are drawn while the tower works.

    Those that have it already pass.
    """
    waiting = deque[tuple[ImageAnalysis, bool]]()  # and whether the tower gets it

    def images_without_features() -> Iterator[Image]:
        for picture in pictures:
            lacks = picture.features is None
            waiting.append((picture, lacks))
            if lacks:
                yield picture.image

    for features in features_of(space, images_without_features()):
        while not waiting[0][1]:
            yield waiting.popleft()[0]
        picture, _ = waiting.popleft()
        picture.features = features
        yield picture
    for picture, _ in waiting:
        yield picture


def features_of(space: EmbeddingModel, images: Iterable[Image]) -> Iterator[ImageFeatures]:
    """Of each picture, in order; without cells where the space has none that small models know."""
    if isinstance(space, SeeingSpace):
        return space.see_many(images)
    return (ImageFeatures(look=look) for look in space.look_many(images))


def only_once(pictures: Iterable[ImageAnalysis]) -> list[ImageAnalysis]:
    """Each picture once, in the order in which they first come."""
    return list(dict.fromkeys(pictures))


class AnalysisCache:
    """An LRU cache of analyses by file, size and time of the last change; safe in many threads."""

    def __init__(self, read_page: Callable[[str, int], Image], maxsize: int = MOST_ANALYSES) -> None:
        """`read_page` decodes the picture of a file's page, 0 for a photo; it may raise BadFile or NothingThere."""
        self._read_page = read_page
        self._known: LRUCache[Hashable, ImageAnalysis] = LRUCache(maxsize)
        self._lock = Lock()

    def get(self, source: Source) -> ImageAnalysis:
        """The analysis of a photo as its file is now; a new one is decoded when its pixels are first wanted."""
        return self.add(ImageAnalysis(lambda: self._read_page(source.path, 0), source))

    def add(self, analysis: ImageAnalysis) -> ImageAnalysis:
        """The analysis that is known of this file, or else this one, which is kept where the file is there."""
        assert analysis.source is not None, "an analysis of a file"
        status = stat_file(analysis.source.path)
        if status is None:
            return analysis
        with self._lock:
            return self._known.setdefault((analysis.source.path, status), analysis)
