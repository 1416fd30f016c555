"""Questions to begin with, made of what lies in the library: each is asked before it is shown, and its answer checked.

A thing or a colour is taken where the index is sure of it, and only where it is. An answer passes if it is certain, and
what it cites is what the index knows. Answers of a trial go into no history of anybody.
"""

import calendar
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, islice, zip_longest

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.jobs import Jobs, Task
from deepseek_mm.language.own_sentences import translate_name
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import plural, with_article
from deepseek_mm.types import Answer, Found
from index import Filter, Region, Source
from index.region import LibraryViewer, current_viewer, view_as
from index.store import RegionStore

STARTERS = "starters"  # kind of jobs
MOST_QUESTIONS, MOST_SEARCHES = 6, 5  # that are kept
BUSY = ("index", "name photos", "change space")  # kinds of jobs that change which things are known
SURE = 0.8  # probability from which the index knows that a thing is there
LEAST_CONFIDENCE = 0.75  # of an answer that passes
MOST_LABELS = 100  # the commonest that are looked at
MOST_SOURCES = 12  # that a list of photos may have
MOST_EACH = 4  # candidates of one kind
MOST_OF_KIND = 2  # questions of one kind that are kept
MOST_TRIED = 20  # things that are searched for
MOST_PHOTOS = 200  # that are looked through
PLAIN = frozenset(("black", "white", "grey"))  # colours that nobody looks for
VAGUE = frozenset(("product shot", "document", "screenshot", "plot", "painting", "drawing"))  # kinds of pictures
PHOTOS = Filter(source_kinds=("photo",))


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A question, and what its answer has to be."""

    kind: str  # of wording.toml: "starter.there", ...
    text: str
    passes: Callable[[Answer], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownThing:
    """A thing, and the photos in which the index is sure of it."""

    name: str
    sure: tuple[Source, ...]
    is_clear: bool  # in no other photo it is perhaps there


def list_candidates(store: RegionStore, language: str) -> Iterator[Candidate]:
    """Of each kind one after the other, the most telling first; each form at most once with a thing."""
    maker = CandidateMaker(store=store, language=language)
    rows = (maker.ask_which(), maker.ask_there(), maker.ask_many(), maker.ask_what(), maker.ask_colour())
    yield from filter(None, chain.from_iterable(zip_longest(*rows, maker.ask_month(), maker.ask_documents())))


def passes_generally(answer: Answer) -> bool:
    """Whether it was found and is certain."""
    return answer.state == "done" and answer.found and (answer.confidence or 0.0) >= LEAST_CONFIDENCE


@dataclass(frozen=True, kw_only=True)
class CandidateMaker:
    """Makes questions of one library in one language."""

    store: RegionStore
    language: str

    @cached_property
    def things(self) -> tuple[KnownThing, ...]:
        """What the index is sure of in some photo, the commonest first."""
        return tuple(find_things(self.store))

    @cached_property
    def photos(self) -> Mapping[Source, tuple[Region, ...]]:
        """The newest photos with what is in them."""
        sources = self.store.sources(PHOTOS, limit=MOST_PHOTOS)
        regions = self.store.regions_of([source.id for source in sources])
        return {source: regions.get(source.id, ()) for source in sources}

    def ask_which(self) -> Iterator[Candidate]:
        """Which photos show a thing that several show."""
        for thing in self._find_shared()[:MOST_EACH]:
            yield Candidate(kind="which", text=self._name("which", thing), passes=partial(cites_only, thing.sure, 2))

    def ask_many(self) -> Iterator[Candidate]:
        """How many do; of other things than those of `ask_which`, where there are others."""
        for thing in self._find_shared()[::-1][:MOST_EACH]:
            yield Candidate(kind="many", text=self._name("many", thing), passes=partial(says_number, len(thing.sure)))

    def ask_there(self) -> Iterator[Candidate]:
        """Whether there is a thing that one photo shows."""
        for thing in [each for each in self.things if each.is_clear and len(each.sure) == 1][:MOST_EACH]:
            yield Candidate(kind="there", text=self._name("there", thing), passes=partial(cites_only, thing.sure, 1))

    def ask_what(self) -> Iterator[Candidate]:
        """What a photo shows in which the index is sure of something."""
        told = [(source, find_sure(regions)) for source, regions in self.photos.items()]
        for source, names in [(source, names) for source, names in told if names][:MOST_EACH]:
            said = [form for name in names for form in (name, plural(name), translate_name(name, self.language))]
            passes = partial(tells_of, source, said)
            yield Candidate(kind="what", text=say("starter.what", self.language, file=source.name), passes=passes)

    def ask_colour(self) -> Iterator[Candidate]:
        """Something of a colour that parts of some photos have."""
        places = [(colour, source) for source, regions in self.photos.items() for colour in list_colours(regions)]
        counts = Counter(colour for colour, _ in places)
        for colour, _ in [pair for pair in counts.most_common() if pair[0] not in PLAIN][:MOST_EACH]:
            known = [source for each, source in places if each == colour]
            text = say("starter.colour", self.language, colour=translate_name(colour, self.language))
            yield Candidate(kind="colour", text=text, passes=partial(cites_only, known, 1))

    def ask_month(self) -> Iterator[Candidate]:
        """Photos of a month of which there are several."""
        months = Counter((source.taken_at.year, source.taken_at.month) for source in self.photos if source.taken_at)
        for (year, month), count in months.most_common(MOST_EACH):
            known = [s for s in self.photos if s.taken_at and (s.taken_at.year, s.taken_at.month) == (year, month)]
            if count > 1:
                text = say("starter.month", self.language, month=self._name_month(year, month))
                yield Candidate(kind="month", text=text, passes=partial(cites_only, known, 1))

    def ask_documents(self) -> Iterator[Candidate]:
        """What a document is about, those first whose name is written in the letters of the language."""
        found = self.store.sources(Filter(source_kinds=("document",)), limit=MOST_PHOTOS)
        found.sort(key=lambda source: source.name.isascii() == (self.language == "zh"))
        for source in found[:MOST_EACH]:
            text = say("starter.document", self.language, file=source.name)
            yield Candidate(kind="document", text=text, passes=partial(cites_only, [source], 1))

    def _name_month(self, year: int, month: int) -> str:
        return f"{year}\u5e74{month}\u6708" if self.language == "zh" else f"{calendar.month_name[month]} {year}"

    def _find_shared(self) -> list[KnownThing]:
        return [thing for thing in self.things if thing.is_clear and len(thing.sure) > 1]

    def _name(self, kind: str, thing: KnownThing) -> str:
        if self.language == "zh":
            named = translate_name(thing.name, self.language)
        else:
            named = with_article(thing.name) if kind == "there" else plural(thing.name)
        return say(f"starter.{kind}", self.language, thing=named)


def find_things(store: RegionStore) -> Iterator[KnownThing]:
    """What the index is sure of in some photo, the commonest first."""
    for label in store.labels(MOST_LABELS, where=PHOTOS):
        if label.name in VAGUE or label.sources > MOST_SOURCES:
            continue
        sources = store.sources(replace(PHOTOS, label=label.name), limit=MOST_SOURCES)
        regions = store.regions_of([source.id for source in sources])
        sure = tuple(source for source in sources if label.name in find_sure(regions[source.id]))
        if sure:
            yield KnownThing(name=label.name, sure=sure, is_clear=len(sure) == len(sources))


def find_sure(regions: Sequence[Region]) -> list[str]:
    """Names of what is surely there, the surest first; none of kinds of pictures."""
    labels = [label for region in regions for label in region.labels if label.score >= SURE]
    labels.sort(key=lambda label: -label.score)
    return [name for name in dict.fromkeys(label.name for label in labels) if name not in VAGUE]


def list_colours(regions: Sequence[Region]) -> set[str]:
    """Colours of the things in a photo, and not of its ground."""
    return {colour for region in regions if region.kind == "part" for colour in region.colours[:1]}


def cites_only(known: Sequence[Source], least: int, answer: Answer) -> bool:
    """Whether it cites so many of these, and nothing else."""
    cited = {citation.region.source.path for citation in answer.citations}
    return len(cited) >= least and cited <= {source.path for source in known}


def says_number(number: int, answer: Answer) -> bool:
    """Whether it says this number."""
    return re.search(rf"(?<!\d){number}(?!\d)", answer.text) is not None


def tells_of(source: Source, names: Sequence[str], answer: Answer) -> bool:
    """Whether it says something that the photo surely shows, and cites that photo."""
    return cites_only([source], 1, answer) and any(name.lower() in answer.text.lower() for name in names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Starters:
    """What there is to begin with."""

    questions: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    is_trying: bool = False  # others are tried now: the library is another one than when these were


@dataclass(frozen=True, kw_only=True, slots=True)
class StarterTrial:
    """The handler of one kind of jobs: tries candidates until there are enough."""

    store: Callable[[], RegionStore]
    asks: Callable[[], AbstractContextManager[Callable[[str], Answer]]]  # answers that go into no history
    finds: Callable[[str], Found]

    def run(self, task: Task) -> str:
        """Payload: language, library, hidden (collections that whoever asks may not see); the result has the questions
        and searches that passed.
        """
        with view_as(LibraryViewer(hidden=frozenset(task.job.payload.get("hidden", ())))):
            return self._try_all(task)

    def _try_all(self, task: Task) -> str:
        language, store = str(task.job.payload["language"]), self.store()
        passed: dict[str, list[str]] = {}
        with self.asks() as ask:
            for candidate in list_candidates(store, language):
                if task.stopping or sum(map(len, passed.values())) >= MOST_QUESTIONS:
                    break
                if len(passed.get(candidate.kind, ())) < MOST_OF_KIND and _try(ask, candidate):
                    passed.setdefault(candidate.kind, []).append(candidate.text)
                    task.report(sum(map(len, passed.values())), MOST_QUESTIONS)
        if task.stopping:
            return ""
        questions = [text for texts in zip_longest(*passed.values()) for text in texts if text]
        task.result |= {"questions": questions, "searches": list(islice(self._search(store, language), MOST_SEARCHES))}
        return f"{len(questions)} questions to begin with were tried"

    def _search(self, store: RegionStore, language: str) -> Iterator[str]:
        """Names of things that a search for them finds first."""
        for thing in islice(find_things(store), MOST_TRIED):
            name = translate_name(thing.name, language)
            found = self.finds(name)
            first = found.matches[0].region.source.path if found.found and found.matches else ""
            if first in {source.path for source in thing.sure}:
                yield name


def find_starters(jobs: Jobs, store: RegionStore, language: str) -> Starters:
    """Those that were tried last; what is not there, or of an earlier library, is tried from now on.

    While files are taken in nothing is begun: their end changes what is right.
    """
    library = describe_library(store)
    if not library:
        return Starters()
    asked = {"language": language, **({"hidden": hidden} if (hidden := sorted(current_viewer().hidden)) else {})}
    ours = [
        job
        for job in jobs.find(kinds=(STARTERS,), limit=-1)
        if {name: job.payload[name] for name in ("language", "hidden") if name in job.payload} == asked
    ]
    last = next((job for job in ours if job.state == "done"), None)
    kept = last.result if last is not None else {}
    known = Starters(questions=tuple(kept.get("questions", ())), searches=tuple(kept.get("searches", ())))
    if any(job.is_ended and job.payload.get("library") == library for job in ours):  # well or not: once is enough
        return known
    if all(job.is_ended for job in ours) and not jobs.find(kinds=BUSY, states=("waiting", "running"), limit=1):
        jobs.forget([job.id for job in ours if job.is_ended and job is not last])
        jobs.add(STARTERS, asked | {"library": library}, title="Try questions to begin with")
    return replace(known, is_trying=True)


def describe_library(store: RegionStore) -> list[int]:
    """What changes when files come or go; empty of a library without files."""
    counts = store.counts()
    return [counts.sources, store.latest()] if counts.sources else []


def _try(ask: Callable[[str], Answer], candidate: Candidate) -> bool:
    """Whether its answer passes; an error is an answer that does not."""
    try:
        answer = ask(candidate.text)
    except DeepSeekMMError:
        return False
    return passes_generally(answer) and candidate.passes(answer)
