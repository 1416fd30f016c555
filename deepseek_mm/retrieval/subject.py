"""The subject of a search taken apart, and how well words fit it: as they are, by their kinds, and as a wider word."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from deepseek_mm.language.kinds import is_kind_of, kind_for_use, kind_named, members_of
from deepseek_mm.language.words import BETWEEN_THINGS, COLOURS, content, singular, tokens
from deepseek_mm.types import Act

WIDER, NARROW = 0.6, 250  # what a wider word is worth, and how many kinds it may have at most
YEAR = 4  # digits; smaller numbers count things
UNREAD = frozenset(["photo", "photograph", "picture", "image", "pic", "shot", "ones", "thing", "things"])
UNREAD |= {f"{some}{what}" for some in ("some", "any", "every") for what in ("thing", "body", "one")}
SORTED = re.compile(
    r"\s+(?:sorted |grouped |divided |split )?(?:into|by) [^,.]*$", re.I
)  # "animals into pets and others"
LEAD = re.compile(r"^(?:(?:an?|the|any|some|all|every|my|our|that|those|these|ones?)\s+)+", re.IGNORECASE)
OF_PICTURES = re.compile(
    r"\b(?:an?|the|any|some|all|my|our)?\s*(?:photos?|photographs?|pictures?|images?|pics?|shots?)\b"
    r"(?:\s+(?:of|with|showing|that shows?|in which)\b)?",
    re.IGNORECASE,
)
SHOTS = ("screenshot", "screenshots")  # kinds of pictures, and words that say what is shown


@dataclass(frozen=True)
class SoughtSubject:
    """What is looked for, taken apart."""

    text: str  # "the bowl with the fig in it"

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Those that claim something, singular: bowl, fig."""
        if self.kind:
            return tuple(dict.fromkeys([*self.colours, self.kind]))
        said = SORTED.sub("", self.text)
        kept = [word for word in content(said) if is_telling(word)]
        shots = [word for word in tokens(said) if word in SHOTS]
        return tuple(dict.fromkeys([*kept, *map(singular, shots)]))

    @cached_property
    def things(self) -> tuple[str, ...]:
        """The nouns among them as eyes are asked for them: neither colours nor numbers; or the kind that is meant."""
        if self.kind:
            return (self.kind,)
        return tuple(word for word in self.words if word not in COLOURS.values() and not word.isdigit())

    @cached_property
    def kind(self) -> str:
        """The kind of thing that is asked for by its use ("something I could drink") or by a name of several words."""
        whole = LEAD.sub("", OF_PICTURES.sub("", self.text.strip()))
        return kind_for_use(self.text) or (kind_named(whole) if " " in whole else "")

    @cached_property
    def colours(self) -> tuple[str, ...]:
        """Those that are asked for, in one spelling."""
        return tuple(dict.fromkeys(COLOURS[word] for word in tokens(self.text) if word in COLOURS and word != "orange"))

    @cached_property
    def phrase(self) -> str:
        """As the space reads it: without "photos of"; what is asked for by its use by its kind."""
        if self.kind:
            return " ".join([*self.colours, self.kind])
        return LEAD.sub("", OF_PICTURES.sub("", SORTED.sub("", self.text.strip()))).strip() or self.text


def subject_of(act: Act) -> str:
    """What the photos of an act show, in words: its subject, or where it has none its text."""
    colour = act.filters.colour
    subject = act.subject or act.text
    return f"{colour} {subject}" if colour and colour not in subject.lower() else subject


def is_telling(word: str) -> bool:
    """Does a word of a subject say what a photo shows? Small numbers do not: "the two sweaters"."""
    return word not in UNREAD and word not in BETWEEN_THINGS and not (word.isdigit() and len(word) < YEAR)


def fit_of(word: str, said: frozenset[str]) -> float:
    """1 where the word is among them, or a kind of it; less where one is wider: a sweater for a pullover."""
    if word in said or any(is_kind_of(each, word) for each in said):
        return 1.0
    return WIDER if any(is_narrow(each) and is_kind_of(word, each) for each in said) else 0.0


@lru_cache(maxsize=10_000)
def is_narrow(kind: str) -> bool:
    """Does it have few kinds of its own, so that one is likely meant for the other?"""
    return 0 < len(members_of(kind)) <= NARROW


def weights_of(words: Sequence[str], said: Sequence[frozenset[str]]) -> dict[str, float]:
    """Each word of a subject with its weight: the more, the fewer of the photos have it."""
    counts = {word: sum(fit_of(word, each) for each in said) for word in words}
    return {word: math.log1p(len(said) / (1 + count)) for word, count in counts.items()}


def share_said(said: frozenset[str], weights: Mapping[str, float], colours: frozenset[str]) -> float:
    """How much of the weight of the words these carry, 0 to 1; a colour may be measured instead."""
    whole = sum(weights.values())
    there = (weight * max(fit_of(word, said), float(word in colours)) for word, weight in weights.items())
    return sum(there) / whole if whole and said else 0.0


def share_read(read: frozenset[str], weights: Mapping[str, float]) -> float:
    """How much of the weight of the words stands in a text as it is: what is printed has no kinds."""
    whole = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in read) / whole if whole else 0.0
