"""Pointing: what a question asks for is looked for once more, and closer, when it is asked.

A photo keeps a few parts for what it surely shows, each where one look at the whole picture put it. A question may ask
for anything else, and where it asks for such a part a closer look finds it better. So the witnesses say how probable
the thing is, the eyes look for it, and its likeliest place joins the evidence as a part of the photo: answers cite it,
measure its colour, say where it lies. People are not looked for again: the finder told them apart, and a word for a
kind of people points at one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL.Image import Image

from deepseek_mm.answering.closed_vqa import Decider
from deepseek_mm.answering.scene_programs import is_drawn
from deepseek_mm.config import Config
from deepseek_mm.embeddings.space import Share
from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.words import names_the_same
from deepseek_mm.retrieval.context import QuestionContext
from deepseek_mm.retrieval.photo_evidence import PhotoEvidence, score_of
from deepseek_mm.types import Evidence, Verdict
from deepseek_mm.vision.analysis import ImageAnalysis
from deepseek_mm.vision.colours import Palette
from deepseek_mm.vision.ensemble import SURE, TOLD_CLOSED
from deepseek_mm.vision.pipeline import VisionPipeline, on_image
from deepseek_mm.vision.regions import PEOPLE, PERSON, WHOLE, area, place_of
from index import Label, Region

LEAST = {  # kind of question -> probability from which its things are looked for
    "exist": 1 - TOLD_CLOSED,  # unless "no" is told
    "count": 1 - TOLD_CLOSED,
    "compare": 0.5,  # who compares two things needs both
    "where": 1 - SURE,  # who asks where it is has mostly seen it: only a sure "no" denies it
    "colour": 1 - SURE,
}


class Grounder:
    """Questions about a photo, and what is known of it, to evidence that points at their things."""

    def __init__(self, eyes: VisionPipeline, decider: Decider, config: Config) -> None:
        self.eyes, self.decider, self.least = eyes, decider, config.see.min_tag

    def point(self, case: QuestionContext, picture: ImageAnalysis, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The evidence, with a part for each thing that may be there; and how probable that is."""
        if self.eyes.pointer is None or (evidence and is_drawn(evidence[0].siblings)):
            return list(evidence)  # of a drawing every part is known
        shot = PhotoEvidence(tuple(evidence), self.least)
        things = [thing for thing in case.program.things if not is_person(thing, shot)] if evidence else []
        verdicts = self._verdicts(case, things, picture)
        if not verdicts or verdicts[0].blank:
            return list(evidence)
        told = {
            thing: max(v.chance_of_yes, score_by_name(thing, shot)) for thing, v in zip(things, verdicts, strict=True)
        }
        likely = [thing for thing in things if told[thing] >= LEAST[case.program.kind]]
        found = [
            (thing, self._part(shot, picture.image, thing, place, told[thing]))
            for thing, place in self._places(shot, picture.image, likely)
        ]
        return add_parts(evidence, {thing: part for thing, part in found if not is_whole(part)}, told)

    def _verdicts(self, case: QuestionContext, things: Sequence[ThingPhrase], picture: ImageAnalysis) -> list[Verdict]:
        """Whether each thing is there, as the witnesses settle it."""
        if case.program.kind not in LEAST:
            return []
        if case.program.kind == "exist" and case.verdict and len(case.program.things) == 1:
            return [case.verdict for _ in things]
        return self.decider.presence([thing.phrase for thing in things], picture)

    def _places(
        self, shot: PhotoEvidence, image: Image, things: Sequence[ThingPhrase]
    ) -> list[tuple[ThingPhrase, Share]]:
        """Each thing that has a place."""
        assert self.eyes.pointer is not None, "somebody who points"
        seen = [share_of(region) for region in shot.parts(ThingPhrase(PERSON, PERSON))]
        people = [thing for thing in things if seen and thing.name in PEOPLE and not thing.colour]
        found = [(thing, self.eyes.pointer.choose(image, thing, seen)) for thing in people]
        others = [thing for thing in things if thing not in people]
        shares = self.eyes.pointer.point_many(image, others) if others else []
        return found + [(thing, share) for thing, share in zip(others, shares, strict=True) if share]

    def _part(self, shot: PhotoEvidence, image: Image, thing: ThingPhrase, share: Share, chance: float) -> Region:
        """A place as a part of the photo. It has no vector: what is like it is what is like the photo."""
        whole = shot.regions[0]
        label = Label(name=thing.name, score=max(chance, self.least))
        place = place_of(share, whole.source, (label,))
        colours = Palette(image).names(on_image(place.box_px, whole.source, image))
        return replace(whole, kind="part", box_px=place.box_px, labels=place.labels, colours=colours)


def share_of(region: Region) -> Share:
    """Its box as shares of the photo."""
    left, top, right, bottom = region.box_px
    wide, high = region.source.width_px, region.source.height_px
    return (left / wide, top / high, right / wide, bottom / high)


def is_whole(part: Region) -> bool:
    """Does it cover so much that it points at nothing?"""
    return area(part.box_px) > WHOLE * part.source.width_px * part.source.height_px


def is_person(thing: ThingPhrase, shot: PhotoEvidence) -> bool:
    """Is it somebody whom a part shows already?"""
    return thing.name in PEOPLE and bool(shot.parts_with_colour(thing))


def score_by_name(thing: ThingPhrase, shot: PhotoEvidence) -> float:
    """How sure a part's own name for it is; 0 where none is called so."""
    return max((score_of(part, thing) for part in shot.parts_with_colour(thing)), default=0.0)


def add_parts(
    evidence: Sequence[Evidence], parts: Mapping[ThingPhrase, Region], told: Mapping[ThingPhrase, float]
) -> list[Evidence]:
    """With these parts at the end, known to every entry as its photo's, and with what is told of the things.

    Other parts are not called by these things' names any more.
    """
    regions = [*(evidence[0].siblings or (entry.region for entry in evidence))]
    siblings = (*(without(region, parts) for region in regions), *parts.values())
    presence = tuple({**dict(evidence[0].presence), **{thing.phrase: told[thing] for thing in told}}.items())
    added = [
        Evidence(number=number, region=part, score=part.labels[0].score)
        for number, part in enumerate(parts.values(), start=len(evidence) + 1)
    ]
    kept = [replace(entry, region=without(entry.region, parts)) for entry in evidence]
    return [replace(entry, siblings=siblings, presence=presence) for entry in (*kept, *added)]


def without(region: Region, parts: Mapping[ThingPhrase, Region]) -> Region:
    """A part without the names of these things, of which a colour was not asked for."""
    if region.kind != "part":
        return region
    gone = [thing.name for thing in parts if not thing.colour]
    kept = tuple(each for each in region.labels if not any(names_the_same(each.name, name) for name in gone))
    return replace(region, labels=kept)
