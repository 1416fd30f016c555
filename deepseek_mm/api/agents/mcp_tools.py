"""What agents can do here, whichever way they speak the Model Context Protocol: the tools, and what they give.

A region is handed on as one word, "SOURCE.REGION", which an agent copies from a result into its next call. A picture is
a data URL; or a file of this machine, for an agent of somebody on it, or below `serve.roots` for one with a key.
"""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Self

from PIL.Image import Image
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, check_path, requires_by_default
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.api.routes.grounding_routes import DetectedOut, PointedOut
from deepseek_mm.api.schemas import UnderstoodOut
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.language.search_filters import check_searchable
from deepseek_mm.lm.backends.server_model import shrink_picture
from deepseek_mm.parse.document import read_photo
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.services.grounding_service import GroundedPicture, GroundingService
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.shapes import round_score
from deepseek_mm.types import Answer, Picture, Query, Question
from index import LIBRARY, Filter, Region, Source
from index.region import UPLOADS

QUALITY = 90  # of a region's JPEG
MOST_FOUND = 50
LONGEST_NAME = 30  # letters of a region's


class RegionPlace(BaseModel):
    """A region of a file."""

    region: str = Field(description="for read_region", examples=["12.57"])
    path: str
    kind: str = Field(description="whole, part, page, text, code or caption")
    box_px: list[int] = Field(description="left, top, right, bottom in pixels of the upright original")
    page: int = Field(description="of a document, from 1; else 0")
    score: float = Field(description="cosine similarity with what was asked, -1 to 1")
    label: str
    text: str
    machine_made: bool = Field(description="true where the text is a machine's sentence about what is seen")

    @classmethod
    def of(cls, region: Region, score: float, **more: Any) -> Self:
        """A region as an agent reads it; `more` are the fields of a subclass."""
        same = {name: getattr(region, name) for name in ("kind", "page", "label", "text", "machine_made")}
        box_px, path = list(region.box_px), region.source.path
        name = f"{region.source.id}.{region.id}"
        return cls(region=name, path=path, box_px=box_px, score=round_score(score), **same, **more)


class SearchResult(RegionPlace):
    """A photo or document that matches, by its best region."""

    why: list[str] = Field(description="its labels and words that agree with the search")
    twins: list[str] = Field(description="paths of its near duplicates")


class SearchResults(BaseModel):
    """What a search found."""

    found: bool = Field(description="false: the library does not have it, and the results are only the nearest")
    certainty: float
    results: list[SearchResult] = Field(description="best first")


class NumberedPlace(RegionPlace):
    """What a bracketed number of an answer points at."""

    number: int


class AnswerResult(BaseModel):
    """An answer whose every statement was checked against what it cites."""

    answer: str
    found: bool = Field(description="false: there is nothing on it, and the answer says so")
    confidence: float | None = Field(description="probability that it is right, where one is known")
    citations: list[NumberedPlace]
    conversation: int = Field(description="give it to the next ask, if that goes on from here")
    understood: UnderstoodOut | None = Field(description="what the question was taken to ask for, in its order")


class LibrarySummary(BaseModel):
    """What the library has."""

    files: int
    kinds: dict[str, int] = Field(description="photo, document, code: how many of each")
    collections: dict[str, int] = Field(description="names to search in, and how many files each has")
    labels: dict[str, int] = Field(description="what is seen most often, and in how many files")


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class McpTools:
    """The tools. `open_answers` gives the service that answers, which may be long in coming."""

    open_answers: Callable[[], AnswerService]
    pictures: PictureDecoder

    def search(self, caller: Caller, words: str, picture: str, limit: int, collection: str) -> SearchResults:
        """At most `limit` photos and documents. BadQuestion without words and picture, NothingThere without a file."""
        if not 1 <= limit <= MOST_FOUND:
            raise BadQuestion(f"limit={limit} must lie between 1 and {MOST_FOUND}")
        house = self._assistant
        query = Query(text=words, image=self._open_picture(caller, picture, house).image if picture else None)
        found = house.find(query, k=limit, where=Filter(collection=check_searchable(collection or LIBRARY)))
        results = [
            SearchResult.of(
                each.region, each.score, why=list(each.why), twins=[twin.source.path for twin in each.twins]
            )
            for each in found.matches
        ]
        return SearchResults(found=found.found, certainty=round_score(found.certainty), results=results)

    def ask(
        self, caller: Caller, text: str, pictures: Sequence[str], conversation: int | None, stop: Event
    ) -> AnswerResult:
        """The whole answer, or as far as it came when `stop` was set. BadQuestion, NothingThere."""
        answers = self.open_answers()
        house = answers.engine.assistant
        opened = [self._open_picture(caller, each, house) for each in pictures]
        question = Question.of(text, opened, conversation=conversation)
        return answer_result(answers.ask(caller, question, stop=stop))

    def detect(self, caller: Caller, things: Sequence[str], picture: str, region: str) -> DetectedOut:
        """Boxes of things in a picture, or in the file of a region. BadQuestion, NothingThere, ConfigError."""
        return DetectedOut.of(self._detect(caller, things, picture, region))

    def point(self, caller: Caller, things: Sequence[str], picture: str, region: str) -> PointedOut:
        """Points in their middle; the same errors, and BadQuestion without a thing."""
        if not things:
            raise BadQuestion("name at least one thing to point at, such as: red kite")
        return PointedOut.of(self._detect(caller, things, picture, region))

    def read_region(self, caller: Caller, name: str) -> tuple[RegionPlace, bytes]:
        """A region, and its part of the picture as JPEG; no bytes where there is none. NothingThere."""
        house = self._assistant
        region, siblings = region_named(name, house, caller)
        place = RegionPlace.of(region, 1.0)
        if region.source.kind == "code" or region.box_px == (0, 0, 0, 0):
            return place, b""
        return place, jpeg(cut_out(house.picture(region.source, region.view), region, siblings))

    def list_collections(self, caller: Caller) -> LibrarySummary:
        """What the library has."""
        store = self._assistant.store
        return LibrarySummary(
            files=store.counts().sources,
            kinds=store.kinds(),
            collections=store.collections(),
            labels={label.name: label.sources for label in store.labels(20)},
        )

    @property
    def _assistant(self) -> Assistant:
        return self.open_answers().engine.assistant

    def _detect(self, caller: Caller, things: Sequence[str], picture: str, region: str) -> GroundedPicture:
        if bool(picture) == bool(region):
            raise BadQuestion("name one picture: either picture, or region, as search and ask give it")
        house = self._assistant
        grounding = GroundingService(assistant=house)
        if region:
            place, _ = region_named(region, house, caller)
            return grounding.detect_in_source(caller, place.source.id, place.view, things)
        opened = self._open_picture(caller, picture, house)
        assert opened.image is not None, "an opened picture"
        known = opened.source
        size_px = (known.width_px, known.height_px) if known else opened.image.size
        return grounding.detect_in_picture(caller, opened.image, size_px, things)

    def _open_picture(self, caller: Caller, named: str, house: Assistant) -> Picture:
        """The picture that is named. Forbidden for a file that the caller may not name."""
        is_file = not named.startswith("data:") and (caller.local or os.path.isabs(named))
        if not is_file:
            return Picture(image=self.pictures.open(named), name="picture")
        named = os.path.expanduser(named) if caller.local else named
        path = check_path(named, caller, house.config.serve, own=house.config.data)
        photo = read_photo(path, max_pixels=house.config.parse.max_pixels)
        return Picture(image=photo.image, name=path.name, path=photo.source.path, source=photo.source)


def answer_result(answer: Answer) -> AnswerResult:
    """An answer as an agent reads it."""
    return AnswerResult(
        answer=answer.text,
        found=answer.found,
        confidence=None if answer.confidence is None else round_score(answer.confidence),
        citations=[NumberedPlace.of(each.region, each.score, number=each.number) for each in answer.citations],
        conversation=answer.conversation,
        understood=UnderstoodOut.of(answer.request) if answer.request else None,
    )


def region_named(name: str, house: Assistant, caller: Caller) -> tuple[Region, tuple[Region, ...]]:
    """The region of this name, and all of its source. NothingThere says where names come from.

    A picture that came with a question is there for its asker alone.
    """
    source, _, number = name.partition(".")
    if source.isdecimal() and number.isdecimal() and len(name) < LONGEST_NAME:
        siblings = house.store.regions_of([int(source)]).get(int(source), ())
        found = next((region for region in siblings if region.id == int(number)), None)
        if found is not None and is_readable(found.source, house, caller):
            return found, siblings
    raise NothingThere(
        f"there is no region {name[:50]!r}. Copy the field `region` of a result of search or of a citation of ask;"
        " a file that was taken out of the library is gone, so search again"
    )


def is_readable(source: Source, house: Assistant, caller: Caller) -> bool:
    """Whether a file is one of the library, or came with a question of the caller's own."""
    return source.collection != UPLOADS or HistoryService(assistant=house).has_upload(caller, source.path)


def cut_out(image: Image, region: Region, siblings: Sequence[Region]) -> Image:
    """The region's part of a picture, which may be smaller than the original that boxes are measured in."""
    whole = next((each for each in siblings if each.kind in ("whole", "page") and each.view == region.view), region)
    width, height = region.source.width_px or whole.box_px[2], region.source.height_px or whole.box_px[3]
    across, down = image.width / width, image.height / height
    left, top, right, bottom = region.box_px
    x, y = min(int(left * across), image.width - 1), min(int(top * down), image.height - 1)
    return image.crop((x, y, max(x + 1, round(right * across)), max(y + 1, round(bottom * down))))


def jpeg(image: Image) -> bytes:
    """No larger than models look at."""
    file = io.BytesIO()
    shrink_picture(image).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
