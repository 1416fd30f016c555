"""What is asked about code: kind, names and files of a question, a traceback, or what is written in a picture of code.

Python prints the innermost call last, all others first; here it is always first. What is no traceback has no frames.

A name is what stands in backquotes, behind an "@", or looks like one: with a dot, an underscore, a bracket or a capital
inside. A plain word is one only where the question has a place for it: "explain parse", "who calls load".

Of a picture, every line is a question of its own and votes for the files that have its words: the rarer those are, the
more it counts, and the earlier a file comes in its ranking, the more it gets. Beside these votes stand the rankings by
all words together, by names that are defined somewhere, by a traceback's frames, by what the whole means, and by how
many of the lines a file has. What is read wrongly spoils one line; a word that the index does not have is mended if it
can.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, islice
from pathlib import PurePath
from typing import Literal, NamedTuple

from deepseek_mm.language.search_syntax import Suggestion
from deepseek_mm.parse.formats import named_format
from deepseek_mm.retrieval.ranking import reciprocal_rank_fusion
from index import Filter, Region, Source
from index.store import RegionStore
from index.words import split_words

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


WHERE = Filter(kinds=("code", "text"))
PAGES = frozenset(["html", "markdown"])  # documents that are as good as code
READ, READ_ALL = 40, 200  # pieces that a line's words, and all words together, may find
MOST_LINES, MOST_NAMES = 120, 40  # that vote
EARLY = 3.0  # of a line's ranking: the smaller, the more its first places count
ENOUGH_WORDS = 5  # different ones of a picture, from which on a file that has them all is surely meant
FEW = 4  # places at which a name may be defined, to say anything
WEIGHTS = (2.0, 1.0, 1.0, 4.0, 0.5)  # of the rankings by lines, all words, names, frames and meaning
SHARED, AHEAD = 2.0, 15  # weight of the ranking by share of lines, and files beyond those wanted that have a share
DEPTH = 3.0  # of the joined ranks: first places count much more than the rest
WORD = re.compile(r"[^\W\d]\w*")
LIKE_A_NAME = re.compile(r"\w_\w|[a-z][A-Z]|^_")
MOST_UNKNOWN, MOST_TRIED = 40, 60  # words that are mended, and spellings of one that are tried
SHORTEST = 3  # letters of a part of a word that was read without its gap
ALIKE = ("1lI", "0O", "5S", "8B", "2Z", "6G")  # letters that are read for each other
OUGHT = re.compile(
    r"""File[\s_]*["'\u201c\u201d]*([^"'\u201c\u201d,]+?\.\w{1,4})["'\u201c\u201d]*\s*,\s*line\s*(\d+)"""
)


@dataclass(frozen=True, slots=True)
class FileMatch:
    """A file that a picture may be of, by its best piece."""

    region: Region
    share: float  # of the picture's lines whose words this file has, 0 to 1


class Ballot:
    """Files and their points in one ranking; of each its best piece."""

    def __init__(self) -> None:
        self.points: defaultdict[int, float] = defaultdict(float)  # source -> points
        self.pieces: defaultdict[int, float] = defaultdict(float)  # region -> points
        self.known: dict[int, Region] = {}

    def vote(self, regions: Sequence[Region], worth: float) -> None:
        """Deal points by rank: a file counts by its first piece."""
        firsts = dict.fromkeys(region.source.id for region in regions)
        for rank, source in enumerate(firsts):
            self.points[source] += worth / (EARLY + rank)
        for rank, region in enumerate(regions):
            self.known.setdefault(region.id, region)
            self.pieces[region.id] += worth / (EARLY + rank)

    @property
    def order(self) -> list[int]:
        """Sources, best first."""
        return sorted(self.points, key=lambda source: -self.points[source])


def locate_files(
    store: RegionStore, lines: Sequence[str], meant: Callable[[str], Sequence[Region]], *, k: int, where: Filter = WHERE
) -> list[FileMatch]:
    """At most k files, best first; `meant` finds pieces by what words mean. None where the picture has no words."""
    asked = [words for line in mended_lines(store, lines)[:MOST_LINES] if (words := " ".join(WORD.findall(line)))]
    if not asked:
        return []
    everything = " ".join(dict.fromkeys(word for words in asked for word in words.split()))
    by_line, at_once, by_name, by_frame, by_meaning = (Ballot() for _ in range(5))
    for words in asked:
        hits = [hit for hit in store.search_words(words, k=READ, where=where) if is_code(hit.region)]
        if hits:
            by_line.vote([hit.region for hit in hits], hits[0].score)
    found = [hit.region for hit in store.search_words(everything, k=READ_ALL, where=where)]
    at_once.vote([region for region in found if is_code(region)], 1.0)
    for name in names_in(lines):
        defined = store.symbols(name, where=where)
        if 0 < len({region.source.id for region in defined}) <= FEW:
            by_name.vote(defined[:1], 1.0 / len(defined))
    for n, region in enumerate(regions_of_frames(store, lines), start=1):
        by_frame.vote([region], 1 / n)
    by_meaning.vote([region for region in meant(everything) if is_code(region)], 1.0)
    ballots = (by_line, at_once, by_name, by_frame, by_meaning)
    rankings = [ballot.order for ballot in ballots]
    wanted = telling([set(split_words(line)) for line in asked])
    shares = {
        source: share_of(wanted, source, store) for source in reciprocal_rank_fusion(rankings, WEIGHTS)[: k + AHEAD]
    }
    by_share = sorted(filter(shares.get, shares), key=lambda source: -shares[source])
    order = [
        source
        for source in reciprocal_rank_fusion([*rankings, by_share], (*WEIGHTS, SHARED), depth=DEPTH)
        if source in shares
    ]
    return [FileMatch(best_piece(source, ballots), shares[source]) for source in order[:k]]


def is_code(region: Region) -> bool:
    """Code, or a page's source."""
    return region.kind == "code" or region.source.format in PAGES


def best_piece(source: int, ballots: Sequence[Ballot]) -> Region:
    """The piece of this file with most points, of the first ballot that knows it; frames say it best."""
    by_line, at_once, by_name, by_frame, by_meaning = ballots
    for ballot in (by_frame, by_line, at_once, by_name, by_meaning):
        own = [region for region in ballot.known.values() if region.source.id == source]
        if own:
            return max(own, key=lambda region: ballot.pieces[region.id])
    raise AssertionError(f"no ballot knows source {source}")


def telling(lines: list[set[str]]) -> list[set[str]]:
    """The lines with at least two words; all if none has two."""
    return [words for words in lines if len(words) > 1] or lines


def share_of(wanted: Sequence[set[str]], source: int, store: RegionStore) -> float:
    """The share of lines whose words all stand in this file.

    Few different words prove little, whatever file has them: the share is less in proportion.
    """
    there = {word for region in store.regions_of([source])[source] for word in split_words(region.text)}
    proof = min(1.0, len(set().union(*wanted)) / ENOUGH_WORDS)
    return proof * sum(words <= there for words in wanted) / len(wanted)


def names_in(lines: Sequence[str]) -> list[str]:
    """Words with an underscore or a capital inside, as code has them; each once."""
    words = (word for line in lines for word in WORD.findall(line) if LIKE_A_NAME.search(word))
    return list(dict.fromkeys(words))[:MOST_NAMES]


def regions_of_frames(store: RegionStore, lines: Sequence[str]) -> Iterator[Region]:
    """For each frame of a traceback, the innermost first, the shortest piece of code that has its line, if it is here.

    A file counts whose folder is the one that was printed too: many are called `utils.py`.
    """
    crash = crash_of(as_printed(lines))
    for frame in crash.frames if crash else ():
        *_, folder, name = ["", *re.split(r"[\\/]", frame.path)]
        regions = store.at_line(name, frame.line, where=WHERE)
        yield from [region for region in regions if folder and f"/{folder}/{name}" in region.source.path][:1]


def as_printed(lines: Sequence[str]) -> str:
    """A traceback as Python prints it, out of one that was read from a picture: gaps and quotes as they should be."""
    return "\n".join(OUGHT.sub(r'  File "\1", line \2', line) for line in lines)


def mended_lines(store: RegionStore, lines: Sequence[str]) -> list[str]:
    """The lines; words that the index does not have are read again as some that it has."""
    known: dict[str, bool] = {}

    def is_known(word: str) -> bool:
        if word not in known:
            known[word] = store.count_phrase(word) > 0
        return known[word]

    words = dict.fromkeys(word for line in lines for word in WORD.findall(line))
    unknown = [word for word in words if len(word) > SHORTEST and not is_known(word)][:MOST_UNKNOWN]
    better = {word: mended for word in unknown if (mended := mended_word(word, is_known)) != word}
    return [WORD.sub(lambda match: better.get(match[0], match[0]), line) for line in lines]


def mended_word(word: str, is_known: Callable[[str], bool]) -> str:
    """The word with one or two letters changed for ones that look alike, or cut in two, if that is known; else it."""
    return next(filter(is_known, chain(islice(variants(word), MOST_TRIED), cuts(word, is_known))), word)


def variants(word: str) -> Iterator[str]:
    """The word with one letter, then two, exchanged for a letter that looks like it."""
    swaps = [
        (n, other) for n, sign in enumerate(word) for row in ALIKE if sign in row for other in row if other != sign
    ]
    swaps += [(word.find("rn"), "m")] if "rn" in word else []
    for some in [*((one,) for one in swaps), *combinations(swaps, 2)]:
        signs = list(word)
        for n, other in some:
            signs[n] = other
            if other == "m":
                signs[n + 1] = ""
        yield "".join(signs)


def cuts(word: str, is_known: Callable[[str], bool]) -> Iterator[str]:
    """Two known words that were read as one: an underscore or a gap was lost. The most even ones first."""
    places = sorted(range(SHORTEST, len(word) - SHORTEST + 1), key=lambda n: abs(2 * n - len(word)))
    for n in places:
        if is_known(word[:n]) and is_known(word[n:]):
            yield f"{word[:n]} {word[n:]}"
