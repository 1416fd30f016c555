"""Questions about a scene on paper: the words, the program that means the same, and the answer that it gives.

Yes and no are asked for equally often, and so are small numbers, as far as a scene has both; a question whose answer is
not unique is not asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from deepseek_mm.evaluation.scenes.make import Made, Thing
from deepseek_mm.logic.drawn import VALUES
from deepseek_mm.logic.language import Call, Word
from deepseek_mm.logic.run import run
from deepseek_mm.logic.scene import Item
from deepseek_mm.rag.program.words import plural, with_article

SAID = {  # other words for the same, of which one is drawn
    **{"big": ("big", "large"), "small": ("small", "little"), "sphere": ("sphere", "ball")},
    **{"metal": ("metal", "shiny"), "rubber": ("rubber", "matte")},
}
SIDES = ("left of", "right of", "behind", "in front of")
SAID_SIDES = {"left of": ("left of", "to the left of"), "right of": ("right of", "to the right of")}
TRIES, MOST_ASKED_FOR = 40, 4  # a number up to this is aimed at
Words = tuple[tuple[str, str], ...]  # trait and value, in the order in which they are said


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and all that is known of it."""

    kind: str
    question: str
    program: Call
    answer: str


def ask(made: Made, kind: str, draw: Random) -> Asked:
    """A question of this kind; its answer is drawn first, and kept to where that can be."""
    wanted, found = draw.choice(["yes", "no"]), None
    number = str(draw.randint(0, MOST_ASKED_FOR))
    for _ in range(TRIES):
        made_up = KINDS[kind](made, draw)
        answer = run(made_up[1], made.scene).answer if made_up else ""
        if made_up and answer:
            found = Asked(kind, made_up[0], made_up[1], answer)
            if answer in (wanted, number) or not (answer in ("yes", "no") or answer.isdigit()):
                return found
    return found or ask(made, "exist", draw)


def some(thing: Thing, draw: Random, fewest: int, most: int) -> Words:
    """Some of the words that hold for a thing."""
    known = thing.traits
    chosen = draw.sample(list(known), draw.randint(fewest, most))
    return tuple((trait, known[trait]) for trait in VALUES if trait in chosen)


def naming(thing: Thing, among: Sequence[Thing], draw: Random, *, hidden: str = "") -> Words | None:
    """As few words as tell a thing from all others, or one more; `hidden` is not told. None for twins."""
    known = {trait: value for trait, value in thing.traits.items() if trait != hidden}
    enough = [
        traits
        for count in range(1, len(known) + 1)
        for traits in combinations(known, count)
        if sum(all(other.traits[t] == known[t] for t in traits) for other in among) == 1
    ]
    if not enough:
        return None
    short = [traits for traits in enough if len(traits) <= len(enough[0]) + 1]
    chosen = draw.choice(short)
    return tuple((trait, known[trait]) for trait in VALUES if trait in chosen)


def said(words: Words, draw: Random, *, many: bool = False) -> str:
    """big red metal cube; or red things."""
    told = dict(words)
    noun = draw.choice(SAID.get(told.get("shape", ""), (told.get("shape") or draw.choice(["thing", "object"]),)))
    before = [draw.choice(SAID.get(value, (value,))) for trait, value in words if trait != "shape"]
    return " ".join([*before, plural(noun) if many else noun])


def side(relation: str, draw: Random) -> str:
    return draw.choice(SAID_SIDES.get(relation, (relation,)))


def things(words: Words) -> Call:
    return Call("filter", (Call("all"), *(Word(value) for _, value in words))) if words else Call("all")


def the(words: Words) -> Call:
    return Call("the", (things(words),))


def both(one: Call, other: Call) -> Call:
    return other if one == Call("all") else Call("both", (one, other))


def relate(relation: str, to: Call) -> Call:
    return Call("relate", (Word(relation), to))


Question = tuple[str, Call] | None  # None where the scene has nothing to ask about


def other_words(made: Made, draw: Random) -> Words:
    """Words for something that may not be there: those of a thing, one of them changed every other time."""
    words = dict(some(draw.choice(made.things), draw, 1, 3))
    if draw.random() < 0.5:
        trait = draw.choice(list(words))
        words[trait] = draw.choice(VALUES[trait])
    return tuple(words.items())


def exist(made: Made, draw: Random) -> Question:
    words = other_words(made, draw)
    lead = draw.choice(["Is there {}?", "Can you see {}?", "Do you see {}?"])
    return lead.format(with_article(said(words, draw))), Call("exist", (things(words),))


def count(made: Made, draw: Random) -> Question:
    words = some(draw.choice(made.things), draw, 0, 2) if draw.random() < 0.7 else other_words(made, draw)
    lead = draw.choice(["How many {} are there?", "How many {} can you see?", "What is the number of {}?"])
    return lead.format(said(words, draw, many=True)), Call("count", (things(words),))


def compare(made: Made, draw: Random) -> Question:
    return (compare_numbers if draw.random() < 0.5 else compare_things)(made, draw)


def compare_numbers(made: Made, draw: Random) -> Question:
    one, other = (some(draw.choice(made.things), draw, 1, 2) for _ in range(2))
    if one == other:
        return None
    name, lead = draw.choice(
        [
            ("more", "Are there more {} than {}?"),
            ("fewer", "Are there fewer {} than {}?"),
            ("equal", "Are there as many {} as {}?"),
            ("equal", "Is the number of {} the same as the number of {}?"),
        ]
    )
    text = lead.format(said(one, draw, many=True), said(other, draw, many=True))
    return text, Call(name, (Call("count", (things(one),)), Call("count", (things(other),))))


def compare_things(made: Made, draw: Random) -> Question:
    trait = draw.choice(list(VALUES))
    pair = draw.sample(made.things, 2)
    one, other = (naming(thing, made.things, draw, hidden=trait) for thing in pair)
    if one is None or other is None:
        return None
    lead = draw.choice(["Is the {} the same {} as the {}?", "Do the {} and the {} have the same {}?"])
    first, second = said(one, draw), said(other, draw)
    text = lead.format(first, trait, second) if lead.startswith("Is") else lead.format(first, second, trait)
    queries = [Call("query", (Word(trait), the(words))) for words in (one, other)]
    return text, Call("alike", tuple(queries))


def query(made: Made, draw: Random) -> Question:
    trait, thing = draw.choice(list(VALUES)), draw.choice(made.things)
    words = naming(thing, made.things, draw, hidden=trait)
    if words is None:
        return None
    return asked_trait(trait, said(words, draw), draw), Call("query", (Word(trait), the(words)))


def asked_trait(trait: str, name: str, draw: Random) -> str:
    leads = [f"What {trait} is the {name}?", f"What is the {trait} of the {name}?"]
    return draw.choice([*leads, f"What is the {name} made of?"] if trait == "material" else leads)


def relation(made: Made, draw: Random) -> Question:
    """How things stand to one that is named."""
    words = naming(draw.choice(made.things), made.things, draw)
    if words is None:
        return None
    stands = draw.choice(SIDES)
    return about(made, relate(stands, the(words)), f"{side(stands, draw)} the {said(words, draw)}", draw)


def about(made: Made, standing: Call, told: str, draw: Random) -> Question:
    """How many of them, is there one, or what is the one among them like?"""
    form = draw.choice(["count", "exist", "query"])
    words = some(draw.choice(made.things), draw, 0 if form == "count" else 1, 2)
    if form == "count":
        text = f"How many {said(words, draw, many=True)} are {told}?"
        return text, Call("count", (both(things(words), standing),))
    if form == "exist":
        return f"Is there {with_article(said(words, draw))} {told}?", Call("exist", (both(things(words), standing),))
    hidden = draw.choice([trait for trait in VALUES if trait not in dict(words)])
    text = asked_trait(hidden, f"{said(words, draw)} {told}", draw)
    return text, Call("query", (Word(hidden), Call("the", (both(things(words), standing),))))


def chain(made: Made, draw: Random) -> Question:
    """How things stand to one that stands somewhere itself."""
    words, stands = naming(draw.choice(made.things), made.things, draw), draw.choice(SIDES)
    if words is None:
        return None
    found = [made.things[item.number - 1] for item in standing_so(made, words, stands)]
    named = naming(draw.choice(found), found, draw) if found else None
    if named is None:
        return None
    middle = Call("the", (both(things(named), relate(stands, the(words))),))
    again = draw.choice(SIDES)
    told = f"{side(again, draw)} the {said(named, draw)} {side(stands, draw)} the {said(words, draw)}"
    return about(made, relate(again, middle), told, draw)


def standing_so(made: Made, words: Words, stands: str) -> list[Item]:
    """The items that stand so to the one that the words name."""
    scene = made.scene
    numbers = run(Call("count", (relate(stands, the(words)),)), scene).numbers
    (to,) = run(the(words), scene).numbers
    return [item for item in scene.items if item.number in numbers and item.number != to]


def and_(made: Made, draw: Random) -> Question:
    """Both left of one and behind another."""
    pair = [naming(thing, made.things, draw) for thing in draw.sample(made.things, 2)]
    if None in pair:
        return None
    across, deep = draw.choice(SIDES[:2]), draw.choice(SIDES[2:])
    first, second = (words or () for words in pair)
    told = f"both {side(across, draw)} the {said(first, draw)} and {side(deep, draw)} the {said(second, draw)}"
    standing = Call("both", (relate(across, the(first)), relate(deep, the(second))))
    words = some(draw.choice(made.things), draw, 0, 1)
    found = both(things(words), standing) if words else standing
    if draw.random() < 0.5:
        return f"How many {said(words, draw, many=True)} are {told}?", Call("count", (found,))
    return f"Is there {with_article(said(words, draw))} that is {told}?", Call("exist", (found,))


def or_(made: Made, draw: Random) -> Question:
    """Red cubes or metal balls."""
    one, other = (other_words(made, draw) for _ in range(2))
    if one == other:
        return None
    either = Call("either", (things(one), things(other)))
    if draw.random() < 0.7:
        text = f"How many {said(one, draw, many=True)} or {said(other, draw, many=True)} are there?"
        return text, Call("count", (either,))
    text = f"Is there {with_article(said(one, draw))} or {with_article(said(other, draw))}?"
    return text, Call("exist", (either,))


KINDS: dict[str, Callable[[Made, Random], Question]] = {
    **{"exist": exist, "count": count, "compare": compare, "query": query},
    **{"relate": relation, "chain": chain, "and": and_, "or": or_},
}
