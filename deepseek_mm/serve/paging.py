"""Long lists come page by page, and are narrowed by the filters of the page's Search and Library tabs."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from deepseek_mm.language.search_filters import FileKind, SearchFilter
from deepseek_mm.serve.wire import Typed
from index import Filter

MOST = 500  # items of one page
FAR = 10**9  # items that can be skipped
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    total: int = Field(description="of the whole list", examples=[1])
    offset: int = Field(description="how many come before these", examples=[0])
    next_offset: int | None = Field(description="where the next page begins; null after the last", examples=[None])


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Which part of a list is wanted."""

    offset: int
    limit: int

    def page(self, items: list[Any], total: int) -> dict[str, Any]:
        """The fields of a Page; `items` are those of this part."""
        end = self.offset + len(items)
        after = end if items and end < total else None
        return {"items": items, "total": total, "offset": self.offset, "next_offset": after}


def cut(
    offset: Annotated[int, Query(ge=0, le=FAR, description="how many to skip")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="how many to give")] = 50,
) -> Cut:
    """From the query."""
    return Cut(offset=offset, limit=limit)


class SearchFilterIn(BaseModel):
    """What may be found; empty is any."""

    kind: FileKind = Field(default="", description="photos, documents, code, or written: text that was read in photos")
    label: Typed = Field(default="", max_length=500, description="what it must be labelled", examples=["kite"])
    format: Typed = Field(default="", max_length=40, description="type of file", examples=["jpeg"])
    collection: Typed = Field(default="", max_length=500)
    since: Typed = Field(default="", max_length=10, description="taken in or after a year, month or day")
    until: Typed = Field(default="", max_length=10, description="taken in or before it", examples=["2024-05"])
    folder: Typed = Field(default="", max_length=4096, description="absolute; files below it")


def where(asked: Annotated[SearchFilterIn, Query()]) -> Filter:
    """From the query. BadQuestion names what cannot be understood."""
    return SearchFilter.of(asked.model_dump()).where()


Paged = Annotated[Cut, Depends(cut)]
Where = Annotated[Filter, Depends(where)]
