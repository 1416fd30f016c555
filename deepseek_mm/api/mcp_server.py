"""The tools for agents over the Model Context Protocol.

A region is handed on as one word, "SOURCE.REGION", which an agent copies from a result into its next call.

Over stdio (`python -m deepseek_mm mcp`) the agent is the user's own, so pictures may be files of this machine.
"""

import base64
import io
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from anyio import get_cancelled_exc_class
from anyio.to_thread import run_sync
from PIL.Image import Image
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.api.schemas import UnderstoodOut
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, DeepSeekMMError, MissingPackage, NothingThere
from deepseek_mm.language.search_filters import check_searchable
from deepseek_mm.lm.backends.server_model import shrink_picture
from deepseek_mm.parse.document import read_photo
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.shapes import round_score
from deepseek_mm.types import Answer, Picture, Query, Question
from index import LIBRARY, Filter, IndexProblem, Region

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer


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
    """The tools. `open_answers` gives the service that answers, which may be long in coming.

    An agent of somebody on this machine may name a picture by its path.
    """

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

    def read_region(self, caller: Caller, name: str) -> tuple[RegionPlace, bytes]:
        """A region, and its part of the picture as JPEG; no bytes where there is none. NothingThere."""
        house = self._assistant
        region, siblings = region_named(name, house)
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

    def _open_picture(self, caller: Caller, named: str, house: Assistant) -> Picture:
        if named.startswith("data:") or not caller.local:
            return Picture(image=self.pictures.open(named), name="picture")
        path = Path(named).expanduser()
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


Result = TypeVar("Result")
INSTRUCTIONS = (
    "A library of the user's own photos, documents and code on this machine. Use `search` to find files, `ask` for a"
    " question that is to be answered from them, `read_region` to look at what a result points at. Answers cite what"
    " they rest on; say so when `found` is false instead of guessing."
)
SEARCH = (
    "Find photos, documents and code in the user's library by what they show or say, by a picture that they resemble,"
    " or both. Gives files with the best box in each, and whether the library has what was looked for at all. It finds"
    " things, and answers nothing: for a question use `ask`."
)
ASK = (
    "Answer a question from the user's library, or about the pictures given with it: is there, how many, what colour,"
    " where, which photos, what is written. The answer is checked against the boxes that it cites."
)
READ = (
    "Look at one region that `search` or `ask` pointed at: its part of the picture, with what is written there, its"
    " label and its box. Use it to see for yourself before you rely on a result."
)
LIST = "What the library has: number of files, kinds, collections to search in, and what is seen most often."


def build_mcp(
    hands: McpTools,
    caller: Caller,
    *,
    lifespan: Callable[["MCPServer[Any]"], AbstractAsyncContextManager[Any]] | None = None,
) -> "MCPServer[Any]":
    """A server with four tools for this caller. An error that a user can fix is a tool error that says how.

    MissingPackage if the package `mcp` is absent.
    """
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError as error:
        raise MissingPackage("mcp", needed_for="the server for agents") from error
    server = MCPServer(
        "deepseek-mm",
        title="DeepSeek-MM",
        instructions=INSTRUCTIONS,
        version=str(import_module("deepseek_mm").__version__),
        log_level="WARNING",
        lifespan=lifespan,
    )
    add_questions(server, hands, caller)
    add_looks(server, hands, caller)
    return server


def add_questions(server: "MCPServer[Any]", hands: McpTools, caller: Caller) -> None:
    """search and ask."""
    from mcp.types import ToolAnnotations

    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    named = "a data URL (data:image/jpeg;base64,...)" + (", or a file's path on this machine" if caller.local else "")

    @server.tool(description=SEARCH, annotations=reads)
    async def search(
        words: Annotated[str, Field(description="what to look for, such as: two children playing")] = "",
        picture: Annotated[str, Field(description=f"what it should resemble: {named}")] = "",
        limit: Annotated[int, Field(description="files at most, 1 to 50")] = 5,
        collection: Annotated[str, Field(description="look only in this one; see list_collections")] = "",
    ) -> SearchResults:
        return await run_in_thread(partial(hands.search, caller, words, picture, limit, collection))

    @server.tool(description=ASK)
    async def ask(
        question: Annotated[str, Field(description="such as: Which photos show a dog?")],
        pictures: Annotated[list[str], Field(description=f"what it is about, else the library: {named}")] = [],  # noqa: B006
        conversation: Annotated[int | None, Field(description="of an earlier answer that this goes on from")] = None,
    ) -> AnswerResult:
        stop = Event()
        return await run_in_thread(partial(hands.ask, caller, question, pictures, conversation, stop), stop)


def add_looks(server: "MCPServer[Any]", hands: McpTools, caller: Caller) -> None:
    """read_region and list_collections."""
    from mcp.types import ImageContent, TextContent, ToolAnnotations

    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(description=READ, annotations=reads, structured_output=False)
    async def read_region(
        region: Annotated[str, Field(description="the field `region` of a result or citation, such as 12.57")],
    ) -> list[ImageContent | TextContent]:
        place, data = await run_in_thread(partial(hands.read_region, caller, region))
        told = TextContent(type="text", text=json.dumps(place.model_dump(exclude={"score"})))
        if not data:
            return [told]
        return [ImageContent(type="image", data=base64.b64encode(data).decode(), mime_type="image/jpeg"), told]

    @server.tool(description=LIST, annotations=reads)
    async def list_collections() -> LibrarySummary:
        return await run_in_thread(partial(hands.list_collections, caller))


async def run_in_thread(work: Callable[[], Result], stop: Event | None = None) -> Result:
    """Do it in a thread. Whoever takes the call back sets `stop`; what a user can fix becomes a ToolError."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        return await run_sync(work, abandon_on_cancel=True)
    except get_cancelled_exc_class():
        if stop is not None:
            stop.set()
        raise
    except (DeepSeekMMError, IndexProblem) as error:
        raise ToolError(str(error)) from error
