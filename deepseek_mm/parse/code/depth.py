"""Is a file nested as no person nests, or only made of marks? Then it is cut by lines: trees of it cost the square.

Grammars with stacks of their own break where too much is open, which brackets and indents show before anything is
parsed. A query looks past all siblings without a name for the next one with one, so long rows of them are looked for
afterwards, and depth as well. Both looks are linear: only what has many bytes can be deep or wide.
"""

import re
from typing import Any

import numpy as np

MOST_OPEN = 1_000  # brackets
MOST_DEEP = 2_000  # nodes inside one another; a chain of "else if" has two for each
MOST_NAMELESS = 1_000  # siblings in a row that are only marks
OPENING, CLOSING = b"([{", b")]}"
INDENT = re.compile(rb"^[ \t?-]{200}", re.MULTILINE)  # at which tree-sitter's YAML has 1024 bytes for its stack


class Tangled(ValueError):
    """Text that is not worth a tree."""


def check_text(data: bytes, language: str) -> None:
    """Before it is parsed. Tangled says what is wrong."""
    steps = np.zeros(256, np.int8)
    steps[list(OPENING)], steps[list(CLOSING)] = 1, -1
    found = steps[np.frombuffer(data, np.uint8)]
    opened = np.cumsum(found[found != 0], dtype=np.int32)
    if opened.size and opened.max() - min(opened.min(), 0) > MOST_OPEN:
        raise Tangled(f"more than {MOST_OPEN:,} brackets are open at once")
    if language == "yaml" and INDENT.search(data):
        raise Tangled("its lines are indented too far")


def check_tree(root: Any) -> None:
    """After it was parsed. Tangled says what is wrong."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MOST_DEEP:
            raise Tangled(f"more than {MOST_DEEP:,} nodes lie inside one another")
        row = 0
        for child in node.children:
            row = 0 if child.is_named else row + 1
            if row > MOST_NAMELESS:
                raise Tangled(f"more than {MOST_NAMELESS:,} marks follow one another")
            if child.end_byte - child.start_byte > MOST_NAMELESS:
                waiting.append((child, depth + 1))
