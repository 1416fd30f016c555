"""What is asked about code: the kind of a request, the names and files in it, and what is to be listed.

A name is what stands in backquotes, behind an "@", or looks like one: with a dot, an underscore, a bracket or a capital
inside. A plain word is one only where the question has a place for it: "explain parse", "who calls load". Whatever else
stands for something that is defined is found by whoever knows the definitions. The shapes are English; where none fits
the kind is "find", and whoever compares sentences may know better.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepseek_mm.parse.formats import named_format

CodeKind = Literal[
    "where", "callers", "calls", "explain", "compare", "list", "change", "fix", "review", "test", "history",
    "summarise", "tests", "find",
]  # fmt: skip
Listed = Literal["function", "class", "method", "exception", "constant", "test", "import", "file"]

MENTION = re.compile(r"(?<![\w.])@([\w./\-]*[\w/])")
QUOTED = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?<![\w.@/`-])(?:[\w-]+/)*[\w-]+\.[A-Za-z]\w{0,8}(?![\w(])")
FOLDER = re.compile(r"(?<![\w.@/`-])(?:[\w-]+/)+(?![\w.-])")
GLOB = re.compile(r"(?<![\w.])[\w./-]*\*[\w.*/-]*")
NAME = re.compile(
    r"(?<![\w.@/`])(?:[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w*)+|[A-Za-z]\w*_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*|"
    r"[A-Z]\w*[a-z]\w*[A-Z]\w*|"
    r"[A-Za-z_]\w*(?=\())(?:\(\))?"
)
WITHIN = re.compile(r" (?:in|of|from|inside|within) the file\b")
KINDS_OF_CODE = "function|method|class|module|symbol|file|constant|exception|script"
PLAIN = rf"(?:the |a |an )?(?:(?:{KINDS_OF_CODE}) )?([A-Za-z_]\w*)(?: (?:{KINDS_OF_CODE})\b)?"
HAPPENS = re.compile(r"\b(?:raised|thrown|when|if|happens?|comes? up|after|before|while)\b", re.IGNORECASE)
ONE = re.compile(
    r"\b(?:which|what|wich) (?:file|module|script|function|class|method|exception|error|constant|test)\b", re.I
)
IN_FILE = re.compile(r"\b(?:the )?(?:(?:file|module|script) ([A-Za-z_]\w*)|([A-Za-z_]\w*)[ -](?:file|module|script)\b)")
LISTABLE: tuple[tuple[Listed, str], ...] = (
    ("test", r"tests?|test cases"),
    ("exception", r"(?:custom |own )?(?:exceptions?|errors?|error (?:classes|types))"),
    ("constant", r"constants?|settings|defaults|magic numbers|globals"),
    ("method", r"methods?"),
    ("class", r"classes|types|data ?classes|enums"),
    ("function", r"functions?|helpers|procedures|defs"),
    ("import", r"imports?|dependencies|packages|libraries"),
    ("file", r"(?:source )?files?|modules?|scripts?"),
)
THERE = r"(?:are|is|there|defined|exist|have|has|do|does|in)"
MANY = "|".join(shape for _, shape in LISTABLE)
ANYBODY, EDITS = r"(?:i|we|one)", r"(?:change|edit|modify|adjust|set|raise|lower|touch|configure)"
TURNS = r"(?:increase|decrease|disable|enable|turn off|turn on)"
EXPECTED = r"(?:should|expected|ought to|instead of|rather than)"
CHANGED = r"(?:wrote|written|chang\w+|touch\w+|add\w+|commit\w*|author\w*|introduc\w+|broke)"
MADE = r"(?:write|make|add|generate|create|give|need|want|draft)"
MORE = r"(?:bigger|larger|smaller|longer|shorter|faster|slower|higher|lower|more|less|louder|quieter|stricter)"
REACHED = r"(?:reach|cover|exercise|touch|run|call|use|test|check|break)(?:es|s)?"
USED = r"(?:called|used|invoked|referenced|imported)"
SHAPES: tuple[tuple[CodeKind, str], ...] = (  # the first one that fits
    ("test", rf"\b{MADE}\b[^?.]*?\btests?\b[^?.]*? (?:for|of|to) {PLAIN}"),
    ("test", rf"\bhow (?:would|do|does|can|could|should|to)\b(?: \w+)?? test {PLAIN}"),
    ("test", rf"^ *(?:please )?(?:unit[- ])?tests? (?:for )?{PLAIN} *$"),
    ("tests", rf"\b(?:which|what) tests?\b.*? (?:{REACHED}) {PLAIN}"),
    ("tests", rf"\b(?:is|are) {PLAIN} (?:covered|reached|exercised|tested)\b"),
    ("tests", rf"\bwhere (?:is|are) {PLAIN} tested\b"),
    ("tests", rf"\btests? (?:that|which) (?:{REACHED}) {PLAIN}"),
    ("history", rf"\b(?:who|when)\b.* {CHANGED}\b()"),
    ("history", r"\b(?:git blame|blame|last commits?|commit history|recent(?:ly)? chang\w+|authors? of)\b()"),
    ("history", r"\bwhy (?:was|were|did)\b.*\b(?:chang\w+|added|removed|introduced)\b()"),
    ("compare", r"\b(?:differences?|differs?|compared?|versus|vs|same as|distinguish\w*)\b()"),
    ("fix", r"\b(?:bugs?|fix|is broken|(?:does not|doesn't|isn't) work\w*|off by one|incorrect\w*)\b()"),
    ("fix", r"\bwrong (?:result|answer|value|number)\b()"),
    ("fix", rf"\b{EXPECTED}\b.*\b(?:but|gives?|gave|got|returns?|is|are|be)\b()"),
    ("fix", rf"\b(?:gives?|gave|got|returns?|returned)\b.*\b(?:{EXPECTED}|but)\b()"),
    ("review", r"\b(?:review|code smells?|critici[sz]e|clean ?up|improve|what(?:'s| is) (?:wrong|bad))\b()"),
    ("change", rf"\bwhat (?:do|must|should|would|have|need)\b.*\b{ANYBODY}\b.*\b{EDITS}\b()"),
    ("change", rf"\bwhere (?:do|can|could|must|should|would)\b.*\b{ANYBODY}\b.*\b{EDITS}\b()"),
    ("change", rf"\bhow (?:do|can|could|would|to)\b.*\b(?:{EDITS}|{TURNS})\b()"),
    ("change", rf"\bhow (?:do|can|could|would|to)\b.*\bmake\b.*\b{MORE}\b()"),
    ("callers", rf"\b(?:callers|users|usages?|uses|call sites|references) (?:of|to) {PLAIN}"),
    ("callers", rf"\b(?:who|what|which \w+)(?: else)? (?:calls?|uses?|invokes?|depends? on|imports?) {PLAIN}"),
    ("callers", rf"\bwhere (?:is|are|do \w+|does \w+) {PLAIN} (?:being )?{USED}\b"),
    ("callers", rf"\b(?:is|are) {PLAIN} (?:ever |still |even )?(?:called|used|needed|dead)\b"),
    ("calls", rf"\b(?:what|which \w+) (?:does|do) {PLAIN} (?:calls?|use|invoke|depend on|import|need)\b"),
    ("summarise", r"\b(?:summari[sz]e|overview|give me the gist|outline)\b()"),
    ("list", rf"^(?:please |can you |could you )?(?:list|enumerate|show(?: me)?|name|give me)\b.*\b(?:{MANY})\b()"),
    ("list", rf"\b(?:what|which|wich|how many)\b(?: \S+){{0,3}}? (?:{MANY})\b.*\b{THERE}\b()"),
    ("list", r"\bwhat(?:'s| is) in\b()"),
    ("where", rf"\bwhere (?:is|are|was) {PLAIN} (?:defined|declared|implemented|made|decided|coming from|located)\b"),
    ("where", rf"\b(?:which|what) (?:file|module) (?:defines|declares|implements|contains|has) {PLAIN}"),
    ("where", rf"\b(?:find|definition of|locate|show|open|go to|jump to)(?: me)? {PLAIN} *$"),
    ("where", r"\bwhere ()(?:is|are|does|do|can)\b"),
    ("explain", rf"\bexplain(?: to me)?(?: what| how)? {PLAIN}"),
    ("explain", rf"\b(?:what|how) (?:does|do) {PLAIN} (?:do|work|mean|return|compute|give)\b"),
    ("explain", rf"^ *(?:describe|what is|what's|whats|what are) {PLAIN}(?: for| good for| about)? *\?* *$"),
    ("explain", rf"\bwhat (?:is|are) {PLAIN} (?:for|used for|about)\b"),
)
ASKED = tuple((kind, re.compile(shape, re.IGNORECASE)) for kind, shape in SHAPES)
LISTS = tuple((listed, re.compile(rf"\b(?:{shape})\b", re.IGNORECASE)) for listed, shape in LISTABLE)
EARLIER = frozenset(["it", "its", "that", "this", "them", "they", "those", "these", "here", "both"])
NO_NAME = EARLIER | frozenset(
    [
        "which",
        "what",
        "each",
        "every",
        "any",
        "same",
        "i",
        "we",
        "you",
        "one",
        "everything",
        "anything",
        "something",
        "there",
        "the",
        "a",
        "my",
        "file",
        "module",
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeRequest:
    """A question about code, understood."""

    kind: CodeKind
    text: str
    names: tuple[str, ...] = ()  # as written, each once: "Assistant.ask"
    named: bool = False  # they look like names; else it is a plain word in a name's place
    files: tuple[str, ...] = ()  # parts of paths that it is bounded to: "assistant.py", "shop/", "test_*.py"
    listed: Listed | None = None  # what is to be listed
    by_shape: bool = True  # a shape of words tells the kind

    @property
    def without_names(self) -> str:
        """The words with "it" for each name and "the file" for each file: what the kind depends on."""
        words = MENTION.sub(lambda match: " the file " if is_file(match[1]) else " it ", self.text)
        words = QUOTED.sub(" it ", words)
        for pattern in (GLOB, FOLDER):
            words = pattern.sub(" the file ", words)
        words = FILE.sub(lambda match: " the file " if is_file(match[0]) else match[0], words)
        return " ".join(NAME.sub(" it ", words).split())


def read_code_request(text: str, earlier: Sequence[str] = ()) -> CodeRequest:
    """What is asked; `earlier` are the conversation's questions, oldest first, for "who calls it?"."""
    request = read_alone(text)
    if request.names or EARLIER.isdisjoint(re.findall(r"\w+", text.lower())):
        return request
    before = [one for one in map(read_alone, reversed(earlier)) if one.names]
    if not before:
        return request
    return replace(request, names=before[0].names, named=before[0].named, files=request.files or before[0].files)


def read_alone(text: str) -> CodeRequest:
    """The same, without what was said before."""
    mentions = MENTION.findall(text)
    files = [name for name in mentions if is_file(name)]
    names = [name for name in mentions if not is_file(name)]
    quoted = [name.strip().removesuffix("()") for name in QUOTED.findall(text)]
    files += [name for name in quoted if is_file(name)]
    names += [name for name in quoted if not is_file(name)]
    rest = QUOTED.sub(" it ", MENTION.sub(lambda m: " the file " if is_file(m[1]) else " it ", text))
    for pattern in (GLOB, FOLDER, FILE):
        found = [name for name in pattern.findall(rest) if is_file(name)]
        files += found
        rest = pattern.sub(lambda match: " the file " if match[0] in found else match[0], rest)  # noqa: B023 - now
    names += [name.removesuffix("()") for name in NAME.findall(rest)]
    whole = " ".join(NAME.sub(" it ", rest).split())
    rest = WITHIN.sub("", whole)
    in_file = next((one or other for one, other in IN_FILE.findall(rest) if (one or other).lower() not in NO_NAME), "")
    kind, plain, fits = classify_words(rest)
    if not fits:
        kind, plain, fits = classify_words(whole)
    named = bool(names)
    if not names and plain and plain.lower() not in NO_NAME and plain != in_file:
        names = [plain]
    if kind == "list" and (HAPPENS.search(rest) or ONE.search(rest)):  # not what there is, but what is done
        kind, fits = "find", True
    if kind == "find" and named and len(rest.split()) <= len(names):
        kind = "explain"  # a name alone
    return CodeRequest(
        kind=kind,
        text=text,
        names=tuple(dict.fromkeys(names)),
        named=named,
        files=tuple(dict.fromkeys([*files, *([in_file] if in_file and kind != "where" else [])])),
        listed=listed_in(IN_FILE.sub(" ", rest) if in_file else rest) if kind == "list" else None,
        by_shape=fits,
    )


def is_file(name: str) -> bool:
    """Is it a path, a pattern of names, or a name with an ending that files have?"""
    return "/" in name or "*" in name or named_format(name) is not None


def classify_words(text: str) -> tuple[CodeKind, str, bool]:
    """The kind, the plain word that stands where a name would, and whether a shape says so."""
    for kind, shape in ASKED:
        if match := shape.search(text):
            return kind, match[1], True
    return "find", "", False


def listed_in(text: str) -> Listed | None:
    """What is to be listed: the first kind of code that the words name; None for whatever is there."""
    found = [(match.start(), listed) for listed, shape in LISTS if (match := shape.search(text))]
    places = [(start, listed) for start, listed in found if not (listed == "file" and "the file" in text.lower())]
    return min(places)[1] if places else None
