"""A hundred programs that mean harm, for the sandbox to hold: `hostile.txt`.

Each prints ESCAPED if it gets what it wants; those that only want to exhaust something print nothing. @SECRET@ is a
file, @PORT@ a port that listens on this machine, @PID@ the app's process, @UNIX@ a socket in the file system,
@ABSTRACT@ one without a file, and any other word between these signs the number of that system call.
"fast" ones are in the sample of every test run. "open" ones are harmless without walls, and are run so too, to show
that the word does come then. Run none of the others outside.

Behind the marks of some stands which wall holds it and by what sign that is seen, then the wall that holds where the
first one is left out. A sign is the error's name, the limit that ended it, a signal, or "nothing": it gets to its end.
"""

import errno
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from deepseek_mm.sandbox.kernel import MACHINE
from deepseek_mm.sandbox.records import EndedBy, Language, Ran
from deepseek_mm.sandbox.restrictions import ARCHES, CALLS

HEAD = re.compile(r"^== (?P<name>.+) \((?P<marks>[a-z, ]+)\)(?:: (?P<walls>.+))?$", re.MULTILINE)
TITLE = re.compile(r"^# (.*)\n", re.MULTILINE)
WALLS = {  # its name in hostile.txt -> what it is
    "files": "a file system of its own",
    "landlock": "Landlock's rules over files",
    "network": "a network of its own",
    "processes": "a process namespace",
    "calls": "refused system calls (seccomp)",
    "privileges": "no root, no privileges",
    "limits": "limits of the kernel",
    "watcher": "the watcher outside",
    "output": "output is cut, and text",
    "start": "nothing is handed over",
    "end": "everything ends with it",
}
BEHIND = {
    "files": "namespaces",
    "network": "namespaces",
    "processes": "namespaces",
    "calls": "filter",
}  # to be left out
CALL = """import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    result = libc.syscall(*(ctypes.c_long(each) if isinstance(each, int) else each for each in (number, *args)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One program."""

    name: str
    code: str
    language: Language
    fast: bool
    open: bool
    walls: tuple["Sign", ...]  # what holds it, then what does without that

    @property
    def left_out(self) -> str:
        """What is not put up where the second wall is to show itself."""
        return BEHIND.get(self.walls[0].wall, "namespaces")


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A wall, and how a program ends that has run into it."""

    wall: str
    seen: str

    def shows(self, ran: Ran) -> bool:
        """Did this program end so?"""
        if self.seen == "nothing":
            return (ran.exit, ran.ended_by, ran.stdout.strip()) == (0, "", "")
        if self.seen in get_args(EndedBy):
            return ran.ended_by == self.seen
        if self.seen.startswith("SIG"):
            return ran.exit == -getattr(signal, self.seen)
        numbers = [getattr(errno, name, 0) for name in self.seen.split("/")]
        return any((f"[Errno {number}]" if number else self.seen) in ran.stderr for number in numbers)


def read(text: str) -> tuple[Hostile, ...]:
    """Every program of a file: a line with its name and marks, then its code."""
    parts = HEAD.split(TITLE.sub("", text))[1:]
    return tuple(one(*parts[n : n + 4]) for n in range(0, len(parts), 4))


def signs(walls: str) -> tuple[Sign, ...]:
    """Each wall with its sign."""
    pairs = [pair.split() for pair in walls.split(", ")] if walls else []
    assert {wall for wall, _ in pairs} <= set(WALLS), walls
    return tuple(Sign(wall=wall, seen=seen) for wall, seen in pairs)


def with_numbers(code: str) -> str:
    """The numbers of system calls in the place of their names, and the call itself."""
    column = list(ARCHES).index(MACHINE) if MACHINE in ARCHES else 0
    for name, numbers in CALLS.items():
        code = code.replace(f"@{name}@", str(numbers[column]))
    return CALL + code if "call(" in code else code


def one(name: str, marks: str, walls: str | None, code: str) -> Hostile:
    language, *further = marks.split(", ")
    assert language in ("python", "bash"), name
    assert set(further) <= {"fast", "open"}, name
    return Hostile(
        name=name,
        code=with_numbers(code.strip() + "\n"),
        language=cast("Language", language),
        fast="fast" in further,
        open="open" in further,
        walls=signs(walls or ""),
    )


def walls_table() -> str:
    """Markdown: what each of the programs with a wall tries, and what holds it."""
    rows = []
    for each in (each for each in HOSTILE if each.walls):
        first, *behind = each.walls
        second = "; ".join(f"{WALLS[sign.wall]}: {sign.seen}" for sign in behind)
        rows.append(f"| {each.name} | {WALLS[first.wall]} | {first.seen} | {second} |")
    head = "| what a program tries | what holds it | the sign | what holds it without that |"
    return "\n".join((head, "|---|---|---|---|", *rows))


HOSTILE = read((Path(__file__).parent / "hostile.txt").read_text())
