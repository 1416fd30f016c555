"""Questions and answers out of captions: what five people said of a photo tells what it shows, and what it does not.

Is there a ...: each noun as often yes as no; a photo shows what any of its captions names, and not what none names.
Much of what is absent usually goes together with what is there. What colour, how many, doing what, wearing what, where:
as the captions put it. Whether somebody does something, or has a colour: yes as often as no.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from deepseek_mm.evaluation.question_sets import NOUNS, PLACES, canonical_noun, find_nouns, split_words
from deepseek_mm.language.words import COLOURS, NUMBERS, plural, with_article

PAIRS = re.compile(
    r"\b(?P<who>man|woman|boy|girl|child|person|dog|lady|player|baby|kid|guy|people|men|women|dogs|children|kids)"
    r" (?:is |are )?(?P<verb>\w+ing)(?: (?:a|an|the|his|her|some|their|on a|on the|in the|in a)? ?(?P<what>\w+))?"
)
SIDES = ("left", "right")  # words that do not hold in a mirror
PRESENCE = "presence"  # kind of the questions whether a thing is there
SEVERAL = frozenset(NUMBERS) - {"zero", "one"}
ONE = re.compile(r"\b(?:a|an|one|single|lone)(?: \w+)? (\w+)\b")
SINGLES = 0.3  # probability that one single thing is asked how many it is
SURELY = 2  # captions that name it so
WORN = re.compile(r"\bwearing (?:a|an|some)?(?: \w+)? ?(\w+)")
PLACE = re.compile(r"\b(?:in|on|at|through|along|near) (?:the|a|an)(?: \w+)? (\w+)")
NO_VERBS = "being something nothing during wearing having getting going building evening morning"  # though in -ing
TALKED_OF = "riding holding throwing catching chasing eating carrying playing kicking watching climbing"
WEARABLE = ("hat", "helmet", "glasses", "jacket", "shirt", "coat", "dress", "suit")
THERE = (
    "is there {a} in the photo?",
    "is there {a}?",
    "is there {a} in the picture?",
    "do you see {a}?",
    "can you see {a} in this picture?",
    "are there any {many}?",
    "are there any {many} in this photo?",
    "does the photo show {a}?",
    "is this {a}?",
    "could this be {a}?",
    "is {a} in this image?",
)
HOW_MANY = ("how many {many} are there?", "how many {many} are in the photo?", "how many {many} can you see?")
COLOUR = ("what color is the {one}?", "what colour is the {one}?", "which color is the {one}?")
IS_COLOURED = ("is the {n} {c}?", "is there a {c} {n}?", "is this a {c} {n}?")


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, and its answer."""

    question: str
    answer: str
    kind: str

    @property
    def holds_mirrored(self) -> bool:
        """Is it right of a mirrored photo too?"""
        return not any(side in f"{self.question} {self.answer}" for side in SIDES)


@dataclass(frozen=True, slots=True)
class Told:
    """What the captions of one photo say, in words of one spelling."""

    text: str
    nouns: frozenset[str]  # of all that are asked about
    coloured: frozenset[tuple[str, str]]
    counted: frozenset[tuple[str, str]]
    single: frozenset[str]  # nouns of which there is one: several captions say "a dog", and none says "dogs"
    doing: frozenset[tuple[str, str, str]]
    worn: frozenset[str]
    places: frozenset[str]


def told_by(captions: Sequence[str]) -> Told:
    """Read the captions of a photo."""
    lines = [" ".join(split_words(caption)) for caption in captions]
    words = [[canonical_noun(word) for word in line.split()] for line in lines]
    pairs = [pair for line in words for pair in zip(line, line[1:], strict=False)]
    plain = [pair for line in lines for pair in zip(line.split(), line.split()[1:], strict=False)]
    doing = [
        (canonical_noun(m["who"]), m["verb"], canonical_noun(m["what"] or ""))
        for line in lines
        for m in PAIRS.finditer(line)
    ]
    return Told(
        text=" . ".join(" ".join(line) for line in words),
        nouns=find_nouns(captions),
        coloured=frozenset((b, COLOURS[a]) for a, b in pairs if a in COLOURS and b in NOUNS),
        counted=frozenset(
            (canonical_noun(b), NUMBERS[a])
            for a, b in plain
            if a in NUMBERS and canonical_noun(b) in NOUNS and a != "one"
        ),
        single=single_in(lines),
        doing=frozenset(each for each in doing if each[1] not in NO_VERBS.split()),
        worn=frozenset(canonical_noun(w) for line in lines for w in WORN.findall(line)) & frozenset(NOUNS),
        places=frozenset(canonical_noun(w) for line in lines for w in PLACE.findall(line)) & PLACES,
    )


def single_in(lines: Sequence[str]) -> frozenset[str]:
    """Nouns that captions name as one thing, and none as several."""
    one = Counter(noun for line in lines for noun in set(ONE.findall(line)))
    several = {canonical_noun(word) for line in lines for word in line.split() if canonical_noun(word) != word}
    several |= {canonical_noun(b) for line in lines for a, b in pairwise(line.split()) if a in SEVERAL}
    return frozenset(noun for noun, count in one.items() if count >= SURELY and noun in NOUNS and noun not in several)


class Asking:
    """Questions about photos with captions; all are read before one is asked about."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self.told = [told_by(each) for each in captions]
        self.frequent = Counter(noun for told in self.told for noun in told.nouns)
        self.verbs = Counter(verb for told in self.told for _, verb, _ in told.doing)
        beside: dict[str, Counter[str]] = defaultdict(Counter)
        for told in self.told:
            for noun in told.nouns:
                beside[noun].update(told.nouns - {noun})
        self.beside = {noun: [other for other, _ in counts.most_common(24)] for noun, counts in beside.items()}
        self.known = [noun for noun in NOUNS if self.frequent[noun]]
        self.colours = sorted({colour for told in self.told for _, colour in told.coloured})

    def about(self, photo: int, chance: Random) -> list[Pair]:
        """Everything that is asked about one photo: some dozens of questions."""
        told = self.told[photo]
        return [
            *self._presence(told, chance),
            *self._colours(told, chance),
            *self._counts(told, chance),
            *self._doing(told, chance),
            *self._places(told, chance),
        ]

    def _presence(self, told: Told, chance: Random) -> list[Pair]:
        """A noun that half of all photos show would be asked about too often with yes: it is kept less often."""
        pairs = []
        for noun in sorted(told.nouns):
            if chance.random() < min(1.0, 250 / self.frequent[noun]) ** 0.35:
                pairs.append(Pair(there(noun, chance), "yes", PRESENCE))
        for _ in range(len(pairs)):
            near = [n for noun in told.nouns for n in self.beside.get(noun, ()) if n not in told.nouns]
            noun = chance.choice(near) if near and chance.random() < 0.4 else self._balanced(chance)
            if noun not in told.nouns:
                pairs.append(Pair(there(noun, chance), "no", PRESENCE))
        return pairs

    def _balanced(self, chance: Random) -> str:
        """A noun, as often as one that is there is asked about."""
        weights = [min(n, n**0.65 * 250**0.35) for n in (self.frequent[noun] for noun in self.known)]
        return chance.choices(self.known, weights)[0]

    def _colours(self, told: Told, chance: Random) -> list[Pair]:
        pairs = []
        by_noun: dict[str, set[str]] = defaultdict(set)
        for noun, colour in told.coloured:
            by_noun[noun].add(colour)
        for noun, colours in sorted(by_noun.items()):
            for colour in sorted(colours) if len(colours) == 1 else ():
                pairs.append(Pair(chance.choice(COLOUR).format(one=noun), colour, "colour"))
            right, wrong = sorted(colours), [c for c in self.colours if c not in colours]
            is_right = chance.random() < 0.5
            colour = chance.choice(right if is_right else wrong)
            line = chance.choice(IS_COLOURED)
            pairs.append(Pair(line.format(n=noun, c=colour), "yes" if is_right else "no", "yes colour"))
        return pairs

    def _counts(self, told: Told, chance: Random) -> list[Pair]:
        by_noun: dict[str, set[str]] = defaultdict(set)
        for noun, number in told.counted:
            by_noun[noun].add(number)
        counts = {noun: min(numbers) for noun, numbers in by_noun.items() if len(numbers) == 1}
        counts |= {noun: "1" for noun in told.single - PLACES if noun not in by_noun and chance.random() < SINGLES}
        return [
            Pair(chance.choice(HOW_MANY).format(many=plural(noun)), number, "count")
            for noun, number in sorted(counts.items())
        ]

    def _doing(self, told: Told, chance: Random) -> list[Pair]:
        pairs = []
        said = {verb for _, verb, _ in told.doing}
        for who, verb, what in sorted(told.doing):
            pairs.append(
                Pair(chance.choice((f"what is the {who} doing?", f"what is this {who} doing?")), verb, "doing")
            )
            if verb in TALKED_OF.split() and what in NOUNS:
                pairs.append(Pair(f"what is the {who} {verb}?", what, "what"))
            right = chance.random() < 0.5
            asked = verb if right else chance.choices(list(self.verbs), list(self.verbs.values()))[0]
            if right or (asked not in said and asked[:-3] not in told.text):
                pairs.append(Pair(f"is the {who} {asked}?", "yes" if right else "no", "yes doing"))
        for worn in sorted(told.worn):
            who = chance.choice(sorted({who for who, _, _ in told.doing} or {"person"}))
            pairs.append(Pair(f"what is the {who} wearing?", worn, "worn"))
            right = chance.random() < 0.5
            asked = worn if right else chance.choice(WEARABLE)
            if right or asked not in told.nouns:
                pairs.append(Pair(f"is the {who} wearing {with_article(asked)}?", "yes" if right else "no", "yes worn"))
        return pairs

    def _places(self, told: Told, chance: Random) -> list[Pair]:
        lines: Sequence[str] = ("where is this?", "where was this taken?", "where are they?", "where is it?")
        return [Pair(chance.choice(lines), place, "place") for place in sorted(told.places)]


def there(noun: str, chance: Random) -> str:
    """Is there such a thing?"""
    return chance.choice(THERE).format(a=with_article(noun), many=plural(noun))
