"""Words as the program compares them: one spelling, one number, and whether a text denies or doubts.

Everything here is a pure function of a text; the tables are in `lexicon`.
"""

import re
from functools import lru_cache

from deepseek_mm.rag.program.lexicon import (
    ALWAYS_MANY,
    ANYTHING,
    BETWEEN_THINGS,
    COLOURS,
    DETERMINERS,
    FILLERS,
    HEDGES,
    HOLDERS,
    IRREGULAR,
    IS_A,
    NEGATIONS,
    NUMBERS,
    PICTURES,
    PLACES,
    PREPOSITIONS,
    RELATIONS,
    SAME,
    UNCHANGED,
    UNCOUNTED,
    WITH_A,
)

UNSEEN = re.compile(  # steering, marks of direction and width, and the letters of tags, which spell words unseen
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]+"
)

REMEMBERED = 10_000  # words: labels are compared again and again
NONE: frozenset[str] = frozenset()
OTHER_NAMES = {name: frozenset(same) for same in SAME for name in same}  # no name is in two of them

WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")  # or a number


@lru_cache(maxsize=REMEMBERED)
def singular(word: str) -> str:
    """One of many: dogs -> dog, people -> person, glass -> glass."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in UNCHANGED or len(word) < 4 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zzes", "oes")):
        return word[:-2]
    return word[:-1]


def plural(name: str) -> str:
    """Many of one: dog -> dogs, traffic light -> traffic lights, person -> people."""
    *before, last = name.split(" ")
    many = next((many for many, one in IRREGULAR.items() if one == last), None)
    if many is None and (last in UNCHANGED or last in UNCOUNTED):
        many = last
    if many is None and last.endswith(("s", "x", "ch", "sh", "z")):
        many = last + "es"
    if many is None and last.endswith("y") and last[-2:-1] not in "aeiou":
        many = last[:-1] + "ies"
    return " ".join([*before, many or last + "s"])


def with_article(name: str) -> str:
    """dog -> a dog, apple -> an apple, grass -> grass."""
    last = name.split(" ")[-1]
    if last in UNCOUNTED or last in UNCHANGED - WITH_A:
        return name
    if singular(last) != last or last in IRREGULAR:
        return name
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def is_or_are(name: str) -> str:
    """The dog is, the scissors are."""
    return "are" if name.split(" ")[-1] in ALWAYS_MANY else "is"


def names_the_same(label: str, name: str) -> bool:
    """Does this label of a region answer a question for that thing? dog: dog, puppy, guide dog; coffee cup: cup."""
    label, name = singular(label.lower()), name.lower()
    if name == ANYTHING or label == name or label.endswith(" " + name) or label in OTHER_NAMES.get(name, NONE):
        return True
    if name.endswith(" " + label) and label in HOLDERS:
        return True
    members = IS_A.get(name, NONE)
    return label in members or label.split(" ")[-1] in members


def heads_of(name: str) -> frozenset[str] | None:
    """The last words that a label has which names this thing: so most labels need not be looked at. None is any."""
    name = name.lower()
    if name == ANYTHING:
        return None
    others = OTHER_NAMES.get(name, NONE) | IS_A.get(name, NONE)
    return frozenset(each.split(" ")[-1] for each in (name, *others))


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers; not's short forms become a word of their own: isn't -> is not."""
    text = re.sub(r"n['\u2019]t\b", " not", text.lower().replace("can't", "cannot"))
    return WORD.findall(text)


def normal(word: str) -> str:
    """One spelling for words that say the same: Dogs -> dog, gray -> grey, two -> 2, center -> centre."""
    word = word.removesuffix("'s").removesuffix("\u2019s")
    return COLOURS.get(word) or NUMBERS.get(word) or PLACES.get(word) or RELATIONS.get(word) or singular(word)


def content(text: str) -> list[str]:
    """The words of a text that claim something, in order and normalised."""
    skipped = FILLERS | PREPOSITIONS - BETWEEN_THINGS | NEGATIONS | HEDGES | DETERMINERS - set(NUMBERS)
    kept = [word for word in tokens(text) if word in PLACES or word in RELATIONS or word not in skipped]
    return [normal(word) for word in kept if normal(word) not in PICTURES and normal(word) not in skipped]


def lead(text: str) -> str:
    """ "yes" or "no" where a text begins with it, as an answer; "No dogs" is no such answer."""
    match = re.match(r"\W*(yes|no)\b\s*(?:[,.!:;]|$)", text.lower())
    return match[1] if match else ""


def is_negated(text: str) -> bool:
    """Does this text deny something? The "No," of an answer is none: what follows may be affirmed."""
    return not NEGATIONS.isdisjoint(tokens(text)[1:] if lead(text) else tokens(text))


def is_hedged(text: str) -> bool:
    """Does this text say that it is not certain?"""
    return not HEDGES.isdisjoint(tokens(text))


def join_words(words: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def printable(text: str) -> str:
    """The same text without control characters, invisible marks and letters, and broken ones."""
    return UNSEEN.sub(" ", text.encode("utf-8", "ignore").decode()).strip()


def quote_title(name: str, limit: int) -> str:
    """A file's name as a sentence has it: in quotation marks where it could pass for words of the sentence."""
    name = clean(name, limit).replace('"', "'")
    return name if re.fullmatch(r"[\w.()+~@#&-]+", name) else f'"{name}"'


def clean(text: str, limit: int) -> str:
    """Text as data: one line, no brackets that could pass for a citation, at most `limit` characters."""
    text = re.sub(r"\s+", " ", printable(text)).translate(str.maketrans("[]", "()"))
    return text if len(text) <= limit else text[: limit - 3] + "..."
