"""The places of the things that a question asks for, as parts of the photo that answers point at.

A photo keeps parts for what it surely shows, each where one look at the whole picture put it. A question may ask for
anything else, and where it asks for such a part a closer look finds it better. So the witnesses say how probable the
thing is, the eyes look for it, and its likeliest places join the evidence as parts of the photo: answers cite them,
count them, measure their colours, say where they lie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image

from deepseek_mm.answering.closed_vqa import Decider
from deepseek_mm.answering.scene_programs import is_drawn
from deepseek_mm.chance import log_odds
from deepseek_mm.config import Config
from deepseek_mm.embeddings.space import area
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.language.words import UNCOUNTED, names_the_same
from deepseek_mm.retrieval.evidence import PhotoEvidence, QuestionContext, score_of
from deepseek_mm.types import Evidence, Verdict
from deepseek_mm.vision.colours import Palette
from deepseek_mm.vision.drawings import Drawing
from deepseek_mm.vision.localizer import FoundPlace
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline, on_image
from deepseek_mm.vision.presence import find_names
from deepseek_mm.vision.regions import WHOLE, place_of
from deepseek_mm.vision.vqa import NO, SURE, TOLD_CLOSED, YES
from index import Label, Region

LOOKED_FROM = {  # kind of question -> probability from which its things are looked for
    "exist": 1 - TOLD_CLOSED,  # unless "no" is told
    "count": 1 - SURE,
    "compare": 1 - SURE,  # who compares two things has seen both
    "where": 0.02,  # who asks where it is has mostly seen it: only a very sure "no" denies it
    "colour": 1 - SURE,
}


LOOKED_CLOSER = ("count", "where")  # kinds of questions that are asked of small things, too, if the detector knows them
MASSES = frozenset(
    ["sky", "lake", "sea", "ocean", "field", "meadow", "lawn", "desert", "beach", "sun", "ground", "floor"]
)
BELIEVED = 0.6  # probability in a box from which it is heard against a "no"
HEARD = 0.4  # of the log-odds of that "no"
UNCOLOURED = 0.1  # of the probability is left where nothing in the picture has the colour that is asked for
RIGHT = 0.8  # how often a box is right that alone says yes


@dataclass(frozen=True, kw_only=True, slots=True)
class GroundedThing:
    """A thing that was looked for in one picture."""

    thing: ThingPhrase
    chance: float  # that it is there
    places: tuple[FoundPlace, ...] = ()  # were it there, the likeliest first


class Grounder:
    """Questions about a photo, and what is known of it, to evidence that points at their things."""

    def __init__(self, eyes: VisionPipeline, decider: Decider, config: Config) -> None:
        self.eyes, self.decider, self.least = eyes, decider, config.see.min_tag

    def point(self, case: QuestionContext, picture: ImageAnalysis, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The evidence, with parts for each thing that may be there, the likeliest first; and how probable that is."""
        if self.eyes.pointer is None or not evidence or is_drawn(evidence[0].siblings):
            return list(evidence)  # of a drawing every part is known
        shot = PhotoEvidence(tuple(evidence), self.least)
        things = list(case.program.things)
        verdicts = self._verdicts(case, things, picture)
        if not verdicts or verdicts[0].blank:
            return list(evidence)
        if case.program.kind in LOOKED_CLOSER and any(find_names(thing.name) for thing in things):
            self.eyes.add_detections([picture], closer=True)
        told = {
            thing: max(score_by_name(thing, shot), self._weigh_thing(thing, picture, verdict))
            for thing, verdict in zip(things, verdicts, strict=True)
        }
        likely = [thing for thing in things if told[thing] >= LOOKED_FROM[case.program.kind]]
        found = self.eyes.find_places(picture, likely)
        parts: dict[ThingPhrase, list[Region]] = {}
        for thing, places in zip(likely, found, strict=True):
            known = [place for place in places if place.is_box or case.program.kind != "count" or is_mass(thing)]
            own = make_parts(shot, picture.image, thing, known, told[thing])
            parts[thing] = [part for part in own if not is_whole(part)]
        return add_parts(evidence, {thing: own for thing, own in parts.items() if own}, told)

    def ground(self, picture: ImageAnalysis, things: Sequence[ThingPhrase]) -> list[GroundedThing]:
        """Each thing with how probable it is in the picture and with its places, without any question; there is a
        localizer. Of a drawing every part is known; a picture that shows nothing has no places.
        """
        verdicts = self.decider.presence([thing.phrase for thing in things], picture)
        if picture.is_blank:
            return [GroundedThing(thing=thing, chance=0.0) for thing in things]
        if drawn := self.eyes.drawing(picture):
            return [find_drawn(thing, drawn, verdict) for thing, verdict in zip(things, verdicts, strict=True)]
        if any(find_names(thing.name) for thing in things):
            self.eyes.add_detections([picture], closer=True)
        grounded = []
        for thing, verdict, places in zip(things, verdicts, self.eyes.find_places(picture, things), strict=True):
            chance = self._weigh_thing(thing, picture, verdict)
            chance *= UNCOLOURED if thing.colour and not places else 1.0
            grounded.append(GroundedThing(thing=thing, chance=chance, places=tuple(places)))
        return grounded

    def weigh_boxes(self, thing: ThingPhrase, picture: ImageAnalysis, verdict: Verdict) -> Verdict:
        """The verdict whether a thing is there; yes where witnesses of the whole picture deny what is in a box."""
        if verdict.answer != NO or verdict.blank:
            return verdict
        in_box = self.eyes.box_chance(picture, thing.name)
        if in_box < BELIEVED or log_odds(in_box) + HEARD * log_odds(verdict.chance_of_yes) < 0:
            return verdict
        return replace(verdict, answer=YES, chance=in_box * RIGHT, runner_up=NO, runner_chance=1 - in_box * RIGHT)

    def _weigh_thing(self, thing: ThingPhrase, picture: ImageAnalysis, verdict: Verdict) -> float:
        """How probable it is that the thing is there, by the witnesses of the whole picture and by its boxes."""
        return max(verdict.chance_of_yes, RIGHT * self.eyes.box_chance(picture, thing.name))

    def _verdicts(self, case: QuestionContext, things: Sequence[ThingPhrase], picture: ImageAnalysis) -> list[Verdict]:
        """Whether each thing is there, as the witnesses settle it."""
        if case.program.kind not in LOOKED_FROM:
            return []
        if case.program.kind == "exist" and case.verdict and len(case.program.things) == 1:
            return [case.verdict for _ in things]
        return self.decider.presence([thing.phrase for thing in things], picture)


def find_drawn(thing: ThingPhrase, drawn: Drawing, verdict: Verdict) -> GroundedThing:
    """The things of a drawing that are called so, of the colour that is asked for."""
    places = [
        FoundPlace(share=item.box, chance=item.chance, is_box=True)
        for item in drawn.scene.items
        if thing.colour in ("", item.traits.get("colour"))
        and any(names_the_same(name, thing.name) for name in item.names)
    ]
    return GroundedThing(thing=thing, chance=verdict.chance_of_yes, places=tuple(places))


def make_parts(
    shot: PhotoEvidence, image: Image, thing: ThingPhrase, places: Sequence[FoundPlace], chance: float
) -> list[Region]:
    """Places as parts of the photo, each as sure as it is beside the likeliest, which is as sure as the thing is there.

    They have no vectors: what is like them is what is like the photo.
    """
    whole, palette = shot.regions[0], Palette(image)
    most = max((found.chance for found in places), default=0.0)
    parts = []
    for found in places:
        sure = max(chance, self_or(found), shot.min_label) * (found.chance / most if most else 1.0)
        place = place_of(found.share, whole.source, (Label(name=thing.name, score=max(sure, shot.min_label)),))
        colours = palette.names(on_image(place.box_px, whole.source, image))
        parts.append(replace(whole, kind="part", box_px=place.box_px, labels=place.labels, colours=colours))
    return parts


def self_or(found: FoundPlace) -> float:
    """How sure a box by itself is of its thing; what is hot says nothing of that."""
    return found.chance if found.is_box else 0.0


def is_mass(thing: ThingPhrase) -> bool:
    """Is it something of which there is one wherever there is any, such as sky?"""
    return thing.name in UNCOUNTED or thing.name in MASSES


def is_whole(part: Region) -> bool:
    """Does it cover so much that it points at nothing?"""
    return area(part.box_px) > WHOLE * part.source.width_px * part.source.height_px


def score_by_name(thing: ThingPhrase, shot: PhotoEvidence) -> float:
    """How sure a part's own name for it is; 0 where none is called so."""
    return max((score_of(part, thing) for part in shot.parts_with_colour(thing)), default=0.0)


def add_parts(
    evidence: Sequence[Evidence],
    parts: Mapping[ThingPhrase, Sequence[Region]],
    told: Mapping[ThingPhrase, float],
) -> list[Evidence]:
    """With these parts at the end, known to every entry as its photo's, and with what is told of the things.

    Other parts are not called by these things' names any more.
    """
    regions = [*(evidence[0].siblings or (entry.region for entry in evidence))]
    added = [part for own in parts.values() for part in own]
    siblings = (*(without(region, parts) for region in regions), *added)
    presence = tuple({**dict(evidence[0].presence), **{thing.phrase: told[thing] for thing in told}}.items())
    more = [
        Evidence(number=number, region=part, score=part.labels[0].score)
        for number, part in enumerate(added, start=len(evidence) + 1)
    ]
    kept = [replace(entry, region=without(entry.region, parts)) for entry in evidence]
    return [replace(entry, siblings=siblings, presence=presence) for entry in (*kept, *more)]


def without(region: Region, things: Mapping[ThingPhrase, Sequence[Region]]) -> Region:
    """A part without the names of these things, of which a colour was not asked for."""
    if region.kind != "part":
        return region
    gone = [thing.name for thing in things if not thing.colour]
    kept = tuple(each for each in region.labels if not any(names_the_same(each.name, name) for name in gone))
    return replace(region, labels=kept)
