"""What an agent can do here: search, ask, look at a region, see what there is. Plain functions over an Assistant.

A region is handed on as one word, "SOURCE.REGION", which an agent copies from a result into its next call.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from PIL.Image import Image
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, requires
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.language.search_filters import check_searchable
from deepseek_mm.lm.backends.server_client import shrink_picture
from deepseek_mm.parse.photo import read_photo
from deepseek_mm.records import Answer, Citation, Match, Picture, Query, Question
from deepseek_mm.services.answer_service import AnswerService
from index import LIBRARY, Filter, Region

QUALITY = 90  # of a region's JPEG
MOST_FOUND = 50


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


class LibrarySummary(BaseModel):
    """What the library has."""

    files: int
    kinds: dict[str, int] = Field(description="photo, document, code: how many of each")
    collections: dict[str, int] = Field(description="names to search in, and how many files each has")
    labels: dict[str, int] = Field(description="what is seen most often, and in how many files")


class PictureOpener(Protocol):
    """What is needed to look at a picture that an agent names."""

    def open(self, url: str) -> Image:
        """The picture behind a data URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class McpTools:
    """The tools. `open_answers` gives the service that answers, which may be long in coming.

    An agent of somebody on this machine may name a picture by its path.
    """

    open_answers: Callable[[], AnswerService]
    pictures: PictureOpener

    @requires("ask")
    def search(self, caller: Caller, words: str, picture: str, limit: int, collection: str) -> SearchResults:
        """At most `limit` photos and documents. BadQuestion without words and picture, NothingThere without a file."""
        if not 1 <= limit <= MOST_FOUND:
            raise BadQuestion(f"limit={limit} must lie between 1 and {MOST_FOUND}")
        house = self._assistant
        query = Query(text=words, image=self._open_picture(caller, picture, house).image if picture else None)
        found = house.find(query, k=limit, where=Filter(collection=check_searchable(collection or LIBRARY)))
        results = [result_of(match) for match in found.matches]
        return SearchResults(found=found.found, certainty=round(float(found.certainty), 4), results=results)

    @requires("ask")
    def ask(
        self, caller: Caller, text: str, pictures: Sequence[str], conversation: int | None, stop: Event
    ) -> AnswerResult:
        """The whole answer, or as far as it came when `stop` was set. BadQuestion, NothingThere."""
        answers = self.open_answers()
        house = answers.engine.assistant
        first, *more = [self._open_picture(caller, each, house) for each in pictures] or [Picture()]
        question = Question(
            text=text,
            image=first.image,
            image_name=first.name,
            image_path=first.path,
            image_source=first.source,
            more=tuple(more),
            conversation=conversation,
        )
        return answer_result(answers.ask(caller, question, stop=stop))

    @requires("ask")
    def read_region(self, caller: Caller, name: str) -> tuple[RegionPlace, bytes]:
        """A region, and its part of the picture as JPEG; no bytes where there is none. NothingThere."""
        house = self._assistant
        region, siblings = region_named(name, house)
        place = RegionPlace(region=name, score=1.0, **region_fields(region))
        if region.source.kind == "code" or region.box_px == (0, 0, 0, 0):
            return place, b""
        return place, jpeg(cut_out(house.picture(region.source, region.page), region, siblings))

    @requires("ask")
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

    def _open_picture(self, caller: Caller, named: str, house: Assistant) -> Picture:
        if named.startswith("data:") or not caller.local:
            return Picture(image=self.pictures.open(named), name="picture")
        path = Path(named).expanduser()
        photo = read_photo(path, max_pixels=house.config.parse.max_pixels)
        return Picture(image=photo.image, name=path.name, path=photo.source.path, source=photo.source)


def region_fields(region: Region) -> dict[str, Any]:
    """What a place says of a region."""
    return {
        "path": region.source.path,
        "kind": region.kind,
        "box_px": list(region.box_px),
        "page": region.page,
        "label": region.label,
        "text": region.text,
    }


def name_of(region: Region) -> str:
    """The word by which it is read again."""
    return f"{region.source.id}.{region.id}"


def result_of(match: Match) -> SearchResult:
    """A match as an agent reads it."""
    return SearchResult(
        region=name_of(match.region),
        score=round(float(match.score), 4),
        why=list(match.why),
        twins=[twin.source.path for twin in match.twins],
        **region_fields(match.region),
    )


def answer_result(answer: Answer) -> AnswerResult:
    """An answer as an agent reads it."""
    return AnswerResult(
        answer=answer.text,
        found=answer.found,
        confidence=None if answer.confidence is None else round(float(answer.confidence), 4),
        citations=[numbered_place(citation) for citation in answer.citations],
        conversation=answer.conversation,
    )


def numbered_place(citation: Citation) -> NumberedPlace:
    """A citation as an agent reads it."""
    score, region = round(float(citation.score), 4), citation.region
    return NumberedPlace(number=citation.number, region=name_of(region), score=score, **region_fields(region))


def region_named(name: str, house: Assistant) -> tuple[Region, tuple[Region, ...]]:
    """The region of this name, and all of its source. NothingThere says where names come from."""
    source, _, number = name.partition(".")
    if source.isdecimal() and number.isdecimal() and len(name) < 30:
        siblings = house.store.regions_of([int(source)]).get(int(source), ())
        for region in siblings:
            if region.id == int(number):
                return region, siblings
    raise NothingThere(
        f"there is no region {name[:50]!r}. Copy the field `region` of a result of search or of a citation of ask;"
        " a file that was taken out of the library is gone, so search again"
    )


def cut_out(image: Image, region: Region, siblings: Sequence[Region]) -> Image:
    """The region's part of a picture, which may be smaller than the original that boxes are measured in."""
    whole = next((each for each in siblings if each.kind in ("whole", "page") and each.page == region.page), region)
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
