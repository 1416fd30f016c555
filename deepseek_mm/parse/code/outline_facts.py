"""What a file of another language than Python defines, calls and imports, by tree-sitter, for the graph of code."""

import json
import re
from functools import cache
from typing import Any

from deepseek_mm.errors import MissingPackage
from deepseek_mm.parse.code.languages import grammar_of
from deepseek_mm.parse.code.outline import Definition, check_text, outline_of

IMPORTS = {  # nodes that name what a file imports
    "javascript": "(import_statement source: (_) @at) (export_statement source: (_) @at)",
    "typescript": "(import_statement source: (_) @at) (export_statement source: (_) @at)",
    "go": "(import_spec path: (_) @at)",
    "rust": "(use_declaration argument: (_) @at)",
    "java": "(import_declaration (_) @at)",
    "c": "(preproc_include path: (_) @at)",
    "cpp": "(preproc_include path: (_) @at)",
}
MOST_IMPORTS, MOST_CALLS, MOST_FAULTS = 400, 20_000, 20


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


def write_outline(text: str, language: str) -> str:
    """The same as JSON; "" where the language has no grammar here."""
    try:
        return json.dumps(read_outline(text, language))
    except ValueError:
        return ""


def write_faults(text: str, language: str) -> str:
    """Rows, from 1, at which a text is no syntax of its language, as JSON; "" where nothing here reads it."""
    try:
        grammar = grammar_of(language)
    except MissingPackage:
        grammar = None
    if grammar is None:
        return ""
    data = text.encode("utf-8", "replace")
    check_text(data, grammar.name)
    return json.dumps(list_faults(grammar.parser.parse(data).root_node))


def list_faults(root: Any) -> list[int]:
    """Rows of the outermost nodes that are errors, or stand for something that is missing."""
    found, left = list[int](), [root]
    while left and len(found) < MOST_FAULTS:
        node = left.pop()
        if node.is_error or node.is_missing:
            found.append(node.start_point[0] + 1)
        elif node.has_error:
            left += node.children
    return sorted(found)


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
