"""The subject of a search taken apart, and how well words fit it: as they are, by their kinds, and as a wider word."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from deepseek_mm.language.kinds import (
    has_part,
    is_kind_of,
    is_known_name,
    is_use,
    kind_for_use,
    kind_named,
    kind_of_use,
    members_of,
)
from deepseek_mm.language.search_filters import format_named
from deepseek_mm.language.words import BETWEEN_THINGS, COLOURS, SIZES, content, singular, tokens
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
QUALITIES = SIZES | frozenset("famous beautiful nice pretty cute funny lovely great favourite favorite".split())  # noqa: SIM905
SOMEBODY = frozenset("man woman lady guy girl boy gentleman fellow dude grandma grandpa".split())  # noqa: SIM905
OF_QUALITY = 0.3  # what such a word counts beside a thing, for hardly anybody writes it down
ASKING = frozenset(  # words of a question about photos that name nothing that is shown
    """photo photograph photographed picture image pic pix snap snapshot shot file library collection album gallery
    folder show list name find search get give tell want need like please pls plz thank look see got have own store
    saved take taken took shoot make made visit visited count number many much match explain describe reason why because
    where when
    who how what which whats wich wat kind sort type colour color one ones thing something anything someone anyone all
    every everything whole total together here there also too just only else again mine ours possibly maybe ever really
    both either neither
    display present bring pull dig locate anywhere somewhere lot couple few bit way time times""".split()  # noqa: SIM905
)
POINTS_AT = re.compile(  # a question that says no more than that somebody points at something
    r"^\W*(?:(?:and|so|ok|hey|hi)\W+)*(?:what|who|where|wat|whats|whos)(?:'?s| is| are)? "
    r"(?:this|that|it|he|she|they|these|those)\W*$",
    re.IGNORECASE,
)
JOINED = r"\s*(?:,|\band\b|\bor\b|&)\s+(?:(?:an?|the|my|our|some|any)\s+)?([^\W\d_][\w-]+)"  # what follows a subject
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
    """What the photos of an act show, in words: its subject as far as it was marked, or where it has none its text.

    A search is for all that its words name: the kind ("which garments do I have in pink") and what is joined with it.
    """
    subject = with_measured(act.subject, act.text) or act.text
    subject = kind_of_use(subject, act.text) or subject  # "something to eat", of which the verb alone was marked
    if act.kind == "find":
        subject = " ".join([*(() if is_use(act.subject) else kinds_besides(act)), extend(subject, act.text)])
    for said in (act.filters.colour, act.filters.place):
        subject = f"{said} {subject}" if said and said.lower() not in subject.lower() else subject
    return subject


def kinds_besides(act: Act) -> list[str]:
    """Kinds of things that a search names outside of its marked subject, or means by their use."""
    if not act.subject or any(is_known_name(word) for word in content(act.subject)):
        return []
    kinds = [word for word in unmarked_words(act) if kind_named(word)]
    use = kind_for_use(act.text)
    return kinds[:1] or ([use] if use else [])


def unmarked_words(act: Act) -> list[str]:
    """Telling words of a question that are in no marked part of it, singular and in order."""
    filters = act.filters
    marked = [act.subject, act.other, act.reference, filters.colour, filters.date, filters.collection, filters.label]
    known = {word for part in marked for word in content(part)} | {singular(word) for word in tokens(" ".join(marked))}
    words = [word for word in content(act.text) if is_telling(word) and not {word, singular(word)} & ASKING]
    words = [word for word in words if not format_named(word)]
    return [word for word in dict.fromkeys(words) if word not in known]


def words_beside(act: Act) -> str:
    """The telling words that no part was marked of, with the "and" between them: "lemons and oranges"."""
    words = unmarked_words(act)
    joined = [f"and {b}" if is_joined(a, b, act.text) else b for a, b in itertools.pairwise(words)]
    return " ".join([*words[:1], *joined])


def is_joined(first: str, second: str, text: str) -> bool:
    """Does an "and" stand between the two words, which may be in the plural?"""
    between = r"\w*\s*(?:,|and|or|&)\s+(?:the |an? )?"
    return re.search(re.escape(first) + between + re.escape(second), text, re.IGNORECASE) is not None


def extend(subject: str, text: str) -> str:
    """The subject with the names that are joined to it: of "trousers" in "my trousers and shorts" both."""
    bare = re.sub(r"\W*\b(?:and|or)\s*$", "", subject, flags=re.IGNORECASE)
    found = re.search(re.escape(bare) + JOINED, text, re.IGNORECASE)
    return f"{bare} and {found[1]}" if bare and found and is_known_name(singular(found[1].lower())) else bare or subject


def split_subject(subject: str) -> list[str]:
    """The things that are joined in it, each by itself: "a cat and a panda"; "red and white flowers" are one."""
    parts = [part.strip() for part in re.split(r"\s*(?:,|&|\band\b|\bor\b|\u548c|\u6216|\bund\b|\boder\b)\s*", subject)]
    parts = [part for part in parts if part]
    return parts if all(SoughtSubject(part).things for part in parts) else [subject]


def are_nested(parts: Sequence[str]) -> bool:
    """Is one of these things a kind of another: shorts of trousers? Then a photo of it has not both."""
    things = [thing for part in parts for thing in SoughtSubject(part).things]
    return any(is_kind_of(a, b) for a, b in itertools.permutations(things, 2))


def colours_beside(thing: str, text: str) -> tuple[str, ...]:
    """The colour words beside a thing in a text, or one of its kind: of the bowl in "half a fig in a red bowl"."""
    words = [singular(word) for word in tokens(text)]
    for n in (n for n, word in enumerate(words) if word == thing or is_kind_of(word, thing)):
        near = [word for word in words[max(0, n - 3) : n] if word in COLOURS] or [
            word for word in words[n + 1 : n + 2] if word in COLOURS
        ]
        if near:
            return tuple(near)
    return ()


MEASURES = frozenset(  # of which somebody counts pairs, but means shoes
    "pair piece carton bottle glass cup bowl plate slice kind sort type bunch box group set".split()  # noqa: SIM905
)


def with_measured(subject: str, text: str) -> str:
    """The subject with what it is a measure of: of "pairs" in "how many pairs of shoes" the shoes."""
    words = tokens(subject)
    if not words or singular(words[-1]) not in MEASURES:
        return subject
    found = re.search(
        rf"\b{re.escape(words[-1])} of (?:(?:an?|the|my|our)\s+)?((?:[^\W\d_]+[ -])?[^\W\d_]+)", text, re.I
    )
    named = [word for word in content(found[1]) if is_telling(word) and word not in ASKING] if found else []
    return " ".join(named) or subject


LIVING = ("mammal", "bird", "fish", "reptile", "insect", "fruit", "vegetable")
TOLD_APART = (*LIVING, "clothes", "vehicle", "drink")  # kinds whose members are told apart by sight
EXCLUDED = re.compile(
    r"\b(?:without|except(?: for)?|but (?:not|no)|other than|with no|(?:is|are|that's|which)(?: not|n't)(?: in)?"
    r"|ohne|nicht)\s+(?:(?:an?|the|any)\s+)?([^,.?!]+)",
    re.I,
)


def split_excluded(act: Act) -> tuple[Act, str]:
    """A search without what it does not want, and that: "clothes that are not red" is for clothes, and no red ones."""
    found = EXCLUDED.search(act.text)
    if not found:
        return act, ""
    unwanted = set(content(found[1]))
    subject = " ".join(word for word in act.subject.split() if not {word.lower(), *content(word)} & unwanted)
    text = act.text[: found.start()] + act.text[found.end() :]
    filters = replace(act.filters, colour="") if set(content(act.filters.colour)) & unwanted else act.filters
    return replace(act, subject=subject, other="", text=text, filters=filters), found[1].strip()


def is_named_otherwise(thing: str, said: frozenset[str], *, kinds: Sequence[str] = TOLD_APART) -> bool:
    """Do these words name something else of the thing's kind: an otter where a dog is asked for?"""
    if is_kind_of(thing, "person"):
        return False
    kinds = [kind for kind in kinds if is_kind_of(thing, kind)]
    others = [word for word in said if not is_kind_of(word, thing) and not is_kind_of(thing, word) and word != thing]
    return any(is_kind_of(word, kind) and not is_kind_of(word, "person") for word in others for kind in kinds)


def is_telling(word: str) -> bool:
    """Does a word of a subject say what a photo shows? Small numbers do not: "the two sweaters"."""
    return word not in UNREAD and word not in BETWEEN_THINGS and not (word.isdigit() and len(word) < YEAR)


def fit_of(word: str, said: frozenset[str]) -> float:
    """1 where the word is among them, or a kind of it; less where one is wider: a sweater for a pullover."""
    if word in said or any(is_kind_of(each, word) or has_part(each, word) for each in said):
        return 1.0
    if word in SOMEBODY:
        return WIDER if any(is_kind_of(each, "person") for each in said) else 0.0
    return WIDER if any(is_narrow(each) and is_kind_of(word, each) for each in said) else 0.0


@lru_cache(maxsize=10_000)
def is_narrow(kind: str) -> bool:
    """Does it have few kinds of its own, so that one is likely meant for the other?"""
    return 0 < len(members_of(kind)) <= NARROW


def weights_of(words: Sequence[str], said: Sequence[frozenset[str]]) -> dict[str, float]:
    """Each word of a subject with its weight: the more, the fewer of the photos have it."""
    counts = {word: sum(fit_of(word, each) for each in said) for word in words}
    weights = {word: math.log1p(len(said) / (1 + count)) for word, count in counts.items()}
    things = [word for word in words if word not in QUALITIES]
    return {word: w * (OF_QUALITY if things and word in QUALITIES else 1.0) for word, w in weights.items()}


def share_said(said: frozenset[str], weights: Mapping[str, float], colours: frozenset[str]) -> float:
    """How much of the weight of the words these carry, 0 to 1; a colour may be measured instead."""
    whole = sum(weights.values())
    there = (weight * max(fit_of(word, said), float(word in colours)) for word, weight in weights.items())
    return sum(there) / whole if whole and said else 0.0
