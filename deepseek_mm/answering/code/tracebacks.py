"""Tracebacks as programs print them: the calls that were under way, and the error's own words.

Python prints the innermost call last, all others first; here it is always first. What is no traceback has no frames.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PYTHON = re.compile(r'^\s*File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<name>[^\n]+))?', re.MULTILINE)
OTHERS = (
    re.compile(r"^\s*at (?:async )?(?P<name>[^\s()]+) ?\((?P<path>[^()\n]+?):(?P<line>\d+)(?::\d+)?\)", re.MULTILINE),
    re.compile(r"^\s*at (?P<path>[^\s()]+?):(?P<line>\d+)(?::\d+)?\s*$", re.MULTILINE),  # JavaScript, Rust
    re.compile(r"^\t(?P<path>[^\s:]+\.go):(?P<line>\d+)", re.MULTILINE),
    re.compile(r"panicked at (?P<path>[^\s:]+\.rs):(?P<line>\d+)"),
    re.compile(r"^(?P<path>[^\s:]+\.\w{1,4}):(?P<line>\d+)(?::\d+)?: (?:fatal )?(?:error|warning)", re.MULTILINE),
)
PYTHON_SAID = re.compile(
    r"^(?:\w+\.)*[A-Z]\w*(?:: [^\n]*|:$)|^(?:\w+\.)*\w*(?:Error|Exception|Warning|Exit|Interrupt|Iteration)$",
    re.MULTILINE,
)
SAID = re.compile(
    r"^(?:Uncaught )?(?:Exception in thread [^\n]*? )?(?:[\w.$]+\.)?[A-Z]\w*(?:Error|Exception)\b[^\n]*|^panic: [^\n]*|"
    r"panicked at [^\n]*|: (?:fatal )?error: [^\n]*",
    re.MULTILINE,
)


class TracebackFrame(NamedTuple):
    """One call that was under way."""

    path: str  # as it was printed: perhaps of another machine
    line: int  # from 1
    name: str = ""  # of the function, where it is told


@dataclass(frozen=True, slots=True)
class Crash:
    """What a traceback tells."""

    frames: tuple[TracebackFrame, ...]  # the innermost first
    said: str = ""  # the error's own words: "KeyError: 'name'"


def crash_of(text: str) -> Crash | None:
    """The last traceback in this text; None where there is none."""
    if found := list(PYTHON.finditer(text)):
        said = PYTHON_SAID.findall(text[found[-1].end() :])
        frames = [frame(match) for match in found]
        return Crash(tuple(reversed(frames)), said[0].strip() if said else "")
    matches = sorted((match for shape in OTHERS for match in shape.finditer(text)), key=lambda match: match.start())
    if not matches:
        return None
    heard = SAID.search(text)
    return Crash(tuple(frame(match) for match in matches), heard[0].strip(" :") if heard else "")


def frame(match: re.Match[str]) -> TracebackFrame:
    """What one line of a traceback says."""
    told = match.groupdict()
    return TracebackFrame(told["path"], int(told["line"]), (told.get("name") or "").strip())


OUGHT = re.compile(
    r"""File[\s_]*["'\u201c\u201d]*([^"'\u201c\u201d,]+?\.\w{1,4})["'\u201c\u201d]*\s*,\s*line\s*(\d+)"""
)


def as_printed(lines: Sequence[str]) -> str:
    """A traceback as Python prints it, out of one that was read from a picture: gaps and quotes as they should be."""
    return "\n".join(OUGHT.sub(r'  File "\1", line \2', line) for line in lines)
