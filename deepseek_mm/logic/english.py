"""From a question to its program, by a small grammar: forms of questions, and phrases that name things.

    "How many red things are left of the big cube?"
    count(both(filter(all(), "red"), relate("left of", the(filter(all(), "big", "cube")))))

A phrase is words that hold for the things, and then how they stand to other things; what stands last belongs to the
thing named last ("the cube left of the ball behind the cone": the ball is behind the cone). Where no form fits there is
no program.
"""

import re
from collections.abc import Callable, Sequence

from deepseek_mm.language.words import COLOURS, NUMBERS, singular
from deepseek_mm.logic.programs import TRAITS, CallNode, Node, WordNode, is_program

RELATION_PHRASES = {  # as people write it -> the relation; the longest that fits is meant
    **{
        "to the left of": "left of",
        "on the left of": "left of",
        "on the left side of": "left of",
        "left of": "left of",
    },
    **{"to the right of": "right of", "on the right of": "right of", "on the right side of": "right of"},
    **{"right of": "right of", "in front of": "in front of", "before": "in front of", "behind": "behind"},
    **{"above": "above", "over": "above", "on top of": "above", "below": "below", "under": "below"},
    **{"beneath": "below", "underneath": "below", "near": "near", "next to": "near", "beside": "near"},
    **{"close to": "near", "by": "near", "in": "in", "inside": "in", "on": "in", "at": "in"},
    **{"bigger than": "bigger than", "larger than": "bigger than", "smaller than": "smaller than"},
}
SPELLINGS = {  # of what things are like
    **COLOURS,
    **{"big": "big", "large": "big", "small": "small", "little": "small", "tiny": "small"},
    **{
        "metal": "metal",
        "metallic": "metal",
        "shiny": "metal",
        "rubber": "rubber",
        "matte": "rubber",
        "dull": "rubber",
    },
    "teal": "teal",
}
SHOWS = tuple(f"{the} {it}" for the in ("the", "this") for it in ("picture", "photo", "image", "drawing"))
IN_IT = tuple(f"in {it}" for it in SHOWS)
ANYTHING = frozenset(["thing", "object", "item", "one"])
ARTICLES = frozenset(["the", "a", "an", "any", "some", "other", "another", "all", "every", "each", *NUMBERS])
ENDS = frozenset([  # words that no name has
    "is", "are", "was", "were", "do", "does", "did", "can", "could", "has", "have", "that", "which", "who", "than",
    "as", "and", "or", "not", "there", "same", "made", "what", "how", "many", "the", "with", "of", "you", "i", "we",
    "see", "colour", "size", "shape", "material", "visible", "present", "shown", "no", "seen", "look", "looks",
])  # fmt: skip
TRAIT_WORDS = {trait: trait for trait in TRAITS} | {"color": "colour", "form": "shape", "stuff": "material"}
RELATIVE = ("that are", "that is", "which are", "which is", "who are", "who is", "are", "is")
MAKING = ("made of", "made from", "made out of")


class _NoFitError(Exception):
    """The words are no question of this form."""


def program_of(question: str) -> CallNode | None:
    """The program of a question; None where the grammar does not know it."""
    text = question.lower().replace("what's", "what is").replace("how's", "how is")
    words = re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", text)
    for form in FORMS:
        reader = _Words(words)
        try:
            program = form(reader)
            reader.end()
        except _NoFitError:
            continue
        if is_program(program):
            return program
    return None


class _Words:
    """The words of a question, read from the left."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words, self.place = list(words), 0

    def takes(self, *phrases: str) -> bool:
        """Does the longest of the phrases that fits come next? Then it is read."""
        for phrase in sorted(phrases, key=lambda phrase: -len(phrase.split())):
            parts = phrase.split()
            if self.words[self.place : self.place + len(parts)] == parts:
                self.place += len(parts)
                return True
        return False

    def sees(self, *phrases: str) -> bool:
        """Does one of the phrases come next?"""
        here = self.place
        found = self.takes(*phrases)
        self.place = here
        return found

    def needs(self, *phrases: str) -> None:
        if not self.takes(*phrases):
            raise _NoFitError

    def word(self) -> str:
        if self.place == len(self.words):
            raise _NoFitError
        self.place += 1
        return self.words[self.place - 1]

    def next(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def end(self) -> None:
        self.takes(*IN_IT, "here", "there", "present")
        if self.place != len(self.words):
            raise _NoFitError

    def relation(self) -> str:
        """The relation that comes next, or nothing; what is in the picture stands to nothing."""
        if self.sees(*IN_IT):
            return ""
        for phrase in sorted(RELATION_PHRASES, key=lambda phrase: -len(phrase.split())):
            if self.takes(phrase):
                return RELATION_PHRASES[phrase]
        return ""

    def trait(self) -> str:
        word = self.word()
        if word not in TRAIT_WORDS:
            raise _NoFitError
        return TRAIT_WORDS[word]

    def things(self) -> CallNode:
        """A phrase: things, or things of two kinds."""
        found = self.kind()
        while self.takes("or"):
            found = CallNode("either", (found, self.kind()))
        return found

    def kind(self) -> CallNode:
        """Words that hold for things, and how they stand to others."""
        while self.next() in ARTICLES:
            self.word()
        holding: list[str] = []
        name: list[str] = []
        while self.next() and self.next() not in ENDS and not self.stands() and not self.sees(*IN_IT):
            word = self.word()
            if spelt(word) == word and word not in SPELLINGS:
                name.append(word)
            elif not name:
                holding.append(spelt(word))
            else:  # the cube red: what is said of it comes behind it
                self.place -= 1
                break
        anything = self.takes("shape", "shapes")  # "the red shape" is whatever is red
        if not name and not holding and not anything:
            raise _NoFitError
        name = [*name[:-1], *map(singular, name[-1:])]
        if named := " ".join(name[:-1] if name and name[-1] in ANYTHING else name):
            holding.append(named)
        things = CallNode("all")
        if holding:
            things = CallNode("filter", (things, *map(WordNode, holding)))
        return self.standing(things)

    def standing(self, things: CallNode, *, whole: bool = False) -> CallNode:
        """With all that is said of how they stand to others, and what else they are like.

        With `whole` the question ends with it, so that "the same colour as" belongs to these things.
        """
        both = False
        while True:
            start = self.place
            self.takes(*RELATIVE)
            both = self.takes("both") or both
            if relation := self.relation():
                things = intersect(things, CallNode("relate", (WordNode(relation), self.the())))
            elif self.takes("that have the same", "that has the same", "with the same") or (
                whole and self.takes("the same", "have the same")
            ):
                trait = self.trait()
                self.needs("as")
                things = intersect(things, CallNode("same", (WordNode(trait), self.the())))
            elif self.next() in SPELLINGS or (self.takes(*MAKING) and self.next()):
                things = CallNode("filter", (things, WordNode(spelt(self.word()))))
            elif not (both and self.takes("and")):
                self.place = start
                return things

    def the(self) -> CallNode:
        """One thing."""
        return CallNode("the", (self.kind(),))

    def stands(self) -> bool:
        """Does a relation come next?"""
        here = self.place
        found = bool(self.relation())
        self.place = here
        return found


def spelt(word: str) -> str:
    return SPELLINGS.get(word) or SPELLINGS.get(singular(word)) or word


def intersect(things: CallNode, others: CallNode) -> CallNode:
    """Of the things those that are among the others."""
    return others if things == CallNode("all") else CallNode("both", (things, others))


def comparing(words: _Words) -> CallNode:
    """Are there more cubes than balls? Is the number of cubes the same as the number of balls?"""
    if words.takes("is the number of"):
        first = words.things()
        name, between = next(((name, said) for name, said in COMPARED.items() if words.takes(*said)), ("", ()))
        if not between:
            raise _NoFitError
        words.takes("the number of")
        return CallNode(name, (count(first), count(words.things())))
    words.needs("are there", "do you see", "can you see")
    if words.takes("as many", "the same number of"):
        first = words.things()
        words.needs("as", "and")
        return CallNode("equal", (count(first), count(words.things())))
    name = "more" if words.takes("more") else "fewer" if words.takes("fewer", "less") else ""
    if not name:
        raise _NoFitError
    first = words.things()
    words.needs("than")
    return CallNode(name, (count(first), count(words.things())))


COMPARED = {
    "equal": ("equal to", "the same as", "as large as"),
    "more": ("greater than", "larger than", "more than"),
    "fewer": ("less than", "smaller than", "fewer than"),
}


def count(things: Node) -> CallNode:
    return CallNode("count", (things,))


def counting(words: _Words) -> CallNode:
    """How many red things are there? How many things are left of the cube?"""
    words.needs("how many", "what number of", "count the", "what is the number of")
    things = words.things()
    words.takes("are there", "is there", "there are", "do you see", "can you see", "are visible", "there")
    return count(words.standing(things, whole=True))


def asking(words: _Words) -> CallNode:
    """Is there a big cube? Is there no big cube? Is no big cube present? Does the picture contain a big cube?"""
    if words.takes("does"):
        words.needs(*SHOWS)
        denied = words.takes("not")
        words.needs("contain", "show", "have")
    elif words.takes("is no", "are no"):
        denied = True
    else:
        words.needs("is there", "are there", "do you see", "can you see")
        denied = words.takes("not", "no")
    found = CallNode("exist", (words.things(),))
    while words.takes("and"):
        found = CallNode("and", (found, CallNode("exist", (words.things(),))))
    return CallNode("not", (found,)) if denied else found


def querying(words: _Words) -> CallNode:
    """What colour is the cube? What shape is in the picture? What is the cube made of? What is left of the cube?"""
    words.needs("what", "which")
    if words.next() in TRAIT_WORDS:
        trait = words.trait()
        words.needs("is", "are", "does", "do", "has")
        if words.takes(*IN_IT, "present", "there") or (words.takes(*SHOWS) and words.takes("contain", "show")):
            return CallNode("query", (WordNode(trait), CallNode("the", (CallNode("all"),))))
        thing = words.the()
        words.takes("have", "look")
        return CallNode("query", (WordNode(trait), thing))
    words.needs("is", "are")
    here = words.place
    if words.takes("the") and words.next() in TRAIT_WORDS:
        trait = words.trait()
        words.needs("of")
        return CallNode("query", (WordNode(trait), words.the()))
    words.place = here
    thing = words.kind() if not words.stands() else words.standing(CallNode("all"))
    trait = "material" if words.takes(*MAKING) else "name"
    return CallNode("query", (WordNode(trait), CallNode("the", (thing,))))


def likening(words: _Words) -> CallNode:
    """Is the cube the same colour as the ball? Do the cube and the ball have the same colour?"""
    if words.takes("do", "does"):
        first = words.the()
        words.needs("and")
        other = words.the()
        words.needs("have the same")
        trait = words.trait()
    else:
        words.needs("is", "are")
        first = words.the()
        words.needs("the same")
        trait = words.trait()
        words.needs("as")
        other = words.the()
    return CallNode("alike", (CallNode("query", (WordNode(trait), first)), CallNode("query", (WordNode(trait), other))))


def holding(words: _Words) -> CallNode:
    """Is the cube red? Is the cube left of the ball? Is the ball bigger than the cube?"""
    words.needs("is", "are")
    return CallNode("exist", (words.kind(),))


FORMS: tuple[Callable[[_Words], CallNode], ...] = (counting, comparing, asking, querying, likening, holding)
