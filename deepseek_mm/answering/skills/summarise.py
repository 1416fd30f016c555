"""What a conversation, a document, a collection or some photos come to, in short: nothing that does not stand there.

A document is summarised by its own most central sentences, as many as are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from deepseek_mm.answering.documents.document_search import DocumentFinder
from deepseek_mm.answering.documents.evidence import CitedRegions
from deepseek_mm.answering.documents.key_points import (
    PointWeights,
    choose_central,
    choose_sentences,
    quote_sentence,
    read_points,
    wants_lines,
    weigh_sentences,
)
from deepseek_mm.answering.documents.sections import SectionSentence, read_sentences
from deepseek_mm.answering.intents import SentenceEncoder, encode_many
from deepseek_mm.answering.skills.chat import CERTAIN, cut, describe_kinds, nothing_said
from deepseek_mm.answering.skills.help import open_tab
from deepseek_mm.answering.skills.manage import Find, named_file
from deepseek_mm.answering.talk_case import (
    TalkCase,
    find_named,
    quote_question,
    sentences_again,
    sources_of,
    state,
    within_collection,
)
from deepseek_mm.history import Turn
from deepseek_mm.language.own_sentences import translate_name
from deepseek_mm.language.wording import count_noun_in, join_in, say
from deepseek_mm.language.words import clean, content, quote_title
from deepseek_mm.retrieval.act_filters import find_album
from deepseek_mm.types import Claim, Draft, Evidence
from index import Filter, Region, Source
from index.region import Order
from index.store import RegionStore

MAX_NAME = 60  # characters of a file's name
MAX_DOCUMENTS = 500  # among whose names one is looked for
LEAST_WORD = 3  # letters of a word that a document may be called by


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryLength:
    """How much is said, and how much is read for it."""

    turns: int = 8  # of a conversation; those between the first and the latest are left out
    sentences: int = 4  # of a document, where it is not said how many
    labels: int = 6  # of a collection
    names: int = 8  # of files or collections in one sentence
    photos: int = 6  # of those that were found


@dataclass(frozen=True, kw_only=True, slots=True)
class Summarizer:
    """Answers requests for a summary."""

    store: RegionStore
    encode: SentenceEncoder
    find: Find
    length: SummaryLength = SummaryLength()
    points: PointWeights = PointWeights()

    def answer(self, case: TalkCase) -> Draft:
        """Of this conversation, of a document, of what was found, or of the library or a collection."""
        if case.act.scope == "conversation":
            return self.summarise_conversation(case)
        if case.act.filters.file or named_file(case):
            return self._summarise_file(named_file(case), case)
        if case.act.scope != "found" and (named := self._find_named(case.act.text)):
            return self._summarise_one(named, case)
        cited = sources_of(case.conversation) if case.act.scope in ("found", "documents") else ()
        documents = [source for source in cited if source.kind == "document"]
        if documents:
            return self.summarise_document(documents[0], case)
        if case.act.scope == "documents":
            return self._choose_document(case)
        if cited and case.act.scope == "found":
            return self.summarise_photos(cited, case)
        return self.summarise_collection(case.act.filters.collection, case)

    def summarise_conversation(self, case: TalkCase) -> Draft:
        """What was asked and what was found, in order; in a long one what lies between is left out."""
        turns, locale = case.conversation, case.locale
        if not turns:
            return nothing_said(case)
        rows = list(enumerate(turns, 1))
        half = self.length.turns // 2
        skipped = len(rows) - self.length.turns
        shown = [*rows[:half], *rows[-half:]] if skipped > 0 else rows
        lines = [self._line(number, turn, locale) for number, turn in shown]
        if skipped > 0:
            lines.insert(half, say("summary.skipped", locale, n=skipped))
        lead = say("summary.conversation", locale, questions=count_noun_in("manage.question", len(turns), locale))
        return Draft(
            text="\n".join([f"{lead}{say('count.colon', locale).rstrip()}", *lines]), chance=CERTAIN, grounds="said"
        )

    def _line(self, number: int, turn: Turn, locale: str) -> str:
        said = sentences_again(turn, locale)
        answer = cut(said[0]).text if said else say("summary.unanswered", locale)
        return say("summary.turn", locale, number=number, question=quote_question(turn.question), answer=answer)

    def _summarise_file(self, file: str, case: TalkCase) -> Draft:
        found = find_named(self.store, file)
        if not found:
            text = say("manage.not_there", case.locale, file=quote_title(file, MAX_NAME))
            return Draft(text=text, chance=CERTAIN, refused=True)
        if found[0].kind == "photo":
            return self.summarise_photos(found[:1], case)
        return self.summarise_document(found[0], case)

    def _find_named(self, text: str) -> list[Source]:
        """The documents that the words name best, by kind or by what they are called."""
        finder = DocumentFinder(store=self.store)
        found = [each for each in finder.find_named(text) if each.kind or each.called]
        return [each.source for each in found if each.worth == found[0].worth]

    def _summarise_one(self, sources: Sequence[Source], case: TalkCase) -> Draft:
        """The only one of these, or the question which of them."""
        if len(sources) == 1:
            return self.summarise_document(sources[0], case)
        names = join_in([quote_title(source.name, MAX_NAME) for source in sources[: self.length.names]], case.locale)
        listed = say("summary.documents_are", case.locale, names=names)
        text = say("summary.which_document", case.locale, names=listed)
        return Draft(text=text, chance=ASKED_CHANCE, grounds="said")

    def _choose_document(self, case: TalkCase) -> Draft:
        """The only document, the one that a search for the subject finds, or a question back."""
        where = Filter(source_kinds=("document",))
        total, locale = self.store.counts(where=where).sources, case.locale
        if not total:
            text = say("summary.documents_none", locale)
            return Draft(text=text, chance=CERTAIN, refused=True, offers=(open_tab("library", locale),))
        if total == 1:
            return self.summarise_document(self.store.sources(where, limit=1)[0], case)
        sources = self.store.sources(where, limit=MAX_DOCUMENTS)
        words = [word for word in content(case.act.subject) if len(word) >= LEAST_WORD]
        called = [source for source in sources if any(word in source.name.lower() for word in words)]
        if not called and words:
            called = [match.region.source for match in self.find(case.act.subject, where).matches]
        if called:
            return self.summarise_document(called[0], case)
        names = [quote_title(source.name, MAX_NAME) for source in sources[: self.length.names]]
        few = say("summary.documents_are", locale, names=join_in(names, locale))
        listed = few if total <= self.length.names else say("summary.documents_many", locale, n=total)
        return Draft(text=say("summary.which_document", locale, names=listed), chance=ASKED_CHANCE, grounds="said")

    def summarise_document(self, source: Source, case: TalkCase) -> Draft:
        """Its most central sentences, word for word, each with its place."""
        locale, name = case.locale, quote_title(source.name, MAX_NAME)
        regions = [r for r in self.store.regions_of([source.id]).get(source.id, ()) if r.kind in ("text", "code")]
        asked = read_points(case.act.text)
        chosen = self._choose_points(regions, asked or self.length.sentences)
        if not chosen:
            return Draft(text=say("summary.no_text", locale, name=name), chance=CERTAIN, refused=True)
        cited = CitedRegions()
        pages = max(region.page for region in regions)
        size = count_noun_in("count.page", pages, locale) if pages else source.format
        cited.state(say("summary.document", locale, name=name, size=size))
        apart = "\n- " if asked and wants_lines(case.act.text) else ""
        for each in chosen:
            cited.add(f"{apart}{quote_sentence(each, self.points, locale)}", each.region, CERTAIN)
        if len(chosen) < asked:
            cited.state(say("summary.fewer", locale, n=len(chosen)))
        return cited.draft(DOCUMENT_CHANCE)

    def _choose_points(self, regions: Sequence[Region], count: int) -> list[SectionSentence]:
        """So many sentences that stand for all, in their order; of code its lines."""
        every = choose_sentences(read_sentences(regions) or read_code(regions), count, self.points)
        if not every:
            return []
        vectors_SD = encode_many(self.encode, [each.text for each in every])
        worths_S, sections = weigh_sentences(every, self.points), [each.section for each in every]
        numbers = choose_central(vectors_SD, count, self.points, worths_S=worths_S, sections=sections)
        return [every[n] for n in numbers]

    def summarise_collection(self, collection: str, case: TalkCase) -> Draft:
        """How much there is, from when, and what it seems to show most often."""
        locale, known = case.locale, {name.lower(): name for name in case.facts.collections}
        name = known.get(collection.strip().lower(), "") if collection.strip() else ""
        album = "" if name else find_album(collection, self.store)
        if collection.strip() and not name and not album:
            text = say("summary.no_collection", locale, collection=name_group(collection, locale))
            return Draft(text=text, chance=CERTAIN, refused=True)
        where = Filter(album=album) if album else within_collection(name)
        held = describe_kinds(self.store.kinds(where=replace(where, grouped=True)), locale)
        if not held and album:
            text = say("summary.album_empty", locale, collection=name_group(album, locale))
            return Draft(text=text, chance=CERTAIN, grounds="measured")
        if not held:
            offers = (open_tab("library", locale),)
            return Draft(text=say("summary.empty", locale), chance=CERTAIN, grounds="measured", offers=offers)
        key = "summary.album_holds" if album else "summary.collection_holds" if name else "summary.holds"
        values = {"collection": name_group(album or name, locale)} if album or name else {}
        parts = [say(key, locale, held=held, **values), self._dates(where, locale), self._labels(where, locale)]
        if not (name or album) and (
            names := [quote_title(each, MAX_NAME) for each in case.facts.collections[: self.length.names]]
        ):
            parts.append(say("summary.collections", locale, names=join_in(names, locale)))
        claims = tuple(state(part, locale, CERTAIN) for part in parts if part)
        return Draft(claims=claims, chance=COLLECTION_CHANCE, grounds="measured")

    def _dates(self, where: Filter, locale: str) -> str:
        dated = replace(where, taken_after=datetime.min)
        orders: tuple[Order, Order] = ("oldest", "newest")
        ends = [self.store.sources(dated, order=order, limit=1) for order in orders]
        times = [source.taken_at for found in ends for source in found if source.taken_at]
        if len(times) < 2:
            return ""
        first, last = (describe_day(when, locale) for when in times)
        return say("summary.taken_once" if first == last else "summary.taken", locale, first=first, last=last)

    def _labels(self, where: Filter, locale: str) -> str:
        counted = self.store.labels(self.length.labels, where=where)
        labels = [
            say("summary.label", locale, name=translate_name(each.name, locale), n=each.sources) for each in counted
        ]
        return say("summary.labels", locale, labels=join_in(labels, locale)) if labels else ""

    def summarise_photos(self, sources: Sequence[Source], case: TalkCase) -> Draft:
        """What each of these seems to show, by its labels."""
        few, locale = sources[: self.length.photos], case.locale
        regions = self.store.regions_of([source.id for source in few])
        claims, evidence = list[Claim](), list[Evidence]()
        for number, source in enumerate(few, 1):
            seen = regions.get(source.id, ())
            labels = list(dict.fromkeys(label.name for region in seen for label in region.labels))[:3]
            name = quote_title(source.name, MAX_NAME)
            key = "summary.shows" if labels else "summary.shows_unknown"
            told = [translate_name(label, locale) for label in labels]
            values = {"labels": join_in(told, locale)} if labels else {}
            if seen:
                evidence.append(Evidence(number=number, region=seen[0], score=1.0, siblings=seen))
            claims.append(Claim(say(key, locale, name=name, **values), (number,) if seen else (), PHOTO_CHANCE))
        return Draft(claims=tuple(claims), evidence=tuple(evidence), chance=PHOTO_CHANCE, grounds="seen")


ASKED_CHANCE, DOCUMENT_CHANCE, COLLECTION_CHANCE, PHOTO_CHANCE = 0.7, 0.75, 0.8, 0.55  # that this is what is wanted


def read_code(regions: Sequence[Region]) -> list[SectionSentence]:
    """The lines of code."""
    lines = [(line.strip(), region) for region in regions for line in region.text.splitlines()]
    return [SectionSentence(text=line, region=region) for line, region in lines if line]


def describe_day(when: datetime, locale: str) -> str:
    """A day as a sentence has it: 5 May 2023; in other languages than English 2023-05-05."""
    return f"{when.day} {when:%B %Y}" if locale == "en" else f"{when:%Y-%m-%d}"


def name_group(name: str, locale: str) -> str:
    """A collection or an album as a sentence has it; in Chinese the sentence has the quotation marks."""
    return clean(name, MAX_NAME) if locale == "zh" else quote_title(name, MAX_NAME)
