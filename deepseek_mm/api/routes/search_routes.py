"""/search/...: completion of the search box, explanations and heat maps of a match, and saved searches."""

import io
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.answering.code.mentions import mentions
from deepseek_mm.answering.code.suggestions import questions_to_try
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.api.route_parameters import Asker, OurAssistant, OurServices, Pictures, SearchFilterIn
from deepseek_mm.api.routes.library_routes import SAFE
from deepseek_mm.api.schemas import Body, Number, Record, Text, Typed
from deepseek_mm.api.task_schemas import SearchIn
from deepseek_mm.api.tasks import query_of
from deepseek_mm.assistant import Assistant
from deepseek_mm.history import Saved
from deepseek_mm.history.queries import NAME_CHARS, TEXT_CHARS
from deepseek_mm.language.questions import validate_query as checked
from deepseek_mm.language.search_syntax import Suggestion, search_parts, search_without, suggest
from deepseek_mm.retrieval.heat import Heat, heat_map
from deepseek_mm.retrieval.ranking import hit_spans
from deepseek_mm.services import Services
from deepseek_mm.types import About
from index import LIBRARY

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
router = APIRouter(tags=["ask"], responses=DECLARED)


class WhyIn(SearchIn):
    """A search, and the file that it is held against."""

    of: Number = Field(description="id of the file", examples=[7])
    of_page: int = Field(default=0, ge=0, le=1_000_000, description="of a document, from 1", examples=[0])


class WordsOut(BaseModel):
    """Words of the search that are written in a region."""

    region: int = Field(description="its id", examples=[31])
    text: Text
    spans: list[tuple[int, int]] = Field(description="first letter and end of each, in the text")


class WhyOut(BaseModel):
    """Where the file agrees with the search."""

    cells: list[list[float]] = Field(description="rows from the top: 0 as most of the picture, 1 nearest to the search")
    low: float = Field(description="the cosine that is 0", examples=[0.17])
    high: float = Field(description="the cosine that is 1", examples=[0.41])
    words: list[WordsOut]


class StartersOut(Record):
    """What there is to begin with."""

    questions: list[Text] = Field(examples=[["Is there a banana?"]])
    searches: list[Text] = Field(examples=[["mountain"]])
    is_trying: bool = Field(description="others are tried now: the library is another one than when these were")


@router.get("/search/starters")
def find_starters(services: OurServices, caller: Asker, language: Literal["en", "zh"] = "en") -> StartersOut:
    """Questions and searches made of this library, whose answers were checked before they are offered."""
    return StartersOut.of(services.starters.find_starters(caller, language))


@router.post("/search/why")
def why(services: OurServices, assistant: OurAssistant, pictures: Pictures, asked: WhyIn, caller: Asker) -> WhyOut:
    """What of a file speaks for a search: the cells of its picture, and its words."""
    heat, _ = draw_heat(services, assistant, pictures, asked, caller)
    regions = assistant.store.regions_of([asked.of])[asked.of]
    found = [(region, hit_spans(region.text, asked.text)) for region in regions]
    words = [WordsOut(region=region.id, text=region.text, spans=spans) for region, spans in found if spans]
    return WhyOut(cells=[list(row) for row in heat.cells_HW], low=heat.low, high=heat.high, words=words)


@router.post("/search/heat", responses=PNG, response_class=Response)
def heat(services: OurServices, assistant: OurAssistant, pictures: Pictures, asked: WhyIn, caller: Asker) -> Response:
    """The same as a clear PNG in the picture's proportions, to be laid over it."""
    found, size = draw_heat(services, assistant, pictures, asked, caller)
    out = io.BytesIO()
    found.to_image(size).save(out, "PNG")
    return Response(out.getvalue(), media_type="image/png", headers=SAFE)


def draw_heat(
    services: Services, assistant: Assistant, pictures: PictureDecoder, asked: WhyIn, caller: Caller
) -> tuple[Heat, tuple[int, int]]:
    """With the size of the picture. NothingThere, BadFile or BadQuestion says why there is none."""
    source = services.library.find_source(caller, asked.of)
    query = checked(query_of(assistant, asked, pictures.open))
    image = assistant.picture(source, asked.of_page)
    return heat_map(assistant.retriever.search, query, image), image.size


LABELS = 200  # the commonest, that are proposed
Box = Annotated[Typed, Query(max_length=500, description="what stands in the box", examples=["a dog ty"])]


class SuggestionOut(Record):
    """One thing that could be meant."""

    text: Text = Field(description="the whole box, if it is taken", examples=["a dog type:"])
    insert: Text = Field(description="what takes the place of the unfinished word", examples=["type:"])
    help: Text = Field(examples=["only files of this type"])


class QueryPartOut(BaseModel):
    """An operator, exact words, or what is taken away."""

    name: Text = Field(description='of the operator; or "exact", "away"', examples=["type"])
    value: Text = Field(examples=["pdf"])
    text: Text = Field(description="as it stands in the box", examples=["type:pdf"])
    rest: Text = Field(description="the box without it", examples=["a dog"])


@router.get("/search/complete")
def complete(assistant: OurAssistant, caller: Asker, text: Box = "", about: About = "photos") -> list[SuggestionOut]:
    """Operators, and behind a colon their values: those of this library, too. About code: `@file` and `@name`, or
    whole questions to begin with where the box is empty.
    """
    return list(map(SuggestionOut.of, find_suggestions(assistant, text, about)))


def find_suggestions(assistant: Assistant, text: str, about: About) -> list[Suggestion]:
    """What may stand in the box next."""
    store = assistant.store
    if about == "code":
        tried = [] if text else [Suggestion(text=each, insert=each, help="") for each in questions_to_try(store)]
        return tried or mentions(text, store)
    known = {
        "in": [name for name in store.collections() if name != LIBRARY],
        "label": [label.name for label in store.labels(LABELS)],
    }
    return suggest(text, known=known)


@router.get("/search/parts")
def parts(caller: Asker, text: Box = "") -> list[QueryPartOut]:
    """What bounds the search that stands in the box, in its order; what is wrong with it `POST /search` says."""
    return [
        QueryPartOut(name=part.name, value=part.value, text=part.text, rest=search_without(text, part.text))
        for part in search_parts(text)
    ]


class SavedIn(Body):
    """A search to be kept."""

    name: Typed = Field(max_length=NAME_CHARS, examples=["dogs on the beach"])
    text: Typed = Field(default="", max_length=TEXT_CHARS, examples=["a dog on a beach"])
    filters: SearchFilterIn = SearchFilterIn()


class SavedOut(BaseModel):
    """One that is kept."""

    id: int
    name: Text
    text: Text
    filters: dict[str, Text] = Field(description="those that say something", examples=[{"since": "2024"}])

    @classmethod
    def of(cls, saved: Saved) -> Self:
        """As JSON says it."""
        return cls(id=saved.id, name=saved.name, text=saved.text, filters=dict(saved.filters))


@router.get("/search/saved", name="listed")
def list_searches(services: OurServices, caller: Asker) -> list[SavedOut]:
    """The caller's, by name."""
    return list(map(SavedOut.of, services.history.list_searches(caller)))


@router.post("/search/saved", status_code=201)
def save(services: OurServices, asked: SavedIn, caller: Asker) -> SavedOut:
    """Keep a search, in place of the one of that name."""
    filters = {name: str(value) for name, value in asked.filters.model_dump().items()}
    return SavedOut.of(services.history.save_search(caller, asked.name, asked.text, filters))


@router.delete("/search/saved/{saved}", status_code=204)
def forget(services: OurServices, saved: Number, caller: Asker) -> None:
    """Forget one."""
    services.history.forget_search(caller, saved)
