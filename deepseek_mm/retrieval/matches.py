"""Hits become matches: one for each photo or document, near duplicates together, each with the reasons it agrees.

Everything here is pure; vectors and regions come in.

Shape key:  N matches, D width of the space
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.grammar import ThingPhrase
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
from deepseek_mm.types import Match
from index import Hit, Region

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
    """Matches without their near duplicates, which stand behind the first of them; `wholes` is by id of the source."""
    kept: list[Match] = []
    for match in matches:
        vector_D = wholes.get(match.region.source.id)
        home = None if vector_D is None else next((n for n, k in enumerate(kept) if alike(k, vector_D, wholes)), None)
        if home is None:
            kept.append(match)
        else:
            kept[home] = replace(kept[home], twins=(*kept[home].twins, match.region))
    return kept


def alike(match: Match, vector_D: Floats, wholes: Mapping[int, Floats]) -> bool:
    """Is this a take of the moment that the match shows?"""
    other_D = wholes.get(match.region.source.id)
    return other_D is not None and float(other_D @ vector_D) > TWIN
