"""What a photo does not tell: exact ages, reasons, who took it, what comes next; and who that is, without named faces.

One row a kind of question: words of the question, and the sentence that says what cannot be told and why. How sure it
is that a face is somebody's comes from its distance from the middle of their other faces: where faces are grouped it
is as good as a coin, at half of that distance hardly ever wrong. Nobody else is ever named.
"""

import math
import re
from collections.abc import Sequence

from deepseek_mm.answering.skills.photo_turn import LIKELY, SAID, PhotoTurn
from deepseek_mm.types import Claim, Draft
from index.region import Face

PEOPLE = (
    r"(?:he|she|they|him|her|them|man|men|woman|women|boy|girl|kid|child|baby|person|people|guy|lady|player|driver|"
    r"pilot|rider|bride|groom|couple|actor|singer|waiter|chef|officer|one)s?"
)
ROWS: tuple[tuple[str, str], ...] = (  # of attributes or of words
    (r"\bhow old\b|\bage\b|\bbirthday is\b|\bborn\b", "A photo does not tell an exact age, and no text here says it"),
    (
        r"\b(?:who|whom) (?:took|shot|made|photographed)\b|"
        r"\bwho (?:is|was) the photographer\b|\bphotographer'?s? name\b",
        "I cannot tell who took this photo: nothing in it says so",
    ),
    (
        rf"\bwhat(?: is|s) (?:his|her|their|the {PEOPLE}'?s?) (?:full |first |last |real )?name\b|"
        rf"\bnames? of (?:the |this |that |these |those )?(?:\w+ )?{PEOPLE}\b|"
        rf"\bwhat (?:is|are) {PEOPLE} called\b(?! who)",
        "I cannot tell the name: a photo does not tell who somebody is, and no text here says it",
    ),
    (
        r"^(?:and |so )*who (?:is|are) (?:(?:this|that|these|those|the)(?: \w+)? ?)?"
        rf"(?:{PEOPLE}|this|that|these|those)?$",
        "I cannot tell who that is: a photo does not tell a name, and no text here says it",
    ),
    (
        r"\bwhat (?:will|would|is going to|happens?)\b.*\b(?:next|happen|do)\b|\bwhat happened\b|\bgoing to\b",
        "I cannot tell what happens before or after this photo: it shows one moment",
    ),
    (
        r"\bwhat (?:is|are) \w+(?: \w+)? thinking\b|\bthoughts?\b|\bhow long (?:has|have|did|was|were|is it)\b",
        "I cannot tell that: a photo shows one moment, and no thoughts",
    ),
    (r"\bwhy\b|\bwhat for\b|\bhow come\b", "I cannot tell why: a photo shows what there is, not the reason for it"),
    (
        r"\bhow much (?:does|do|did) (?:it|he|she|they|the \w+) weigh\b|"
        r"\bhow (?:tall|big|large|long|heavy|fast|deep|high|far|wide) (?:is|are|was)\b",
        "I cannot measure that in a photo: nothing in it says how large a metre is",
    ),
    (
        r"\bphone number\b|\bemail\b|\baddress\b|\bwhose\b|\bwho owns\b|\bbelongs? to\b",
        "I cannot tell that: nothing that I can read in this photo says it",
    ),
)
TABLE = tuple((re.compile(words), sentence) for words, sentence in ROWS)
NAME_OF_PERSON = TABLE[2][0]
RIGHT = 0.85  # how often saying so is right, an estimate: what these questions ask for is hardly ever to be seen


def decline(turn: PhotoTurn) -> Draft | None:
    """The honest sentence, where the question is one of these; None of others."""
    if turn.act.form == "yes_no":
        return None
    for words, sentence in TABLE:
        if words.search(turn.text):
            return turn.refuse(sentence, RIGHT)
    if turn.act.attribute == "age":
        return turn.refuse(ROWS[0][1], RIGHT)
    if turn.act.attribute == "reason":
        return turn.refuse(next(sentence for words, sentence in ROWS if "why" in words), RIGHT)
    return None


WHO = re.compile(
    r"^(?:and |so |tell me |do you know )*who(?: all| else)? (?:is|are|was|were) "
    rf"(?:(?:it|there|he|she|they|(?:this|that|these|those|the)(?: \w+)?(?: {PEOPLE})?)\b ?)?"
    r"(?:(?:shown |seen |pictured )?(?:in|on) .+)?$|"
    r"^(?:and |so )*(?:who|whom|which people) (?:do|can|does|could) (?:you|this|it) (?:see|recogni[sz]e|show)\b|"
    r"\bwhich (?:people|persons?) (?:is|are) (?:in|on|shown)\b|\bdo you recogni[sz]e\b"
)
AS_GOOD_AS_A_COIN, STEEP = (
    0.5,
    0.06,
)  # distance at which it is the person in half of all cases, and how fast that changes
MOST_SURE = 0.95
SURE_OF_FACE = 0.8  # that a face is one


def name_people(turn: PhotoTurn, faces: Sequence[Face]) -> Draft | None:
    """Who is in the photo at hand; None where that is not asked, or nobody in it has a name."""
    told = tell_who(turn.text, faces, "this photo")
    claims = [Claim(sentence, (turn.shot.whole,), chance) for sentence, chance in told]
    return turn.draft(*claims, grounds="measured") if claims else None


def tell_who(asked: str, faces: Sequence[Face], photo: str) -> list[tuple[str, float]]:
    """Sentences with how probable each is: who has a name, from left to right, and how many have none."""
    asks = WHO.search(asked) or NAME_OF_PERSON.search(asked)
    named = {face.name: face for face in sorted(faces, key=lambda face: -face.distance) if face.name}
    if not asks or not named:
        return []
    nearest = sorted(named.values(), key=lambda face: face.box)
    told = [(say_who(face, photo), chance_of(face)) for face in nearest]
    if others := sum(not face.name for face in faces):
        count = f"1 face in {photo} has" if others == 1 else f"{others} faces in {photo} have"
        told.append((f"{count} no name yet", SURE_OF_FACE))
    return told


def chance_of(face: Face) -> float:
    """How probable it is that the face is this person's; an estimate."""
    return min(MOST_SURE, 1 / (1 + math.exp((face.distance - AS_GOOD_AS_A_COIN) / STEEP)))


def say_who(face: Face, photo: str) -> str:
    """By the face, Anna is in this photo; or how little sure that is."""
    chance = chance_of(face)
    sure = "" if chance >= SAID else " probably" if chance >= LIKELY else " perhaps"
    return f"By the face, {face.name} is{sure} in {photo}"
