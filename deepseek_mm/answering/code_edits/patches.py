"""Patches as models write them, applied to texts: unified diffs, and blocks of what to search and what to put there.

A unified diff is placed by its lines, not by its numbers, which models count badly; where the lines stand twice the
number decides. Nothing is guessed: lines that are not there as they are written are an error that shows them.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.errors import BadQuestion

MOST_PATCH = 200_000  # characters
MOST_SHOWN = 300  # of lines that were not found
BLOCK = re.compile(r"<{5,9} ?SEARCH[ \t]*\n(.*?)\n?={5,9}[ \t]*\n(.*?)\n?>{5,9} ?REPLACE", re.DOTALL)
HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@")
NOWHERE = "/dev/null"
HOW = "Send a unified diff (---, +++, @@), or PATH and then <<<<<<< SEARCH, =======, >>>>>>> REPLACE"


class BadPatch(BadQuestion):
    """A patch that cannot be read or does not fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """Lines that stand somewhere, and what is to stand there."""

    old: tuple[str, ...]  # empty: of a new file, or a place between two lines
    new: tuple[str, ...]
    near: int = 0  # row, from 1, where it is said to stand; 0 where nothing says so


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePatch:
    """What is to be done with one file."""

    name: str
    parts: tuple[Replacement, ...]


def read_patch(text: str) -> list[FilePatch]:
    """The files that a patch names. BadPatch says why it is none."""
    if len(text) > MOST_PATCH:
        raise BadPatch(f"the patch has {len(text):,} characters, and {MOST_PATCH:,} are taken. Change less at once")
    text = text.replace("\r\n", "\n")
    found = read_blocks(text) if BLOCK.search(text) else read_unified(text)
    if not found:
        raise BadPatch(f"this is no patch. {HOW}")
    return found


def read_blocks(text: str) -> list[FilePatch]:
    """Search and replace: the line before a block, but for fences, names the file; without one it is the last file."""
    parts: dict[str, list[Replacement]] = {}
    name, at = "", 0
    for found in BLOCK.finditer(text):
        lines = [line.strip() for line in text[at : found.start()].split("\n")]
        named = [line for line in lines if line and not line.startswith("```")]
        name = clean_name(named[-1]) if named else name
        if not name:
            raise BadPatch(f"a block names no file. {HOW}")
        parts.setdefault(name, []).append(Replacement(old=lines_of(found[1]), new=lines_of(found[2])))
        at = found.end()
    return [FilePatch(name=name, parts=tuple(each)) for name, each in parts.items()]


def read_unified(text: str) -> list[FilePatch]:
    """A unified diff of any number of files."""
    parts: dict[str, list[Replacement]] = {}
    name, old, new, near = "", list[str](), list[str](), -1

    def close() -> None:
        if near >= 0 and name:
            parts.setdefault(name, []).append(Replacement(old=tuple(old), new=tuple(new), near=near))

    lines = text.split("\n")
    for n, line in enumerate(lines):
        if line.startswith("--- ") and n + 1 < len(lines) and lines[n + 1].startswith("+++ "):
            close()
            name, near = name_of(line[4:], lines[n + 1][4:]), -1
        elif found := HUNK.match(line):
            close()
            old, new, near = [], [], int(found[1])
        elif near >= 0 and not line.startswith(("+++ ", "\\", "diff ", "index ")):
            old += [line[1:]] if line[:1] in ("-", " ") else []
            new += [line[1:]] if line[:1] in ("+", " ") else []
            if not line and n + 1 < len(lines):  # models leave out the space of an empty line
                old.append("")
                new.append("")
    close()
    return [FilePatch(name=name, parts=tuple(each)) for name, each in parts.items()]


def name_of(old: str, new: str) -> str:
    """The file that a diff's head names. BadPatch where it removes one."""
    before, after = (clean_name(each.partition("\t")[0]) for each in (old, new))
    if after == NOWHERE:
        raise BadPatch(f"{before} would be removed, and files are not removed here. Say so in words instead")
    is_marked = after.startswith("b/") and (before.startswith("a/") or before == NOWHERE)
    return after[2:] if is_marked else after


def clean_name(name: str) -> str:
    """A file's name without quotes and marks around it."""
    return name.strip().strip("`'\"*#").strip().rstrip(":").strip()


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a block; none of one that is blank."""
    return tuple(text.split("\n")) if text.strip() else ()


def apply_parts(text: str | None, patch: FilePatch) -> str:
    """The text with every part replaced, in order; `text` is None where there is no file yet. BadPatch: it does not
    fit.
    """
    for part in patch.parts:
        if not part.old:
            text = insert_lines(text, part, patch.name)
        elif text is None:
            raise BadPatch(f"{patch.name} is not there yet, so nothing can be searched in it. Leave SEARCH empty")
        else:
            text = replace_once(text, part, patch.name)
    return text or ""


def insert_lines(text: str | None, part: Replacement, name: str) -> str:
    """A new file, or lines put where a diff without context says."""
    if text is None or not text.strip():
        return "\n".join(part.new).rstrip("\n") + "\n"
    if not part.near:
        raise BadPatch(f"{name} is there already: say which lines are to be replaced. Read it first")
    lines = text.split("\n")
    lines[part.near : part.near] = part.new
    return "\n".join(lines)


def replace_once(text: str, part: Replacement, name: str) -> str:
    """The text with one run of whole lines exchanged: the only one, or the one nearest to where it is said to be.

    Where the lines do not stand there as they are written, spaces at their ends and empty lines around them do not
    count, which models lose.
    """
    lines, old, new = text.split("\n"), list(part.old), list(part.new)
    places = find_run(lines, old)
    if not places:
        old, new = trim_blank(old), trim_blank(new)
        places = find_run([line.rstrip() for line in lines], [line.rstrip() for line in old]) if old else []
    if not places:
        shown = "\n".join(part.old)[:MOST_SHOWN]
        raise BadPatch(f"these lines do not stand in {name}. Read it, and copy them as they are:\n{shown}")
    if len(places) > 1 and not part.near:
        rows = ", ".join(str(n + 1) for n in places[:6])
        raise BadPatch(f"these lines stand {len(places)} times in {name} (lines {rows}). Add lines around them")
    place = min(places, key=lambda n: abs(n + 1 - part.near)) if part.near else places[0]
    lines[place : place + len(old)] = new
    return "\n".join(lines)


def find_run(lines: Sequence[str], run: Sequence[str]) -> list[int]:
    """Where these lines follow one another."""
    starts = (n for n, line in enumerate(lines) if line == run[0])
    return [n for n in starts if lines[n : n + len(run)] == run]


def trim_blank(lines: Sequence[str]) -> list[str]:
    """Without empty lines at either end."""
    filled = [n for n, line in enumerate(lines) if line.strip()]
    return list(lines[filled[0] : filled[-1] + 1]) if filled else []


def draw_diff(name: str, before: str | None, after: str) -> str:
    """A unified diff of one file, as git draws it."""
    old, new = (before or "").splitlines(keepends=True), after.splitlines(keepends=True)
    drawn = difflib.unified_diff(old, new, f"a/{name}" if before is not None else NOWHERE, f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in drawn)


def draw_diffs(files: Sequence[tuple[str, str | None, str]]) -> str:
    """Of several files: name, before, after."""
    return "".join(draw_diff(*each) for each in files)
