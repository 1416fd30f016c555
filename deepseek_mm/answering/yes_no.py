"""Yes and no about one photo: who is in it by the detector's boxes, adjectives with their opposites, and the sentence.

An answer says what it affirms or denies, so that nobody has to look at the question again: "No, the door is not open".
"""

import re

from deepseek_mm.answering.skills.photo_turn import SAID
from deepseek_mm.vision.detector.detector import Detections

UNSURE = 0.6  # probability below which yes or no is said as a guess
PERSON = 0  # COCO's first name
SEEN, UNSEEN = 0.4, 0.22  # scores of a person's box from which there is one, and below which there is none
PEOPLE_RIGHT = 0.8  # how often the boxes are right about whether somebody is there
ANYBODY = re.compile(r"\b(?:any|some)(?:one|body)\b|\b(?:any|some) (?:people|persons?|humans?)\b")
MANY_OR_FEW = re.compile(r"\b(?:many|lots of|a lot of) people\b.*\bor (?:just |only )?(?:a )?few\b")
MANY = 5  # people, from which they are many
NOBODY_ELSE = re.compile(r"\balone\b|\bby (?:him|her|it)self\b|\bon (?:his|her|its) own\b")
ONLY_THERE = re.compile(
    r"(?:any|some)(?:one|body|people)?(?: people| persons?| humans?)?"
    r"(?: (?:there|here|around|visible|else|to be seen|in (?:it|there|this|the (?:photo|picture|image))))*$"
)
OPPOSITES: tuple[tuple[str, str], ...] = (
    *(("open", "closed"), ("shut", "open"), ("on", "off"), ("lit", "dark"), ("happy", "sad"), ("smiling", "serious")),
    *(("sunny", "cloudy"), ("raining", "dry"), ("rainy", "sunny"), ("snowing", "clear"), ("windy", "calm")),
    *(("full", "empty"), ("clean", "dirty"), ("wet", "dry"), ("standing", "sitting"), ("lying", "standing")),
    *(("asleep", "awake"), ("sleeping", "awake"), ("moving", "parked"), ("parked", "moving"), ("driving", "parked")),
    *(("bald", "with hair"), ("old", "young"), ("tidy", "messy"), ("ripe", "green"), ("cooked", "raw")),
    *(("inside", "outside"), ("indoors", "outdoors"), ("outdoors", "indoors"), ("outside", "inside")),
    *(("night", "day"), ("daytime", "night"), ("summer", "winter"), ("winter", "summer"), ("dark", "bright")),
    *(("modern", "old"), ("crowded", "empty"), ("calm", "rough"), ("laughing", "serious"), ("crying", "happy")),
)
OPPOSITE = {
    **{other: word for word, other in OPPOSITES if " " not in other},
    **dict(OPPOSITES),
}
BE = ("is", "are", "was", "were")
STATED = re.compile(
    r"^(?:and |so |but |ok |hm |well )*(?P<verb>is|are|was|were|does|do|did|has|have|can) "
    r"(?P<subject>he|she|it|they|this|that|these|those|(?:the|his|her|their|its|this|that|these|those) [a-z' -]+?) "
    r"(?P<rest>[a-z' -]+)$"
)


def tell_people(text: str, found: Detections | None) -> tuple[str, float] | None:
    """Whether anybody is there, or somebody alone, by boxes of people; None where that is not asked or not known."""
    if found is None:
        return None
    many = sum(float(box.chances_C[PERSON]) >= SEEN for box in found.boxes)
    if MANY_OR_FEW.search(text) and many:
        return f"{'Many' if many >= MANY else 'A few'}: I see {many} {'people' if many > 1 else 'person'}", PEOPLE_RIGHT
    if not (ANYBODY.search(text) or NOBODY_ELSE.search(text)):
        return None
    scores = [float(box.chances_C[PERSON]) for box in found.boxes]
    if NOBODY_ELSE.search(text):
        if many > 1:
            return f"No, I see {many} people", PEOPLE_RIGHT
        return ("Yes, I see nobody else in this photo", PEOPLE_RIGHT) if many else None
    if max(scores, default=0.0) < UNSEEN:
        return "No, I see nobody in this photo", PEOPLE_RIGHT
    if many and ONLY_THERE.search(text):
        return f"Yes, I see {'somebody' if many == 1 else f'{many} people'} in this photo", PEOPLE_RIGHT
    return None


def opposite_asked(text: str) -> tuple[str, str] | None:
    """The adjective that a question ends with, and its opposite: "is the door open" -> open, closed."""
    words = text.split()
    return (words[-1], OPPOSITE[words[-1]]) if words and words[-1] in OPPOSITE else None


def tell_yes_no(text: str, subject: str, answer: str, chance: float) -> str:
    """Yes, the door is open; No, he probably does not; as a bare word where the question cannot be turned."""
    yes, lead = answer == "yes", "Yes" if answer == "yes" else "No"
    stated = state_fact(text, subject, yes=yes, probably="probably " if chance < SAID else "")
    if chance < UNSURE:
        plain = state_fact(text, subject, yes=yes, probably="")
        return (
            f"{lead}, I would guess that {plain}, but I am not sure"
            if plain
            else f"{lead}, I would guess, but I am not sure"
        )
    bare = lead if chance >= SAID else f"{lead}, {'probably' if yes else 'probably not'}"
    return f"{lead}, {stated}" if stated else bare


def state_fact(text: str, subject: str, *, yes: bool, probably: str) -> str:
    """The question as a statement: "is the door open" -> the door is not open; an empty string where that is hard."""
    named = subject.lower().strip()
    start = re.match(r"^(?:and |so |but |ok |hm |well )*(is|are|was|were|does|do|did|has|have|can) ", text)
    if start and named and text[start.end() :].startswith(f"{named} "):
        verb, who, rest = start[1], named, text[start.end() + len(named) + 1 :]
    else:
        match = STATED.match(text)
        if not match or (" " in match["subject"]):
            return ""
        verb, who, rest = match["verb"], match["subject"], match["rest"]
    if verb in BE:
        return f"{who} {verb} {probably}{'' if yes else 'not '}{rest}"
    return f"{who} {probably}{verb}{'' if yes else ' not'}"
