"""Parameters that routes share: the caller with the right that is needed, the page of a list, and filters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, Right, caller_in, require_right
from deepseek_mm.api.schemas import Typed
from deepseek_mm.language.search_filters import FileKind, SearchFilter
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
class PageRange:
    """Which part of a list is wanted."""

    offset: int
    limit: int

    def to_page(self, items: list[Any], total: int) -> dict[str, Any]:
        """The fields of a Page; `items` are those of this part."""
        end = self.offset + len(items)
        after = end if items and end < total else None
        return {"items": items, "total": total, "offset": self.offset, "next_offset": after}


def read_page_range(
    offset: Annotated[int, Query(ge=0, le=FAR, description="how many to skip")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="how many to give")] = 50,
) -> PageRange:
    """From the query."""
    return PageRange(offset=offset, limit=limit)


class SearchFilterIn(BaseModel):
    """What may be found; empty is any."""

    kind: FileKind = Field(default="", description="photos, documents, code, or written: text that was read in photos")
    label: Typed = Field(default="", max_length=500, description="what it must be labelled", examples=["kite"])
    format: Typed = Field(default="", max_length=40, description="type of file", examples=["jpeg"])
    collection: Typed = Field(default="", max_length=500)
    since: Typed = Field(default="", max_length=10, description="taken in or after a year, month or day")
    until: Typed = Field(default="", max_length=10, description="taken in or before it", examples=["2024-05"])
    folder: Typed = Field(default="", max_length=4096, description="absolute; files below it")


def read_filter(asked: Annotated[SearchFilterIn, Query()]) -> Filter:
    """From the query. BadQuestion names what cannot be understood."""
    return SearchFilter.of(asked.model_dump()).where()


Paged = Annotated[PageRange, Depends(read_page_range)]
Where = Annotated[Filter, Depends(read_filter)]


def needs(right: Right, *, first: Callable[[Caller], None] | None = None) -> Any:
    """A dependency that gives the caller. Forbidden if the caller's key has not this right.

    `first` may refuse before that, where there is more to say than which right is missing.
    """

    async def check(request: Request) -> Caller:  # not async, it would be sent to a thread
        caller = caller_in(request.scope)
        if first is not None:
            first(caller)
        require_right(caller, right)
        return caller

    check.right = right  # type: ignore[attr-defined]  # as tests/rights_table.py reads it
    return Depends(check)


Me = Annotated[Caller, needs("ask")]
