"""Languages other than Python: what files define and call by tree-sitter, joined by name and narrowed by imports."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from deepseek_mm.errors import MissingPackage
from deepseek_mm.parse.code.languages import grammar_of
from deepseek_mm.parse.code.outline import Definition, outline_of

IMPORTS = {  # nodes that name what a file imports
    "javascript": "(import_statement source: (_) @at) (export_statement source: (_) @at)",
    "typescript": "(import_statement source: (_) @at) (export_statement source: (_) @at)",
    "go": "(import_spec path: (_) @at)",
    "rust": "(use_declaration argument: (_) @at)",
    "java": "(import_declaration (_) @at)",
    "c": "(preproc_include path: (_) @at)",
    "cpp": "(preproc_include path: (_) @at)",
}
LANGUAGES = frozenset([*IMPORTS, "bash"])
MOST_IMPORTS, MOST_CALLS, MOST_ALIKE = 400, 20_000, 12
FAMILIES = {"typescript": "javascript", "cpp": "c"}  # languages that call each other


def read_outline(text: str, language: str) -> dict[str, Any]:
    """{"definitions": [...], "calls": [[row, name]], "imports": [name]}. ValueError for what is not worth a tree."""
    try:
        grammar = grammar_of(language)
    except MissingPackage as error:
        raise ValueError(str(error)) from error
    if grammar is None:
        raise ValueError(f"no grammar for {language}")
    data = text.encode("utf-8", "replace")
    outline = outline_of(data, grammar)
    definitions: list[dict[str, Any]] = []
    for each in outline.definitions:
        add_definition(each, "", "", definitions)
    calls = [[row, name] for row, name in outline.calls[:MOST_CALLS]]
    return {"definitions": definitions, "calls": calls, "imports": read_imports(data, language, grammar)}


def add_definition(each: Definition, around: str, kind_around: str, found: list[dict[str, Any]]) -> None:
    """One definition and those inside it."""
    qualified = ".".join(part for part in (around, each.parent, each.name) if part)
    is_method = each.kind == "function" and (kind_around == "class" or bool(each.parent))
    found.append(
        {
            "name": each.name,
            "qualified": qualified,
            "kind": "method" if is_method else "class" if each.kind in ("module", "section") else each.kind,
            "lines": [each.first + 1, each.head + 1, each.last + 1],
            "doc": " ".join(each.doc.split("\n\n")[0].split()),
        }
    )
    for inner in each.inside:
        add_definition(inner, qualified, each.kind, found)


@cache
def import_query(language: str) -> Any:
    """The compiled query of a language; None without one."""
    import tree_sitter

    grammar = grammar_of(language)
    text = IMPORTS.get(language)
    return tree_sitter.Query(grammar.parser.language, text) if grammar and text else None


def read_imports(data: bytes, language: str, grammar: Any) -> list[str]:
    """Last parts of what a file imports: "store" of "../index/store.js"."""
    import tree_sitter

    query = import_query(language)
    if query is None:
        return []
    root = grammar.parser.parse(data).root_node
    nodes = tree_sitter.QueryCursor(query).captures(root).get("at", [])[:MOST_IMPORTS]
    found: dict[str, None] = {}
    for node in nodes:
        text = data[node.start_byte : min(node.end_byte, node.start_byte + 300)].decode(errors="replace")
        bare = re.sub(r"\.(?:[cm]?[jt]sx?|h|hh|hpp|c|cc|cpp)\b", "", text)
        found.update(dict.fromkeys(re.findall(r"[\w$-]+", bare)))
    return list(found)


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
