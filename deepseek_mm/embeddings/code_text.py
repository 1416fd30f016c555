"""What of a piece of code is given to the tower that reads code: its name in words, what its author says, its lines.

A tower reads a hundred tokens or so, and knows words. So names are broken up, in the code too, what every line of it
has in common is left out, and of a long docstring only the beginning is kept, so that the code itself comes into view.
"""

import re

from index import Symbol

JOINTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+")  # where a name is broken up
SAID_BY_ALL = re.compile(r"\b(?:self|cls|this)\b[.,]? ?|^[ \t]+", re.MULTILINE)
MOST_CHARS = 2_000  # of what is given; the tower reads less
DOC_CHARS = 300  # of what the author says
MARKS = " \t\"'#/*!-;%"  # around the lines of docstrings and comments


def code_text(symbol: Symbol | None, text: str, path: str) -> str:
    """The words of the name, the beginning of the docstring, then the code without the docstring.

    `path` is that of the file, whose name speaks where a piece has none.
    """
    if symbol is None:
        return broken_up(f"{stem(path)}\n{text}")[:MOST_CHARS]
    doc = " ".join(symbol.doc.strip().split("\n\n")[0].split())[:DOC_CHARS]
    named = symbol.path.replace(".", " ") or stem(path)
    return broken_up("\n".join(filter(None, (named, doc, without(symbol.doc, text)))))[:MOST_CHARS]


def broken_up(text: str) -> str:
    """ "MoEConfig.from_gguf(self, path)" -> "Mo E Config.from gguf(path)": names as words, no indentation."""
    return SAID_BY_ALL.sub("", JOINTS.sub(" ", text))


def without(doc: str, text: str) -> str:
    """The text without the lines that belong to its docstring or to the comment above it."""
    said = {line.strip(MARKS) for line in doc.splitlines()} - {""}
    if not said:
        return text
    return "\n".join(line for line in text.splitlines() if line.strip(MARKS) not in said | {""})


def stem(path: str) -> str:
    """The file's name without its ending."""
    return re.split(r"[/\\]", path)[-1].partition(".")[0]
