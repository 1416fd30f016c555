"""What a search may return, as people say it: read in one place for the page, the API and the search box."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self

from deepseek_mm.dates import period
from deepseek_mm.errors import BadQuestion
from index import EVERYTHING, Filter
from index.region import UPLOADS

DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?", re.ASCII)
FileKind = Literal["", "photos", "documents", "code", "written"]
NARROWED: Mapping[str, Mapping[str, Any]] = {  # "written" is text that was read in photos
    "photos": {"source_kinds": ("photo",)},
    "documents": {"source_kinds": ("document",)},
    "code": {"source_kinds": ("code",)},
    "written": {"source_kinds": ("photo",), "kinds": ("text",)},
}


class BadDate(BadQuestion):
    """A text that is no year, month or day."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no date. Write a year, a month or a day: 2024, 2024-05 or 2024-05-31")
        self.text = text


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchFilter:
    """The conditions of a search, which add up; an empty one allows anything."""

    kind: str = ""  # a FileKind; anything else allows any
    label: str = ""
    format: str = ""
    collection: str = ""
    since: str = ""  # a year, a month or a day
    until: str = ""  # the same, inclusive
    folder: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """From values by name; other names are passed over."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    def where(self) -> Filter:
        """As the index understands it. BadDate or BadQuestion names what cannot be understood."""
        format, since, until = self.format.strip().lower(), self.since.strip(), self.until.strip()
        folder = self.folder.strip()
        return Filter(
            **NARROWED.get(self.kind, {}),
            label=self.label.strip().lower(),
            formats=(format,) if format else (),
            collection=" ".join(check_searchable(self.collection).split()) or EVERYTHING.collection,
            folder=os.path.realpath(os.path.expanduser(folder)) if folder else "",
            taken_after=read_period(since)[0] if since else None,
            taken_before=read_period(until)[1] if until else None,
        )


def read_period(text: str) -> tuple[datetime, datetime]:
    """The beginning of a year, a month or a day, and that of the next one. BadDate if it is none of them."""
    try:
        return period(DATE.fullmatch(text))
    except (ValueError, OverflowError) as error:
        raise BadDate(text) from error


def check_searchable(collection: str) -> str:
    """The collection that somebody names. BadQuestion for the one that holds what came with others' questions."""
    if collection == UPLOADS:
        raise BadQuestion(f"{UPLOADS} is no collection: pictures of questions are found in /history")
    return collection
