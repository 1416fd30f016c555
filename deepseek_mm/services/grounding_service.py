"""Where in a picture the things are that are named in free words: boxes, and points in their middle.

A picture that was sent is looked at and forgotten; a picture of the library is named by the id of its file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.answering.grounder import GroundedThing
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadFile, BadQuestion, ConfigError
from deepseek_mm.language.detection import code_of
from deepseek_mm.language.parser import ThingPhrase, things_in
from deepseek_mm.services.library_service import known_source
from deepseek_mm.vision.localizer import FoundPlace
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.regions import place_of
from index import Box, Region, Source

MOST_THINGS = 20  # of one request
SURE = 0.5  # probability from which a thing counts as seen, unless the caller says another one


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureSize:
    """Of the upright original, in which boxes and points are measured."""

    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedBox:
    """One place of a thing."""

    box_px: Box
    score: float  # probability that the thing is there
    exact: bool  # around one thing; else the extent of all that looks like it

    @property
    def middle_px(self) -> tuple[int, int]:
        """The point in the middle of the box."""
        left, top, right, bottom = self.box_px
        return (left + right) // 2, (top + bottom) // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedThing:
    """What was asked for, and where it is."""

    asked: str  # as it was named; of what nobody named, its label
    understood: str  # the words that were looked for, in English
    score: float  # probability that the picture shows it
    boxes: tuple[DetectedBox, ...] = ()  # likeliest first; none of a thing that is less probable than was asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class GroundedPicture:
    """All that was looked for in one picture."""

    size: PictureSize
    things: tuple[DetectedThing, ...]


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class GroundingService:
    """Finds named things in pictures for callers."""

    assistant: Assistant

    def detect_in_picture(
        self, caller: Caller, image: Image, size_px: tuple[int, int], things: Sequence[str], least: float = SURE
    ) -> GroundedPicture:
        """In a picture that is in no library, boxes in pixels of `size_px`; without `things` whatever is seen.

        BadQuestion for too many things or words that name none, ConfigError where nothing here tells places.
        """
        source = Source(path="picture", width_px=size_px[0], height_px=size_px[1])
        return self._detect(ImageAnalysis(image, source), source, things, least)

    def detect_in_source(
        self, caller: Caller, source: int, page: int, things: Sequence[str], least: float = SURE
    ) -> GroundedPicture:
        """In a photo of the library, a page of a document, or a moment of a video in milliseconds.

        NothingThere for no such file, BadFile for one that has no picture, else as above.
        """
        found = known_source(self.assistant, source)
        if found.kind == "photo":
            picture = self.assistant.analyses.get(found, page)
            return self._detect(picture, found, things, least)
        if not page:
            raise BadFile(f"{found.name} is no picture: it is a {found.kind}. Name a page of it, from 1")
        image = self.assistant.picture(found, page)
        return self.detect_in_picture(caller, image, image.size, things, least)

    def _detect(self, picture: ImageAnalysis, source: Source, things: Sequence[str], least: float) -> GroundedPicture:
        if self.assistant.eyes.pointer is None:
            space = self.assistant.eyes.space.name
            raise ConfigError(f"nothing tells places in the vector space {space!r}. Start with encoder.name=default")
        size = PictureSize(width_px=source.width_px, height_px=source.height_px)
        if not things:
            return GroundedPicture(size=size, things=self._list_seen(picture, least))
        asked = [self._read_thing(name) for name in checked_things(things)]
        found = self.assistant.photos.finger.ground(picture, asked)
        told = zip(things, found, strict=True)
        return GroundedPicture(size=size, things=tuple(locate_thing(name, each, source, least) for name, each in told))

    def _read_thing(self, name: str) -> ThingPhrase:
        """The thing that some words name, in English. BadQuestion where they name none."""
        translator, language = self.assistant.skills.translator, code_of(name)
        words = translator.translate_words(name, language) if translator and language not in ("", "en") else name
        found = things_in(words.lower())
        if len(found) != 1:
            raise BadQuestion(f"{name[:60]!r} does not name one thing. Write one a time, such as: red kite")
        return found[0]

    def _list_seen(self, picture: ImageAnalysis, least: float) -> tuple[DetectedThing, ...]:
        """Every part that the eyes name by themselves, by its first label."""
        (seen,) = self.assistant.eyes.see_many([picture])
        parts: dict[str, list[Region]] = {}
        for region in seen.regions:
            if region.kind == "part" and region.labels and region.labels[0].score >= least:
                parts.setdefault(region.labels[0].name, []).append(region)
        return tuple(name_parts(name, regions) for name, regions in parts.items())


def checked_things(things: Sequence[str]) -> Sequence[str]:
    """The same. BadQuestion for too many."""
    if len(things) > MOST_THINGS:
        raise BadQuestion(f"{len(things)} things are asked for, and {MOST_THINGS} are looked for at once. Ask again")
    return things


def locate_thing(asked: str, found: GroundedThing, source: Source, least: float) -> DetectedThing:
    """With its boxes, each as sure as it is beside the likeliest, which is as sure as the thing is there."""
    most = max((place.chance for place in found.places), default=0.0)
    boxes = [box_of(place, found.chance * (place.chance / most if most else 1.0), source) for place in found.places]
    return DetectedThing(
        asked=asked,
        understood=found.thing.phrase,
        score=found.chance,
        boxes=tuple(boxes) if found.chance >= least else (),
    )


def box_of(place: FoundPlace, score: float, source: Source) -> DetectedBox:
    """A place in pixels of the original."""
    return DetectedBox(box_px=place_of(place.share, source, ()).box_px, score=score, exact=place.is_box)


def name_parts(name: str, regions: Sequence[Region]) -> DetectedThing:
    """What the eyes call so."""
    boxes = tuple(DetectedBox(box_px=each.box_px, score=each.labels[0].score, exact=True) for each in regions)
    return DetectedThing(asked=name, understood=name, score=boxes[0].score, boxes=boxes)
