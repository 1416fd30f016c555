"""What a search may return: filters by kind, format, folder and date, and the search box operators that set them.

A row turns one value into a part of a Filter. Several values of one operator mean "any of these" where a file can have
only one of them anyway (`type:pdf type:docx`), and "all of these" where it can have several (`colour:red colour:blue`).
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Literal, Self

from deepseek_mm.dates import period
from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.own_sentences import name_in_english, names_in_english, read_names
from deepseek_mm.language.words import COLOURS
from deepseek_mm.parse.formats import FORMATS
from index import EVERYTHING, Filter
from index.region import MOST_STARS, UPLOADS, VIDEO_FORMATS

DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?", re.ASCII)
FileKind = Literal["", "photos", "videos", "documents", "code", "written"]
NARROWED: Mapping[str, Mapping[str, Any]] = {  # "written" is text that was read in photos
    "photos": {"source_kinds": ("photo",)},
    "videos": {"formats": VIDEO_FORMATS},
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
        kind = dict(NARROWED.get(self.kind, {}))
        formats = kind.pop("formats", ())
        return Filter(
            **kind,
            **labels_named(self.label),
            formats=(format,) if format else formats,
            collection=" ".join(check_searchable(self.collection).split()) or EVERYTHING.collection,
            folder=os.path.realpath(os.path.expanduser(folder)) if folder else "",
            taken_after=read_period(since)[0] if since else None,
            taken_before=read_period(until)[1] if until else None,
        )


def labels_named(value: str) -> dict[str, Any]:
    """The fields of a Filter for what shows a thing, by its name in English or Chinese; of a name that several labels
    have in English any of them.
    """
    name = value.strip()
    first, *others = names_in_english(name) or (name if name in read_names() else name.lower(),)
    return {"label": first, "other_labels": tuple(others)}


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


KINDS = ("page", "text", "code", "caption", "name", "note", "whole", "part")  # of regions
SOURCES = ("photo", "document", "code")
FAVOURITE = ("favourite", "favorite", "favourites", "favorites", "\u6536\u85cf", "\u6700\u7231")
VIDEO = ("video", "videos", "clip", "clips", "movie", "movies", "\u89c6\u9891")
CLASSES = ("photo", VIDEO[0], "document", "code", FAVOURITE[0])  # values of `is:`
Values = Sequence[str]
ANY_OF = ("formats", "kinds", "source_kinds")  # fields of a Filter that join; the others must not be said twice
ALL_OF = ("colours", "people", "not_people")


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """One row."""

    name: str
    help: str  # what it narrows the search to, after "only"
    example: str
    narrow: Callable[[str], dict[str, Any]]  # a value -> fields of a Filter
    values: Values = ()  # all that are possible; empty where anything is
    other_names: Values = ()


def one_of(field: str, values: Values, *, more: Callable[[str], str] = str) -> Callable[[str], dict[str, Any]]:
    """A value of a list, as a tuple of one."""

    def narrow(value: str) -> dict[str, Any]:
        wanted = more(value.lower())
        if wanted not in values:
            raise ValueError(f"is none of {', '.join(values)}" if len(values) < 20 else nearest(wanted, values))
        return {field: (wanted,)}

    return narrow


def narrow_to_class(value: str) -> dict[str, Any]:
    """Favourites, videos, or files of one kind."""
    if value.lower() in VIDEO:
        return {"formats": VIDEO_FORMATS}
    if value.lower() in FAVOURITE:
        return {"is_favourite": True}
    return one_of("source_kinds", CLASSES, more=source_named)(value)


def narrow_to_stars(value: str) -> dict[str, Any]:
    """Rated at least so."""
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value) <= MOST_STARS:
        raise ValueError(f"is no number of stars from 1 to {MOST_STARS}")
    return {"stars": int(value)}


def place_named(value: str) -> str:
    """A place by its English name; Chinese names that are known are put into it."""
    return name_in_english(value, "zh") or value


def nearest(word: str, known: Values) -> str:
    """What to say of a word that is not known."""
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"is not known; the nearest is {close[0]}" if close else f"is not known; there are {', '.join(known)}"


def narrow_to_period(field: str) -> Callable[[str], dict[str, Any]]:
    """The beginning of a year, a month or a day as this field of a Filter."""

    def narrow(value: str) -> dict[str, Any]:
        try:
            return {field: read_period(value)[0]}
        except BadDate as error:
            raise ValueError("is no date. Write a year, a month or a day: 2020, 2020-05 or 2020-05-31") from error

    return narrow


TYPES = tuple(row.name for row in FORMATS if row.kind != "archive")
LANGUAGES = tuple(row.name for row in FORMATS if row.kind == "code")
ENDINGS = {ending.removeprefix("."): row.name for row in FORMATS for ending in row.endings}


FORMAT_WORDS = {  # what people call files of a type; of several words with blanks
    "eml": ("email", "e-mail", "mails", "\u7535\u5b50\u90ae\u4ef6", "\u90ae\u4ef6"),
    "pptx": (
        "presentation", "slide deck", "slideshow", "slides", "powerpoint", "\u5e7b\u706f\u7247",
        "\u6f14\u793a\u6587\u7a3f", "pr\u00e4sentation", "pr\u00e4sentationen", "folien",
    ),
    "xlsx": ("spreadsheet", "excel file", "excel sheet", "workbook", "\u7535\u5b50\u8868\u683c"),
    "epub": ("e-book", "ebook", "\u7535\u5b50\u4e66"),
    "docx": ("word document", "word file"),
    "odt": ("libreoffice document", "openoffice document", "opendocument text"),
    "rtf": ("rich text file",),
    "pdf": ("pdf document", "pdf file"),
}  # fmt: skip
FORMATS_BY_WORD = {word: name for name, words in FORMAT_WORDS.items() for word in words}
MENTIONED = re.compile(
    rf"(?<![a-z0-9-])({'|'.join(sorted(FORMATS_BY_WORD, key=len, reverse=True))})s?(?![a-z0-9-])", re.IGNORECASE
)
PLAIN = ("email", "powerpoint", "ebook", "spreadsheet")  # that no photo is asked for by


def format_named(word: str) -> str:
    """The type of file that a word names: "pngs", "jpg", "emails"; "" where it names none."""
    bare = word.lower().removesuffix("s")
    return ENDINGS.get(bare, bare if bare in TYPES else FORMATS_BY_WORD[bare] if bare in PLAIN else "")


def type_named(value: str) -> str:
    """The type of file that a value of `type:` means: "mails" -> eml; the value itself where it means none."""
    return ENDINGS.get(value) or FORMATS_BY_WORD.get(value) or FORMATS_BY_WORD.get(value.removesuffix("s"), value)


def formats_mentioned(text: str) -> tuple[str, ...]:
    """The types of files that a question speaks of: "who sent the email about dinner?" -> eml."""
    return tuple(dict.fromkeys(FORMATS_BY_WORD[word.lower()] for word in MENTIONED.findall(text)))


def source_named(value: str) -> str:
    """The kind of file that a value of `is:` means: "photos", "\u6587\u6863"; the value itself where it means none."""
    return (name_in_english(value, "zh") or value).split(" ")[-1].removesuffix("s")  # "computer code" is code


def colour_named(value: str) -> str:
    """The colour that a value of `colour:` means: "gray", "\u7ea2\u8272"; the value itself where it means none."""
    name = name_in_english(value, "zh") or value
    return COLOURS.get(name, name)


COLOUR_NAMES = tuple(sorted(set(COLOURS.values())))

OPERATORS = (
    Operator(
        name="type",
        help="files of this type",
        example="type:pdf",
        narrow=one_of("formats", TYPES, more=type_named),
        values=TYPES,
        other_names=("\u7c7b\u578b", "\u683c\u5f0f"),
    ),
    Operator(
        name="after",
        help="photos taken from then on",
        example="after:2019-05",
        narrow=narrow_to_period("taken_after"),
        other_names=("since", "\u4e4b\u540e", "\u665a\u4e8e"),
    ),
    Operator(
        name="before",
        help="photos taken before then",
        example="before:2020",
        narrow=narrow_to_period("taken_before"),
        other_names=("until", "\u4e4b\u524d", "\u65e9\u4e8e"),
    ),
    Operator(
        name="in",
        help="what is in this collection",
        example="in:holidays",
        narrow=lambda value: {"collection": value},
        other_names=("collection", "\u5408\u96c6"),
    ),
    Operator(
        name="album",
        help="photos of this album",
        example="album:Pisa",
        narrow=lambda value: {"album": value},
        other_names=("\u76f8\u518c",),
    ),
    Operator(
        name="person",
        help="photos of somebody, by the name that was given",
        example="person:Anna",
        narrow=lambda value: {"people": (value,)},
        other_names=("who", "\u4eba\u7269"),
    ),
    Operator(
        name="is",
        help="photos, videos, documents, code or favourites",
        example="is:photo",
        narrow=narrow_to_class,
        values=CLASSES,
        other_names=("\u7c7b\u522b",),
    ),
    Operator(
        name="stars",
        help="photos with at least as many stars",
        example="stars:4",
        narrow=narrow_to_stars,
        values=tuple(map(str, range(1, MOST_STARS + 1))),
        other_names=("rating", "\u661f\u7ea7"),
    ),
    Operator(
        name="place",
        help="photos taken there",
        example="place:Pisa",
        narrow=lambda value: {"place": place_named(value)},
        other_names=("\u5730\u70b9",),
    ),
    Operator(name="kind", help="pieces of this kind", example="kind:page", narrow=one_of("kinds", KINDS), values=KINDS),
    Operator(
        name="colour",
        help="what shows this colour",
        example="colour:red",
        narrow=one_of("colours", COLOUR_NAMES, more=colour_named),
        values=COLOUR_NAMES,
        other_names=("color", "\u989c\u8272"),
    ),
    Operator(
        name="label",
        help="what shows this thing",
        example="label:dog",
        narrow=labels_named,
        other_names=("\u6807\u7b7e",),
    ),
    Operator(
        name="lang",
        help="code in this language",
        example="lang:python",
        narrow=one_of("formats", LANGUAGES, more=lambda value: ENDINGS.get(value, value)),
        values=LANGUAGES,
        other_names=("language", "\u8bed\u8a00"),
    ),
    Operator(
        name="path",
        help="files whose path has this",
        example="path:src/",
        narrow=lambda value: {"path": value},
        other_names=("\u8def\u5f84",),
    ),
)
HOLDER = {
    "page": "document",
    "whole": "photo",
    "caption": "photo",
    "name": "photo",
    "note": "photo",
}  # pieces -> the one kind of files that has them
BY_NAME = {name: row for row in OPERATORS for name in (row.name, *row.other_names)}
KIND_OF = {row.name: row.kind for row in FORMATS}


def narrowed_by(name: str, value: str) -> dict[str, Any]:
    """The fields of a Filter that `name:value` asks for. BadQuestion says what does not fit and what would."""
    row = BY_NAME.get(name.lower())
    if row is None:
        close = get_close_matches(name.lower(), list(BY_NAME), n=1, cutoff=0.4)
        hint = (
            f"Did you mean {close[0]}:{value}?" if close else f"There are {', '.join(r.name + ':' for r in OPERATORS)}."
        )
        raise BadQuestion(f'there is no operator {name}: here. {hint} To look for it as it is, write "{name}:{value}"')
    try:
        return row.narrow(value)
    except ValueError as error:
        raise BadQuestion(f"{name}:{value} cannot be: {value} {error}. For example: {row.example}") from error


def merge_filters(first: Filter, second: Filter) -> Filter:
    """What both allow. BadQuestion if they contradict each other."""
    bare = Filter()
    values: dict[str, Any] = {}
    for field in (each.name for each in fields(Filter)):
        one, other, none = getattr(first, field), getattr(second, field), getattr(bare, field)
        values[field] = one if other == none else other if one == none else _both(field, one, other)
    both = Filter(**values)
    _check_dates(both)
    _check_kinds(both)
    return both


def _both(field: str, one: Any, other: Any) -> Any:
    if one == other:
        return one
    if field in ALL_OF:
        return tuple(dict.fromkeys((*one, *other)))
    if field == "phrases":
        return (*one, *other)
    if field == "taken_after":
        return max(one, other)
    if field == "taken_before":
        return min(one, other)
    if isinstance(one, tuple) and (common := tuple(value for value in one if value in other)):
        return common
    said = [", ".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in (one, other)]
    raise BadQuestion(f"nothing can be both {said[0]} and {said[1]}. Take one of the two out of the search")


def _check_dates(where: Filter) -> None:
    after, before = where.taken_after, where.taken_before
    if after is not None and before is not None and after >= before:
        raise BadQuestion(
            f"nothing was taken after {after:%Y-%m-%d} and before {before:%Y-%m-%d}. Exchange the two, or take one out"
        )


def _check_kinds(where: Filter) -> None:
    kinds = {KIND_OF.get(name, "") for name in where.formats} - {""}
    if where.source_kinds and kinds and not kinds & set(where.source_kinds):
        named, kind = where.formats[0], " or ".join(where.source_kinds)
        raise BadQuestion(f"{named} files are {kinds.pop()}s, and the search asks for {kind}. Take one of the two out")
    holders = {HOLDER.get(kind, "") for kind in where.kinds}
    if where.source_kinds and holders and "" not in holders and not holders & set(where.source_kinds):
        named, kind = " or ".join(where.kinds), " or ".join(where.source_kinds)
        raise BadQuestion(f"only {holders.pop()}s have a {named}, the search asks for {kind}. Take one of the two out")
