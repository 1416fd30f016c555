"""Answers to questions about code from the index and from what the syntax of its files says.

The index holds definitions and calls. Files are read again for what else they say: values, comments, errors, returns.
Where a question names nothing that is defined here, the statements that answer it are looked for by words and meaning,
and it is said how likely that is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.answering.code.call_claims import CallTeller
from deepseek_mm.answering.code.changes import tell_change
from deepseek_mm.answering.code.claims import (
    LIKELY,
    MAX_DOC,
    MAX_NAME,
    ClaimWriter,
    join_names,
    name_region,
    place_at,
    place_of,
    quote_code,
)
from deepseek_mm.answering.code.crashes import tell_crash
from deepseek_mm.answering.code.explanations import compare_regions, summarise_file, tell_doc, tell_facts
from deepseek_mm.answering.code.graphs import LibraryGraphs
from deepseek_mm.answering.code.histories import tell_history
from deepseek_mm.answering.code.inventories import tell_inventory
from deepseek_mm.answering.code.kinds import CodeKinds
from deepseek_mm.answering.code.names import NameFinder
from deepseek_mm.answering.code.pictured_code import WHERE, locate_files
from deepseek_mm.answering.code.review import review_text
from deepseek_mm.answering.code.searches import StatementSearch
from deepseek_mm.answering.code.source_files import CODE, CodeFile, CodeFiles
from deepseek_mm.answering.code.tracebacks import as_printed, crash_of
from deepseek_mm.answering.drafts.test_writer import PROBES, Prover, WrittenTests
from deepseek_mm.config import ParseConfig
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.language.code_requests import CodeRequest, read_code_request
from deepseek_mm.language.words import clean
from deepseek_mm.parse.document import read_photo
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.passages import Scorer
from deepseek_mm.types import Found, Match, Picture, Query, Question
from index import Filter, Region
from index.store import RegionStore

MOST = 6  # places that an answer points at
MOST_FINDINGS = 4  # of one review
MOST_SUMMED = 4  # files that are told one by one
ASK_LEAVE = "ask once more with leave to run it"  # what a draft of a test ends with
TRIED = frozenset(["function", "method"])  # kinds of definitions that tests are written for
LIMITS = ParseConfig()  # of pictures, where nobody chose others
MUCH = 0.5  # of a picture's lines, that stand in a file which is said to have them
NO_HISTORY = "Nothing here tells who wrote or changed that: no author is named in it, and I read no history of changes"


class CodeSearch(Protocol):
    """Searches by words and meaning."""

    def __call__(self, query: Query, *, k: int, where: Filter) -> Found:
        """At most k files, each by its best region."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeModels:
    """What reads pictures, compares sentences, orders passages and writes tests; what is missing is done without."""

    read: Callable[[Image], Sequence[str]] = lambda image: ()
    encode: Encode | None = None
    score: Scorer | None = None
    prover: Prover | None = None


class Coder:
    """Answers questions about the code in one store."""

    def __init__(
        self,
        store: RegionStore,
        find: CodeSearch,
        models: CodeModels = CodeModels(),
        limits: ParseConfig = LIMITS,
        graphs: LibraryGraphs | None = None,
    ) -> None:
        """Pictures and files keep to `limits`; without `graphs` calls are told by names."""
        self._store, self._find, self._models, self._limits = store, find, models, limits
        self._files = CodeFiles(store, limits)
        self._names = NameFinder(store, self._files)
        self._calls = CallTeller(store, graphs or LibraryGraphs(store, limits))
        self._kinds = CodeKinds(models.encode)
        self._search = StatementSearch(store, self._find_by_meaning, self._files, models)
        self._tellers: dict[str, Callable[[CodeRequest, ClaimWriter, QuestionContext], None]] = {
            "callers": self._tell_callers, "calls": self._tell_definitions, "where": self._tell_definitions,
            "explain": self._tell_definitions, "compare": self._compare, "list": self._list, "change": self._change,
            "fix": self._review, "review": self._review, "test": self._test, "summarise": self._summarise,
            "history": self._tell_history, "tests": self._tell_tests,
        }  # fmt: skip

    def look_up(self, case: QuestionContext) -> QuestionContext:
        """The case with its evidence and claims; without a claim there is nothing of it here."""
        text, tell = case.question.text, ClaimWriter()
        request = read_code_request(text, [asked for asked, _ in case.earlier])
        request = self._kinds.complete(request, self._names.hide_names)
        request = self._names.complete(request)
        pictures, crash = case.question.pictures, crash_of(text)
        if pictures:
            self._tell_pictured([line for each in pictures for line in self._models.read(self._open(each))], tell)
        if crash:
            tell_crash(crash, self._store, self._files, tell)
        elif HAPPENS.search(text) and request.named:
            for region in self._names.find_definitions(request)[:1]:
                self._calls.tell_path(region, tell)
        elif request.kind in self._tellers:
            self._tellers[request.kind](request, tell, case)
        if not tell.claims and not pictures:
            self._search.tell(request, tell, cited=cited_before(case))
        return replace(case, evidence=tuple(tell.evidence), claims=tuple(tell.claims), knows=self._knows)

    def recognise(self, text: str) -> float:
        """How surely a question is about this code, wherever it is asked: 1 where it names a definition or file of it
        as code is written, 0.5 where a plain word stands in the place of a name that is defined, else 0.
        """
        if not self._store.has_regions(CODE):
            return 0.0
        request = read_code_request(text)
        if crash_of(text) or (request.files and self._files.find(request.files)):
            return 1.0
        if request.named and self._names.find_definitions(request):
            return 1.0
        completed = self._names.complete(request) if request.by_shape else request
        if not completed.names or not self._names.find_definitions(completed):
            return 0.0
        return 1.0 if SAYS_CODE.search(text) else 0.5

    def measure_nearness(self, text: str) -> float:
        """Probability that the likeliest statement of the code answers it."""
        ranked = self._search.rank(read_code_request(text), ())
        return ranked[0].chance if ranked else 0.0

    def _open(self, picture: Picture) -> Image:
        if picture.image is not None:
            return picture.image
        return read_photo(Path(picture.path), max_pixels=self._limits.max_pixels).image

    def _knows(self, name: str) -> bool:
        return bool(self._store.symbols(name, where=CODE) or self._store.callers(name, where=CODE))

    def _tell_definitions(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        for region in self._names.find_definitions(request)[:MOST]:
            self._tell_definition(request, region, tell)

    def _tell_definition(self, request: CodeRequest, region: Region, tell: ClaimWriter) -> None:
        tell.say(f"{name_region(region)} is defined in {place_of(region)}", region)
        symbol = region.symbol
        if symbol is None or request.kind == "where":
            return
        if request.kind != "calls":
            tell_doc(region, tell)
            tell_facts(region, self._files, tell)
        explains = request.kind == "explain"
        if not self._calls.tell_calls(region, tell, brief=explains) and request.kind == "calls":
            tell.say("It calls nothing that is defined here", region)
        if explains and symbol.kind != "module":
            self._calls.tell_callers([region], tell, brief=True)
            self._calls.tell_tests(region, tell)

    def _compare(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        found = self._names.find_definitions(request)
        by_name: dict[str, Region] = {}
        for region in found:
            by_name.setdefault(region.symbol.path if region.symbol else "", region)
        if len(by_name) > 1:
            compare_regions(list(by_name.values())[:MOST], self._files, tell)

    def _list(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        """What there is of a kind in the files that are named, or in all; in one file without a kind a summary."""
        named = self._files.find(request.files)
        if request.files and not named:
            return
        if request.listed is None:
            if named:
                self._summarise(request, tell, case)
            return
        sources = named or self._search.find_sources(request.text)
        where = f"in {join_names([each.name for each in named])}" if named else "in the code of this library"
        tell_inventory(request.listed, self._files.open_many(sources), tell, where=where)

    def _summarise(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        files = self._files.open_many(self._files.find([*request.files, *request.names]))
        for file in files if len(files) <= MOST_SUMMED else ():
            summarise_file(file, tell)
        if len(files) > MOST_SUMMED:
            tell_inventory("file", files, tell, where=f"in {join_names(request.files or request.names)}")
        elif not files and request.names:
            self._tell_definitions(replace(request, kind="explain"), tell, case)

    def _change(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        tell_change(request.text, self._search.rank(request, cited_before(case), values=True), self._files, tell)

    def _review(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        """What is wrong with a function or a file by its syntax; then what it is said to do."""
        regions = self._names.find_definitions(request)[:MOST]
        files: list[tuple[CodeFile, Region | None]] = [
            (file, region) for region in regions if (file := self._files.open(region.source)) is not None
        ]
        if request.files and not request.names:
            files = [(file, None) for file in self._files.open_many(self._files.find(request.files))[:MOST_SUMMED]]
        for file, region in files:
            self._tell_review(file, region, tell)

    def _tell_review(self, file: CodeFile, region: Region | None, tell: ClaimWriter) -> None:
        found = review_text("\n".join(file.lines), region.lines if region else None)
        for each in found[:MOST_FINDINGS]:
            at = file.region_at(each.line)
            tell.say(f"In {place_at(at, each.line)} {each.said}", at, certainty=CERTAIN[each.weight])
            if each.mended:
                tell.say(f"It may be meant as {quote_code(each.mended)}", at, certainty=CERTAIN[each.weight])
        what = name_region(region) if region else f"`{clean(file.source.name, MAX_NAME)}`"
        if not found:
            tell.say(f"In {what} I see no mistake that syntax alone shows", region or file.regions[0])
        if region is not None:
            tell_doc(region, tell)
            tell_facts(region, self._files, tell)

    def _test(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        """A test file for the first of what is named that can be tried; a draft where nothing may run."""
        assert self._models.prover is not None, "what writes tests"
        defined = self._names.find_definitions(request)
        region = next((one for one in defined if one.symbol and one.symbol.kind in TRIED), next(iter(defined), None))
        if region is None:
            return
        made = self._models.prover.write_tests(region, self._store, run=case.question.run)
        tell.say(tell_written(made, f"{name_region(region)} in {place_of(region)}"), region, block=made.text)
        if made.verified and made.dropped:
            tell.say(f"{made.dropped} more calls are left out: they took long, or gave what no test can say", region)
        if len(defined) > 1:
            tell.say(f"{len(defined)} places define that name. Bound the question to a file with @ for another", region)

    def _tell_history(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        regions = self._names.find_definitions(request)[:MOST] or [
            file.regions[0] for file in self._files.open_many(self._files.find(request.files))[:MOST]
        ]
        regions = regions or [file.regions[0] for file in self._files.open_many(self._search.find_sources(""))[:1]]
        tell_history(regions, tell)
        if not tell.claims:
            tell.say(NO_HISTORY, *regions[:1])

    def _tell_callers(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        self._calls.tell_callers(self._names.find_definitions(request), tell)

    def _tell_tests(self, request: CodeRequest, tell: ClaimWriter, case: QuestionContext) -> None:
        for region in self._names.find_definitions(request)[:MOST]:
            if not self._calls.tell_tests(region, tell, place=True):
                tell.say(f"No test that I see reaches {name_region(region)} in {place_of(region)}", region)

    def find_pictured(self, query: Query, *, k: int, where: Filter) -> Found:
        """At most k files of code that a picture shows, or that make what it shows; as sure as they have its lines."""
        assert query.image is not None, "a picture"
        bounds = replace(where, kinds=WHERE.kinds, source_kinds=("code", "document"))  # pages' sources are among these
        lines = [*self._models.read(query.image), query.text]
        places = locate_files(self._store, lines, self._find_by_meaning, k=k, where=bounds)
        sure = max((place.share for place in places), default=0.0)
        matches = tuple(Match(region=place.region, score=place.share) for place in places)
        return Found(matches=matches, found=sure >= MUCH, certainty=round(sure, 4), threshold=MUCH)

    def _tell_pictured(self, lines: Sequence[str], tell: ClaimWriter) -> None:
        """What a picture shows or what makes it, by the words in it; a traceback in it is followed first."""
        if crash := crash_of(as_printed(lines)):
            tell_crash(crash, self._store, self._files, tell)
        places = locate_files(self._store, lines, self._find_by_meaning, k=MOST, where=WHERE)
        for n, place in enumerate(places):
            much = "" if place.share >= MUCH else ", though little of it stands there,"
            lead = f"Nearest to what is written in the picture{much} is" if n == 0 else "Then"
            where = f"{name_region(place.region)} in {place_of(place.region)}"
            tell.say(f"{lead} {where}", place.region, certainty=LIKELY)

    def _find_by_meaning(self, words: str) -> list[Region]:
        return [match.region for match in self._find(Query(text=words), k=MOST, where=CODE).matches]


HAPPENS = re.compile(r"\b(?:what happens|which way|path through|step by step)\b", re.IGNORECASE)
SAYS_CODE = re.compile(r"\b(?:defined|declared|implemented|functions?|methods?|class|call(?:s|ed|ers)?|tests?)\b", re.I)
CERTAIN = {"bug": 0.9, "risk": LIKELY, "habit": LIKELY}  # how sure a finding is, by its weight


def cited_before(case: QuestionContext) -> list[Region]:
    """The code that the answer before it cited."""
    before = case.turns[-1:] if case.turns else ()
    return [each.region for turn in before for each in turn.answer.citations if each.region.kind == "code"]


def tell_missing(store: RegionStore, question: Question) -> str:
    """What is said where the code does not have it."""
    if question.pictures and store.has_regions(CODE):
        return "I read nothing in the picture that leads to code of this library. A larger or sharper part of it may do"
    if store.has_regions(CODE):
        return "I find nothing of that in the code of this library"
    return "There is no code in this library. Add a folder with it on the Library tab, and ask again"


def tell_written(made: WrittenTests, named: str) -> str:
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
