"""Search: what a library has for a query, best first, whether it has it at all, and where in a picture it is found.

Every kind of region is searched by itself. Where words are looked for a photo is weighed by all that is known of it; a
document, a piece of code, or a photo that is like a picture, by how far its nearest region stands out. So each has one
relevance, and that alone is the order. One match stands for each photo or document, near duplicates behind it. Apart
from that every thing of the query is asked after in the whole collection. The query counts as found if the least
certain thing is there, or if a photo is likely what was looked for.

Shape key:  Q queries, T things, N pictures, D width of the space
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from deepseek_mm.config import DEFAULT, EDGE, RagConfig
from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, unit
from deepseek_mm.errors import NothingThere
from deepseek_mm.language.detection import language_of
from deepseek_mm.language.parser import ThingPhrase, things_in
from deepseek_mm.language.words import ANYTHING, names_the_same
from deepseek_mm.parse.descriptions import described_files
from deepseek_mm.retrieval.certainty import Certainty, MeasuredErrors, PresenceTrace, read_measured
from deepseek_mm.retrieval.photo_finder import PhotoFinder, PhotoMatch
from deepseek_mm.retrieval.query_vectors import (
    CODES,
    KINDS,
    PICTURES,
    TEXTS,
    QueryVectors,
    Scales,
    Texts,
    Traces,
    embed_queries,
    group_of,
    nearest_each,
)
from deepseek_mm.retrieval.ranking import (
    all_written,
    best_of_each,
    group_duplicates,
    reasons,
    rerank_by_words,
    search_by_words,
)
from deepseek_mm.retrieval.subject import SoughtSubject
from deepseek_mm.retrieval.witnesses import read_curve
from deepseek_mm.threads import single_threaded
from deepseek_mm.types import Found, Match, Query
from deepseek_mm.vision.pipeline import VisionPipeline
from index import EVERYTHING, Filter, Hit, Region
from index.database import NotStored
from index.store import Near, RegionStore

SPREADS = (3, 8)  # regions looked at for each match kept, the second only where too many of them lie in one photo
WEIGHED = 2  # photos that are weighed by all that is known of them, for each match kept
AHEAD = 2  # photos and documents looked at for each match kept: some stand behind others as near duplicates
LOOKED_THROUGH = 2_000  # of the newest files, where something is taken away from all that a filter allows
ENGLISH_ONLY = (DEFAULT, EDGE)  # spaces whose own text tower was trained on English
WRITTEN = 0.99  # certainty of a query whose every word is written in one region
WRITTEN_THERE, FEW_WRITTEN = 0.6, 5  # relevance at least of a passage that has every word, where so few passages do
ABOUT_PHOTOS = 0.5  # of the relevance is left where a passage only describes the photos that are found themselves
TEXT_CURVE = 1.5, 4.0  # slope, middle: of 300 pieces the best wrong one has 3.1 deviations (median), a right one 4.1
HIT_CURVE = 2.0, 3.9  # the same of one hit beside others; what lies 3.5 deviations above the usual is likely
SAME_PICTURE = 0.6  # cosine from which another picture counts as found in a space without a fitted curve


class PresenceVerdict(NamedTuple):
    """How sure it is, and how sure it must be."""

    certainty: float
    threshold: float


class RelevantHit(NamedTuple):
    """The best region of one photo or document, and how likely it is what was looked for."""

    hit: Hit
    relevance: float
    needed: float  # relevance from which it is likely


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """A query with all that it asks for."""

    query: Query  # in English words, where they can be translated
    said: str  # the words as they were typed
    meant: QueryVectors
    k: int
    where: Filter
    things: tuple[ThingPhrase, ...] = ()
    asked: tuple[str, ...] = ()  # things, each asked after in the whole collection, and the text as a whole
    vectors_TD: Floats  # of these

    @property
    def words(self) -> str:
        """As they were typed, and in English."""
        return self.said if self.said == self.query.text else f"{self.said} {self.query.text}"


class Search:
    """Finds matches in one store."""

    def __init__(
        self,
        space: EmbeddingModel,
        store: RegionStore,
        eyes: VisionPipeline,
        config: RagConfig,
        *,
        certainty: Certainty | None,
    ) -> None:
        self.space, self.store, self.eyes, self.config, self.certainty = space, store, eyes, config, certainty
        self.scales = Scales(space, store, None if certainty is None else certainty.photos_PD)
        self.texts = Texts(space)
        self.photos = PhotoFinder(store, eyes, self.texts, self.scales)
        self._traces = Traces(store)

    def find_many(self, queries: Sequence[Query], *, k: int, where: Filter = EVERYTHING) -> list[Found]:
        """At most k matches for each query, best first. NothingThere if `like` names a region that is gone."""
        with single_threaded():
            english = [self._in_english(query) for query in queries]
            self._read_ahead(queries, english)
        with self.store.snapshot():
            meant = self.query_vectors(queries, self.embed(queries))
            with single_threaded():
                found = [
                    self._find(query, said.text, each, k, where)
                    for query, said, each in zip(english, queries, meant, strict=True)
                ]
        return [replace(each, language=self.foreign(query.text)) for query, each in zip(queries, found, strict=True)]

    def foreign(self, text: str) -> str:
        """The language of words that this space cannot read, or ""; a space that somebody chose may read any."""
        reads_english_only = self.space.name in ENGLISH_ONLY and not self.space.languages_fingerprint
        return language_of(text) if reads_english_only else ""

    def query_vectors(self, queries: Sequence[Query], vectors_QD: Floats) -> list[QueryVectors]:
        """The vectors of `embed`, and beside each the one that code is compared with."""
        return embed_queries([query.text for query in queries], vectors_QD, space=self.space, store=self.store)

    def _read_ahead(self, queries: Sequence[Query], english: Sequence[Query]) -> None:
        """Every text that will be asked for, in one pass."""
        texts = [
            [said.text, *(term.text for term in said.terms), *names_of(query)]
            for said, query in zip(queries, english, strict=True)
            if said.text
        ]
        self.texts.vectors([text for said in texts for text in said])

    def _in_english(self, query: Query) -> Query:
        """The query with its words translated, where the space can."""
        if not isinstance(self.space, PackagedSpace):
            return query
        return replace(query, text=self.space.translate(query.text, self.eyes.vocabulary.names))

    def embed(self, queries: Sequence[Query], *, seen: Mapping[int, Floats] | None = None) -> Floats:
        """(Q, D): words, a picture, a region that is known, or the mean of them; a picture counts by its weight.

        `seen` are the vectors of pictures that were looked at before, by the number of their query.
        """
        sums_QD = np.zeros((len(queries), self.space.dim), np.float32)
        texts = {n: query for n, query in enumerate(queries) if query.text}
        pictures = {n: query.image for n, query in enumerate(queries) if query.image is not None}
        regions = {n: query.like for n, query in enumerate(queries) if query.like}
        if texts:
            sums_QD[list(texts)] += self.texts.words(list(texts.values()))
        if pictures:
            weights_N1 = np.array([[queries[n].image_weight] for n in pictures], np.float32)
            new = [n for n in pictures if n not in (seen or {})]
            vectors = dict(zip(new, self.space.embed_images([pictures[n] for n in new]), strict=True)) | dict(
                seen or {}
            )
            sums_QD[list(pictures)] += weights_N1 * np.stack([vectors[n] for n in pictures])
        if regions:
            sums_QD[list(regions)] += self._vectors(list(regions.values()))
        return unit(sums_QD)

    @property
    def fitted_certainty(self) -> float:
        """The certainty that words need where nobody chose another."""
        return self.config.min_presence if self.certainty is None else self.certainty.things.threshold

    @property
    def needed_certainty(self) -> float:
        """The certainty from which a search for words counts as found."""
        return self.config.min_certainty or self.fitted_certainty

    @property
    def measured_errors(self) -> MeasuredErrors | None:
        """What thresholds mean in this space, if that was measured."""
        return None if self.certainty is None else read_measured()

    def with_config(self, config: RagConfig) -> "Search":
        """The same search with other numbers; what was counted of the store is shared."""
        other = copy(self)
        other.config = config
        return other

    def traces(self, things: Sequence[str], vectors_TD: Floats, *, where: Filter = EVERYTHING) -> list[PresenceTrace]:
        """What the pictures of the collection say about each thing."""
        if not things:
            return []
        with self.store.snapshot():
            near = self.store.near_each(self._traces.looked_for(vectors_TD, where))
            return self._traces.of(things, vectors_TD, near, where=where)

    def _sought(self, query: Query, said: str, meant: QueryVectors, k: int, where: Filter) -> Sought:
        asked = (*names_of(query), query.text.lower()) if query.text else ()
        return Sought(
            query=query,
            said=said,
            meant=meant,
            k=k,
            where=where,
            things=things_of(query),
            asked=asked,
            vectors_TD=self.texts.vectors([*asked[:-1], said] if asked else []),
        )

    def _find(self, query: Query, said: str, meant: QueryVectors, k: int, where: Filter) -> Found:
        if not query.text and query.image is None and not query.like:
            return self._list_newest(query, k, where)
        sought = self._sought(query, said, meant, k, where)
        for spread in SPREADS:
            hits, near = self._rank_hits(sought, spread)
            weighed = self._weigh_photos(sought, hits)
            matches = self._matches(sought, self._judge(sought, hits, weighed))
            if len(matches) >= k or len(hits) < spread * k:
                break
        certain, needed = (round(float(x), 4) for x in self._verdict(sought, hits, near, weighed))
        return Found(
            matches=tuple(matches[:k]), found=bool(matches) and certain >= needed, certainty=certain, threshold=needed
        )

    def _list_newest(self, query: Query, k: int, where: Filter) -> Found:
        """What the filter allows, the newest first, without the photos that likely show what is taken away."""
        away = [SoughtSubject(term.text) for term in query.terms if term.weight < 0 and term.text]
        once = replace(where, grouped=True)
        sources = self.store.sources(once, order="newest", limit=LOOKED_THROUGH if away else k)
        for subject in away:
            likely = read_curve().likely
            weighed = self.photos.weigh(subject, [each.id for each in sources if each.kind == "photo"])
            shown = {match.source.id for match in weighed if match.relevance >= likely}
            sources = [each for each in sources if each.id not in shown]
        sources = sources[:k]
        leading = self.store.leading([source.id for source in sources])
        there = [leading[source.id] for source in sources if source.id in leading]
        matches = tuple(Match(region=region, score=0.0, relevance=1.0) for region in there)
        return Found(
            matches=matches, found=bool(matches), certainty=float(bool(matches)), threshold=self.needed_certainty
        )

    def _rank_hits(self, sought: Sought, spread: int) -> tuple[list[Hit], list[Near]]:
        """Regions of every kind, each once: those that labels name first, then by deviation from what is usual.

        Among texts, code and captions words count as well as vectors. Beside them what each thing asked for is near to.
        """
        query, k, where = sought.query, sought.k, sought.where
        kinds = [(k * spread, only) for only in by_kind(where)]
        things = () if query.image is not None or where.label else sought.things
        labels = [(k, replace(where, label=thing.name)) for thing in things]
        looks = self._traces.looked_for(sought.vectors_TD, where)
        found, near = nearest_each(self.store, [sought.meant], [*kinds, *labels], beside=looks)
        hits = [hit for (some,) in found for hit in some]
        times = Counter(hit.region.id for (some,) in found[len(kinds) :] for hit in some)
        written = search_by_words(self.store, sought.words, sought.meant, k=AHEAD * k, where=where)
        own = {query.besides, self._source_of(query.like) if query.like else 0}
        each = {hit.region.id: hit for hit in (*hits, *written.hits) if hit.region.source.id not in own}
        hits = list(each.values())
        worth = {h.region.id: w for h, w in zip(hits, self.scales.deviations(hits, sought.meant), strict=True)}
        worth = rerank_by_words(hits, worth, written)
        return sorted(hits, key=lambda hit: (-times[hit.region.id], -worth[hit.region.id])), near

    def _weigh_photos(self, sought: Sought, hits: Sequence[Hit]) -> list[PhotoMatch]:
        """The photos by all that is known of them, best first, where only words are looked for."""
        query, where = sought.query, sought.where
        if not query.text or query.image is not None or query.like or query.terms:
            return []
        subject = SoughtSubject(query.text)
        near = [hit.region.source.id for hit in best_of_each(hits) if hit.region.source.kind == "photo"]
        ids = near[: WEIGHED * sought.k]
        if may_be_whole(where):
            ids += self.photos.candidates(subject, replace(where, source_kinds=("photo",)))
        return self.photos.weigh(subject, list(dict.fromkeys(ids)), sought.meant.shown_D)

    def _judge(self, sought: Sought, hits: Sequence[Hit], weighed: Sequence[PhotoMatch]) -> list[RelevantHit]:
        """Each photo and document once, by its best region, the most relevant first."""
        first = {hit.region.source.id: hit for hit in reversed(best_of_each(hits))}
        missing = [match.regions[0] for match in weighed if match.source.id not in first]
        vectors_ND = self.store.vectors_of([region.id for region in missing])
        for region, score in zip(missing, vectors_ND @ sought.meant.shown_D, strict=True):
            first[region.source.id] = Hit(region=region, score=float(score))
        likely = read_curve().likely
        photos = [RelevantHit(first[match.source.id], match.relevance, likely) for match in weighed]
        ranked = {match.source.id for match in weighed}
        others = [hit for hit in best_of_each(hits) if hit.region.source.id not in ranked]
        relevances = self._of_others(sought, others, weighed)
        needed = self._of_picture(0.0).threshold if not sought.query.text else likely
        judged = [*photos, *(RelevantHit(hit, r, needed) for hit, r in zip(others, relevances, strict=True))]
        return sorted(judged, key=lambda each: -each.relevance)

    def _of_others(self, sought: Sought, hits: Sequence[Hit], weighed: Sequence[PhotoMatch]) -> list[float]:
        """The relevance of hits that are in order, never rising: by what stands out, what is written, what is alike."""
        by_picture = not sought.query.text
        least = min((match.relevance for match in weighed), default=1.0)  # photos that were too far to be weighed
        found = []
        written_H = [all_written([hit.region], sought.query.text) for hit in hits]
        is_rare = sum(written_H) <= FEW_WRITTEN
        deviations_H = self.scales.deviations(hits, sought.meant)
        for hit, deviation, written in zip(hits, deviations_H, written_H, strict=True):
            region = hit.region
            relevance = max(stands_out(deviation, HIT_CURVE), WRITTEN_THERE if written and is_rare else 0.0)
            if by_picture and region.kind in PICTURES:
                relevance = self._of_picture(hit.score).certainty
            elif weighed and region.source.kind == "photo":
                relevance = min(relevance, least)
            elif weighed and region.kind == "text" and described_files(region.text):
                relevance *= ABOUT_PHOTOS
            found.append(relevance)
        return list(accumulate(found, min))

    def _matches(self, sought: Sought, judged: Sequence[RelevantHit]) -> list[Match]:
        """At least k, if there are so many; no more of the hits are worked on than that takes."""
        num = AHEAD * sought.k
        while len(matches := self._of_firsts(sought, judged[:num])) < sought.k and num < len(judged):
            num *= 2
        return matches

    def _of_firsts(self, sought: Sought, judged: Sequence[RelevantHit]) -> list[Match]:
        photos = [each.hit.region.source.id for each in judged if each.hit.region.source.kind == "photo"]
        siblings = self.store.regions_of(photos)
        matches = []
        for hit, relevance, needed in judged:
            regions = siblings.get(hit.region.source.id) or (hit.region,)
            why = reasons((hit.region, *regions), sought.things, sought.query.text)
            told, likely = round(relevance, 4), relevance >= needed
            matches.append(Match(region=hit.region, score=hit.score, why=why, relevance=told, likely=likely))
        wholes = {source: regions[0].id for source, regions in siblings.items() if regions and is_whole(regions[0])}
        vectors_ND = self.store.vectors_of(list(wholes.values()))
        return group_duplicates(matches, dict(zip(wholes, vectors_ND, strict=True)))

    def _verdict(
        self, sought: Sought, hits: Sequence[Hit], near: Sequence[Near], weighed: Sequence[PhotoMatch]
    ) -> PresenceVerdict:
        """The witness that is least sure, measured by what it needs."""
        verdicts = []
        if sought.query.text:
            verdict = self._of_text(sought, hits, near)
            best = max((match.relevance for match in weighed if match.is_told), default=0.0)
            as_certain = rescale(best, read_curve().likely, verdict.threshold)
            verdicts.append(verdict._replace(certainty=max(verdict.certainty, as_certain)))
        if sought.query.image is not None or sought.query.like:
            nearest = max((hit.score for hit in hits if hit.region.kind in PICTURES), default=0.0)
            verdicts.append(self._of_picture(nearest))
        return min(verdicts, key=lambda verdict: verdict.certainty - verdict.threshold)

    def _of_text(self, sought: Sought, hits: Sequence[Hit], near: Sequence[Near]) -> PresenceVerdict:
        """Shown, every thing or the scene as a whole; or written, in those words or in others."""
        text = sought.query.text
        *traces, whole = self._traces.of(sought.asked, sought.vectors_TD, near, where=sought.where)
        shown = min(self._of_thing(trace) for trace in traces)
        if self.certainty is not None and len(traces) > 1:
            shown = max(shown, self.certainty.of_scene(whole, traces))
        told = self.scales.deviations([h for h in hits if group_of(h.region.kind) in (TEXTS, CODES)], sought.meant)
        reworded = stands_out(max(told), TEXT_CURVE) if told else 0.0
        regions = [hit.region for hit in hits]
        spelled = WRITTEN if all_written(regions, text) or all_written(regions, sought.said) else 0.0
        return PresenceVerdict(
            max(shown, reworded, spelled, self._score_labels(sought.things, hits)), self.needed_certainty
        )

    def _score_labels(self, things: Sequence[ThingPhrase], hits: Sequence[Hit]) -> float:
        """The score of the labels that name every thing, the least sure counts; 0 where one is not sure by itself."""
        labels = [label for hit in hits for label in hit.region.labels]
        best = [max((x.score for x in labels if names_the_same(x.name, thing.name)), default=0.0) for thing in things]
        sure = min(best, default=0.0)
        return sure if sure >= self.config.sure else 0.0

    def _of_thing(self, trace: PresenceTrace) -> float:
        if self.certainty is not None:
            return self.certainty.of_thing(trace)
        if not len(trace.nearest_kD):
            return 0.0
        return float(self.eyes.index_presence([trace.phrase], trace.nearest_kD).max())

    def _of_picture(self, cosine: float) -> PresenceVerdict:
        if self.certainty is None:
            return PresenceVerdict(max(0.0, cosine), SAME_PICTURE)
        return PresenceVerdict(self.certainty.of_picture(cosine), self.certainty.pictures.threshold)

    def _vectors(self, region_ids: Sequence[int]) -> Floats:
        try:
            return self.store.vectors_of(region_ids)
        except NotStored as error:
            raise NothingThere(f"{error}. It was removed: search for it by words or by its picture") from error

    def _source_of(self, region_id: int) -> int:
        vector_D = self._vectors([region_id])
        hits = self.store.search_many(vector_D, k=SPREADS[-1], where=Filter(collection=None))[0]
        return next((hit.region.source.id for hit in hits if hit.region.id == region_id), 0)


def stands_out(deviation: float, curve: tuple[float, float]) -> float:
    """How likely a region is what was looked for that lies so many deviations above the usual."""
    slope, middle = curve
    return 1 / (1 + math.exp(-slope * (deviation - middle)))


def rescale(chance: float, old: float, new: float) -> float:
    """A chance above the old threshold as far above the new one; one below it says nothing: 0."""
    return 0.0 if chance < old else new + (chance - old) / (1 - old) * (1 - new)


def may_be_whole(where: Filter) -> bool:
    """May any photo that the filter allows stand for itself as a whole?"""
    bound = where.kinds or where.label or where.colours or where.phrases
    return not bound and (not where.source_kinds or "photo" in where.source_kinds)


def by_kind(where: Filter) -> Iterator[Filter]:
    """One filter for each kind of region that may be returned."""
    for kinds in KINDS:
        allowed = tuple(kind for kind in kinds if not where.kinds or kind in where.kinds)
        if allowed:
            yield replace(where, kinds=allowed)


def asked_for(thing: ThingPhrase) -> str:
    """The thing without its colour and size, which the space hardly tells; "red" alone asks for anything red."""
    return thing.phrase if thing.name == ANYTHING else thing.name


def names_of(query: Query) -> list[str]:
    """The things of the query; one without any is a thing itself."""
    return [asked_for(thing) for thing in things_of(query)] or [query.text.lower()]


def things_of(query: Query) -> tuple[ThingPhrase, ...]:
    """What the grammar of English finds in the words; other languages are taken as a whole."""
    return () if language_of(query.text) else tuple(things_in(query.text.lower()))


def is_whole(region: Region) -> bool:
    """Is it a complete picture?"""
    return region.kind == "whole"
