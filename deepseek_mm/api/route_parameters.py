"""Parameters that routes share: the caller with a right, parts of the app, the page of a list, and filters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, Right, caller_in, require_right
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.api.schemas import Typed
from deepseek_mm.assistant import Assistant
from deepseek_mm.language.search_filters import FileKind, SearchFilter
from deepseek_mm.services import Services
from index import Filter

MOST = 500  # items of one page
FAR = 10**9  # items that can be skipped
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRange:
    """Which part of a list is wanted."""

    offset: int
    limit: int


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    total: int = Field(description="of the whole list", examples=[1])
    offset: int = Field(description="how many come before these", examples=[0])
    next_offset: int | None = Field(description="where the next page begins; null after the last", examples=[None])

    @classmethod
    def of(cls, part: PageRange, items: list[Item], total: int) -> Self:
        """`items` are those of this part."""
        end = part.offset + len(items)
        after = end if items and end < total else None
        return cls(items=items, total=total, offset=part.offset, next_offset=after)

    @classmethod
    def cut(cls, part: PageRange, every: Sequence[Any], show: Callable[[Any], Item]) -> Self:
        """This part of a whole list, each item as `show` says it."""
        return cls.of(part, [show(each) for each in every[part.offset : part.offset + part.limit]], len(every))


def read_page_range(
    offset: Annotated[int, Query(ge=0, le=FAR, description="how many to skip")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="how many to give")] = 50,
) -> PageRange:
    """From the query."""
    return PageRange(offset=offset, limit=limit)


class SearchFilterIn(BaseModel):
    """What may be found; empty is any."""

    kind: FileKind = Field(
        default="", description="photos, videos, documents, code, or written: text that was read in photos"
    )
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


def needs(right: Right) -> Any:
    """A dependency that gives the caller. Forbidden if the caller's key has not this right."""

    async def check(request: Request) -> Caller:  # not async, it would be sent to a thread
        caller = caller_in(request.scope)
        require_right(caller, right)
        return caller

    check.right = right  # type: ignore[attr-defined]  # as tests/rights_table.py reads it
    return Depends(check)


def part_of_app(name: str) -> Any:
    """A dependency that gives what `app.build_api` has put under this name into the app's state."""

    async def find(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(find)


Asker = Annotated[Caller, needs("ask")]
Librarian = Annotated[Caller, needs("library")]
Administrator = Annotated[Caller, needs("settings")]
OurServices = Annotated[Services, part_of_app("services")]
Pictures = Annotated[PictureDecoder, part_of_app("pictures")]
OurAssistant = Annotated[Assistant, part_of_app("assistant")]
