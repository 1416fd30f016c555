"""Whether a machine's sentence about a photo may be told: each of its nouns needs somebody who sees the thing as well.

A sentence is shortened first: phrases that begin with a preposition ("in a red shirt", "on a surfboard") may be left
out one by one, and are where nobody knows their thing; colours that are not the picture's go; and a man is called a
person, unless it is very sure that he is one. Of all these sentences the one is told that is most likely to have no
wrong noun, those that say more a little rather. How likely is weighed from what the tagger, the detector and the
labels say of its least certain noun, from how near the sentence lies to the picture, and from how sure the captioner
was of its words. A sentence of whose nouns nobody knows any is not told.
"""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise, product
from pathlib import Path

from deepseek_mm.chance import log_odds
from deepseek_mm.language.words import COLOURS, NUMBERS, names_the_same, singular
from deepseek_mm.vision.captioner import Caption
from deepseek_mm.vision.people import PEOPLE, PERSON, may_be_said

WEIGHTS = Path(__file__).parents[1] / "weights" / "caption_gate.json"
PREPOSITIONS = """in on at with near by under over behind beside between into onto through across from against around
above along next off wearing holding carrying while"""
BEGINS = frozenset(PREPOSITIONS.split())  # of phrases
BOUND = frozenset(["next", "front", "side", "top", "middle", "edge", "back"])  # "in front of a house" is one phrase
UPON = frozenset(["on", "in", "into", "onto", "through"])
VERBS = frozenset(["is", "are"])
COUNTED = frozenset(NUMBERS) - {"zero", "one"}  # numbers that are checked
NUMBERED = 3  # words behind a number among which its thing is
MOST_PHRASES = 5  # that are left out or not: 32 sentences
FEWEST_WORDS = 3
PARTED = re.compile(r"(?: and)? (?:{0})(?= )(?: and (?:{0})(?= ))?".format("|".join(COLOURS)))
SUREST = 1 / (1 + math.exp(6.0))  # probability that nothing is told from to be surer of
LONGER = 0.15  # of its chance a sentence gains by each further noun, when one is chosen
PERSON_FOR = {"man": "person", "woman": "person", "boy": "person", "girl": "person"}
PERSON_FOR |= {"men": "people", "women": "people", "boys": "people", "girls": "people"}
CHILD_FOR = {"boy": "child", "girl": "child", "boys": "children", "girls": "children"}
CHILDREN = frozenset(["child", "boy", "girl", "baby", "toddler", "kid"])
SIZED = re.compile(r"\b(?:little|young|small|old) (?=person|people)")
CHILDISH = 0.9  # presence of a child from which one is told


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionEvidence:
    """What others see in the picture."""

    presence: Mapping[str, float]  # thing -> how probable it is that it is there, were it so as often as not
    detected: Mapping[str, float]  # the detector's names -> the best score; empty without a detector
    labels: Mapping[str, float]  # names -> scores
    colours: Collection[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)  # thing -> boxes that it has; of what has none nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class GateWeights:
    """A logistic curve: log-odds that no noun is wrong."""

    offset: float
    least: float  # log-odds of the noun that the tagger is least sure of
    mean: float  # of all nouns
    words: float  # mean log-probability of the sentence's words
    nouns: float  # how many there are
    label: float  # score of the surest label that names one
    detector: float  # log-odds of the noun that the detector is least sure of, of those that it knows
    unseen: float  # 1 where the detector knows none of them
    likeness: float  # cosine of sentence and picture
    keep: float = 0.75  # chance from which a sentence is told

    def chance(self, features: Sequence[float]) -> float:
        """0 to 1, of what `measure` gives."""
        return sigmoid(
            self.offset + sum(w * x for w, x in zip(list(asdict(self).values())[1:-1], features, strict=True))
        )


@dataclass(frozen=True, slots=True)
class JudgedCaption:
    """A sentence, and how likely it is that no noun of it is wrong."""

    text: str
    chance: float


def sigmoid(x: float) -> float:
    """The logistic curve."""
    return 1 / (1 + math.exp(-x))


def shorten_caption(text: str, seen: CaptionEvidence) -> list[str]:
    """The sentence without colours that the picture lacks, and every sentence with some of its phrases left out.

    A phrase of whose things nobody knows any is left out of all, and so is one that puts somebody on or in people.
    """
    words = drop_numbers(drop_colours(text, seen.colours).split(), seen.counts)
    starts = [n for n, word in enumerate(words) if n and word in BEGINS and words[n - 1] not in BOUND]
    phrases = [(start, end_of_phrase(words, start, starts)) for start in starts][:MOST_PHRASES]
    known = [bool(list_things_of(words[start:end], seen.presence)) for start, end in phrases]
    found = []
    for kept in product(*[(True, False) if each else (False,) for each in known]):
        gone = {n for (start, end), keep in zip(phrases, kept, strict=True) if not keep for n in range(start, end)}
        left = [word for n, word in enumerate(words) if n not in gone]
        if len(left) >= FEWEST_WORDS and left[-1] not in VERBS:
            found.append(" ".join(left))
    return list(dict.fromkeys(found))


def list_things_of(phrase: Sequence[str], known: Collection[str]) -> list[str]:
    """The things that a phrase names and somebody knows; no people where it says on or in what something is."""
    nouns = list_nouns(" ".join(phrase), known)
    return [noun for noun in nouns if noun not in PEOPLE] if phrase[0] in UPON else nouns


def end_of_phrase(words: Sequence[str], start: int, starts: Sequence[int]) -> int:
    """Where the next phrase, or the verb, begins."""
    return next((n for n in range(start + 1, len(words)) if n in starts or words[n] in VERBS), len(words))


def drop_colours(text: str, colours: Collection[str]) -> str:
    """Without groups of colours of which one is not among these: a black and white dog is a dog."""

    def keep(match: re.Match[str]) -> str:
        named = [COLOURS[word] for word in match[0].split() if word in COLOURS]
        return match[0] if all(name in colours for name in named) else ""

    shorter = PARTED.sub(keep, f" {text.lower()} ").strip()
    return re.sub(r"\ban (?=[^aeio])", "a ", re.sub(r"\ba (?=[aeio])", "an ", shorter))


def drop_numbers(words: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """Without a number whose thing has another number of boxes: two dogs are dogs where three were found."""
    return [word for n, word in enumerate(words) if not (word in COUNTED and is_miscounted(words, n, counts))]


def is_miscounted(words: Sequence[str], place: int, counts: Mapping[str, int]) -> bool:
    """Whether the number there, of one of the next words, is not that of its boxes."""
    things = [singular(word) for word in words[place + 1 : place + 1 + NUMBERED]]
    names = (PERSON if thing in PEOPLE else thing for thing in things)
    found = next((counts[name] for name in names if name in counts), None)
    return found is not None and str(found) != NUMBERS[words[place]]


def list_nouns(text: str, known: Collection[str]) -> list[str]:
    """The things that it names, singular, each once."""
    words = [singular(word) for word in text.lower().split()]
    pairs = [" ".join(pair) for pair in pairwise(words)]
    return [word for word in dict.fromkeys([*words, *pairs]) if word in known]


class CaptionGate:
    """Shortens sentences and judges them."""

    def __init__(self, weights: GateWeights) -> None:
        self.weights = weights

    def judge(self, caption: Caption, seen: CaptionEvidence) -> JudgedCaption:
        """The best of the shorter sentences; an empty one where nobody knows what it speaks of."""
        seen = replace(seen, presence=widen_presence(seen.presence))
        shorter = dict.fromkeys(widen_people(text, seen.presence) for text in shorten_caption(caption.text, seen))
        judged = (self._judge(text, caption, seen) for text in shorter)
        _, best = max(judged, key=lambda each: each[0], default=(0.0, JudgedCaption("", 0.0)))
        return best

    def _judge(self, text: str, caption: Caption, seen: CaptionEvidence) -> tuple[float, JudgedCaption]:
        """What the sentence is worth, and how likely no noun of it is wrong."""
        nouns = list_nouns(text, seen.presence)
        if not nouns:
            return 0.0, JudgedCaption("", 0.0)
        chance = self.weights.chance(measure_caption(nouns, caption, seen))
        worth = chance * (1 + LONGER * (len(nouns) - 1))
        return worth, JudgedCaption(text[:1].upper() + text[1:], chance)


def widen_people(text: str, presence: Mapping[str, float]) -> str:
    """With a person for a man, a child for a girl, unless that is as sure as these words need it."""
    child = presence.get("child", 0.0) >= CHILDISH
    wider = PERSON_FOR | (CHILD_FOR if child else {})
    words = (
        word if may_be_said(singular(word), presence.get(singular(word), 0.0)) else wider.get(word, word)
        for word in text.split()
    )
    return SIZED.sub("", " ".join(words))


def widen_presence(presence: Mapping[str, float]) -> dict[str, float]:
    """A person is there as surely as a man or a girl is: the tagger tells how likely people are to use the word."""
    wide = {PERSON: PEOPLE, "child": CHILDREN}
    named = {word: [presence[kind] for kind in kinds & presence.keys()] for word, kinds in wide.items()}
    surest = {word: max(chances, default=0.0) for word, chances in named.items()}
    return {**presence, **{word: chance for word, chance in surest.items() if chance}}


def measure_caption(nouns: Sequence[str], caption: Caption, seen: CaptionEvidence) -> list[float]:
    """What `GateWeights` weighs, in its order."""
    odds = [log_odds(seen.presence[noun], edge=SUREST) for noun in nouns]
    boxed = [
        log_odds(score, edge=SUREST) for noun in nouns if (score := find_detected(noun, seen.detected)) is not None
    ]
    named = [score for name, score in seen.labels.items() if any(names_the_same(name, noun) for noun in nouns)]
    return [
        min(odds),
        sum(odds) / len(odds),
        math.log(max(caption.chance, 1e-6)),
        len(nouns),
        max(named, default=0.0),
        min(boxed, default=0.0),
        float(not boxed),
        caption.likeness,
    ]


def find_detected(noun: str, detected: Mapping[str, float]) -> float | None:
    """The detector's score of this thing; None of a thing that it has no name for."""
    if noun in PEOPLE or names_the_same(noun, PERSON):
        return detected.get(PERSON)
    return max((score for name, score in detected.items() if names_the_same(name, noun)), default=None)


def read_gate(file: Path = WEIGHTS) -> CaptionGate | None:
    """The gate that was fitted, or None."""
    if not file.is_file():
        return None
    return CaptionGate(GateWeights(**json.loads(file.read_text(encoding="utf-8"))))
