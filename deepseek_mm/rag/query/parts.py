"""The search box part by part, so that a page can show each, take it out, and put another in its place.

Parts are operators (`type:pdf`), exact words, and what is taken away (`- grass`). The rest is what is looked for.
Whatever is done to a box is done to its text: that alone says what is searched.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.rag.query.operators import BY_NAME
from deepseek_mm.rag.query.read import TOKEN, quote_value

EXACT, AWAY = "exact", "away"  # parts that are no operators

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPart:
    """One of them."""

    name: str  # of the operator, whichever of its names was written; or EXACT, AWAY
    value: str
    text: str  # as it stands in the box
    spans: tuple[Span, ...]  # where: first letter and end of each piece


def search_parts(text: str) -> list[QueryPart]:
    """In the order of the box; what is wrong with one is for `read_box` to say."""
    found: list[QueryPart] = []
    away: list[re.Match[str]] = []  # a minus sign, and the words behind it
    for token in TOKEN.finditer(text):
        kind = token.lastgroup if token["no"] is None else "phrase"
        if kind == "word" and away:
            away.append(token)
            continue
        if kind in ("sign", "without"):
            found += _excluded_parts(away)
            away = [token] if token["sign"] == "-" else []
        if kind == "without":
            found.append(_part(AWAY, str(token["without"]), [token]))
        elif token["phrase"] is not None:
            found.append(_part(EXACT, str(token["phrase"]), [token]))
        elif token["operator"]:
            row = BY_NAME.get(token["operator"].lower())
            found.append(_part(row.name if row else token["operator"], str(token["value"]).strip('"'), [token]))
    return sorted([*found, *_excluded_parts(away)], key=lambda part: part.spans)


def search_without(text: str, part: str) -> str:
    """The box without the first part that is written so; as it was where there is none."""
    named = next((each for each in search_parts(text) if each.text == part), None)
    return _cut(text, named.spans) if named else text


def search_with(text: str, name: str, values: Sequence[str]) -> str:
    """The box with these values of an operator, and no others of it; without any the operator goes."""
    spans = [span for part in search_parts(text) if part.name == name for span in part.spans]
    return " ".join(filter(None, [_cut(text, spans), *(f"{name}:{quote_value(value)}" for value in values)]))


def _excluded_parts(away: Sequence[re.Match[str]]) -> list[QueryPart]:
    """What a minus sign takes away, if any word is behind it."""
    return [_part(AWAY, " ".join(token[0] for token in away[1:]), away)] if len(away) > 1 else []


def _part(name: str, value: str, tokens: Sequence[re.Match[str]]) -> QueryPart:
    spans = tuple(token.span() for token in tokens)
    return QueryPart(name=name, value=value, text=" ".join(token[0] for token in tokens), spans=spans)


def _cut(text: str, spans: Sequence[Span]) -> str:
    """The text without these, and without the gaps that they leave."""
    if not spans:
        return text.strip()
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start].rstrip()} {text[end:].lstrip()}"
    return text.strip().removeprefix("+ ")
