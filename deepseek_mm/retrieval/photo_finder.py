"""Finding photos by what is said of them: every witness becomes a number, and one curve joins them into a relevance.

The witnesses of a photo are, strongest first: the words of its file's name and what people wrote about it (as words, by
their kinds, and by their meaning), the text that is read in it, its labels, how it looks (the likeness of the whole
picture and of its parts to the words), and last what a small captioner said of it. The curve is fitted on captioned
photos of which some have names, some descriptions, and some only a camera's number.

Shape key:  P photos, R regions, D width of the space, F witnesses
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import dirname

import numpy as np

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.words import content
from deepseek_mm.parse.descriptions import DescribedFile, cells_of, described_files
from deepseek_mm.retrieval.moments import at_moment, nearest_moment
from deepseek_mm.retrieval.query_vectors import CAPTIONS, GUESSES, TEXTS, WORDS, Scales, Texts
from deepseek_mm.retrieval.query_vectors import PICTURES as SEEN
from deepseek_mm.retrieval.subject import ASKING, SoughtSubject, is_named_otherwise, subject_of, weights_of
from deepseek_mm.retrieval.witnesses import (
    LOOKED_AT,
    WITNESSES,
    HeardPhoto,
    Witnesses,
    fade_by_absence,
    fade_by_colour,
    is_spelled,
    read_curve,
    witnesses_of,
    words_said,
)
from deepseek_mm.stage_clock import in_stage, note_candidates, note_left_out
from deepseek_mm.types import Act
from deepseek_mm.vision.pipeline import VisionPipeline
from index import Filter, Region, Source
from index.store import RegionStore

PHOTOS = Filter(source_kinds=("photo",))
FEW = 300  # photos of a library that are all weighed; of a larger one the nearest by each witness
NEAREST = 80  # photos that each witness proposes in a larger library
BESIDE = 5  # passages of documents beside a photo that are looked through for its name
RULE = re.compile(r"[|\s:-]{3,}")  # under the head of a table
MOST_SHORT = 3  # letters of words that are looked for in rows of documents
SPELLED = 0.6  # relevance at least, where every word is said as it is: in any language
SEEN_TOO = 0.6  # presence from which what is said in full in other words is there as well
DETECTED = 0.5  # relevance at least, where the detector and the eyes both see everything that is asked for
SURE, AGREED = 0.9, 0.5  # scores of the detector and the eyes from which they do


BY_SUBJECT = (0.6, 0.25, 0.15)  # what counts of a photo that is meant: the subject, with what is beside it, all words
BELIEVED, BESIDES = 0.45, 0.5  # relevance from which a photo counts as found, and of the best one's what others need


MOST_UNLIKELY = 3  # photos that are named among what was not likely enough
LABELLED = 0.3  # score of a label from which eyes saw it, though nobody wrote it


@dataclass(frozen=True, slots=True)
class PhotoMatch:
    """A photo of the library and how well it fits what was asked for."""

    source: Source
    relevance: float  # probability that whoever asks means this photo, 0 to 1
    why: tuple[str, ...] = ()  # words and labels of it that fit
    regions: tuple[Region, ...] = ()  # all of it, the whole picture first
    witnesses: Witnesses = Witnesses()
    otherwise: bool = False  # people call it something else of the same kind, or it has another colour

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    @property
    def is_told(self) -> bool:
        """Do words speak for it: its name, notes or what is read in it?"""
        return self.witnesses.named > 0 or self.witnesses.read > 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What people wrote about it."""
        return tuple(region.text for region in self.regions if region.kind == "note")

    @property
    def words(self) -> str:
        """The words of the file's name."""
        return next((region.text for region in self.regions if region.kind == "name"), "")

    @property
    def vocabulary(self) -> frozenset[str]:
        """The words of name and notes, singular, and what the places in them lie in."""
        return words_said(self.regions)

    @property
    def read(self) -> tuple[Region, ...]:
        """The texts that are read in it."""
        return tuple(region for region in self.regions if region.kind == "text")


def keep_believed(found: Sequence[PhotoMatch]) -> list[PhotoMatch]:
    """The matches that count as found, of those that are in order.

    Where the best one is called so in full, one that is called otherwise needs a label that says it is one.
    """
    least = max(BELIEVED, BESIDES * found[0].relevance) if found else BELIEVED
    fitting = [match for match in found if match.relevance >= least]
    if not any(match.witnesses.fully for match in fitting):
        return fitting
    return [m for m in fitting if m.witnesses.fully or m.witnesses.wordless or is_labelled(m)]


def keep_leaders(found: Sequence[PhotoMatch]) -> list[PhotoMatch]:
    """The matches in order, but one of files that belong together: the leader, where it is believed like the best."""
    there = {match.source.id: match for match in found}
    kept: dict[int, PhotoMatch] = {}
    for match in found:
        leader = there.get(match.source.leader)
        is_led = leader is not None and (leader.relevance >= BELIEVED) == (match.relevance >= BELIEVED)
        chosen = replace(leader, relevance=match.relevance) if leader is not None and is_led else match
        kept.setdefault(match.source.leader or match.source.id, chosen)
    return list(kept.values())


def note_unlikely(found: Sequence[PhotoMatch], fitting: Sequence[PhotoMatch]) -> None:
    """Note which of those that were found, in order, were not likely enough: the nearest ones."""
    least = max(BELIEVED, BESIDES * found[0].relevance) if found else BELIEVED
    kept = {match.source.id for match in fitting}
    near = [match for match in found if match.source.id not in kept and match.relevance < least]
    note_left_out([(match.name, match.relevance) for match in near[:MOST_UNLIKELY]], least)


def is_labelled(match: PhotoMatch) -> bool:
    """Do eyes see what is asked for, though nobody wrote it, nor that it is something else?"""
    return match.witnesses.label >= LABELLED and not match.otherwise


class PhotoFinder:
    """Finds photos of one store."""

    def __init__(self, store: RegionStore, eyes: VisionPipeline, texts: Texts, scales: Scales) -> None:
        self.store, self.eyes, self.texts, self.scales = store, eyes, texts, scales

    def find_photos(self, act: Act, k: int, *, among: Sequence[int] = (), where: Filter = PHOTOS) -> list[PhotoMatch]:
        """At most k photos that the subject of the act may mean, best first; `among` are ids of sources."""
        bounds = replace(where, source_kinds=("photo",), source_ids=tuple(among) or where.source_ids)
        return self.find_subject(subject_of(act), k, where=bounds)

    @in_stage("retrieved")
    def find_subject(self, words: str, k: int, *, where: Filter = PHOTOS) -> list[PhotoMatch]:
        """At most k photos that these words may mean, best first."""
        subject = SoughtSubject(words)
        found = self.weigh(subject, self.candidates(subject, where))
        return (found if where.source_ids else keep_leaders(found))[:k]

    @in_stage("retrieved")
    def list_photos(self, where: Filter, k: int) -> list[PhotoMatch]:
        """At most k photos that a filter allows, whatever they show."""
        listed = self.store.sources(replace(where, grouped=not where.source_ids), limit=k)
        regions = self.store.regions_of([source.id for source in listed])
        note_candidates("photo", regions)
        return [PhotoMatch(own[0].source, 1.0, regions=own) for own in regions.values() if own]

    @in_stage("retrieved")
    def find_in_rows(self, act: Act, *, names: Sequence[str] | None = None) -> list[PhotoMatch]:
        """The photos of which a row of a document says a word that no name or note does: "Cantaloupe_030"; or a name
        as it is.
        """
        said = [word for word in content(subject_of(act)) if word not in ASKING and len(word) > MOST_SHORT]
        words = said if names is None else names
        found: list[int] = []
        for word in words:
            for hit in self.store.search_words(word, k=BESIDE, where=Filter(kinds=TEXTS, source_kinds=("document",))):
                lines = described_files(hit.region.text)
                named = [line.file for line in lines if is_in_row(word, line, whole=names is not None)]
                found += [source.id for name in named for source in self.find_named(name)]
        return [
            replace(match, relevance=BELIEVED)
            for match in self.weigh(SoughtSubject(subject_of(act)), list(dict.fromkeys(found)))
        ]

    def header_of(self, document: Source) -> tuple[str, ...]:
        """The names of the columns of a document's first table; empty where it has none."""
        for region in self.store.regions_of([document.id])[document.id]:
            lines = region.text.splitlines()
            for line, below in itertools.pairwise(lines):
                if RULE.fullmatch(below) and "-" in below:
                    return tuple(cells_of(line))
        return ()

    @in_stage("retrieved")
    def find_meant(self, act: Act, *, among: Sequence[int] = (), where: Filter = PHOTOS) -> list[PhotoMatch]:
        """The photos that an act may be about, best first: by its subject, then by all of its words."""
        bounds = replace(where, source_kinds=("photo",), source_ids=tuple(among) or where.source_ids)
        asked = [subject_of(act), f"{subject_of(act)} {act.other}", " ".join(content(act.text))]
        asked = [text for text in dict.fromkeys(text.strip() for text in asked) if text]
        subjects = [SoughtSubject(text) for text in asked]
        ids = list(dict.fromkeys(each for subject in subjects for each in self.candidates(subject, bounds)))
        shares = BY_SUBJECT[: len(subjects)]
        found: dict[int, PhotoMatch] = {}
        total: dict[int, float] = {}
        for subject, share in zip(subjects, shares, strict=True):
            for match in self.weigh(subject, ids):
                found.setdefault(match.source.id, match)
                total[match.source.id] = total.get(match.source.id, 0.0) + share / sum(shares) * match.relevance
        ranked = [replace(match, relevance=total[each]) for each, match in found.items()]
        return sorted(ranked, key=lambda match: -match.relevance)

    def find_named(self, name: str) -> list[Source]:
        """The photos of the library with this file name; capitals do not matter."""
        where = replace(PHOTOS, path=name)
        return [source for source in self.store.sources(where, limit=FEW) if source.name.lower() == name.lower()]

    def num_photos(self) -> int:
        """How many the library has."""
        return self.num_within(PHOTOS)

    def num_within(self, where: Filter) -> int:
        """How many photos a filter allows; what belongs together, such as a raw picture and its JPEG, is one."""
        return self.store.counts(where=replace(where, grouped=not where.source_ids)).sources

    def passages_about(self, photo: Source) -> list[tuple[Region, DescribedFile]]:
        """Where documents beside a photo say something of it: the passage, and what the line says."""
        where = Filter(kinds=TEXTS, source_kinds=("document",), folder=dirname(photo.path))
        hits = self.store.search_words(photo.name, k=BESIDE, where=where)
        return [
            (hit.region, told)
            for hit in hits
            if dirname(hit.region.source.path) == dirname(photo.path)
            for told in described_files(hit.region.text)
            if told.file.lower() == photo.name.lower()
        ]

    def candidates(self, subject: SoughtSubject, where: Filter) -> list[int]:
        """Ids of the photos that are weighed: all of a small library, or those that some witness proposes."""
        if self.store.counts(where=where).sources <= FEW:
            return [source.id for source in self.store.sources(where, limit=FEW)]
        vector_1D = self.texts.vectors([subject.phrase])
        kinds = (SEEN, GUESSES, WORDS, TEXTS, CAPTIONS)
        asked = [(vector_1D, NEAREST, replace(where, kinds=each)) for each in kinds]
        hits = [hit for (some,) in self.store.search_each(asked) for hit in some]
        written = replace(where, kinds=(*WORDS, *TEXTS))
        hits += self.store.search_words(" ".join(subject.words), k=NEAREST, where=written) if subject.words else []
        for thing in subject.things:
            hits += self.store.search_many(vector_1D, k=NEAREST, where=replace(where, label=thing))[0]
        return list(dict.fromkeys(hit.region.source.id for hit in hits))

    def weigh(self, subject: SoughtSubject, ids: Sequence[int], vector_D: Floats | None = None) -> list[PhotoMatch]:
        """These photos with their relevance, best first; `vector_D` is the subject's, where it is known."""
        known = {each: regions for each, regions in self.store.regions_of(ids).items() if regions}
        note_candidates("photo", known)
        if vector_D is None or subject.kind:
            vector_D = self.texts.vectors([subject.phrase])[0]
        photos = {each: self._at_best_moment(regions, vector_D) for each, regions in known.items()}
        heard = self.hear(subject, list(photos.values()), vector_D)
        rows_PF = np.array([each.row() for each in heard], np.float32).reshape(-1, len(WITNESSES))
        fading = [
            fade_by_colour(subject, regions, each) * fade_by_absence(subject, regions, each)
            for regions, each in zip(photos.values(), heard, strict=True)
        ]
        spelled = [
            least_relevance(subject, regions, witness) for regions, witness in zip(photos.values(), heard, strict=True)
        ]
        otherwise = [
            fade < 1.0 or any(is_named_otherwise(thing, words_said(regions)) for thing in subject.things)
            for fade, regions in zip(fading, photos.values(), strict=True)
        ]
        relevance_P = np.maximum(read_curve().relevance(rows_PF), np.array(spelled, np.float32)) * np.array(
            fading, np.float32
        )
        matches = [
            PhotoMatch(regions[0].source, float(chance), reasons(subject, regions), regions, witness, other)
            for regions, chance, witness, other in zip(photos.values(), relevance_P, heard, otherwise, strict=True)
        ]
        return sorted(matches, key=lambda match: (-match.relevance, -match.witnesses.label))

    def _at_best_moment(self, regions: tuple[Region, ...], vector_D: Floats) -> tuple[Region, ...]:
        """Of a video what is seen at the moment that fits best, with what holds for all of it."""
        wholes = [region for region in regions if region.kind == "whole"]
        if len(wholes) < 2:
            return regions
        scores = self.store.vectors_of([region.id for region in wholes]) @ vector_D
        return at_moment(regions, nearest_moment(wholes, scores.tolist()))

    def hear(self, subject: SoughtSubject, photos: Sequence[Sequence[Region]], vector_D: Floats) -> list[Witnesses]:
        """The witnesses of each photo; each has at least one region."""
        if not photos:
            return []
        heard = [[region for region in regions if region.kind in LOOKED_AT] for regions in photos]
        vectors_RD = self.store.vectors_of([region.id for regions in heard for region in regions])
        scores = iter((vectors_RD @ vector_D).tolist())
        likeness = [[(region.kind, next(scores)) for region in regions] for regions in heard]
        usual = {kinds: self.scales.usual(kinds, vector_D) for kinds in (SEEN, WORDS, TEXTS, CAPTIONS, GUESSES)}
        presence_P = self._presence(subject, photos)
        said = [words_said(regions) for regions in photos]
        weights = weights_of(subject.words, said)
        heard_photos = [
            HeardPhoto(regions=regions, near=near, said=words, presence=chance)
            for regions, near, words, chance in zip(photos, likeness, said, presence_P, strict=True)
        ]
        return [witnesses_of(subject, photo, usual, weights) for photo in heard_photos]

    def _presence(self, subject: SoughtSubject, photos: Sequence[Sequence[Region]]) -> list[float]:
        """How probable the least likely thing is in each photo, as the eyes see it."""
        if not subject.things:
            return [0.0] * len(photos)
        wholes_PD = self.store.vectors_of([regions[0].id for regions in photos])
        presence_PT = self.eyes.index_presence(list(subject.things), wholes_PD)
        return [float(row.min()) for row in presence_PT]


def least_relevance(subject: SoughtSubject, regions: Sequence[Region], heard: Witnesses) -> float:
    """What a photo is worth at least: every word is said of it, or seen in it by two witnesses."""
    if is_spelled(subject, regions) or (heard.fully and heard.presence >= SEEN_TOO):
        return SPELLED
    seen = not subject.colours and min(heard.label, heard.detected) >= SURE and heard.presence >= AGREED
    return DETECTED if seen else 0.0


def is_in_row(word: str, line: DescribedFile, *, whole: bool) -> bool:
    """Does the row of a document have the word: as a name that stands alone, or as any part of a path?"""
    if whole:
        flags = 0 if word[0].isupper() else re.IGNORECASE
        before = "" if flags else "(?<![/-])"  # a word of small letters may be part of a path
        return re.search(rf"{before}\b{re.escape(word)}\b", " ".join(line.cells), flags) is not None
    return word in re.findall(r"[^\W\d_]+", line.line.lower())


def reasons(subject: SoughtSubject, regions: Sequence[Region]) -> tuple[str, ...]:
    """Words of the photo's name and notes and labels that fit."""
    said = words_said(regions)
    named = [each for word in subject.words for each in sorted(said) if each == word or is_kind_of(each, word)]
    labels = [label.name for region in regions for label in region.labels]
    fitting = [name for name in labels if any(is_kind_of(name, thing) for thing in subject.things)]
    return tuple(dict.fromkeys([*named, *fitting]))
