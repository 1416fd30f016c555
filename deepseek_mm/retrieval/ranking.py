"""Ranking: words and names beside vectors by rank fusion, and hits that become matches, one a photo or document.

Each ranking gives its n-th entry 1 / (depth + n) points, times its weight (Cormack, Clarke and Buettcher, "Reciprocal
Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009). No ranking needs a scale, so
vectors, BM25 and names that are exactly so can be joined.

Texts, code and captions are looked up by BM25 besides, and code by names that are exactly so. Within each kind the
rankings are fused by reciprocal rank; the kind keeps its worths, dealt out in the new order, so kinds compare as before
and pictures, which have no words of their own, stay where they were.

Shape key:  N matches, D width of the space
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.language.search_syntax import read_box
from deepseek_mm.language.words import (
    ANYTHING,
    CUTS,
    DETERMINERS,
    FILLERS,
    WORD,
    content,
    names_the_same,
    normal,
    tokens,
)
from deepseek_mm.retrieval.query_vectors import CAPTIONS, CODES, TEXTS, WORDS, QueryVectors
from deepseek_mm.types import Match
from index import Filter, Hit, Region
from index.database import NotStored
from index.store import RegionStore

TWIN = 0.93  # cosine of whole pictures above which they are takes of one moment, or one picture stored twice


def best_of_each(hits: Sequence[Hit]) -> list[Hit]:
    """The first hit of each source, in order."""
    first: dict[int, Hit] = {}
    for hit in hits:
        first.setdefault(hit.region.source.id, hit)
    return list(first.values())


def reasons(regions: Sequence[Region], things: Sequence[ThingPhrase], text: str) -> tuple[str, ...]:
    """Labels that name a thing of the query, then words of it that are written there; each once."""
    labels = [label for region in regions for label in region.labels]
    labels.sort(key=lambda label: -label.score)
    asked = [thing.name for thing in things if thing.name != ANYTHING]
    names = [label.name for label in labels if any(names_the_same(label.name, name) for name in asked)]
    return tuple(dict.fromkeys([*names, *words_written(regions, text)]))


def words_written(regions: Sequence[Region], text: str) -> list[str]:
    """Words of the query that are written in one of the regions, as the query spells them."""
    there = {normal(word) for region in regions for word in tokens(region.text)}
    skipped = FILLERS | DETERMINERS | CUTS
    return [word for word in dict.fromkeys(tokens(text)) if word not in skipped and normal(word) in there]


def hit_spans(text: str, query: str) -> list[tuple[int, int]]:
    """Where in the text words stand that the query's box looks for, as (first, end): whatever `written` would name.

    Operators and what is taken away are not looked for. BadQuestion for a box that cannot be read.
    """
    skipped = FILLERS | DETERMINERS | CUTS
    wanted = {normal(word) for word in tokens(read_box(query).text) if word not in skipped}
    return [match.span() for match in WORD.finditer(text) if normal(match[0].lower()) in wanted]


def all_written(regions: Sequence[Region], text: str) -> bool:
    """Does one region carry every word of the query that claims something?"""
    wanted = set(content(text))
    return bool(wanted) and any(wanted <= set(content(region.text)) for region in regions if region.text)


def group_duplicates(matches: Sequence[Match], wholes: Mapping[int, Floats]) -> list[Match]:
    """Matches without their near duplicates and what belongs to them, which stand behind the first of them; `wholes` is
    by id of the source.
    """
    kept: list[Match] = []
    for match in matches:
        vector_D = wholes.get(match.region.source.id)
        home = next((n for n, one in enumerate(kept) if is_twin(one, match, vector_D, wholes)), None)
        if home is None:
            kept.append(match)
        else:
            kept[home] = put_behind(kept[home], match)
    return kept


def put_behind(first: Match, later: Match) -> Match:
    """The first with the later one behind it; or the other way round, where that leads it and is as likely."""
    if first.region.source.leader == later.region.source.id != 0 and later.likely == first.likely:
        return replace(later, relevance=first.relevance, twins=(first.region, *first.twins))
    return replace(first, twins=(*first.twins, later.region))


def is_twin(one: Match, other: Match, vector_D: Floats | None, wholes: Mapping[int, Floats]) -> bool:
    """Do the files belong together, or show the same? `vector_D` is the other's."""
    group, other_group = ((each.region.source.leader or each.region.source.id) for each in (one, other))
    return group == other_group != 0 or (vector_D is not None and alike(one, vector_D, wholes))


def alike(match: Match, vector_D: Floats, wholes: Mapping[int, Floats]) -> bool:
    """Is this a take of the moment that the match shows?"""
    other_D = wholes.get(match.region.source.id)
    return other_D is not None and float(other_D @ vector_D) > TWIN


HAIR = 1e-9
FUSION_DEPTH = 60  # of the paper: how little the first places differ


def points(
    rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None, *, depth: float = FUSION_DEPTH
) -> dict[int, float]:
    """Id -> its points; each ranking has an id once, the best first."""
    total: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for place, each in enumerate(ranking, start=1):
            total[each] = total.get(each, 0.0) + weight / (depth + place)
    return total


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None, *, depth: float = FUSION_DEPTH
) -> list[int]:
    """All ids, best first; among equals the one that was named first."""
    total = points(rankings, weights, depth=depth)
    return sorted(total, key=lambda each: -total[each])


def reorder_worth(worth: Mapping[int, float], order: Sequence[int]) -> dict[int, float]:
    """The same worths, dealt out in this order, the highest to the first: so what is ranked anew keeps its scale.

    Equal ones differ by a hair afterwards, so that the order holds among them too.
    """
    dealt = sorted((worth[each] for each in order), reverse=True)
    return {each: value - HAIR * place for place, (each, value) in enumerate(zip(order, dealt, strict=True))}


WORDED = (TEXTS, CODES, CAPTIONS, WORDS)
BY_VECTOR, BY_WORDS, BY_NAME = 3.0, 1.0, 3.0  # weights of the rankings: an exact name is hardly ever there by chance
DEPTH = 3.0  # the first places count much more than the rest: so words helped good vectors with code (docs/log/)
NAME = re.compile(r"[A-Za-z_][\w.]*(?:\(\))?")
MOST_NAMES = 4  # of one query


@dataclass(frozen=True, kw_only=True, slots=True)
class WordHits:
    """Regions that say something of the query, best first; scores are cosines, as those of other hits."""

    by_words: tuple[Hit, ...] = ()
    by_name: tuple[Hit, ...] = ()

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Each once."""
        return tuple({hit.region.id: hit for hit in (*self.by_words, *self.by_name)}.values())


def search_by_words(store: RegionStore, text: str, meant: QueryVectors, *, k: int, where: Filter) -> WordHits:
    """At most k regions by the words of the text, and the definitions of the names in it."""
    kinds = tuple(kind for group in WORDED for kind in group if not where.kinds or kind in where.kinds)
    if not text or not kinds:
        return WordHits()
    bounds = replace(where, kinds=kinds)
    by_words = [hit.region for hit in store.search_words(text, k=k, where=bounds)]
    by_name = [region for name in names_in(text) for region in store.symbols(name, where=bounds)][:k]
    regions = (*by_words, *by_name)
    cosines = score_regions(store, regions, meant)
    if not cosines:
        return WordHits()
    hits = [Hit(region=region, score=cosines[region.id]) for region in regions]
    return WordHits(by_words=tuple(hits[: len(by_words)]), by_name=tuple(hits[len(by_words) :]))


def score_regions(store: RegionStore, regions: Sequence[Region], meant: QueryVectors) -> dict[int, float]:
    """The cosine of each with the query, by id; none where one was removed a moment ago."""
    try:
        vectors_ND = store.vectors_of([region.id for region in regions])
    except NotStored:
        return {}
    cosines = meant.scores([region.kind for region in regions], vectors_ND)
    return {region.id: cosine for region, cosine in zip(regions, cosines, strict=True)}


def names_in(text: str) -> list[str]:
    """Words that look like names in code; a word that stands alone may be one."""
    found = [match[0].removesuffix("()").rstrip(".") for match in NAME.finditer(text) if is_name(match[0], text)]
    return list(dict.fromkeys(found))[:MOST_NAMES]


def is_name(word: str, text: str) -> bool:
    """Does it have an underscore, a capital or a dot inside, or brackets behind? Or is it all there is?"""
    inner = word.rstrip(".")[1:]
    return word == text.strip() or "_" in word or "." in inner or word.endswith("()") or inner != inner.lower()


def rerank_by_words(hits: Sequence[Hit], worth: Mapping[int, float], found: WordHits) -> dict[int, float]:
    """The worth of each hit; among texts, code and captions dealt out anew. Only hits count of what was found."""
    new = dict(worth)
    for group in WORDED:
        of_group = [hit.region for hit in hits if hit.region.kind in group]
        by_vector = sorted((region.id for region in of_group), key=lambda each: -worth[each])
        by_words, by_name = (ids_of(some, group, worth) for some in (found.by_words, found.by_name))
        if by_words or by_name:
            order = reciprocal_rank_fusion([by_vector, by_words, by_name], [BY_VECTOR, BY_WORDS, BY_NAME], depth=DEPTH)
            new |= reorder_worth(worth, order)
    return new


def ids_of(hits: Sequence[Hit], group: Sequence[str], among: Container[int]) -> list[int]:
    """Ids of the regions of these kinds, each once, in order."""
    ids = (hit.region.id for hit in hits if hit.region.kind in group)
    return list(dict.fromkeys(each for each in ids if each in among))
