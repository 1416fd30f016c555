"""What a search may return, as a visitor says it: words and dates become a Filter, or a sentence what is wrong."""

import os
import re
from dataclasses import dataclass, replace
from datetime import datetime

from deepseek_mm import DeepSeekMMError
from deepseek_mm import period as span
from index import EVERYTHING, Filter
from ui.words import Words

DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?")
KINDS = {
    "": EVERYTHING,
    "photos": Filter(source_kinds=("photo",)),
    "documents": Filter(source_kinds=("document",)),
    "code": Filter(source_kinds=("code",)),
    "written": Filter(source_kinds=("photo",), kinds=("text",)),
}


class BadFilter(DeepSeekMMError, ValueError):
    """A filter that says nothing, such as a date that is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """The filters as they stand on the page; empty is any."""

    kind: str = ""  # one of KINDS
    label: str = ""
    format: str = ""
    collection: str = ""
    since: str = ""  # a year, a month or a day
    until: str = ""  # the same, inclusive
    folder: str = ""


def allowed(wish: Wish, words: Words) -> Filter:
    """What the wish allows. BadFilter names what cannot be understood."""
    return replace(
        KINDS.get(wish.kind, EVERYTHING),
        label=wish.label.lower(),
        formats=(wish.format.lower(),) if wish.format else (),
        collection=wish.collection or EVERYTHING.collection,
        folder=os.path.realpath(os.path.expanduser(wish.folder)) if wish.folder else "",
        taken_after=period(wish.since, words)[0] if wish.since else None,
        taken_before=period(wish.until, words)[1] if wish.until else None,
    )


def period(text: str, words: Words) -> tuple[datetime, datetime]:
    """The beginning of a year, month or day, and that of the next one."""
    try:
        return span(DATE.fullmatch(text))
    except (ValueError, OverflowError) as error:
        raise BadFilter(words.bad_date.format(text=text)) from error
