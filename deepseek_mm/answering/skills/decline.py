"""What a photo does not tell: exact ages, reasons, who took it, what comes next; and who that is, without named faces.

One row a kind of question: words of the question, and the sentence that says what cannot be told and why.
"""

import re

from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.types import Draft

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
