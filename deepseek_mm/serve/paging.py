"""Long lists come page by page, and are narrowed by the filters of the page's Search and Library tabs."""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from deepseek_mm.dates import period as span
from deepseek_mm.errors import BadQuestion
from deepseek_mm.rag.askable import searchable
from deepseek_mm.serve.wire import Typed
from index import EVERYTHING, Filter

MOST = 500  # items of one page
FAR = 10**9  # items that can be skipped
DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?", re.ASCII)
Item = TypeVar("Item")
Kind = Literal["", "photos", "documents", "code", "written"]
KINDS: dict[Kind, dict[str, Any]] = {  # "written" is text that was read in photos
    "": {},
    "photos": {"source_kinds": ("photo",)},
    "documents": {"source_kinds": ("document",)},
    "code": {"source_kinds": ("code",)},
    "written": {"source_kinds": ("photo",), "kinds": ("text",)},
}


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


class Wish(BaseModel):
    """What may be found; empty is any."""

    kind: Kind = Field(default="", description="photos, documents, code, or written: text that was read in photos")
    label: Typed = Field(default="", max_length=500, description="what it must be labelled", examples=["kite"])
    format: Typed = Field(default="", max_length=40, description="type of file", examples=["jpeg"])
    collection: Typed = Field(default="", max_length=500)
    since: Typed = Field(default="", max_length=10, description="taken in or after a year, month or day")
    until: Typed = Field(default="", max_length=10, description="taken in or before it", examples=["2024-05"])
    folder: Typed = Field(default="", max_length=4096, description="absolute; files below it")


def allowed_by(wish: Wish) -> Filter:
    """As the store understands it. BadQuestion names what cannot be understood."""
    return Filter(
        **KINDS[wish.kind],
        label=wish.label.strip().lower(),
        formats=(wish.format.strip().lower(),) if wish.format.strip() else (),
        collection=" ".join(searchable(wish.collection).split()) or EVERYTHING.collection,
        folder=os.path.realpath(os.path.expanduser(wish.folder)) if wish.folder else "",
        taken_after=period(wish.since)[0] if wish.since else None,
        taken_before=period(wish.until)[1] if wish.until else None,
    )


def where(wish: Annotated[Wish, Query()]) -> Filter:
    """From the query."""
    return allowed_by(wish)


def period(text: str) -> tuple[datetime, datetime]:
    """The beginning of a year, month or day, and that of the next one. BadQuestion if it is none."""
    try:
        return span(DATE.fullmatch(text.strip()))
    except (ValueError, OverflowError) as error:
        raise BadQuestion(
            f"{text!r} is no date. Write a year, a month or a day: 2024, 2024-05 or 2024-05-31"
        ) from error


Paged = Annotated[Cut, Depends(cut)]
Where = Annotated[Filter, Depends(where)]
