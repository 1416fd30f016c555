"""Looking up: a question becomes a vector, the store returns the nearest regions, and they become numbered evidence.

About one photo, or several that came with the question, their own regions are the evidence. Over the library, the
nearest regions are gathered photo by photo, each photo is asked whether it shows the things of the question, and the
best photos give one or two regions each: the boxes that show the things, so that the evidence is not six pieces of one
picture.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace

import numpy as np

from deepseek_mm.chance import adjust_prior
from deepseek_mm.config import Config
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, known_as, unit
from deepseek_mm.language.parser import PhotoQuestion, ThingPhrase
from deepseek_mm.language.search_filters import formats_mentioned
from deepseek_mm.retrieval.certainty import read_certainty
from deepseek_mm.retrieval.evidence import PhotoEvidence, QuestionContext, answers, shows, worths
from deepseek_mm.retrieval.moments import at_moment, nearest_moment
from deepseek_mm.retrieval.named_documents import NamedDocuments, find_named_documents
from deepseek_mm.retrieval.passages import Rerankers, rank_passages, reorder_passages
from deepseek_mm.retrieval.query_vectors import nearest
from deepseek_mm.retrieval.ranking import search_by_words
from deepseek_mm.retrieval.search import Search
from deepseek_mm.stage_clock import in_stage, note_candidates
from deepseek_mm.threads import single_threaded
from deepseek_mm.types import Evidence, Found, Query
from deepseek_mm.vision.pipeline import VisionPipeline, look_in_index
from index import EVERYTHING, Filter, Hit, Region, Source
from index.region import WRITTEN
from index.store import RegionStore

SPREAD = 8  # regions looked at for each region kept: many of them lie in one photo
PER_PHOTO = 2  # regions of one photo in a library answer
PAGE = 500  # sources read at a time when a file is looked for by name
READ = 100  # passages that are looked through for the words of a question
TOLD = 2  # passages of text beside the photos
WORDED = 2.0  # cosines that a passage with all words of a question is worth, those of one book lie close together
NEAR = 0.8  # of the best passage's worth, which the next ones need
PHOTOS = Filter(kinds=("whole", "part"), source_kinds=("photo",))
PASSAGES, TEXT = Filter(kinds=WRITTEN), Filter(kinds=("text",))
CANDIDATES = 24  # passages whose sentences are compared with a question, by meaning and by words each


class Retriever:
    """Finds the evidence for questions, and the regions for searches."""

    def __init__(
        self,
        space: EmbeddingModel,
        store: RegionStore,
        eyes: VisionPipeline,
        config: Config,
        rerankers: Rerankers | None = None,
    ) -> None:
        self.space, self.store, self.eyes, self.config = space, store, eyes, config
        self.rerankers = rerankers or Rerankers()
        self.search = Search(space, store, eyes, config.rag, certainty=read_certainty(*known_as(space)))

    def with_config(self, config: Config) -> "Retriever":
        """The same retriever with other numbers."""
        other = copy(self)
        other.config, other.search = config, self.search.with_config(config.rag)
        return other

    def with_rerankers(self, rerankers: Rerankers) -> "Retriever":
        """The same retriever, which has what it found ordered by others."""
        other = copy(self)
        other.rerankers = rerankers
        return other

    @in_stage("retrieved")
    def retrieve_many(self, cases: Sequence[QuestionContext], *, k: int) -> list[list[Evidence]]:
        """Evidence for each question, numbered from 1: the whole photo at hand and at most k parts, or k regions."""
        examples = {n: case.example for n, case in enumerate(cases) if case.example}
        self.eyes.add_index_looks(examples.values())
        seen = {n: look_in_index(picture).vector_D for n, picture in examples.items()}
        vectors_QD = self.search.embed([query_of(case) for case in cases], seen=seen)
        meant = [self.looked_for(*parts) for parts in zip(cases, vectors_QD, strict=True)]
        with single_threaded():
            return [self._evidence(case, vector_D, k) for case, vector_D in zip(cases, meant, strict=True)]

    def _find_labelled(self, things: Sequence[ThingPhrase], vector_D: Floats, *, k: int, where: Filter) -> list[Hit]:
        """The k nearest regions that carry each thing's name, one thing after the other."""
        filters = [replace(where, label=thing.name) for thing in things]
        return [hit for only in filters for hit in self.store.search_many(vector_D[None], k=k, where=only)[0]]

    @in_stage("retrieved")
    def find_many(self, queries: Sequence[Query], *, k: int, where: Filter = EVERYTHING) -> list[Found]:
        """What the library has for each query, photo by photo, and whether it has it at all."""
        return self.search.find_many(queries, k=k, where=where)

    def embed(self, queries: Sequence[Query]) -> Floats:
        """(Q, D): words, a picture, or the mean of both."""
        return self.search.embed(queries)

    def find_named(self, name: str) -> Source | None:
        """The newest photo of the library with this file name; capitals do not matter."""
        offset = 0
        while page := self.store.sources(limit=PAGE, offset=offset):
            if found := next((source for source in page if source.name.lower() == name.lower()), None):
                return found
            offset += PAGE
        return None

    def looked_for(self, case: QuestionContext, vector_D: Floats) -> Floats:
        """(D,): the question's vector; where several pictures search the library, its mean with theirs."""
        if not (case.program.library and case.pictures):
            return vector_D
        known = self.store.regions_of([source.id for source in case.pictures]).values()
        theirs_D = self.store.vectors_of([regions[0].id for regions in known if regions]).sum(axis=0, keepdims=True)
        summed_D: Floats = unit(unit(theirs_D) + vector_D[None] if query_of(case).text else theirs_D)[0]
        return summed_D

    def _evidence(self, case: QuestionContext, vector_D: Floats, k: int) -> list[Evidence]:
        if case.program.given:
            return self._of_pictures(case, vector_D, k)
        if not case.program.library:
            return self._of_file(case, vector_D, k) if case.source else []
        told = self._find_passages(case.program)
        if case.program.kind == "read":
            return number_evidence(told)
        shots = self._shots(case.program, self._nearest(case.program, vector_D, k), vector_D)
        chosen = [entry for shot in rank_photos(shots, case.program) for entry in pointing(shot, case.program)]
        return number_evidence([*chosen[: k - len(told)], *told])

    @in_stage("retrieved")
    def find_passages(self, text: str, *, sources: Sequence[int] = (), k: int = CANDIDATES) -> list[Evidence]:
        """Passages that may answer, by meaning and by words, best first: of these sources, or of the library.

        Of files of a kind that the text speaks of ("the email", "my slides") some are among them in any case.
        """
        where = replace(TEXT, source_ids=tuple(sources))
        if not text or not self.store.has_regions(where):
            return []
        asked = [Query(text=text)]
        (meant,) = self.search.query_vectors(asked, self.embed(asked))
        bounds = [where, *(replace(where, formats=(name,)) for name in formats_mentioned(text))]
        found = [entry for each in bounds for entry in rank_passages(self.store, text, meant, k=k, where=each)]
        first = {entry.region.id: entry for entry in found}
        note_candidates("region", first)
        return number_evidence(self._reorder(text, sorted(first.values(), key=lambda entry: -entry.score)))

    def _reorder(self, question: str, passages: Sequence[Evidence]) -> list[Evidence]:
        return reorder_passages(question, passages, self.rerankers.passages)

    @in_stage("retrieved")
    def find_named_documents(self, text: str, passages: Sequence[Evidence]) -> NamedDocuments:
        """Those documents of the passages that a question names, and whether it asks of these alone."""
        sources = {entry.region.source.id: entry.region.source for entry in passages}
        documents = [source for source in sources.values() if source.kind == "document"]
        titles = self.store.openings([source.id for source in documents])
        return find_named_documents(text, {source: titles.get(source.id, "") for source in documents})

    def _find_passages(self, program: PhotoQuestion) -> list[Evidence]:
        """The passages that answer best, if one says it all or is near enough to count as found."""
        if not self.store.has_regions(PASSAGES):
            return []
        words = (program.subject if program.kind == "which" else "") or program.text
        asked = [Query(text=words)]
        meant = self.search.query_vectors(asked, self.embed(asked))
        hits = nearest(self.store, meant, k=READ, where=PASSAGES)[0]
        written = search_by_words(self.store, words, meant[0], k=READ, where=PASSAGES).hits
        hits = list({hit.region.id: hit for hit in (*hits, *written)}.values())
        note_candidates("region", [hit.region.id for hit in hits])
        best = best_worded([Evidence(number=1, region=hit.region, score=hit.score) for hit in hits], words)
        if not best:  # they were removed a moment ago
            return []
        near = Query(text=program.subject or words)
        found = answers(best[0].region, words) or self.find_many([near], k=TOLD, where=PASSAGES)[0].found
        return number_evidence(self._reorder(words, best)[:TOLD]) if found else []

    def _of_file(self, case: QuestionContext, vector_D: Floats, k: int) -> list[Evidence]:
        """Of a photo, itself and its nearest parts; of a document, or where its text is asked for, what is written."""
        assert case.source is not None, "a file at hand"
        if case.program.kind == "read" or case.source.kind != "photo":
            return self._passages_of_file(case.source, case.program, vector_D, k)
        shots = self._shots(case.program, [case.source.id], vector_D)
        if not shots:  # it was removed a moment ago
            return []
        whole, *parts = shots[0].evidence
        return number_evidence([whole, *sorted(parts, key=lambda entry: -entry.score)[:k]])

    def _of_pictures(self, case: QuestionContext, vector_D: Floats, k: int) -> list[Evidence]:
        """Of several, each whole picture, in the order in which they came, and then their parts: these alone.

        Parts that show the things come first. Where text is asked for, the passages of each picture in turn.
        """
        if case.program.kind == "read":
            return number_evidence(
                e for each in case.pictures for e in self._passages_of_file(each, case.program, vector_D, k)
            )
        shots = self._shots(case.program, [source.id for source in case.pictures], vector_D)
        most = max(PER_PHOTO, 2 * k // max(1, len(shots)))
        parts = [entry for shot in shots for entry in foremost(shot, case.program)[:most]]
        return number_evidence([*(shot.evidence[0] for shot in shots), *parts])

    def _passages_of_file(self, source: Source, program: PhotoQuestion, vector_D: Floats, k: int) -> list[Evidence]:
        """The whole file's first region, and its passages: in reading order, or the nearest ones of a long document."""
        regions = self.store.regions_of([source.id])[source.id]
        passages = [region for region in regions if region.kind in WRITTEN]
        (meant,) = self.search.query_vectors([Query(text=program.text)], vector_D[None])
        note_candidates("region", [region.id for region in passages])
        vectors_ND = self.store.vectors_of([region.id for region in passages])
        scores = meant.scores([region.kind for region in passages], vectors_ND)
        scored = [Evidence(number=1, region=r, score=s) for r, s in zip(passages, scores, strict=True)]
        if program.kind != "read":
            scored = self._reorder(program.text, best_worded(scored, program.text))
        elif len(scored) > k:
            scored.sort(key=lambda entry: -entry.score)
        whole = [Evidence(number=1, region=region, score=0.0) for region in regions[:1] if not passages]
        return number_evidence([*scored[:k], *whole])

    def _nearest(self, program: PhotoQuestion, vector_D: Floats, k: int) -> list[int]:
        """Ids of the photos whose regions are nearest to the words, or carry a thing's name; nearest first."""
        hits = list(self.store.search_many(vector_D[None], k=k * SPREAD, where=PHOTOS)[0])
        hits += self._find_labelled(program.things, vector_D, k=k, where=PHOTOS)
        return list(dict.fromkeys(hit.region.source.id for hit in hits))

    def _shots(self, program: PhotoQuestion, source_ids: Sequence[int], vector_D: Floats) -> list[PhotoEvidence]:
        """Every region of these photos with its score, and the presence of the things in each photo."""
        known = self.store.regions_of(source_ids).values()
        photos = [shown for regions in known if (shown := tuple(r for r in regions if r.kind in PHOTOS.kinds))]
        if not photos:
            return []
        photos = [self._at_nearest_moment(regions, vector_D) for regions in photos]
        note_candidates("region", [r.id for regions in photos for r in regions])
        vectors_ND = self.store.vectors_of([r.id for regions in photos for r in regions])
        scores = iter((vectors_ND @ vector_D).tolist())
        wholes_ND = vectors_ND[np.cumsum([0, *map(len, photos[:-1])])]
        things = program.thing_phrases if program.things else ()
        presence_NT = self.eyes.index_presence(things, wholes_ND) if things else [()] * len(photos)
        prior = self.config.rag.prior if program.library else 0.5
        shots = []
        for regions, row in zip(photos, presence_NT, strict=True):
            seen = tuple(
                (phrase, adjust_prior(float(p), prior)) for phrase, p in zip(program.thing_phrases, row, strict=True)
            )
            entries = [
                Evidence(number=n, region=region, score=next(scores), siblings=regions, presence=seen)
                for n, region in enumerate(regions, start=1)
            ]
            shots.append(PhotoEvidence(tuple(entries), self.config.see.min_tag))
        return shots

    def _at_nearest_moment(self, regions: tuple[Region, ...], vector_D: Floats) -> tuple[Region, ...]:
        """Of a video what is seen in the picture that is nearest to the words; of a photo all."""
        if not regions[0].source.is_video:
            return regions
        scores_R = (self.store.vectors_of([region.id for region in regions]) @ vector_D).tolist()
        return at_moment(regions, nearest_moment(regions, scores_R))


def query_of(case: QuestionContext) -> Query:
    """What to search with. A picture that came with nothing but "find similar ones" speaks for itself."""
    brought = case.example is not None or (case.program.library and case.pictures)
    words = case.program.subject or ("" if brought else case.program.text)
    return Query(text=words, image=case.example.image if case.example else None)


def rank_photos(shots: Iterable[PhotoEvidence], program: PhotoQuestion) -> list[PhotoEvidence]:
    """Photos whose labels name the things come first, then those that show them; among equals the nearer one."""

    def worth(shot: PhotoEvidence) -> float:
        nearest = max(entry.score for entry in shot.evidence)
        seen = shows(shot, program.things, any_of=program.any_of) if program.things else 0.0
        return nearest + seen + shot.has_names(program.things, any_of=program.any_of)

    return sorted(shots, key=worth, reverse=True)


def pointing(shot: PhotoEvidence, program: PhotoQuestion) -> list[Evidence]:
    """The one or two regions of a photo that an answer would point at: boxes of the things, or the nearest region."""
    boxes = [
        box for thing in program.things for box in (shot.parts_with_colour(thing) or shot.parts(thing))[:PER_PHOTO]
    ]
    wanted = list(dict.fromkeys(box.id for box in boxes))[:PER_PHOTO]
    found = [entry for entry in shot.evidence if entry.region.id in wanted]
    return found or [max(shot.evidence, key=lambda entry: entry.score)]


def foremost(shot: PhotoEvidence, program: PhotoQuestion) -> list[Evidence]:
    """The parts of a photo: those that the things name first, then the nearest."""
    named = {box.id for thing in program.things for box in shot.parts(thing)}
    return sorted(shot.evidence[1:], key=lambda entry: (entry.region.id not in named, -entry.score))


def best_worded(entries: Sequence[Evidence], question: str) -> list[Evidence]:
    """Passages whose words and meaning fit the question, best first; what falls far behind is left out.

    Where some say it all in one sentence, they alone count.
    """
    entries = [entry for entry in entries if answers(entry.region, question)] or entries
    worded = worths([entry.region for entry in entries], question)
    fits = {entry.region.id: entry.score + WORDED * each for entry, each in zip(entries, worded, strict=True)}
    best = max(fits.values(), default=0.0)
    least = best - (1 - NEAR) * abs(best)  # where nothing fits, likenesses are negative
    kept = (entry for entry in entries if fits[entry.region.id] >= least)
    return sorted(kept, key=lambda entry: -fits[entry.region.id])


def number_evidence(entries: Iterable[Evidence]) -> list[Evidence]:
    """Numbers 1 to n, in order."""
    return [replace(entry, number=n) for n, entry in enumerate(entries, start=1)]
