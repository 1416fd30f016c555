"""Answers to questions about code from the index: definitions, callers, tracebacks, listings and example questions.

The index holds what the syntax says. Where a question names nothing that is defined here, the nearest pieces of code
are looked for by words and meaning, and it is said that they are only near.

Only what the library knows is opened: a path in a conversation that was imported is a stranger's word.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from PIL.Image import Image

from deepseek_mm.answering.code.test_writer import PROBES, Prover, WrittenTests
from deepseek_mm.answering.skills.code_questions import (
    CODE,
    WHERE,
    Crash,
    TracebackFrame,
    Wish,
    as_printed,
    crash_of,
    locate_files,
    wish_of,
)
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.language.words import clean, content, join_words, quotable, singular
from deepseek_mm.parse.document import open_file, read_photo
from deepseek_mm.parse.workers.client import read_letters
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.passages import Scorer, order_texts
from deepseek_mm.types import Claim, Evidence, Found, Match, Picture, Query, Question
from index import Filter, Region, Source
from index.region import at_lines
from index.store import RegionStore
from index.words import split_words

SURE, LIKELY = 1.0, 0.6  # certainty of what the syntax says, and of what is only near
MOST = 6  # places that an answer points at
MOST_NAMES = 8  # names in one sentence
READ = 50  # pieces that have words of a question
ENOUGH = 0.6  # of the words of a question, that a piece needs to count as near
ABOUT_CODE = frozenset(  # words that say nothing of which code is meant
    ["code", "function", "method", "class", "file", "module", "symbol", "line", "place", "compute", "call", "define"]
)
MAX_NAME, MAX_DOC = 80, 240  # letters
ASK_LEAVE = "ask once more with leave to run it"  # what a draft of a test ends with
TRIED = frozenset(["function", "method"])  # kinds of definitions that tests are written for
LIMITS = ParseConfig()  # of pictures, where nobody chose others
MUCH = 0.5  # of a picture's lines, that stand in a file which is said to have them


class CodeSearch(Protocol):
    """Searches by words and meaning."""

    def __call__(self, query: Query, *, k: int, where: Filter) -> Found:
        """At most k files, each by its best region."""


class Coder:
    """Answers questions about the code in one store."""

    def __init__(
        self,
        store: RegionStore,
        find: CodeSearch,
        read: Callable[[Image], Sequence[str]] = lambda image: (),
        prover: Prover | None = None,
        limits: ParseConfig = LIMITS,
        score: Scorer | None = None,
    ) -> None:
        """`read` gives the lines that are written in a picture; `prover` writes tests; pictures keep to `limits`;
        `score` orders what comes near.
        """
        self._store, self._find, self._read, self._prover, self._limits = store, find, read, prover, limits
        self._score = score

    def look_up(self, case: QuestionContext) -> QuestionContext:
        """The case with its evidence and claims; without a claim there is nothing of it here."""
        wish = wish_of(case.question.text, [asked for asked, _ in case.earlier])
        tell = ClaimWriter()
        pictures = case.question.pictures
        if pictures:
            self._tell_pictured(
                [line for picture in pictures for line in self._read(self._open_picture(picture))], tell
            )
        if wish.crash:
            self._crash(wish.crash, tell)
        elif wish.kind == "test":
            self._test(wish, tell, run=case.question.run)
        elif wish.kind == "callers":
            self._callers(self._find_definitions(wish), tell)
        else:
            for region in self._find_definitions(wish)[:MOST]:
                self._tell_definition(wish, region, tell)
        if not tell.claims and not pictures:
            self._near(wish, tell)
        return replace(case, evidence=tuple(tell.evidence), claims=tuple(tell.claims), knows=self._knows)

    def _open_picture(self, picture: Picture) -> Image:
        if picture.image is not None:
            return picture.image
        return read_photo(Path(picture.path), max_pixels=self._limits.max_pixels).image

    def _knows(self, name: str) -> bool:
        return bool(self._store.symbols(name, where=CODE) or self._store.callers(name, where=CODE))

    def _find_definitions(self, wish: Wish) -> list[Region]:
        """What the names of the question mean, in the files that it is bounded to; of a file alone its module."""
        if wish.files and not wish.names:
            names = [file.rstrip("/").rsplit("/", 1)[-1] for file in wish.files]
            opened = [region for name in names for region in self._store.at_line(name, 1, where=CODE)]
            return within(opened, wish.files)[:1]
        found = [region for name in wish.names for region in self._store.symbols(name, where=CODE)]
        return within(found, wish.files) or (found if wish.files and wish.named else [])

    def _tell_definition(self, wish: Wish, region: Region, tell: "ClaimWriter") -> None:
        tell.say(f"{what(region)} is defined in {spot(region)}", region)
        symbol = region.symbol
        if symbol is None or wish.kind == "where":
            return None
        if symbol.doc and wish.kind != "calls":
            paragraph = symbol.doc.strip().split("\n\n")[0]
            tell.say(f'It says of itself: "{quotable(paragraph, MAX_DOC)}"', region)
        known = [name for name in symbol.calls if self._store.symbols(name, where=CODE)]
        if known:
            tell.say(f"It calls {names_of(known)}", region)
        elif wish.kind == "calls":
            tell.say("It calls nothing that is defined here", region)
        return self._callers([region], tell) if wish.kind == "explain" and symbol.kind != "module" else None

    def _test(self, wish: Wish, tell: "ClaimWriter", *, run: bool) -> None:
        """A test file for the first of what is named that can be tried; a draft where nothing may run."""
        assert self._prover is not None, "what writes tests"
        defined = self._find_definitions(wish)
        region = next((one for one in defined if one.symbol and one.symbol.kind in TRIED), next(iter(defined), None))
        if region is None:
            return
        made = self._prover.write_tests(region, self._store, run=run)
        tell.say(told_of(made, f"{what(region)} in {spot(region)}"), region, block=made.text)
        if made.verified and made.dropped:
            tell.say(f"{made.dropped} more calls are left out: they took long, or gave what no test can say", region)
        if len(defined) > 1:
            tell.say(f"{len(defined)} places define that name. Bound the question to a file with @ for another", region)

    def _callers(self, defined: Sequence[Region], tell: "ClaimWriter") -> None:
        """Who calls them, told once for all of one name: a call does not say which of them it means."""
        by_name: dict[str, list[Region]] = {}
        for region in defined:
            by_name.setdefault(region.symbol.name if region.symbol else region.source.name, []).append(region)
        for name, same in by_name.items():
            own = {region.id for region in same}
            callers = [one for one in self._store.callers(name, where=CODE) if one.id not in own]
            called = what(same[0]) if len(same) == 1 else f"`{clean(name, MAX_NAME)}`, which {len(same)} places define,"
            if not callers:
                tell.say(f"Nothing here calls {what(same[0])}, which is defined in {spot(same[0])}", same[0])
                continue
            places = [f"{what(one)} in {spot(one)}" for one in callers[:MOST]]
            if len(callers) > MOST:
                places.append(f"{len(callers) - MOST} more")
            tell.say(f"{called} is called by {join_words(places)}", *callers[:MOST])

    def _crash(self, crash: Crash, tell: "ClaimWriter") -> None:
        """Frame by frame, the innermost first; those of other projects are counted."""
        places = [(frame, self._at(frame)) for frame in crash.frames]
        known = [(frame, region) for frame, region in places if region is not None]
        for n, (frame, region) in enumerate(known[:MOST]):
            said = f"{clean(crash.said, MAX_DOC)} came up" if n == 0 and crash.said else "It came through there"
            where = f"in {what(region)}, {region.source.name} line {frame.line}"
            tell.say(f"{said} {where}: {quoted_line(region, frame.line)}", region)
        outside = len(places) - len(known)
        if known and outside:
            noun = "call of the traceback is" if outside == 1 else "calls of the traceback are"
            tell.say(f"{outside} {noun} of files that are not here", known[0][1])

    def _at(self, frame: TracebackFrame) -> Region | None:
        """The shortest piece of code that has this line, of the file whose path ends most alike."""
        name = frame.path.replace("\\", "/").rsplit("/", 1)[-1]
        regions = self._store.at_line(name, frame.line, where=CODE)
        return max(regions, key=lambda one: alike(one.source.path, frame.path), default=None)

    def find_pictured(self, query: Query, *, k: int, where: Filter) -> Found:
        """At most k files of code that a picture shows, or that make what it shows; as sure as they have its lines."""
        assert query.image is not None, "a picture"
        bounds = replace(where, kinds=WHERE.kinds, source_kinds=("code", "document"))  # pages' sources are among these
        places = locate_files(
            self._store, [*self._read(query.image), query.text], self._find_by_meaning, k=k, where=bounds
        )
        sure = max((place.share for place in places), default=0.0)
        matches = tuple(Match(region=place.region, score=place.share) for place in places)
        return Found(matches=matches, found=sure >= MUCH, certainty=round(sure, 4), threshold=MUCH)

    def _tell_pictured(self, lines: Sequence[str], tell: "ClaimWriter") -> None:
        """What a picture shows or what makes it, by the words in it; a traceback in it is followed first."""
        if crash := crash_of(as_printed(lines)):
            self._crash(crash, tell)
        places = locate_files(self._store, lines, self._find_by_meaning, k=MOST, where=WHERE)
        for n, place in enumerate(places):
            much = "" if place.share >= MUCH else ", though little of it stands there,"
            lead = f"Nearest to what is written in the picture{much} is" if n == 0 else "Then"
            tell.say(f"{lead} {what(place.region)} in {spot(place.region)}", place.region, certainty=LIKELY)

    def _find_by_meaning(self, words: str) -> list[Region]:
        return [match.region for match in self._find(Query(text=words), k=MOST, where=CODE).matches]

    def _near(self, wish: Wish, tell: "ClaimWriter") -> None:
        """What is nearest by words and by meaning, as far as it has enough of the question's own words."""
        worded = [hit.region for hit in self._store.search_words(wish.text, k=READ, where=CODE)]
        meant = self._find_by_meaning(wish.text)
        regions = within(list({region.id: region for region in (*meant, *worded)}.values()), wish.files)
        asked = turned_on(wish.text)
        shares = {r.id: share_of(asked, f"{r.text} {names_and_doc(r)} {r.source.path}") for r in regions}
        near = [region for region in regions if shares[region.id] >= ENOUGH]
        near.sort(key=lambda r: -shares[r.id] - share_of(asked, names_and_doc(r)))
        order = order_texts(wish.text, [region.text for region in near], self._score)
        regions = [near[n] for n in order[:MOST]]
        missing = (
            f"Nothing here is called {names_of(wish.names)}; the nearest is" if wish.named else "Nearest to that is"
        )
        for n, region in enumerate(regions):
            lead = missing if n == 0 else "Then"
            tell.say(f"{lead} {what(region)} in {spot(region)}{its_words(region)}", region, certainty=LIKELY)


def no_code(store: RegionStore, question: Question) -> str:
    """What is said where the code does not have it."""
    if question.pictures and store.counts(where=CODE).regions:
        return "I read nothing in the picture that leads to code of this library. A larger or sharper part of it may do"
    if store.counts(where=CODE).regions:
        return "I find nothing of that in the code of this library"
    return "There is no code in this library. Add a folder with it on the Library tab, and ask again"


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


def told_of(made: WrittenTests, named: str) -> str:
    """How a test file came about."""
    why = clean(made.why_not, MAX_DOC).rstrip(".").replace("`", "'")
    if made.verified:
        many = "This test holds" if made.count == 1 else f"These {made.count} tests hold"
        seen = f"in the sandbox each gave the same {len(PROBES)} times, and the whole file passed"
        return f"{many} what {named} does now: {seen}. Whether that is right, no test here says"
    if not made.text:
        return f"I can write no test for {named}: {why}"
    if why:
        return f"This is a draft that was not tried: {named} cannot be run in the sandbox ({why})"
    return f"This is a draft for {named}, of which nothing was run: {ASK_LEAVE} (--run)"


def what(region: Region) -> str:
    """`Assistant.ask`; of code without a symbol its file."""
    return f"`{clean(region.symbol.path, MAX_NAME)}`" if region.symbol else f"`{clean(region.source.name, MAX_NAME)}`"


def its_words(region: Region) -> str:
    """, which says: "Keeps what is asked." - the first sentence of its docstring, if it has one"""
    doc = region.symbol.doc.strip() if region.symbol else ""
    first = re.split(r"(?<=[.!?])\s|\n\s*\n", doc)[0]
    return f', which says: "{quotable(first, MAX_DOC)}"' if first else ""


def spot(region: Region) -> str:
    """assistant.py:66-68"""
    return at_lines(clean(region.source.name, MAX_NAME), region.lines)


def names_of(names: Sequence[str]) -> str:
    """`a`, `b` and 3 more"""
    told = [f"`{clean(name, MAX_NAME)}`" for name in names[:MOST_NAMES]]
    return join_words(told) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def turned_on(text: str) -> frozenset[str]:
    """The words that a question turns on, one of many each: identifiers in it are split."""
    return frozenset(singular(word) for word in split_words(" ".join(content(text)))) - ABOUT_CODE


def share_of(asked: frozenset[str], told: str) -> float:
    """How many of these words stand in a text, 0 to 1."""
    return len(asked & {singular(word) for word in split_words(told)}) / len(asked) if asked else 0.0


def names_and_doc(region: Region) -> str:
    """What somebody called a piece of code, and what they say of it."""
    symbol = region.symbol
    return f"{symbol.path} {symbol.doc}" if symbol else region.source.name


def within(regions: Sequence[Region], files: Sequence[str]) -> list[Region]:
    """Those whose path ends with, or has a folder like, one of `files`; all where none are named."""
    return [one for one in regions if not files or any(f"/{file.strip('/')}" in one.source.path for file in files)]


def alike(path: str, other: str) -> int:
    """How many parts two paths have in common, from the end."""
    pairs = zip(reversed(path.split("/")), reversed(other.replace("\\", "/").split("/")), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(path.count("/"), other.count("/")) + 1)


def quoted_line(region: Region, line: int) -> str:
    """The line of code, in backquotes, where the region has all of its lines."""
    first, last = region.lines
    lines = region.text.split("\n")
    code = clean(lines[line - first], MAX_DOC) if len(lines) == last - first + 1 else ""
    return f"`{code.replace('`', chr(39))}`" if code else "a line without code"


State = Literal["", "changed", "gone"]  # as it was read; written to since; not there, or not known here


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Lines of a file."""

    lines: tuple[str, ...]
    cited: tuple[int, int]  # the first and the last of those that are meant
    first: int = 1  # number of the first one
    total: int = 0  # in the file
    state: State = ""


def listing_of(region: Region, store: RegionStore, config: ParseConfig, *, around: int) -> Listing:
    """The lines of its file, at most `around` before and behind those of the region; of a file that is not there the
    region's own text. Where the file was read again since, what has the region's name there is meant.
    """
    known = store.source_at(region.source.path)
    if known is None or (read := read_source_lines(known, config)) is None:
        kept = tuple(region.text.split("\n"))
        return Listing(lines=kept, cited=region.lines, first=region.lines[0] or 1, total=len(kept), state="gone")
    digest, lines = read
    now = region if known.digest == region.source.digest else find_moved(region, known, store)
    state: State = "" if now and digest == known.digest else "changed"
    first, last = (now or region).lines
    start = max(0, min(first, len(lines)) - 1 - around)
    shown = tuple(lines[start : last + around])
    return Listing(lines=shown, cited=(first, last), first=start + 1, total=len(lines), state=state)


def read_source_lines(source: Source, config: ParseConfig) -> tuple[str, list[str]] | None:
    """Its digest and its lines; None where it is gone or cannot be read any more."""
    try:
        file = open_file(source.path, config)
        return file.digest, read_letters(file, config).split("\n")
    except (DeepSeekMMError, OSError):
        return None


def find_moved(region: Region, now: Source, store: RegionStore) -> Region | None:
    """The piece of this name in the file as it was read last; None where there is none, or several are."""
    if region.symbol is None:
        return None
    there = store.regions_of([now.id]).get(now.id, ())
    name = region.symbol.path, region.symbol.kind
    same = [each for each in there if each.symbol and (each.symbol.path, each.symbol.kind) == name]
    return same[0] if len(same) == 1 else None


LOOKED = 30  # names that are called most
TELLING = 7  # letters of a name with what encloses it
TRACEBACK = """Traceback (most recent call last):
  File "{path}", line {line}, in {name}
ValueError: an example"""


def questions_to_try(store: RegionStore) -> tuple[str, ...]:
    """Who calls it, what is it, where is it, a test for it, a traceback through it; none without code with names."""
    found = store.busiest(limit=LOOKED, where=CODE)
    if not found:
        return ()
    told = [region for region in found if region.symbol and region.symbol.doc] or found
    told.sort(key=lambda region: not is_telling(region))
    first, second, third = (told * 3)[:3]
    alone = [region for region in told if region.symbol and region.symbol.kind == "function"]
    return (
        f"Who calls {what(first)}?",
        f"Explain {what(second)}",
        f"Where is {what(third)} defined?",
        *(f"Write a test for {what(region)}" for region in alone[:1]),
        TRACEBACK.format(path=first.source.path, line=sum(first.lines) // 2, name=first.symbol and first.symbol.name),
    )


def is_telling(region: Region) -> bool:
    """No everyday word: "Who calls `where`?" reads like a slip."""
    return region.symbol is not None and len(region.symbol.path) >= TELLING
