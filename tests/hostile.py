"""A hundred programs that mean harm, for the sandbox to hold: `hostile.txt`.

Each prints ESCAPED if it gets what it wants; those that only want to exhaust something print nothing. @SECRET@ is a
file, @PORT@ a port that listens on this machine, @PID@ the app's process, @UNIX@ a socket in the file system.
"fast" ones are in the sample of every test run. "open" ones are harmless without walls, and are run so too, to show
that the word does come then. Run none of the others outside.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from deepseek_mm.sandbox.records import Language

HEAD = re.compile(r"^== (?P<name>.+) \((?P<marks>[a-z, ]+)\)$", re.MULTILINE)
TITLE = re.compile(r"^# .*\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One program."""

    name: str
    code: str
    language: Language
    fast: bool
    open: bool


def read(text: str) -> tuple[Hostile, ...]:
    """Every program of a file: a line with its name and marks, then its code."""
    parts = HEAD.split(TITLE.sub("", text))[1:]
    return tuple(one(*parts[n : n + 3]) for n in range(0, len(parts), 3))


def one(name: str, marks: str, code: str) -> Hostile:
    language, *further = marks.split(", ")
    assert language in ("python", "bash"), name
    assert set(further) <= {"fast", "open"}, name
    return Hostile(
        name=name,
        code=code.strip() + "\n",
        language=cast("Language", language),
        fast="fast" in further,
        open="open" in further,
    )


HOSTILE = read((Path(__file__).parent / "hostile.txt").read_text())
