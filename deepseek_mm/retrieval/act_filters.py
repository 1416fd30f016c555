"""What narrows an act down, as the index understands it: when, which collection, which kind of file, whose label.

Places and colours stay words that are looked for. So does a collection or a label that the library does not have,
unless the question says that one is meant: then nothing fits, and the answer can say why.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.date_words import YEAR, read_period_words
from deepseek_mm.language.search_filters import format_named, labels_named, merge_filters
from deepseek_mm.language.typed_filters import (
    LEFT,
    TRAITS,
    TYPED,
    months_named,
    read_document_kind,
    read_kind,
    read_video,
)
from deepseek_mm.language.words import singular, tokens
from deepseek_mm.retrieval.named_people import find_named_people
from deepseek_mm.retrieval.subject import ASKING, words_beside
from deepseek_mm.types import Act, Query
from index import Filter
from index.store import RegionStore

IN_A_COLLECTION = re.compile(
    r"\b(?:collections?|albums?|folders?|ordner|sammlung)\b|\u76f8\u518c|\u6587\u4ef6\u5939", re.I
)
HEAD = re.compile(  # of a search that says where people are
    r"^\W*(?:(?:all|my|the|our|any|some|show|find|me)\s+)*(?:photos?|pictures?|pics?|images?|fotos?|bilder)?\s*"
    r"(?:(?:at|in|on|near|by|am|im|an|auf|bei)\s+(?:(?:the|an?|der|dem|den)\s+)?)?",
    re.I,
)
LATIN = re.compile(r"[a-zA-Z0-9-]+")  # of a name of a type, which other writing may follow without a blank
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


class BoundQuery(NamedTuple):
    """A search without those of its words that bound where it looks."""

    query: Query
    where: Filter
    told: tuple[str, ...] = ()  # these words


def narrow_by_typed_words(query: Query, where: Filter, store: RegionStore, now: datetime) -> BoundQuery:
    """What the words of a search bound. They are words like others where nothing fits them and more is looked for, and
    periods are where a library has more documents than photos.
    """
    bound = BoundQuery(query, where)
    if not query.text or query.terms or (where.source_kinds and "photo" not in where.source_kinds):
        return bound
    bound = narrow_by_people(query, where, store) or bound
    for read in (read_document_kind, *(TYPED if has_mostly_photos(store) else TRAITS)):
        typed = read(bound.query.text, now)
        both = bound.where if typed is None else join_filters(bound.where, typed.where)
        if typed is not None and both is not None and (typed.is_strict or store.has_sources(both)):
            bound = BoundQuery(replace(bound.query, text=typed.rest), both, (*bound.told, typed.words))
    return bound


def narrow_by_people(query: Query, where: Filter, store: RegionStore) -> BoundQuery | None:
    """Photos of people whom the words name; None where they name nobody whose face is known."""
    found = find_named_people(query.text, store.people.names())
    if found is None:
        return None
    rest = "" if LEFT.fullmatch(found.rest.removeprefix("\u7684")) else found.rest
    both = replace(
        where,
        people=tuple(dict.fromkeys((*where.people, *found.names))),
        not_people=tuple(dict.fromkeys((*where.not_people, *found.absent))),
    )
    return BoundQuery(replace(query, text=rest), both, (found.words,))


def strip_place(text: str) -> str:
    """What is looked for besides people: "photos at the beach" -> "beach"."""
    return HEAD.sub("", text).strip().removesuffix("\u7684\u7167\u7247").removeprefix("\u5728")


def has_mostly_photos(store: RegionStore) -> bool:
    """Are there no more documents than photos?"""
    photos, documents = (store.counts(where=Filter(source_kinds=(kind,))).sources for kind in ("photo", "document"))
    return photos >= documents


def join_filters(first: Filter, second: Filter) -> Filter | None:
    """What both allow; None if they contradict each other."""
    try:
        return merge_filters(first, second)
    except BadQuestion:
        return None


def read_bounds(act: Act, store: RegionStore, now: datetime) -> ActBounds:
    """The filters of an act that the library can follow."""
    bounds = ActBounds(act=act)
    for narrow in (
        narrow_to_people,
        narrow_by_traits,
        narrow_by_date,
        narrow_by_format,
        narrow_by_collection,
        narrow_by_label,
    ):
        bounds = narrow(bounds, store, now)
    return replace(bounds, act=with_subject_of_words(bounds.act))


def with_subject_of_words(act: Act) -> Act:
    """A search whose marked subject names nothing ("all", "something") is for what its other words name."""
    names = [word for word in tokens(act.subject) if word not in ASKING and singular(word) not in ASKING]
    if names or act.other or act.kind not in ("find", "count"):
        return act
    return replace(act, subject=words_beside(act))


def narrow_to_people(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Who is in them, of those whom somebody has named."""
    act, known = bounds.act, store.people.names() if bounds.act.kind in ("find", "count") else ()
    found = find_named_people(act.text, known)
    if found is None:
        return bounds
    subject, other = (find_named_people(words, known) for words in (act.subject, act.other))
    left = replace(
        act,
        text=found.rest,
        subject=strip_place(subject.rest) if subject else act.subject,
        other=strip_place(other.rest) if other else act.other,
    )
    where = replace(bounds.where, people=found.names, not_people=found.absent)
    return replace(bounds, act=left, where=where, told=(*bounds.told, *found.phrases))


def narrow_by_traits(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Which kind of picture they are, whether they are blurry, what they were taken with."""
    for read in TRAITS:
        act = bounds.act
        typed = read(act.subject, now) or (read(act.text, now) if read is not read_kind else None)
        both = join_filters(bounds.where, typed.where) if typed else None
        if typed is None or both is None or not (typed.is_strict or store.has_sources(both)):
            continue
        text = " ".join(re.sub(rf"{re.escape(typed.words)}s?(?![A-Za-z])", " ", act.text).split())
        subject = typed.rest if typed.words in act.subject else act.subject
        subject = "" if subject and subject in typed.words else subject  # a piece of it: "weisse" of "schwarz-weisse"
        bounds = replace(
            bounds,
            act=replace(act, text=text, subject=subject),
            where=both,
            told=(*bounds.told, typed.told or typed.words),
        )
    return bounds


def narrow_by_date(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """When they were taken."""
    said = bounds.act.filters.date
    years = YEAR.findall(bounds.act.text)
    said = f"{years[0]} to {years[-1]}" if said and len(years) > 1 else said
    months = months_named(said, now) if said else ()
    if months and store.has_sources(replace(bounds.where, months=months)):
        where = replace(bounds.where, months=months)
        return replace(bounds, where=where, told=(*bounds.told, f"from {strip_from(said)}"))
    period = read_period_words(said, now) if said else None
    if period is None:
        return bounds
    where = replace(bounds.where, taken_after=period[0], taken_before=period[1])
    before = re.match(r"(?i)(?:before|since|after|until|between)\b", said)
    return replace(bounds, where=where, told=(*bounds.told, said if before else f"from {strip_from(said)}"))


def narrow_by_format(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Which type of file they are."""
    if not bounds.where.formats and (video := read_video(bounds.act.filters.kind, now)):
        where = replace(bounds.where, formats=video.where.formats)
        return replace(bounds, where=where, told=(*bounds.told, video.told))
    names = [format_named(word) for word in LATIN.findall(bounds.act.filters.kind)]
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
    if album := find_album(said, store):
        where = replace(bounds.where, album=album)
        return replace(bounds, where=where, told=(*bounds.told, f"in the album {album}"))
    known = next((name for name in store.collections() if name.lower() == said.lower()), "")
    if known or IN_A_COLLECTION.search(bounds.act.text):
        folder = replace(bounds.where, path=f"/{said}/")
        where = folder if not known and store.has_sources(folder) else bounds.where
        where = where if where == folder else replace(bounds.where, collection=known or said)
        return replace(
            bounds,
            where=where,
            told=(*bounds.told, f"in {'the folder' if where == folder else 'the collection'} {known or said}"),
        )
    return replace(bounds, act=without(bounds.act, "collection"))


def find_album(said: str, store: RegionStore) -> str:
    """The album that is called so, as it is written; "" where there is none."""
    wanted = said.strip().casefold()
    return next((name for name in store.curation.name_albums() if name.casefold() == wanted), "")


def narrow_by_label(bounds: ActBounds, store: RegionStore, now: datetime) -> ActBounds:
    """Which label they carry."""
    said = bounds.act.filters.label.strip()
    if not said:
        return bounds
    where = replace(bounds.where, **labels_named(said))
    if LABELLED.search(bounds.act.text) or store.has_sources(where):
        return replace(bounds, where=where, told=(*bounds.told, f"tagged {said}"))
    return replace(bounds, act=without(bounds.act, "label"))


def without(act: Act, name: str) -> Act:
    """The act whose filter of this name is a word like any other."""
    return replace(act, filters=replace(act.filters, **{name: ""}))


def strip_from(said: str) -> str:
    """ "in june" -> "june"."""
    return re.sub(r"(?i)^(?:from|in|of|im|aus|vom|on|during)\s+(?:the\s+)?", "", said.strip())
