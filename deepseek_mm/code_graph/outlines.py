"""Languages other than Python: what their files define and call, joined by name and narrowed by imports.

What a file says itself is read in a worker process (`parse.code.outline_facts`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from deepseek_mm.code_graph.records import SourceText

LANGUAGES = frozenset(["javascript", "typescript", "go", "rust", "java", "c", "cpp", "bash"])
MOST_ALIKE = 12
FAMILIES = {"typescript": "javascript", "cpp": "c"}  # languages that call each other


def load_outline(source: SourceText) -> dict[str, Any]:
    """The file's outline. ValueError where none was read."""
    outline: dict[str, Any] = json.loads(source.outline)
    return outline


def link_names(files: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[tuple[int, int, int, int, int]]:
    """(file, definition or -1, target's file, target, line) and how sure: 1 likely, 2 by name, as the last item is
    encoded by the order of targets; files are (path, language, outline).
    """
    by_name: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, (_, language, outline) in enumerate(files):
        for n, each in enumerate(outline["definitions"]):
            by_name.setdefault((family(language), each["name"]), []).append((number, n))
    found = []
    for number, (_, language, outline) in enumerate(files):
        for row, name in outline["calls"]:
            alike = by_name.get((family(language), name), ())
            if not alike or len(alike) > MOST_ALIKE:
                continue
            chosen, certainty = narrow(alike, number, files)
            source = innermost(outline["definitions"], row + 1)
            found += [
                (number, source, *target, (row + 1) * 4 + certainty) for target in chosen if target != (number, source)
            ]
    return found


def family(language: str) -> str:
    """Languages that may call each other have one name."""
    return FAMILIES.get(language, language)


def narrow(
    alike: Sequence[tuple[int, int]], number: int, files: Sequence[tuple[str, str, Mapping[str, Any]]]
) -> tuple[Sequence[tuple[int, int]], int]:
    """Those of the same file, else of imported ones, else all; 1 if that leaves one, else 2."""
    own = [each for each in alike if each[0] == number]
    imports = frozenset(files[number][2]["imports"])
    near = own or [each for each in alike if imports & set(PurePosixPath(files[each[0]][0]).with_suffix("").parts[-2:])]
    chosen = near or alike
    return chosen, 1 if len(chosen) == 1 else 2


def innermost(definitions: Sequence[Mapping[str, Any]], line: int) -> int:
    """The last definition that holds a line; -1 for the file itself."""
    held = [n for n, each in enumerate(definitions) if each["lines"][0] <= line <= each["lines"][2]]
    return held[-1] if held else -1
