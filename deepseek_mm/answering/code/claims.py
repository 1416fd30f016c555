"""Claims about code with their evidence, and how places, names and lines of code are written in them."""

import re
from collections.abc import Sequence

from deepseek_mm.language.words import clean, join_words, printable, quotable
from deepseek_mm.types import Claim, Evidence
from index import Region
from index.region import at_lines

SURE, LIKELY = 1.0, 0.6  # certainty of what the syntax says, and of what is only near
MOST_NAMES = 8  # names in one sentence
MAX_NAME, MAX_DOC = 80, 240  # letters
CITED = re.compile(r"\[(?=\d{1,4}\])")  # what would pass for a citation


class ClaimWriter:
    """Claims and the evidence that they number."""

    def __init__(self) -> None:
        self.evidence: list[Evidence] = []
        self.claims: list[Claim] = []

    def say(self, text: str, *regions: Region, certainty: float = SURE, block: str = "") -> None:
        """One sentence that rests on these regions, and a file behind it."""
        numbers = tuple(dict.fromkeys(map(self._number, regions)))
        self.claims.append(Claim(text, numbers, certainty, block=block))

    def _number(self, region: Region) -> int:
        for entry in self.evidence:
            if entry.region.id == region.id:
                return entry.number
        self.evidence.append(Evidence(number=len(self.evidence) + 1, region=region, score=1.0))
        return len(self.evidence)


def name_region(region: Region) -> str:
    """`Assistant.ask`; of code without a symbol its file."""
    return f"`{clean(region.symbol.path, MAX_NAME)}`" if region.symbol else f"`{clean(region.source.name, MAX_NAME)}`"


def quote_doc(region: Region) -> str:
    """, which says: "Keeps what is asked." - the first sentence of its docstring, if it has one"""
    doc = region.symbol.doc.strip() if region.symbol else ""
    first = re.split(r"(?<=[.!?])\s|\n\s*\n", doc)[0]
    return f', which says: "{quotable(first, MAX_DOC)}"' if first else ""


def place_of(region: Region) -> str:
    """assistant.py:66-68"""
    return at_lines(clean(region.source.name, MAX_NAME), region.lines)


def place_at(region: Region, line: int) -> str:
    """assistant.py:67"""
    return at_lines(clean(region.source.name, MAX_NAME), (line, line))


def join_names(names: Sequence[str]) -> str:
    """`a`, `b` and 3 more"""
    told = [f"`{clean(name, MAX_NAME)}`" for name in names[:MOST_NAMES]]
    return join_words(told) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def quote_code(code: str) -> str:
    """Code between backquotes, on one line; a number in brackets keeps a gap, for it would pass for a citation."""
    line = " ".join(printable(code).split()).replace("`", "'")
    line = line if len(line) <= MAX_DOC else line[: MAX_DOC - 3] + "..."
    return f"`{CITED.sub('[ ', line)}`"


def quote_note(comment: str) -> str:
    """("degrees") - a comment behind what it is about; "" without one"""
    return f' ("{quotable(comment, MAX_DOC)}")' if comment else ""


def quote_condition(condition: str) -> str:
    """where `size < 1` - when something happens; "" where it always does"""
    return f" where {quote_code(condition)}" if condition else ""


def line_of(region: Region, line: int) -> str:
    """The line of code as it is; "" where the region has not all of its lines."""
    first, last = region.lines
    lines = region.text.split("\n")
    return lines[line - first].strip() if len(lines) == last - first + 1 and first <= line <= last else ""


def quote_line(region: Region, line: int) -> str:
    """The line of code, in backquotes."""
    code = line_of(region, line)
    return quote_code(code) if code else "a line without code"


def is_within(regions: Sequence[Region], files: Sequence[str]) -> list[Region]:
    """Those whose path ends with, or has a folder like, one of `files`; all where none are named."""
    return [one for one in regions if not files or any(f"/{file.strip('/')}" in one.source.path for file in files)]
