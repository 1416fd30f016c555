"""What a picture shows: its analysis, decoded once and filled by each model, and the pipeline that makes regions of it.

Whoever first wants an output computes it and puts it there; whoever comes after finds it. Two threads that want the
same output at the same time may both compute it: they put the same there.

The whole picture is the first region; its labels are the words that hold for it: what the tower's own classifier names,
what was learned from photos, and the vocabulary's other words. The detector's boxes are places first: each is called by
the picture's words and by COCO's names as far as they hold for it, and what surely lies in a box is in the picture. A
word that holds for no box is looked for in the feature map, and makes a part where it has a place smaller than that.

Shape key:  N pictures or regions, T things asked for, D width of the space, H, W, G cells a side of the feature map
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache
from PIL.Image import Image

from deepseek_mm.chance import adjust_prior
from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.default import ImageFeatures, SeeingSpace
from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding, Share
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.language.words import names_the_same
from deepseek_mm.parse.document import stat_known
from deepseek_mm.vision.box_scorer import open_scorer
from deepseek_mm.vision.colours import Palette
from deepseek_mm.vision.detector.detector import NAMES, TILED_PX, Detections, Detector, has_tiles
from deepseek_mm.vision.drawings import Drawing, DrawingFinder
from deepseek_mm.vision.localizer import SOMEBODY, FoundPlace, read_pointer
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.people import PEOPLE, PERSON, may_be_said
from deepseek_mm.vision.picture_kind import DRAWING, GARMENT_SURE, PRODUCT, PictureKind, read_kinds, shows_nothing
from deepseek_mm.vision.presence import DetectorWitness
from deepseek_mm.vision.regions import (
    LabelledBox,
    NamedBox,
    ScoredWord,
    is_confused,
    likely_names,
    merge_places,
    name_boxes,
    name_learned,
    place_of,
    places,
    vectors_of,
)
from deepseek_mm.vision.typical_places import WITH_WRITING, WORN, find_worn, find_writing
from deepseek_mm.vision.vocabulary import Vocabulary, read_calibration, read_learned, read_names, words_folder
from index import Box, Label, Region, Source

if TYPE_CHECKING:  # which read pictures as they are here
    from deepseek_mm.vision.description import Describer, Description
    from deepseek_mm.vision.vqa import VqaModel

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

    def __init__(self, image: Image | Callable[[], Image], source: Source | None = None, at_ms: int = 0) -> None:
        """`image` is upright RGB, or what decodes it when the pixels are first wanted, and may raise."""
        self._image, self.source, self.at_ms = image, source, at_ms  # the time is that of a picture of a video
        self.features: ImageFeatures | None = None  # what the image tower makes of it
        self.index_look: ImageEmbedding | None = None  # in the index's space, where that is another one
        self.detections: Detections | None = None  # the boxes around things, of whatever kind
        self.kind: PictureKind | None = None  # a photo, a plot, ...; None until somebody looks, and where nobody knows
        self.labels: tuple[Label, ...] | None = None  # what it is called, best first
        self.noticed: Mapping[str, float] | None = None  # thing -> how probable it is that it is there
        self.lines: tuple[TextBlock, ...] | None = None  # of writing, from top to bottom; None until somebody reads it
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

    def get(self, source: Source, at_ms: int = 0) -> ImageAnalysis:
        """The analysis of a photo, or a moment of a video, as it is now; it is decoded when its pixels are wanted."""
        return self.add(ImageAnalysis(lambda: self._read_page(source.path, at_ms), source, at_ms=at_ms))

    def add(self, analysis: ImageAnalysis) -> ImageAnalysis:
        """The analysis that is known of this file, or else this one, which is kept where the file is there."""
        assert analysis.source is not None, "an analysis of a file"
        status = stat_known(analysis.source.path)
        if status is None:
            return analysis
        with self._lock:
            return self._known.setdefault((analysis.source.path, status, analysis.at_ms), analysis)


WRITTEN = 0.8  # probability that there is a sign where there is writing
TYPICAL = 0.5  # how sure a place is where such a thing mostly is
MOST_NAMED = 32  # boxes of one picture, the surest, that names are looked for
AHEAD = 16  # pictures that tower and detector look at while those before them become regions


@dataclass(frozen=True, kw_only=True, slots=True)
class VisionModels:
    """The models that look at pictures beside a space; not every space has them."""

    reader: "VqaModel | None" = None  # answers closed questions
    describer: "Describer | None" = None  # says in a sentence what is seen
    paper: DrawingFinder | None = None  # knows drawings
    detector: Detector | None = None  # puts boxes around things, unless a setting does without
    witness: DetectorWitness | None = None  # what the detector's scores are worth, where that was fitted


class VisionPipeline:
    """Turns pictures into regions with labels, colours and vectors.

    `space` looks: the small models know its cells. Vectors are of `index_space`, which may be another one.
    """

    def __init__(
        self,
        space: EmbeddingModel,
        config: SeeConfig,
        *,
        names: Sequence[str] = (),
        models: "VisionModels | None" = None,
    ) -> None:
        """`names` are words beside those of labels.txt; without `models` the space alone looks."""
        models = models or VisionModels()
        self.space = self.index_space = space
        self.detector, self.witness, self.paper = models.detector, models.witness, models.paper
        self.reader, self.describer = models.reader, models.describer
        self.use_config(config)
        words = tuple(dict.fromkeys((*read_names(), *names)))
        folder = words_folder() if isinstance(space, SeeingSpace) else None
        self.vocabulary = self.index_vocabulary = Vocabulary(space, words, read_calibration(space), folder=folder)
        self.learned = read_learned(space)
        self.kinds = read_kinds(space)
        self.scorer = open_scorer(self.vocabulary, self.learned) if self.detector else None
        self.pointer = read_pointer(space, self.learned, self.vocabulary, self.scorer)

    def with_index_space(self, space: EmbeddingModel) -> "VisionPipeline":
        """The same that looks, with vectors of another space; one that is the space that looks is no other one."""
        other, same = copy(self), space.fingerprint == self.space.fingerprint
        other.index_space = self.space if same else space
        other.index_vocabulary, names = self.vocabulary, self.vocabulary.names
        if not same:
            other.index_vocabulary = Vocabulary(space, names, read_calibration(space), folder=words_folder())
        return other

    def use_config(self, config: SeeConfig) -> None:
        """Look by other numbers from the next picture on."""
        self.config = config
        if self.describer is not None:
            self.describer.use_beams(config.beams)
        if self.reader is not None:
            self.reader.is_glancing = config.glance

    def see_many(self, pictures: Iterable[ImageAnalysis]) -> Iterator[ImageAnalysis]:
        """The same pictures, in order, with regions and their vectors; each has a source.

        Pictures are drawn, and those that are done are used, while tower and detector work.
        """
        for some in prefetch_batches(self._look_ahead(pictures), size=AHEAD):
            for picture in some:
                self._add_regions(picture)
                yield picture

    def _look_ahead(self, pictures: Iterable[ImageAnalysis]) -> Iterator[ImageAnalysis]:
        """The same pictures with what the networks make of them, some at a time."""
        looked = add_features(self.space, pictures)
        while some := list(islice(looked, AHEAD)):
            self.add_detections(some)
            if self.index_space is not self.space:
                self.add_index_looks(some)
            yield from some

    def add_index_looks(self, pictures: Iterable[ImageAnalysis]) -> None:
        """How each picture lies in the index's space; the tower that looks is enough where they are one."""
        if self.index_space is self.space:
            deque(add_features(self.space, only_once(pictures)), maxlen=0)
            return
        lacking = [picture for picture in only_once(pictures) if picture.index_look is None]
        looks = self.index_space.look_many(picture.image for picture in lacking)
        for picture, look in zip(lacking, looks, strict=True):
            picture.index_look = look

    def add_detections(self, pictures: Iterable[ImageAnalysis], *, closer: bool = False) -> None:
        """Boxes in each picture that lacks them; nothing without a detector. `closer`: in tiles of small ones, too."""
        closer = closer and self.config.tiled_px > 0
        lacking = [picture for picture in only_once(pictures) if lacks_detections(picture, closer=closer)]
        if self.detector is None or not lacking:
            return
        tiled_px = TILED_PX if closer else self.config.tiled_px
        found = self.detector.detect_many((picture.image for picture in lacking), tiled_px=tiled_px)
        for picture, detections in zip(lacking, found, strict=True):
            picture.detections = detections

    def find_places(self, picture: ImageAnalysis, things: Sequence[ThingPhrase]) -> list[list[FoundPlace]]:
        """The places of each thing in it, were it there, the likeliest first; none without a localizer."""
        if self.pointer is None or not things:
            return [[] for _ in things]
        self.add_detections([picture])
        deque(add_features(self.space, [picture]), maxlen=0)
        known = [find_typical(picture, thing) for thing in things]
        others = [thing for thing, places in zip(things, known, strict=True) if not places]
        found = iter(self.pointer.find_many(picture.image, others, picture.detections, picture.look) if others else [])
        return [places or next(found) for places in known]

    def box_chance(self, picture: ImageAnalysis, thing: str) -> float:
        """The probability that the box which fits it best shows this thing; 0 without boxes."""
        self.add_detections([picture])
        if thing in WITH_WRITING and find_typical(picture, ThingPhrase(thing, thing)):
            return WRITTEN
        if self.scorer is None or picture.detections is None:
            return 0.0
        deque(add_features(self.space, [picture]), maxlen=0)
        return float(self.scorer.score([thing], picture.detections, picture.look).max(initial=0.0))

    def presence(self, things: Sequence[str], vectors_ND: Floats) -> Floats:
        """(N, T): probability that each picture shows each thing; vectors are those of whole pictures that it saw."""
        return self.vocabulary.presence(things, vectors_ND)

    def index_presence(self, things: Sequence[str], vectors_ND: Floats) -> Floats:
        """The same by vectors of the index."""
        return self.index_vocabulary.presence(things, vectors_ND)

    def kind(self, picture: ImageAnalysis) -> PictureKind | None:
        """What kind of picture it is; None where nobody tells kinds apart in this space."""
        if picture.kind is None and self.kinds is not None:
            picture.kind = self.kinds.classify(picture.look.vector_D, picture.image)
        return picture.kind

    def describe_many(self, pictures: Sequence[ImageAnalysis]) -> "list[Description]":
        """A machine's sentence about each, in order; each has a source. There is a describer."""
        assert self.describer is not None, "asked where somebody describes"
        return self.describer.describe_many(list(self.see_many(pictures)))

    def labels(self, picture: ImageAnalysis) -> tuple[Label, ...]:
        """What the picture is called, best first."""
        if picture.labels is None:
            self.add_detections([picture])
            picture.labels = tuple(word.label for word in self._name_picture(picture)[0])
        return picture.labels

    def labels_of(self, look: ImageEmbedding) -> tuple[Label, ...]:
        """The same of what the tower sees in it, without boxes."""
        return tuple(word.label for word in self._name_words(look))

    def drawing(self, picture: ImageAnalysis) -> Drawing | None:
        """What it shows, if it is a drawing and somebody here knows drawings."""
        return picture.drawing(self.paper.read_drawing) if self.paper else None

    def _add_regions(self, picture: ImageAnalysis) -> None:
        source, image = picture.source, picture.image
        assert source is not None, "regions lie in a file"
        if drawn := self.drawing(picture):
            named, parts = self._name_drawing(picture, drawn), drawn.parts(source)
        else:
            named, boxes = self._name_picture(picture)
            parts = self._parts(picture, source, named, boxes)
            picture.labels = tuple(word.label for word in named)
        palette = Palette(image)
        whole = Region(
            source=source,
            kind="whole",
            box_px=(0, 0, source.width_px, source.height_px),
            labels=tuple(word.label for word in named),
            colours=palette.names(None),
            at_ms=picture.at_ms,
        )
        regions = [whole]
        for n, place in enumerate(parts):
            painted = (drawn.scene.items[n].traits["colour"],) if drawn else ()
            seen = painted or palette.names(on_image(place.box_px, source, image))
            regions.append(replace(whole, kind="part", box_px=place.box_px, labels=place.labels, colours=seen))
        picture.regions, picture.vectors_ND = tuple(regions), vectors_of(look_in_index(picture), parts)

    def _name_picture(self, picture: ImageAnalysis) -> tuple[list[ScoredWord], list[NamedBox]]:
        """Words that hold for it, then its kind unless it is a photo; and boxes with theirs, none of a plot or page."""
        kind = self.kind(picture)
        own = [ScoredWord(label, None) for label in kind.labels] if kind else []
        if kind and kind.is_made:
            return own, []
        words = self._name_words(picture.look)
        if kind and self.kinds and kind.name == PRODUCT and not any(word.label.score >= GARMENT_SURE for word in words):
            words = [*(ScoredWord(label, None) for label in self.kinds.name_garment(picture.look.vector_D)), *words]
        boxes = self._name_boxes(picture, words)
        return [*self._add_found(words, boxes), *own], boxes

    def _name_drawing(self, picture: ImageAnalysis, drawn: Drawing) -> list[ScoredWord]:
        """What such pictures are called, and that it is a drawing."""
        picture.kind = PictureKind(DRAWING, 1.0)
        return [ScoredWord(Label(name=name, score=1.0), None) for name in (drawn.name, DRAWING)]

    def _parts(
        self, picture: ImageAnalysis, source: Source, named: Sequence[ScoredWord], boxes: Sequence[NamedBox]
    ) -> list[LabelledBox]:
        """The boxes, and places of other words; the surest first."""
        if not self.config.max_parts:
            return []
        boxed = {label.name for box in boxes for label in box.labels}
        others = [word for word in named if not any(names_the_same(name, word.label.name) for name in boxed)]
        parts = [place_of(box.share, source, box.labels) for box in boxes]
        return merge_places([*parts, *places(source, picture.image, others)])[: self.config.max_parts]

    def _name_boxes(self, picture: ImageAnalysis, named: Sequence[ScoredWord]) -> list[NamedBox]:
        """The boxes that one of these words or one of COCO's names holds for."""
        if self.scorer is None or picture.detections is None or not picture.detections.boxes:
            return []
        detections = replace(picture.detections, boxes=picture.detections.boxes[:MOST_NAMED])
        said = {word.label.name: word.label.score for word in named}
        shown = {PERSON, *said}  # a detector finds people best
        foreign = [name for name in shown if name not in NAMES]
        likely = [name for name in likely_names(detections) if not any(is_confused(name, other) for other in foreign)]
        names = [*dict.fromkeys([*said, *likely])]
        chances_NT, alone_NT = self.scorer.score_both(names, detections, picture.look)
        for n, name in enumerate(names):
            if name in said and name not in NAMES:  # it is nowhere with more probability than in the whole picture
                chances_NT[:, n] = np.minimum(chances_NT[:, n], said[name])
            elif name not in said and name != PERSON:
                chances_NT[:, n] = alone_NT[:, n]
        return name_boxes([found.box for found in detections.boxes], names, chances_NT, self.config.min_box, shown)

    def _add_found(self, named: Sequence[ScoredWord], boxes: Sequence[NamedBox]) -> list[ScoredWord]:
        """With what surely lies in a box; without words for people where a detector sees nobody."""
        if self.scorer is None:
            return list(named)
        surest: dict[str, float] = {}
        for label in (label for box in boxes for label in box.labels):
            surest[label.name] = max(surest.get(label.name, 0.0), label.score)
        kept = [word for word in named if surest.get(PERSON) or word.label.name not in PEOPLE]
        known = {word.label.name for word in kept}
        added = [
            ScoredWord(Label(name=name, score=score), None)
            for name, score in surest.items()
            if name not in known and score >= self.config.min_box
        ]
        return sorted([*kept, *added], key=lambda word: -word.label.score)[: self.config.max_labels]

    def _name_words(self, look: ImageEmbedding) -> list[ScoredWord]:
        """Words that hold for the picture, best first; a word that several name counts by the surest."""
        found = [
            ScoredWord(Label(name=tag.name, score=tag.score), tag.heat_HW)
            for tag in look.tags
            if tag.score >= self.config.min_tag
        ]
        if self.learned:
            found += name_learned(self.learned, look, self.config.min_learned)
        found += self._from_texts(look)
        found = [word for word in found if may_be_said(word.label.name, word.label.score)]
        found.sort(key=lambda word: word.label.score)
        surest = {word.label.name: word for word in found}
        return sorted(surest.values(), key=lambda word: -word.label.score)[: self.config.max_labels]

    def _from_texts(self, look: ImageEmbedding) -> list[ScoredWord]:
        """Words of the vocabulary whose text is alike, those left out that were learned better."""
        better = set(self.learned.names) if self.learned else set()
        fair_L = self.vocabulary.naming(look.vector_D[None])[0]
        chance_L = [adjust_prior(float(fair), self.config.prior) for fair in fair_L]
        names = self.vocabulary.names
        chosen = [n for n, p in enumerate(chance_L) if p >= self.config.min_label and names[n] not in better]
        heat_HWL = self.vocabulary.heat(look.grid_HWD, chosen)
        return [
            ScoredWord(Label(name=names[n], score=chance_L[n]), heat_HWL[..., place]) for place, n in enumerate(chosen)
        ]


def look_in_index(picture: ImageAnalysis) -> ImageEmbedding:
    """How it lies in the index's space, once `add_index_looks` was called."""
    return picture.index_look or picture.look


def lacks_detections(picture: ImageAnalysis, *, closer: bool) -> bool:
    """Was it not looked at, or not in tiles where these would show more?"""
    return picture.detections is None or (closer and picture.detections.views == 1 and has_tiles(picture.image))


def find_typical(picture: ImageAnalysis, thing: ThingPhrase) -> list[FoundPlace]:
    """Where things are that no detector knows: signs and tags where writing was read, a hat on somebody's head."""
    shares: list[Share] = []
    if thing.name in WITH_WRITING and picture.lines:
        lines = [(share_of(line.box_px, picture), line.text) for line in picture.lines]
        shares = find_writing(thing.name, lines)
    elif thing.name in WORN and not thing.colour and picture.detections:
        person = NAMES.index(PERSON)
        somebody = [found.box for found in picture.detections.boxes if found.chances_C[person] > SOMEBODY]
        shape = picture.image.width / picture.image.height
        shares = [find_worn(thing.name, box, shape) for box in somebody[:1]]
    return [FoundPlace(share=share, chance=TYPICAL, is_box=True) for share in shares]


def share_of(box_px: Box, picture: ImageAnalysis) -> Share:
    """A box in pixels of the original as shares of the picture."""
    size = (picture.source.width_px, picture.source.height_px) if picture.source else picture.image.size
    left, top, right, bottom = (edge / side for edge, side in zip(box_px, (*size, *size), strict=True))
    return (left, top, right, bottom)


def on_image(box_px: Box, source: Source, image: Image) -> Box:
    """A box in pixels of the original as a box of the picture in hand, which may be a reduced one; never empty."""
    across, down = image.width / source.width_px, image.height / source.height_px
    left, top = int(box_px[0] * across), int(box_px[1] * down)
    return (left, top, max(left + 1, round(box_px[2] * across)), max(top + 1, round(box_px[3] * down)))
