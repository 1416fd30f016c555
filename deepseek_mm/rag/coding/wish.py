"""What is asked about code: a kind of question, the names it is about, the files it is bounded to.

A name is what stands in backquotes, behind an "@", or looks like one: with a dot, an underscore, a bracket or a capital
inside. A plain word is one only where the question has a place for it: "explain parse", "who calls load".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepseek_mm.parse.formats import named_format
from deepseek_mm.rag.coding.crash import Crash, crash_of
from index import Filter

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
    files: tuple[str, ...] = ()  # parts of paths that it is bounded to: "rag/assistant.py"
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
