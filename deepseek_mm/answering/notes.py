"""What people wrote about a photo, as answers: its colour, how many, which one of two, what time of day, what kind.

A note is a few words ("two yellow perch on black", "a bull moose lies in a meadow"). Where it says what is asked, it
outranks what anybody sees. A function here gives the words of the answer, or "" where the note does not say it.
"""

import re
from collections.abc import Callable, Sequence

from deepseek_mm.language.kinds import is_kind_of, is_known_name
from deepseek_mm.language.places import CONTINENTS, places_around, places_named
from deepseek_mm.language.words import COLOURS, NUMBERS, SIZES, content, singular, tokens
from deepseek_mm.retrieval.subject import UNREAD, colours_beside
from deepseek_mm.types import Act

TIMES = (  # of day
    *("sunset", "sunrise", "dusk", "dawn", "twilight", "night", "evening", "morning", "noon", "midday", "afternoon"),
    *("daylight", "midnight", "daytime", "daybreak"),
)
PAIR = {"pair": "2", "couple": "2", "both": "2", "dozen": "12", "single": "1"}
COLOURLESS = re.compile(r"\bblack[ -](?:and|&)[ -]white\b|\bmonochrome?\b|\bgr[ea]yscale\b|\bsepia\b", re.IGNORECASE)
WHICH = re.compile(r"\b(?:which|what)(?: (?:kind|type|sort|breed|species)s? of)? ([a-z]{3,})\b")
HOW_MANY = re.compile(r"\bhow many ((?:[^\W\d_]+ )?[^\W\d_]+)", re.IGNORECASE)
NAME = re.compile(r"(?<![\w-])[A-Z][\w'-]+(?: (?:[A-Z][\w'-]+|[A-Z]\.|van|von|de|der|del|da|of))* [A-Z][\w'-]+")
COUNTRY_ASKED = re.compile(r"\bcountry|\bnation\b|\bland\b|\u56fd\u5bb6|\u54ea\u56fd", re.IGNORECASE)
REACH = 4  # words between a number and its noun
EITHER_OR = re.compile(
    r"\b(?:an?|the|more)?\s*([\w'-]+(?:\s+(?:down|up|out|in|off))?)\s*,?\s+or\s+(?:an?|the|more|is it|are they)?\s*"
    r"([\w'-]+(?:\s+(?:down|up|out|in|off))?)",
    re.IGNORECASE,
)
HAS = re.compile(
    r"\b(?:is|are) there\b|\b(?:has|have|got|wears?|wearing|holds?|holding|contains?|show|shows)\b", re.IGNORECASE
)
LACKS = re.compile(r"\b(?:no|not|without|never|none)\b", re.IGNORECASE)
LIES_ON = r"(?:on|in|under|below|above|behind|beside|inside|at|near|by|next to|on top of|in front of)"
MONEY = re.compile(
    r"(?<![\d.,])(?:[$\u20ac\u00a3]\s?)?\d{1,4}(?:[.,]\d{2})(?!\d)(?:\s?(?:kr|sek|eur|usd|[$\u20ac\u00a3]))?", re.I
)
NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)?\s?%?")


def head_of(subject: str) -> str:
    """The noun that a phrase is about, singular: "the bowl with the fig in it" is about a bowl."""
    first = re.split(rf"\b(?:{LIES_ON}|with|of|that|which|who|from|between|over|has|have|is|are)\b", subject.lower())[0]
    words = content(first) or content(subject)
    return words[-1] if words else ""


def counted_noun(act: Act) -> str:
    """What is counted, singular: "in how many rows are the coins" counts rows, whatever was marked."""
    asked = HOW_MANY.search(act.text)
    words = [word for word in content(asked[1]) if word not in SIZES and word not in COLOURS] if asked else []
    return words[0] if words else head_of(act.subject)


def tell_colour(act: Act, note: str) -> str:
    """The colour word beside the noun: "half a fig in a red bowl" -> red."""
    return " and ".join(colours_beside(head_of(act.subject), note))


def tell_colourless(act: Act, note: str) -> str:
    """Whether the photo has colours at all: "no" of one that is called black and white."""
    return "no, it is black and white" if COLOURLESS.search(note) else ""


def tell_number(act: Act, note: str) -> str:
    """The number before the noun, or before what else the note calls it: "two yellow perch, striped fish" -> 2."""
    words, head = tokens(note), counted_noun(act)
    values = [
        (n, NUMBERS.get(word) or PAIR.get(word) or (word if word.isdigit() else "")) for n, word in enumerate(words)
    ]
    numbers = [(n, value) for n, value in values if value]
    named = [singular(word) == head or is_kind_of(word, head) for word in words]
    others = [is_known_name(word) and not fits for word, fits in zip(words, named, strict=True)]
    for n, value in numbers:
        reached = next((m for m in range(n + 1, min(n + 2 + REACH, len(words))) if named[m]), None)
        if reached is not None and not any(others[n + 1 : reached]):
            return value
    return numbers[0][1] if len(numbers) == 1 and any(named) and numbers[0][0] == 0 else ""


def stem(word: str) -> str:
    """One form of a verb: lies, lying and lie are one."""
    word = {"lying": "lie", "laying": "lie", "lay": "lie", "sat": "sit", "stood": "stand", "ran": "run"}.get(word, word)
    for ending in ("ing", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word.rstrip("e") if len(word) < 3 or word[-1:] != word[-2:-1] else word[:-1]


def tell_choice(act: Act, note: str) -> str:
    """Which of two the note says: "is it standing or lying down", "a moose lies in a meadow" -> lying down."""
    asked = EITHER_OR.search(act.text)
    if not asked:
        return ""
    said = {stem(word) for word in tokens(note)}
    fitting = [each for each in asked.groups() if stem(each.lower().split()[0]) in said]
    return fitting[0] if len(fitting) == 1 else ""


def tell_time(act: Act, note: str) -> str:
    """The time of day that the note names: "at dusk"."""
    return next((word for word in tokens(note) if word in TIMES), "")


def tell_kind(act: Act, note: str) -> str:
    """What is one of the kind that is asked for: of "which bird", an osprey."""
    asked = WHICH.search(act.text.lower())
    kinds = dict.fromkeys([singular(asked[1])] if asked else [], "") | {head_of(act.subject): ""}
    words = tokens(note)
    for kind in kinds:
        fitting = [n for n, word in enumerate(words) if singular(word) != kind and is_kind_of(word, kind)]
        if fitting:
            last = next((n for n in fitting if n + 1 not in fitting), fitting[-1])
            return " ".join(words[n] for n in fitting if n <= last)  # "giant panda"
    return ""


def tell_position(act: Act, note: str) -> str:
    """Yes or no to a place that is asked for, where the note says where it is: "a drum on a bean bag"."""
    head, other = head_of(act.subject), head_of(act.other)
    where = rf"(?:(?:is|are|lies|stands|sits) )?({LIES_ON}) ((?:an?|the) [\w -]+?)(?=[,.;]|\band\b|$)"
    found = re.search(rf"\b{re.escape(head)}s?\b {where}", note.lower())
    if not found or not other or not head:
        return ""
    there = other in {singular(word) for word in tokens(found[2])}
    return f"{'yes' if there else 'no'}, it is {found[1]} {found[2].strip()}"


def tell_presence(act: Act, note: str) -> str:
    """Yes where the note names all that is asked after; what it does not name may be there all the same."""
    asked, said = HAS.search(act.text), tokens(note)
    things = [word for word in content(act.text[asked.end() :]) if word not in UNREAD] if asked else []
    named = all(any(singular(word) == thing or is_kind_of(word, thing) for word in said) for thing in things)
    return "yes" if things and named and not LACKS.search(note) else ""


def tell_price(act: Act, note: str) -> str:
    """An amount of money."""
    return price_told(note)


def price_told(note: str) -> str:
    """An amount of money in a note."""
    found = MONEY.search(note)
    return found[0] if found else ""


def tell_person(act: Act, note: str) -> str:
    """A name of two words or more that is no place: "the astronaut Eileen Collins"."""
    names = (found[0] for found in NAME.finditer(note))
    return next((name for name in names if not any(place in name for place in places_named(name))), "")


def tell_place(act: Act, note: str) -> str:
    """The place that a note names, with what it lies in: "Pisa, Tuscany, Italy"; where it is asked the country."""
    named = places_named(note)
    if not named:
        return ""
    around = [place for place in places_around(named[0]) if place not in CONTINENTS]
    if COUNTRY_ASKED.search(act.text) and around:
        return around[-1]
    return ", ".join(dict.fromkeys([*named[:2], *around]))


def tell_amount(act: Act, note: str) -> str:
    """A number with its per cent."""
    found = re.search(r"\d+(?:[.,]\d+)?\s?%", note)
    return found[0] if found else ""


Fact = Callable[[Act, str], str]
FACTS: dict[str, tuple[Fact, ...]] = {  # attribute -> what may tell it, in order
    "colour": (tell_colour,),
    "number": (tell_number, tell_amount),
    "time": (tell_time,),
    "kind": (tell_kind,),
    "position": (tell_position,),
    "price": (tell_price,),
    "person": (tell_person,),
    "place": (tell_place,),
    "weather": (),
}


def facts_for(act: Act) -> tuple[Fact, ...]:
    """What may answer this act from a note."""
    first: tuple[Fact, ...] = (tell_choice,) if EITHER_OR.search(act.text) else ()
    if act.kind == "count":
        return (*first, tell_number)
    if act.attribute == "colour" and act.form == "yes_no":
        return (tell_colourless,)
    if act.kind in ("look", "locate") and act.form == "yes_no":
        return (*first, tell_position, tell_presence)
    return (*first, *FACTS.get(act.attribute, ()))


def answer_from(act: Act, notes: Sequence[str]) -> tuple[str, str]:
    """The words of the answer and the note that says it; both empty where none does."""
    for note in notes:
        for tell in facts_for(act):
            if said := tell(act, note):
                return said, note
    return "", ""
