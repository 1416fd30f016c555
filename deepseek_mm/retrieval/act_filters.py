"""What narrows an act down, as the index understands it: when, which collection, which kind of file, whose label.

Places and colours stay words that are looked for. So does a collection or a label that the library does not have,
unless the question says that one is meant: then nothing fits, and the answer can say why.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from deepseek_mm.language.date_words import YEAR, read_period_words
from deepseek_mm.language.search_filters import format_named
from deepseek_mm.language.words import singular, tokens
from deepseek_mm.retrieval.subject import ASKING, words_beside
from deepseek_mm.types import Act
from index import Filter
from index.store import RegionStore

IN_A_COLLECTION = re.compile(
    r"\b(?:collections?|albums?|folders?|ordner|sammlung)\b|\u76f8\u518c|\u6587\u4ef6\u5939", re.I
)
LABELLED = re.compile(r"\b(?:tag(?:ged)?|label(?:l?ed)?|marked)\b|\u6807\u7b7e", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActBounds:
    """Which photos an act is about before anything is looked for."""

    act: Act  # without those filters that are only words
    where: Filter = Filter(source_kinds=("photo",))
    told: tuple[str, ...] = ()  # in words: "from 2019", "in the collection holidays"

    @property
    def phrase(self) -> str:
        """All of it in words; "" where nothing narrows."""
        return " ".join(self.told)


def read_bounds(act: Act, store: RegionStore, now: datetime) -> ActBounds:
    """The filters of an act that the library can follow."""
    bounds = ActBounds(act=act)
    for narrow in (narrow_by_date, narrow_by_format, narrow_by_collection, narrow_by_label):
        bounds = narrow(bounds, store, now)
    return replace(bounds, act=with_subject_of_words(bounds.act))


def with_subject_of_words(act: Act) -> Act:
    """A search whose marked subject names nothing ("all", "something") is for what its other words name."""
    names = [word for word in tokens(act.subject) if word not in ASKING and singular(word) not in ASKING]
    if names or act.other or act.kind not in ("find", "count"):
        return act
    return replace(act, subject=words_beside(act))


def narrow_by_date(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """When they were taken."""
    said = bounds.act.filters.date
    years = YEAR.findall(bounds.act.text)
    said = f"{years[0]} to {years[-1]}" if said and len(years) > 1 else said
    period = read_period_words(said, now) if said else None
    if period is None:
        return bounds
    where = replace(bounds.where, taken_after=period[0], taken_before=period[1])
    before = re.match(r"(?i)(?:before|since|after|until|between)\b", said)
    return replace(bounds, where=where, told=(*bounds.told, said if before else f"from {strip_from(said)}"))


def narrow_by_format(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Which type of file they are."""
    names = [format_named(word) for word in tokens(bounds.act.filters.kind)]
    formats = tuple(dict.fromkeys(name for name in names if name))
    if not formats:
        return bounds
    said = " or ".join(name.upper() for name in formats)
    return replace(bounds, where=replace(bounds.where, formats=formats), told=(*bounds.told, f"of type {said}"))


def narrow_by_collection(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Which collection they are in, or else which folder."""
    said = bounds.act.filters.collection.strip()
    if not said:
        return bounds
    known = next((name for name in store.collections() if name.lower() == said.lower()), "")
    if known or IN_A_COLLECTION.search(bounds.act.text):
        folder = replace(bounds.where, path=f"/{said}/")
        where = folder if not known and store.counts(where=folder).sources else bounds.where
        where = where if where == folder else replace(bounds.where, collection=known or said)
        return replace(
            bounds,
            where=where,
            told=(*bounds.told, f"in {'the folder' if where == folder else 'the collection'} {known or said}"),
        )
    return replace(bounds, act=without(bounds.act, "collection"))


def narrow_by_label(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Which label they carry."""
    said = bounds.act.filters.label.strip()
    if not said:
        return bounds
    where = replace(bounds.where, label=said.lower())
    if LABELLED.search(bounds.act.text) or store.counts(where=where).sources:
        return replace(bounds, where=where, told=(*bounds.told, f"tagged {said}"))
    return replace(bounds, act=without(bounds.act, "label"))


def without(act: Act, name: str) -> Act:
    """The act whose filter of this name is a word like any other."""
    return replace(act, filters=replace(act.filters, **{name: ""}))


def strip_from(said: str) -> str:
    """ "in june" -> "june"."""
    return re.sub(r"(?i)^(?:from|in|of|im|aus|vom|on|during)\s+(?:the\s+)?", "", said.strip())
