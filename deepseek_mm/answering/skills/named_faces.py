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
from deepseek_mm.language.parser import things_in
from deepseek_mm.retrieval.evidence import position
from deepseek_mm.retrieval.named_people import find_named_people
from deepseek_mm.types import Act, Claim, Draft
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
GERMAN_PHOTO = r"(?:in|auf) (?:dem |diesem |der )?(?:foto|bild|aufnahme|this photo)|hier|da|genau|zu sehen"
CHINESE_PHOTO = r"(?:这张|那张|这幅)?(?:照片|图片|图)|this photo|里面?|中|上|在|\s"
FOREIGN = {  # how English asks it -> what is left of the same question in German and in Chinese, without the names
    "is {who} in {photo}?": re.compile(
        rf"^(?:und |also )?(?:ist|sind|siehst du|sieht man)(?: (?:das|es|er|sie|auch|beide|darauf|{GERMAN_PHOTO}))*$|"
        rf"^(?:这|那|他|她|是|有没有|有|能看到|看得到|{CHINESE_PHOTO})*(?:吗|么)$|"
        rf"^(?:这张(?:照片|图片|图)|this photo)(?:里面?|中|上)?(?:有没有)?$"
    ),
    "where is {who} in {photo}?": re.compile(
        rf"^(?:und |also )?wo (?:genau )?(?:ist|sind|steht|stehen|sitzt|sitzen)(?: (?:{GERMAN_PHOTO}))*$|"
        rf"^(?:的|{CHINESE_PHOTO})*(?:哪里|哪儿|什么位置|什么地方|哪个位置)$"
    ),
}
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


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPerson:
    """Somebody named in a question about a photo that they are in, for those who look and know no names."""

    name: str
    phrase: str  # what stands for the name: "the person on the left"

    def hide(self, act: Act) -> Act:
        """The act with the phrase instead of the name."""
        name = re.compile(rf"(?<!\w){re.escape(self.name)}(?!\w)", re.IGNORECASE)
        text, subject, other = (name.sub(self.phrase, words) for words in (act.text, act.subject, act.other))
        return replace(act, text=text, subject=subject, other=other)

    def show(self, draft: Draft) -> Draft:
        """What was found out, with the name again."""
        phrase = re.compile(rf"\b{re.escape(self.phrase)}\b|\bthe person\b", re.IGNORECASE)
        claims = [replace(claim, text=phrase.sub(self.name, claim.text), shape="", draft="") for claim in draft.claims]
        return replace(draft, claims=tuple(claims))


class NamedFaces:
    """Answers about the people of a library."""

    def __init__(self, people: People) -> None:
        self._people = people

    def answer(self, asked: str, regions: Sequence[Region], photo: str = "this photo") -> Draft | None:
        """Who is in a photo, or whether and where the people are whom a question names; `regions` are all of the photo,
        the whole first.

        None where something else is asked, or nobody has a name.
        """
        known = self._people.names() if regions[0].source.id else ()
        here = PhotoFaces(
            whole=regions[0], faces=self._find(regions[0]) if known else (), photo=photo, siblings=regions
        )
        told = (tell_who(plain(asked, here), here) or tell_of_named(asked, here, known)) if known else []
        return here.draft(told) if told else None

    def find_person(self, asked: str, whole: Region) -> NamedPerson | None:
        """The one person whom a question about a photo names, where their face is known in it."""
        named = find_named_people(asked, self._people.names()) if whole.source.id else None
        faces = self._find(whole) if named and len(named.names) == 1 and not named.absent else ()
        mine = name_faces(faces).get(named.names[0]) if named else None
        if mine is None:
            return None
        side = describe_side(mine, faces)
        return NamedPerson(name=mine.name, phrase=f"the person {side}".strip())

    def find_photos_instead(self, act: Act) -> Act:
        """Of a question about no photo in particular, the search for photos of whom it names; else the act itself."""
        named = find_named_people(act.text, self._people.names())
        if act.kind not in ("look", "locate") or named is None or named.absent or things_in(named.rest.lower()):
            return act
        return replace(act, kind="find", text=f"photos {' '.join(named.phrases)}", subject="", other="", attribute="")

    def _find(self, whole: Region) -> Sequence[Face]:
        return self._people.faces_of([whole.source.id]).get(whole.source.id, ())


def put_in_english(asked: str, file: str, known: Sequence[str]) -> str:
    """A question in German or Chinese whether, or where, people are who are named; "" of any other question."""
    people = find_named_people(asked, known)
    if people is None or people.absent:
        return ""
    rest, photo = people.rest.lower(), file or "this photo"
    rest = " ".join(rest.replace(file.lower(), "this photo").split() if file else rest.split()).strip(
        " ?!.\uff1f\u3002"
    )
    sentence = next((sentence for sentence, words in FOREIGN.items() if words.match(rest)), "")
    return sentence.format(who=" and ".join(people.names), photo=photo)


def describe_side(face: Face, faces: Sequence[Face]) -> str:
    """Which one of several faces it is, from left to right; "" of the only one."""
    ordered = sorted(faces, key=lambda each: each.box[0] + each.box[2])
    if len(ordered) < 2:
        return ""
    ends = {ordered[0].id: "on the left", ordered[-1].id: "on the right"}
    return ends.get(face.id, "in the middle")


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
