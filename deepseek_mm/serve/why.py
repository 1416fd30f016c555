"""/search/why and /search/heat: what of one file speaks for a search, cell by cell, and which of its words do."""

import io
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.language.questions import validate_query as checked
from deepseek_mm.retrieval.heat import Heat, heat_map
from deepseek_mm.retrieval.matches import hit_spans
from deepseek_mm.serve.pictures import Pictures
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.shelf_pictures import SAFE
from deepseek_mm.serve.task_handlers import query_of
from deepseek_mm.serve.task_schemas import SearchIn
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import Number, Text
from deepseek_mm.services import Services
from index import Source

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


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


def why_routes(services: Services, assistant: Assistant, pictures: Pictures) -> APIRouter:
    """The routes that explain."""
    router = APIRouter(tags=["ask"], responses=DECLARED)

    def open_source(caller: Caller, asked: WhyIn) -> Source:
        return services.library.find_source(caller, asked.of)

    @router.post("/search/why")
    def why(asked: WhyIn, caller: Annotated[Caller, needs("ask")]) -> WhyOut:
        """What of a file speaks for a search: the cells of its picture, and its words."""
        heat = _heat(assistant, asked, open_source(caller, asked), pictures)[0]
        regions = assistant.store.regions_of([asked.of])[asked.of]
        found = [(region, hit_spans(region.text, asked.text)) for region in regions]
        words = [WordsOut(region=region.id, text=region.text, spans=spans) for region, spans in found if spans]
        return WhyOut(cells=[list(row) for row in heat.cells_HW], low=heat.low, high=heat.high, words=words)

    @router.post("/search/heat", responses=PNG, response_class=Response)
    def heat(asked: WhyIn, caller: Annotated[Caller, needs("ask")]) -> Response:
        """The same as a clear PNG in the picture's proportions, to be laid over it."""
        found, size = _heat(assistant, asked, open_source(caller, asked), pictures)
        out = io.BytesIO()
        found.to_image(size).save(out, "PNG")
        return Response(out.getvalue(), media_type="image/png", headers=SAFE)

    return router


def _heat(assistant: Assistant, asked: WhyIn, source: Source, pictures: Pictures) -> tuple[Heat, tuple[int, int]]:
    """With the size of the picture. NothingThere, BadFile or BadQuestion says why there is none."""
    query = checked(query_of(assistant, asked, pictures.open))
    image = assistant.picture(source, asked.of_page)
    return heat_map(assistant.retriever.search, query, image), image.size
