"""What is asked about code: kind, names and files, a pasted traceback, and completion of names while typing.

Python prints the innermost call last, all others first; here it is always first. What is no traceback has no frames.

A name is what stands in backquotes, behind an "@", or looks like one: with a dot, an underscore, a bracket or a capital
inside. A plain word is one only where the question has a place for it: "explain parse", "who calls load".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal, NamedTuple

from deepseek_mm.language.search_syntax import Suggestion
from deepseek_mm.parse.formats import named_format
from index import Filter, Source
from index.store import RegionStore

PYTHON = re.compile(r'^\s*File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<name>[^\n]+))?', re.MULTILINE)
OTHERS = (
    re.compile(r"^\s*at (?:async )?(?P<name>[^\s()]+) ?\((?P<path>[^()\n]+?):(?P<line>\d+)(?::\d+)?\)", re.MULTILINE),
    re.compile(r"^\s*at (?P<path>[^\s()]+?):(?P<line>\d+)(?::\d+)?\s*$", re.MULTILINE),  # JavaScript, Rust
    re.compile(r"^\t(?P<path>[^\s:]+\.go):(?P<line>\d+)", re.MULTILINE),
    re.compile(r"panicked at (?P<path>[^\s:]+\.rs):(?P<line>\d+)"),
    re.compile(r"^(?P<path>[^\s:]+\.\w{1,4}):(?P<line>\d+)(?::\d+)?: (?:fatal )?(?:error|warning)", re.MULTILINE),
)
PYTHON_SAID = re.compile(
    r"^(?!\s)(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Iteration)\b[^\n]*", re.MULTILINE
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


Kind = Literal["crash", "test", "callers", "calls", "where", "explain", "find"]

CODE = Filter(kinds=("code",))  # what such questions are asked of
MENTION = re.compile(r"(?<![\w.])@([\w./\-]*[\w/])")
QUOTED = re.compile(r"`([^`\n]+)`")
NAME = re.compile(
    r"(?<![\w.@/`])(?:[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w*)+|[A-Za-z]\w*_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z]\w*[a-z]\w*[A-Z]\w*|"
    r"[A-Za-z_]\w*(?=\(\)))(?:\(\))?"
)
NOUN = "function|method|class|module|symbol"
PLAIN = rf"(?:the |a |an )?(?:(?:{NOUN}) )?([A-Za-z_]\w*)(?: (?:{NOUN})\b)?"
SHAPES: tuple[tuple[Kind, str], ...] = (  # the first one that fits
    ("test", rf"\b(?:write|make|add|generate|create|give)\b[^?.]*?\btests?\b[^?.]*? (?:for|of) {PLAIN}"),
    ("test", rf"^ *tests? (?:for )?{PLAIN} *$"),
    ("callers", rf"\b(?:callers|users|usages?|uses|call sites) of {PLAIN}"),
    ("callers", rf"\b(?:who|what|which \w+) (?:else )?(?:calls?|uses?|invokes?) {PLAIN}"),
    ("callers", rf"\bwhere (?:is|are) {PLAIN} (?:being )?(?:called|used|invoked)\b"),
    ("calls", rf"\b(?:what|which \w+) (?:does|do) {PLAIN} (?:calls?|use|invoke)\b"),
    ("where", rf"\bwhere (?:is|are) {PLAIN} (?:defined|declared|implemented|made|decided)\b"),
    ("where", rf"\b(?:show|open|go to)(?: me)? {PLAIN} *$"),
    ("where", r"\bwhere ()(?:is|are|does|do|can)\b"),
    ("explain", rf"\bexplain {PLAIN}"),
    ("explain", rf"\b(?:what|how) (?:does|do) {PLAIN} (?:do|work)\b"),
    ("explain", rf"^ *(?:describe|what is|what's) {PLAIN} *\?* *$"),
)
ASKED = tuple((kind, re.compile(shape, re.IGNORECASE)) for kind, shape in SHAPES)
EARLIER = frozenset(["it", "its", "that", "this", "them", "they", "those", "these", "here"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A question about code, understood."""

    kind: Kind
    text: str
    names: tuple[str, ...] = ()  # as written, each once: "Assistant.ask"
    named: bool = False  # they look like names; else it is a plain word in a name's place
    files: tuple[str, ...] = ()  # parts of paths that it is bounded to: "assistant.py"
    crash: Crash | None = None


def wish_of(text: str, earlier: Sequence[str] = ()) -> Wish:
    """What is asked; `earlier` are the conversation's questions, oldest first, for "who calls it?"."""
    wish = alone(text)
    if wish.names or wish.crash or EARLIER.isdisjoint(re.findall(r"\w+", text.lower())):
        return wish
    before = [one for one in map(alone, reversed(earlier)) if one.names]
    return (
        replace(wish, names=before[0].names, named=before[0].named, files=wish.files or before[0].files)
        if before
        else wish
    )


def alone(text: str) -> Wish:
    """The same, without what was said before."""
    if crash := crash_of(text):
        return Wish(kind="crash", text=text, crash=crash)
    mentions = MENTION.findall(text)
    files = tuple(dict.fromkeys(name for name in mentions if is_file(name)))
    names = [name for name in mentions if not is_file(name)]
    names += [name.strip().removesuffix("()") for name in QUOTED.findall(text)]
    rest = " ".join(QUOTED.sub(" it ", MENTION.sub(lambda m: " " if is_file(m[1]) else " it ", text)).split())
    names += [name.removesuffix("()") for name in NAME.findall(rest)]
    rest = NAME.sub(" it ", rest)
    kind, plain = classify_wish(" ".join(rest.split()))
    named = bool(names)
    if not names and plain.lower() not in EARLIER:
        names = [plain] if plain else []
    if kind == "find" and named and len(rest.split()) <= len(names):
        kind = "explain"  # a name alone
    return Wish(kind=kind, text=text, names=tuple(dict.fromkeys(names)), files=files, named=named)


def is_file(name: str) -> bool:
    """Is it a path, or a name with an ending that files have?"""
    return "/" in name or named_format(name) is not None


def classify_wish(text: str) -> tuple[Kind, str]:
    """The kind, and the plain word that stands where a name would."""
    for kind, shape in ASKED:
        if match := shape.search(text):
            return kind, match[1]
    return "find", ""


BEGUN = re.compile(r"(?<![\w.])@([\w./\-]*)$")
MOST = 8  # suggestions
MOST_FILES = 3  # of them, where names fit too
LOOKED = 200  # files that have the letters somewhere in their path


def mentions(text: str, store: RegionStore) -> list[Suggestion]:
    """What the `@` at the text's end may become; nothing where there is none."""
    begun = BEGUN.search(text)
    if begun is None:
        return []
    head, word = text[: begun.start()], begun[1]
    names = [] if "/" in word else store.symbol_names(word, limit=MOST, where=CODE)
    files = files_like(word, store)
    room = MOST - min(len(names), MOST - MOST_FILES)
    told = [(name, "") for name in names[: MOST - min(len(files), MOST_FILES)]]
    told += [(mention(source, word, files), str(PurePath(source.path).parent)) for source in files[:room]]
    return [Suggestion(text=f"{head}@{name} ", insert=f"@{name}", help=help_) for name, help_ in told]


def files_like(word: str, store: RegionStore) -> list[Source]:
    """Files of code whose name, or path from some folder on, begins so; then those that have it inside."""
    where = Filter(source_kinds=("code",), path=word)
    found = store.sources(where, order="name", limit=LOOKED)
    begin = [source for source in found if f"/{word}".lower() in source.path.lower()]
    begin = [source for source in begin if "/" in word or source.name.lower().startswith(word.lower())]
    inside = [source for source in found if source not in begin and word.lower() in source.name.lower()]
    return [*begin, *inside]


def mention(source: Source, word: str, others: Sequence[Source]) -> str:
    """The file's name, with its folder where somebody types one or another file has the same name."""
    same = [other for other in others if other.name == source.name]
    return source.name if len(same) < 2 and "/" not in word else "/".join(PurePath(source.path).parts[-2:])
