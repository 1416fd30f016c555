"""Who is in a photo, whether somebody is, and where: by faces that somebody has named. Nobody else is ever named.

How sure it is that a face is somebody's comes from its distance from the middle of their other faces: where faces are
grouped it is as good as a coin, at half of that distance hardly ever wrong.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.skills.decline import NAME_OF_PERSON, PEOPLE
from deepseek_mm.answering.skills.photo_turn import LIKELY, SAID
from deepseek_mm.retrieval.evidence import position
from deepseek_mm.retrieval.named_people import find_named_people
from deepseek_mm.types import Claim, Draft
from index import Label, Region
from index.people import People
from index.region import Face

WHO = re.compile(
    r"^(?:and |so |tell me |do you know )*who(?: all| else)? (?:is|are|was|were) "
    rf"(?:(?:it|there|he|she|they|(?:this|that|these|those|the)(?: \w+)?(?: {PEOPLE})?)\b ?)?"
    r"(?:(?:shown |seen |pictured )?(?:in|on) .+)?$|"
    r"^(?:and |so )*(?:who|whom|which people) (?:do|can|does|could) (?:you|this|it) (?:see|recogni[sz]e|show)\b|"
    r"\bwhich (?:people|persons?) (?:is|are) (?:in|on|shown)\b|\bdo you recogni[sz]e\b"
)
IN_PHOTO = r"(?: ?(?:(?:in|on|of)? ?(?:here|there|it|(?:the |this |that |a )?(?:photo|picture|image|shot|video))))*"
ALSO = r"(?: (?:also|too|both|anywhere|visible|present|together|shown|seen|as well|exactly|standing|sitting))*"
THERE = re.compile(
    rf"^(?:and |so )*(?:(?:is|are|was|were)(?: (?:this|that|it|he|she|they))?|(?:can|do) you see|does it show)"
    rf"{ALSO}{IN_PHOTO}{ALSO}$"
)
WHERE = re.compile(rf"^(?:and |so )*where(?:abouts)? (?:is|are|was|were|can i see|do you see)(?: it)?{ALSO}{IN_PHOTO}$")
AS_GOOD_AS_A_COIN, STEEP = 0.5, 0.06  # distance at which half are the person, and how fast that changes
MOST_SURE = 0.95
SURE_OF_FACE = 0.8  # that a face is one
Told = tuple[str, float, Sequence[Face]]  # a sentence, how sure it is, and the faces of whom it speaks
UNSEEN, UNKNOWN = 0.75, 0.5  # that somebody is not there: where all faces have a name, and where not


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFaces:
    """The faces of one photo."""

    whole: Region
    faces: Sequence[Face]
    photo: str  # as sentences name it: "this photo", "cat.jpg"
    siblings: Sequence[Region] = ()  # all regions of the photo

    def box_px(self, face: Face) -> tuple[int, int, int, int]:
        """In pixels of the original."""
        wide, high = self.whole.source.width_px, self.whole.source.height_px
        left, top, right, bottom = face.box
        return (round(left * wide), round(top * high), round(right * wide), round(bottom * high))

    def draft(self, told: Sequence[Told]) -> Draft:
        """Sentences, each with how sure it is and the faces that it speaks of, which are outlined."""
        numbered = EvidenceList()
        first = numbered.add(self.whole, siblings=self.siblings)
        claims = []
        for text, chance, faces in told:
            parts = [self._outline(face) for face in faces]
            numbers = tuple(numbered.add(part, siblings=(*self.siblings, *parts)) for part in parts)
            claims.append(Claim(text, numbers or (first,), chance))
        return Draft(
            claims=tuple(claims), evidence=tuple(numbered.entries), chance=claims[0].certainty, grounds="measured"
        )

    def _outline(self, face: Face) -> Region:
        label = Label(name=face.name, score=chance_of(face))
        return replace(self.whole, id=0, kind="part", box_px=self.box_px(face), labels=(label,))


class NamedFaces:
    """Answers about the people of a library."""

    def __init__(self, people: People) -> None:
        self._people = people

    def answer(self, asked: str, regions: Sequence[Region], photo: str = "this photo") -> Draft | None:
        """Who is in a photo, or whether and where the people are whom a question names; `regions` are all of the photo,
        the whole first.

        None where something else is asked, or nobody has a name.
        """
        whole, known = regions[0], self._people.names()
        if not whole.source.id or not known:
            return None
        faces = self._people.faces_of([whole.source.id]).get(whole.source.id, ())
        here = PhotoFaces(whole=whole, faces=faces, photo=photo, siblings=tuple(regions))
        told = tell_who(plain(asked, here), here) or tell_of_named(asked, here, known)
        return here.draft(told) if told else None


def plain(asked: str, here: PhotoFaces) -> str:
    """In small letters, without end marks; the photo's file name is "this photo"."""
    text = asked.lower().replace(here.whole.source.name.lower(), "this photo").replace("\u2019", "'")
    return " ".join(text.replace("'s ", " is ").split()).strip(" ?!.")


def tell_who(asked: str, here: PhotoFaces) -> list[Told]:
    """Who has a name, from left to right, and how many have none; nothing where that is not asked."""
    asks = WHO.search(asked) or NAME_OF_PERSON.search(asked)
    named = name_faces(here.faces)
    if not asks or not named:
        return []
    nearest = sorted(named.values(), key=lambda face: face.box)
    told: list[Told] = [(say_who(face, here.photo), chance_of(face), (face,)) for face in nearest]
    if others := count_unnamed(here):
        told.append((f"{others} no name yet", SURE_OF_FACE, ()))
    return told


def tell_of_named(asked: str, here: PhotoFaces, known: Sequence[str]) -> list[Told]:
    """Whether the people are there whom a question names, or where; nothing where that is not what it asks."""
    people = find_named_people(asked, known)
    rest = plain(people.rest, here) if people else ""
    is_there, is_where = bool(THERE.match(rest)), bool(WHERE.match(rest))
    if people is None or people.absent or not (is_there or is_where):
        return []
    named = name_faces(here.faces)
    seen = [named[name] for name in people.names if name in named]
    missing = [name for name in people.names if name not in named]
    told: list[Told] = []
    if missing:
        others = count_unnamed(here)
        lead = "No, " if is_there else ""
        text = f"{lead}I know no face in {here.photo} as {' or '.join(missing)}"
        told.append((text + (f"; {others} no name yet" if others else ""), UNKNOWN if others else UNSEEN, ()))
    for face in seen:
        text = say_where(face, here) if is_where else say_who(face, here.photo)
        lead = "Yes, b" if is_there and not missing and face is seen[0] else "B"
        told.append((lead + text[1:], chance_of(face), (face,)))
    return told


def name_faces(faces: Sequence[Face]) -> dict[str, Face]:
    """Each name's nearest face."""
    return {face.name: face for face in sorted(faces, key=lambda face: -face.distance) if face.name}


def count_unnamed(here: PhotoFaces) -> str:
    """The beginning of a sentence: "1 face in this photo has"; "" where every face has a name."""
    others = sum(not face.name for face in here.faces)
    return (
        "" if not others else f"1 face in {here.photo} has" if others == 1 else f"{others} faces in {here.photo} have"
    )


def chance_of(face: Face) -> float:
    """How probable it is that the face is this person's; an estimate."""
    return min(MOST_SURE, 1 / (1 + math.exp((face.distance - AS_GOOD_AS_A_COIN) / STEEP)))


def say_who(face: Face, photo: str) -> str:
    """By the face, Anna is in this photo; or how little sure that is."""
    return f"By the face, {face.name} is{hedge_face(face)} in {photo}"


def say_where(face: Face, here: PhotoFaces) -> str:
    """By the face, Anna is in this photo: top left."""
    place = position(here.box_px(face), here.whole.source.width_px, here.whole.source.height_px)
    return f"{say_who(face, here.photo)}: {place}"


def hedge_face(face: Face) -> str:
    """ " probably", " perhaps", or nothing."""
    chance = chance_of(face)
    return "" if chance >= SAID else " probably" if chance >= LIKELY else " perhaps"
