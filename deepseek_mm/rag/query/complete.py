"""What could follow in the search box: the names of operators, and behind a colon their values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.rag.query.operators import BY_NAME, OPERATORS

LAST = re.compile(r'(?:^|(?<=\s))(?:(?P<operator>[A-Za-z]{2,}):)?(?P<start>"[^"]*|[^\s":]*)$')
MOST = 8  # suggestions
HELP = 'red kite + beach - people | horse^2 + stripes | "exact words" | ' + " | ".join(row.example for row in OPERATORS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """One thing that could be meant."""

    text: str  # the whole box, if it is taken
    insert: str  # what takes the place of the unfinished word
    help: str  # in a few words


def suggest(text: str, *, known: Mapping[str, Sequence[str]] | None = None) -> list[Suggestion]:
    """What the unfinished last word of the box may become, likeliest first; nothing where it is a word like any other.

    `known` has values by the name of their operator where only the library knows them: "in", "label", "path".
    """
    last = LAST.search(text)
    if last is None or not (last["start"] or last["operator"]):
        return []
    head = text[: last.start()]
    start = last["start"].removeprefix('"').lower()
    if last["operator"] is None:
        return [
            Suggestion(text=f"{head}{row.name}:", insert=f"{row.name}:", help=f"only {row.help}")
            for row in OPERATORS
            if any(name.startswith(start) for name in (row.name, *row.other_names))
        ][:MOST]
    row = BY_NAME.get(last["operator"].lower())
    if row is None:
        return []
    values = [*row.values, *(known or {}).get(row.name, ())]
    begun = [value for value in values if value.lower().startswith(start)]
    inside = [value for value in values if start in value.lower() and value not in begun]
    whole = [f'{last["operator"]}:"{v}"' if " " in v else f"{last['operator']}:{v}" for v in (*begun, *inside)]
    return [Suggestion(text=f"{head}{each} ", insert=each, help=f"only {row.help}") for each in whole[:MOST]]
