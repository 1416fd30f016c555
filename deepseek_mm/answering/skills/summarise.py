"""What a conversation, a document, a collection or some photos come to, in short: nothing that does not stand there.

A document is summarised by its own sentences: those nearest to the mean of all (the centroid of Radev et al. 2004),
each as unlike the ones before it as possible (maximal marginal relevance, Carbonell and Goldstein 1998), in the order
in which they stand there.

Shape key:  S sentences, D width of the encoder
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from deepseek_mm.answering.intents import SentenceEncoder, encode_many
from deepseek_mm.answering.skills.chat import CERTAIN, cut, describe_kinds, nothing_said
from deepseek_mm.answering.skills.help import open_tab
from deepseek_mm.answering.skills.manage import Find, named_file
from deepseek_mm.answering.talk_case import (
    TalkCase,
    find_named,
    quote_question,
    sentences_of,
    sources_of,
    state,
    within_collection,
)
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.history import Turn
from deepseek_mm.language.own_sentences import translate_name
from deepseek_mm.language.wording import count_noun_in, join_in, say
from deepseek_mm.language.words import clean, content, quotable, quote_title
from deepseek_mm.retrieval.evidence import pieces
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
    sentences: int = 4  # of a document
    least_chars: int = 30  # of a sentence that can be chosen
    least_wide: int = 10  # the same of Chinese
    most_chars: int = 240
    read: int = 64  # sentences of a document that are compared: of a longer one evenly spread ones
    unlike: float = 0.4  # how much a sentence loses by its likeness to one that was chosen
    labels: int = 6  # of a collection
    names: int = 8  # of files or collections in one sentence
    photos: int = 6  # of those that were found


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A sentence of a document, and where it stands."""

    text: str
    region: Region


@dataclass(frozen=True, kw_only=True, slots=True)
class Summarizer:
    """Answers requests for a summary."""

    store: RegionStore
    encode: SentenceEncoder
    find: Find
    length: SummaryLength = SummaryLength()

    def answer(self, case: TalkCase) -> Draft:
        """Of this conversation, of a document, of what was found, or of the library or a collection."""
        if case.act.scope == "conversation":
            return self.summarise_conversation(case)
        if case.act.filters.file or named_file(case):
            return self._summarise_file(named_file(case), case)
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
        return Draft(text="\n".join([f"{lead}:", *lines]), chance=CERTAIN, grounds="said")

    def _line(self, number: int, turn: Turn, locale: str) -> str:
        said = sentences_of(turn.answer)
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
        passages = self._sentences(regions)
        if not passages:
            return Draft(text=say("summary.no_text", locale, name=name), chance=CERTAIN, refused=True)
        chosen = [
            passages[n] for n in choose_central(encode_many(self.encode, [p.text for p in passages]), self.length)
        ]
        places = list(dict.fromkeys(passage.region.id for passage in chosen))
        pages = max(region.page for region in regions)
        sizes = [count_noun_in("count.page", pages, locale)] if pages else []
        lead = say("summary.document", locale, name=name, size=join_in(sizes, locale) or source.format)
        region_of = {passage.region.id: passage.region for passage in chosen}
        evidence = tuple(Evidence(number=n, region=region_of[i], score=1.0) for n, i in enumerate(places, 1))
        sentences = [Claim(f'"{p.text}"', (places.index(p.region.id) + 1,), CERTAIN) for p in chosen]
        claims = (state(lead, locale, CERTAIN), *sentences)
        return Draft(claims=claims, evidence=evidence, chance=DOCUMENT_CHANCE, grounds="read")

    def _sentences(self, regions: Sequence[Region]) -> list[Passage]:
        """Those that can be chosen, each once, of very many evenly spread ones; of a table its first lines."""
        found = dict[str, Passage]()
        for region in regions:
            for piece in pieces(region.text, region.kind):
                if text := self._choose_text(piece):
                    found.setdefault(text, Passage(text=text, region=region))
        every = list(found.values())
        if not every:
            lines = [(line, region) for region in regions for line in region.text.splitlines() if line.strip()]
            return [Passage(text=quote_line(line, self.length), region=r) for line, r in lines[: self.length.sentences]]
        return every[:: -(-len(every) // self.length.read)]

    def _choose_text(self, piece: str) -> str:
        """The sentence as it is quoted; empty where it is too short or too long to stand for others."""
        text, length = quote_line(piece, self.length), self.length
        least = length.least_wide if is_wide(text) else length.least_chars
        return text if least <= len(text) < length.most_chars else ""

    def summarise_collection(self, collection: str, case: TalkCase) -> Draft:
        """How much there is, from when, and what it seems to show most often."""
        locale, known = case.locale, {name.lower(): name for name in case.facts.collections}
        name = known.get(collection.strip().lower(), "") if collection.strip() else ""
        if collection.strip() and not name:
            text = say("summary.no_collection", locale, collection=clean(collection, MAX_NAME))
            return Draft(text=text, chance=CERTAIN, refused=True)
        where = within_collection(name)
        held = describe_kinds(self.store.kinds(where=where), locale)
        if not held:
            offers = (open_tab("library", locale),)
            return Draft(text=say("summary.empty", locale), chance=CERTAIN, grounds="measured", offers=offers)
        key = "summary.collection_holds" if name else "summary.holds"
        values = {"collection": clean(name, MAX_NAME)} if name else {}
        parts = [say(key, locale, held=held, **values), self._dates(where, locale), self._labels(where, locale)]
        if not name and (names := [clean(each, MAX_NAME) for each in case.facts.collections[: self.length.names]]):
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


def choose_central(vectors_SD: Floats, length: SummaryLength) -> list[int]:
    """Numbers of the sentences that stand for all, in their order."""
    mean_D = vectors_SD.mean(axis=0)
    central_S = vectors_SD @ (mean_D / max(float(np.linalg.norm(mean_D)), 1e-6))
    likeness_SS = (vectors_SD - mean_D) @ (vectors_SD - mean_D).T
    chosen = list[int]()
    while len(chosen) < min(length.sentences, len(vectors_SD)):
        near_S = likeness_SS[:, chosen].max(axis=1) if chosen else np.zeros(len(vectors_SD), np.float32)
        worth_S = central_S - length.unlike * near_S
        worth_S[chosen] = -np.inf
        chosen.append(int(worth_S.argmax()))
    return sorted(chosen)


def quote_line(text: str, length: SummaryLength) -> str:
    """On one line, as it can stand in quotation marks."""
    return quotable(text, length.most_chars)


def is_wide(text: str) -> bool:
    """Whether it is written without spaces between words, as Chinese is."""
    return sum("\u4e00" <= letter <= "\u9fff" for letter in text) > len(text) / 2


def describe_day(when: datetime, locale: str) -> str:
    """A day as a sentence has it: 5 May 2023; in other languages than English 2023-05-05."""
    return f"{when.day} {when:%B %Y}" if locale == "en" else f"{when:%Y-%m-%d}"
