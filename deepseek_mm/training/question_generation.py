"""Questions and answers generated from captions, and from questions that people asked.

From captions: presence (each noun as often yes as no, with absent things that usually go together with what is there),
colours, counts, activities, clothes and places. From people's questions: who asks for the colour of the cat has seen a
cat, and what is called a zebra is no horse, so animals, fruit and vehicles are there, and others of the same kind are
not; of other things silence says nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from deepseek_mm.answering.closed_vqa import APART, are_rivals
from deepseek_mm.evaluation.question_sets import NOUNS, PLACES, canonical_noun, find_nouns, split_words
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import COLOURS, IS_A, NUMBERS, plural, with_article
from deepseek_mm.retrieval.evidence import same_kind
from deepseek_mm.vision.vqa import CLOSED

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
class PhotoQuestion:
    """A question, and its answer."""

    question: str
    answer: str
    kind: str

    @property
    def holds_mirrored(self) -> bool:
        """Is it right of a mirrored photo too?"""
        return not any(side in f"{self.question} {self.answer}" for side in SIDES)


@dataclass(frozen=True, slots=True)
class CaptionFacts:
    """What the captions of one photo say, in words of one spelling."""

    text: str
    nouns: frozenset[str]  # of all that are asked about
    coloured: frozenset[tuple[str, str]]
    counted: frozenset[tuple[str, str]]
    single: frozenset[str]  # nouns of which there is one: several captions say "a dog", and none says "dogs"
    doing: frozenset[tuple[str, str, str]]
    worn: frozenset[str]
    places: frozenset[str]


def read_captions(captions: Sequence[str]) -> CaptionFacts:
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
    return CaptionFacts(
        text=" . ".join(" ".join(line) for line in words),
        nouns=find_nouns(captions),
        coloured=frozenset((b, COLOURS[a]) for a, b in pairs if a in COLOURS and b in NOUNS),
        counted=frozenset(
            (canonical_noun(b), NUMBERS[a])
            for a, b in plain
            if a in NUMBERS and canonical_noun(b) in NOUNS and a != "one"
        ),
        single=find_singles(lines),
        doing=frozenset(each for each in doing if each[1] not in NO_VERBS.split()),
        worn=frozenset(canonical_noun(w) for line in lines for w in WORN.findall(line)) & frozenset(NOUNS),
        places=frozenset(canonical_noun(w) for line in lines for w in PLACE.findall(line)) & PLACES,
    )


def find_singles(lines: Sequence[str]) -> frozenset[str]:
    """Nouns that captions name as one thing, and none as several."""
    one = Counter(noun for line in lines for noun in set(ONE.findall(line)))
    several = {canonical_noun(word) for line in lines for word in line.split() if canonical_noun(word) != word}
    several |= {canonical_noun(b) for line in lines for a, b in pairwise(line.split()) if a in SEVERAL}
    return frozenset(noun for noun, count in one.items() if count >= SURELY and noun in NOUNS and noun not in several)


class PhotoQuestionGenerator:
    """Questions about photos with captions; all are read before one is asked about."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self.facts = [read_captions(each) for each in captions]
        self.frequent = Counter(noun for told in self.facts for noun in told.nouns)
        self.verbs = Counter(verb for told in self.facts for _, verb, _ in told.doing)
        beside: dict[str, Counter[str]] = defaultdict(Counter)
        for told in self.facts:
            for noun in told.nouns:
                beside[noun].update(told.nouns - {noun})
        self.beside = {noun: [other for other, _ in counts.most_common(24)] for noun, counts in beside.items()}
        self.known = [noun for noun in NOUNS if self.frequent[noun]]
        self.colours = sorted({colour for told in self.facts for _, colour in told.coloured})

    def ask_about(self, photo: int, chance: Random) -> list[PhotoQuestion]:
        """Everything that is asked about one photo: some dozens of questions."""
        told = self.facts[photo]
        return [
            *self._ask_presence(told, chance),
            *self._ask_colours(told, chance),
            *self._ask_counts(told, chance),
            *self._ask_activities(told, chance),
            *self._ask_places(told, chance),
        ]

    def _ask_presence(self, told: CaptionFacts, chance: Random) -> list[PhotoQuestion]:
        """A noun that half of all photos show would be asked about too often with yes: it is kept less often."""
        pairs = []
        for noun in sorted(told.nouns):
            if chance.random() < min(1.0, 250 / self.frequent[noun]) ** 0.35:
                pairs.append(PhotoQuestion(ask_whether_there(noun, chance), "yes", PRESENCE))
        for _ in range(len(pairs)):
            near = [n for noun in told.nouns for n in self.beside.get(noun, ()) if n not in told.nouns]
            noun = chance.choice(near) if near and chance.random() < 0.4 else self._draw_noun(chance)
            if noun not in told.nouns:
                pairs.append(PhotoQuestion(ask_whether_there(noun, chance), "no", PRESENCE))
        return pairs

    def _draw_noun(self, chance: Random) -> str:
        """A noun, as often as one that is there is asked about."""
        weights = [min(n, n**0.65 * 250**0.35) for n in (self.frequent[noun] for noun in self.known)]
        return chance.choices(self.known, weights)[0]

    def _ask_colours(self, told: CaptionFacts, chance: Random) -> list[PhotoQuestion]:
        pairs = []
        by_noun: dict[str, set[str]] = defaultdict(set)
        for noun, colour in told.coloured:
            by_noun[noun].add(colour)
        for noun, colours in sorted(by_noun.items()):
            for colour in sorted(colours) if len(colours) == 1 else ():
                pairs.append(PhotoQuestion(chance.choice(COLOUR).format(one=noun), colour, "colour"))
            right, wrong = sorted(colours), [c for c in self.colours if c not in colours]
            is_right = chance.random() < 0.5
            colour = chance.choice(right if is_right else wrong)
            line = chance.choice(IS_COLOURED)
            pairs.append(PhotoQuestion(line.format(n=noun, c=colour), "yes" if is_right else "no", "yes colour"))
        return pairs

    def _ask_counts(self, told: CaptionFacts, chance: Random) -> list[PhotoQuestion]:
        by_noun: dict[str, set[str]] = defaultdict(set)
        for noun, number in told.counted:
            by_noun[noun].add(number)
        counts = {noun: min(numbers) for noun, numbers in by_noun.items() if len(numbers) == 1}
        counts |= {noun: "1" for noun in told.single - PLACES if noun not in by_noun and chance.random() < SINGLES}
        return [
            PhotoQuestion(chance.choice(HOW_MANY).format(many=plural(noun)), number, "count")
            for noun, number in sorted(counts.items())
        ]

    def _ask_activities(self, told: CaptionFacts, chance: Random) -> list[PhotoQuestion]:
        pairs = []
        said = {verb for _, verb, _ in told.doing}
        for who, verb, what in sorted(told.doing):
            pairs.append(
                PhotoQuestion(chance.choice((f"what is the {who} doing?", f"what is this {who} doing?")), verb, "doing")
            )
            if verb in TALKED_OF.split() and what in NOUNS:
                pairs.append(PhotoQuestion(f"what is the {who} {verb}?", what, "what"))
            right = chance.random() < 0.5
            asked = verb if right else chance.choices(list(self.verbs), list(self.verbs.values()))[0]
            if right or (asked not in said and asked[:-3] not in told.text):
                pairs.append(PhotoQuestion(f"is the {who} {asked}?", "yes" if right else "no", "yes doing"))
        for worn in sorted(told.worn):
            who = chance.choice(sorted({who for who, _, _ in told.doing} or {"person"}))
            pairs.append(PhotoQuestion(f"what is the {who} wearing?", worn, "worn"))
            right = chance.random() < 0.5
            asked = worn if right else chance.choice(WEARABLE)
            if right or asked not in told.nouns:
                pairs.append(
                    PhotoQuestion(f"is the {who} wearing {with_article(asked)}?", "yes" if right else "no", "yes worn")
                )
        return pairs

    def _ask_places(self, told: CaptionFacts, chance: Random) -> list[PhotoQuestion]:
        lines: Sequence[str] = ("where is this?", "where was this taken?", "where are they?", "where is it?")
        return [PhotoQuestion(chance.choice(lines), place, "place") for place in sorted(told.places)]


def ask_whether_there(noun: str, chance: Random) -> str:
    """Is there such a thing?"""
    return chance.choice(THERE).format(a=with_article(noun), many=plural(noun))


NOTHING = ("0", "none", "nothing")
FEWEST = 6  # photos whose questions speak of a thing, or it is not asked for
RIVALS = 1  # things of the same kind that are denied for each that is there
UNASKED = 0.25  # probability that something is denied of which nobody spoke


def imply_questions(pairs: Mapping[str, Sequence[PhotoQuestion]], *, seed: int = 0) -> dict[str, list[PhotoQuestion]]:
    """Photo -> questions whether things are there, from what was asked about it; and their answers."""
    spoken = {photo: find_assumed_things(own) for photo, own in pairs.items()}
    counts = Counter(name for names in spoken.values() for name in names)
    known = {name for name, count in counts.items() if count >= FEWEST and is_of_a_kind(name)}
    found = {}
    for photo, names in spoken.items():
        chance = Random(f"{seed} implied {photo}")
        shown = sorted(names & known)
        absent = [name for name in shown for name in draw_rivals(name, names, known, chance)]
        if known and chance.random() < UNASKED:
            (other,) = chance.choices(*list_weights(counts, known))
            absent += [other] if not any(same_kind(other, name) for name in names) else []
        told = [(name, "yes") for name in shown] + [(name, "no") for name in dict.fromkeys(absent)]
        found[photo] = [PhotoQuestion(ask_whether_there(name, chance), answer, PRESENCE) for name, answer in told]
    return found


def find_assumed_things(pairs: Sequence[PhotoQuestion]) -> frozenset[str]:
    """Things that questions and answers about a photo take for granted, in words of one spelling."""
    names: set[str] = set()
    for pair in pairs:
        if pair.answer in CLOSED or pair.answer in NOTHING:
            continue
        names |= {canonical_noun(phrase.split()[-1]) for phrase in parse(pair.question).thing_phrases}
        names.add(canonical_noun(pair.answer.split()[-1]) if pair.answer else "")
    return frozenset(names - {""})


def is_of_a_kind(name: str) -> bool:
    """Is it a member of a kind of which a photo mostly shows one or two, or none?"""
    return any(name in IS_A[kind] for kind in APART)


def draw_rivals(name: str, there_too: frozenset[str], known: set[str], chance: Random) -> list[str]:
    """Some others of its kind that nobody spoke of."""
    free = sorted(each for each in known if each not in there_too and are_rivals(each, name))
    return chance.sample(free, min(RIVALS, len(free)))


def list_weights(counts: Counter[str], known: set[str]) -> tuple[list[str], list[float]]:
    """Names, and how often each is drawn: as often as it is there."""
    names = sorted(known)
    return names, [float(counts[name]) for name in names]
