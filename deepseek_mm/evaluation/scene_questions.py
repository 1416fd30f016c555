"""`eval scenes`: questions about scenes on paper, answered by the small model alone and with programs.

A question has its words, the program that means the same, and the answer that this gives. Yes and no are asked for
equally often, and so are small numbers, as far as a scene has both; a question whose answer is not unique is not
asked. With programs, a question is settled as the product settles it: by its program over what was found; where there
is none, or where it does not apply, the answer of the small model stands.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from random import Random

from deepseek_mm.answering.closed_vqa import settled_on_paper
from deepseek_mm.evaluation.retrieval import percent
from deepseek_mm.evaluation.scene_painter import PaperScene, SceneThing, draw_scene, make_scene
from deepseek_mm.language.words import plural, with_article
from deepseek_mm.logic.programs import VALUES, CallNode, SceneItem, WordNode, run
from deepseek_mm.vision.scene_models import SceneAnswerer, SceneFinder

SAID = {  # other words for the same, of which one is drawn
    **{"big": ("big", "large"), "small": ("small", "little"), "sphere": ("sphere", "ball")},
    **{"metal": ("metal", "shiny"), "rubber": ("rubber", "matte")},
}
SIDES = ("left of", "right of", "behind", "in front of")
SAID_SIDES = {"left of": ("left of", "to the left of"), "right of": ("right of", "to the right of")}
TRIES, MOST_ASKED_FOR = 40, 4  # a number up to this is aimed at
Words = tuple[tuple[str, str], ...]  # trait and value, in the order in which they are said


@dataclass(frozen=True, slots=True)
class SceneQuestion:
    """A question and all that is known of it."""

    kind: str
    question: str
    program: CallNode
    answer: str


def make_question(made: PaperScene, kind: str, draw: Random) -> SceneQuestion:
    """A question of this kind; its answer is drawn first, and kept to where that can be."""
    wanted, found = draw.choice(["yes", "no"]), None
    number = str(draw.randint(0, MOST_ASKED_FOR))
    for _ in range(TRIES):
        made_up = KINDS[kind](made, draw)
        answer = run(made_up[1], made.scene).answer if made_up else ""
        if made_up and answer:
            found = SceneQuestion(kind, made_up[0], made_up[1], answer)
            if answer in (wanted, number) or not (answer in ("yes", "no") or answer.isdigit()):
                return found
    return found or make_question(made, "exist", draw)


def choose_words(thing: SceneThing, draw: Random, fewest: int, most: int) -> Words:
    """Some of the words that hold for a thing."""
    known = thing.traits
    chosen = draw.sample(list(known), draw.randint(fewest, most))
    return tuple((trait, known[trait]) for trait in VALUES if trait in chosen)


def name_thing(thing: SceneThing, among: Sequence[SceneThing], draw: Random, *, hidden: str = "") -> Words | None:
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


def phrase_thing(words: Words, draw: Random, *, many: bool = False) -> str:
    """big red metal cube; or red things."""
    told = dict(words)
    noun = draw.choice(SAID.get(told.get("shape", ""), (told.get("shape") or draw.choice(["thing", "object"]),)))
    before = [draw.choice(SAID.get(value, (value,))) for trait, value in words if trait != "shape"]
    return " ".join([*before, plural(noun) if many else noun])


def phrase_side(relation: str, draw: Random) -> str:
    return draw.choice(SAID_SIDES.get(relation, (relation,)))


def filter_call(words: Words) -> CallNode:
    return CallNode("filter", (CallNode("all"), *(WordNode(value) for _, value in words))) if words else CallNode("all")


def the_call(words: Words) -> CallNode:
    return CallNode("the", (filter_call(words),))


def both_call(one: CallNode, other: CallNode) -> CallNode:
    return other if one == CallNode("all") else CallNode("both", (one, other))


def relate_call(relation: str, to: CallNode) -> CallNode:
    return CallNode("relate", (WordNode(relation), to))


Question = tuple[str, CallNode] | None  # None where the scene has nothing to ask about


def choose_changed_words(made: PaperScene, draw: Random) -> Words:
    """Words for something that may not be there: those of a thing, one of them changed every other time."""
    words = dict(choose_words(draw.choice(made.things), draw, 1, 3))
    if draw.random() < 0.5:
        trait = draw.choice(list(words))
        words[trait] = draw.choice(VALUES[trait])
    return tuple(words.items())


def ask_exist(made: PaperScene, draw: Random) -> Question:
    words = choose_changed_words(made, draw)
    lead = draw.choice(["Is there {}?", "Can you see {}?", "Do you see {}?"])
    return lead.format(with_article(phrase_thing(words, draw))), CallNode("exist", (filter_call(words),))


def ask_count(made: PaperScene, draw: Random) -> Question:
    words = (
        choose_words(draw.choice(made.things), draw, 0, 2) if draw.random() < 0.7 else choose_changed_words(made, draw)
    )
    lead = draw.choice(["How many {} are there?", "How many {} can you see?", "What is the number of {}?"])
    return lead.format(phrase_thing(words, draw, many=True)), CallNode("count", (filter_call(words),))


def ask_compare(made: PaperScene, draw: Random) -> Question:
    return (compare_numbers if draw.random() < 0.5 else compare_things)(made, draw)


def compare_numbers(made: PaperScene, draw: Random) -> Question:
    one, other = (choose_words(draw.choice(made.things), draw, 1, 2) for _ in range(2))
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
    text = lead.format(phrase_thing(one, draw, many=True), phrase_thing(other, draw, many=True))
    return text, CallNode(name, (CallNode("count", (filter_call(one),)), CallNode("count", (filter_call(other),))))


def compare_things(made: PaperScene, draw: Random) -> Question:
    trait = draw.choice(list(VALUES))
    pair = draw.sample(made.things, 2)
    one, other = (name_thing(thing, made.things, draw, hidden=trait) for thing in pair)
    if one is None or other is None:
        return None
    lead = draw.choice(["Is the {} the same {} as the {}?", "Do the {} and the {} have the same {}?"])
    first, second = phrase_thing(one, draw), phrase_thing(other, draw)
    text = lead.format(first, trait, second) if lead.startswith("Is") else lead.format(first, second, trait)
    queries = [CallNode("query", (WordNode(trait), the_call(words))) for words in (one, other)]
    return text, CallNode("alike", tuple(queries))


def ask_query(made: PaperScene, draw: Random) -> Question:
    trait, thing = draw.choice(list(VALUES)), draw.choice(made.things)
    words = name_thing(thing, made.things, draw, hidden=trait)
    if words is None:
        return None
    return phrase_trait(trait, phrase_thing(words, draw), draw), CallNode("query", (WordNode(trait), the_call(words)))


def phrase_trait(trait: str, name: str, draw: Random) -> str:
    leads = [f"What {trait} is the {name}?", f"What is the {trait} of the {name}?"]
    return draw.choice([*leads, f"What is the {name} made of?"] if trait == "material" else leads)


def ask_relation(made: PaperScene, draw: Random) -> Question:
    """How things stand to one that is named."""
    words = name_thing(draw.choice(made.things), made.things, draw)
    if words is None:
        return None
    stands = draw.choice(SIDES)
    return ask_about(
        made, relate_call(stands, the_call(words)), f"{phrase_side(stands, draw)} the {phrase_thing(words, draw)}", draw
    )


def ask_about(made: PaperScene, standing: CallNode, told: str, draw: Random) -> Question:
    """How many of them, is there one, or what is the one among them like?"""
    form = draw.choice(["count", "exist", "query"])
    words = choose_words(draw.choice(made.things), draw, 0 if form == "count" else 1, 2)
    if form == "count":
        text = f"How many {phrase_thing(words, draw, many=True)} are {told}?"
        return text, CallNode("count", (both_call(filter_call(words), standing),))
    if form == "exist":
        return f"Is there {with_article(phrase_thing(words, draw))} {told}?", CallNode(
            "exist", (both_call(filter_call(words), standing),)
        )
    hidden = draw.choice([trait for trait in VALUES if trait not in dict(words)])
    text = phrase_trait(hidden, f"{phrase_thing(words, draw)} {told}", draw)
    return text, CallNode("query", (WordNode(hidden), CallNode("the", (both_call(filter_call(words), standing),))))


def ask_chain(made: PaperScene, draw: Random) -> Question:
    """How things stand to one that stands somewhere itself."""
    words, stands = name_thing(draw.choice(made.things), made.things, draw), draw.choice(SIDES)
    if words is None:
        return None
    found = [made.things[item.number - 1] for item in find_related(made, words, stands)]
    named = name_thing(draw.choice(found), found, draw) if found else None
    if named is None:
        return None
    middle = CallNode("the", (both_call(filter_call(named), relate_call(stands, the_call(words))),))
    again = draw.choice(SIDES)
    told = f"{phrase_side(again, draw)} the {phrase_thing(named, draw)} "
    told += f"{phrase_side(stands, draw)} the {phrase_thing(words, draw)}"
    return ask_about(made, relate_call(again, middle), told, draw)


def find_related(made: PaperScene, words: Words, stands: str) -> list[SceneItem]:
    """The items that stand so to the one that the words name."""
    scene = made.scene
    numbers = run(CallNode("count", (relate_call(stands, the_call(words)),)), scene).numbers
    (to,) = run(the_call(words), scene).numbers
    return [item for item in scene.items if item.number in numbers and item.number != to]


def ask_and(made: PaperScene, draw: Random) -> Question:
    """Both left of one and behind another."""
    pair = [name_thing(thing, made.things, draw) for thing in draw.sample(made.things, 2)]
    if None in pair:
        return None
    across, deep = draw.choice(SIDES[:2]), draw.choice(SIDES[2:])
    first, second = (words or () for words in pair)
    told = f"both {phrase_side(across, draw)} the {phrase_thing(first, draw)} "
    told += f"and {phrase_side(deep, draw)} the {phrase_thing(second, draw)}"
    standing = CallNode("both", (relate_call(across, the_call(first)), relate_call(deep, the_call(second))))
    words = choose_words(draw.choice(made.things), draw, 0, 1)
    found = both_call(filter_call(words), standing) if words else standing
    if draw.random() < 0.5:
        return f"How many {phrase_thing(words, draw, many=True)} are {told}?", CallNode("count", (found,))
    return f"Is there {with_article(phrase_thing(words, draw))} that is {told}?", CallNode("exist", (found,))


def ask_or(made: PaperScene, draw: Random) -> Question:
    """Red cubes or metal balls."""
    one, other = (choose_changed_words(made, draw) for _ in range(2))
    if one == other:
        return None
    either = CallNode("either", (filter_call(one), filter_call(other)))
    if draw.random() < 0.7:
        text = f"How many {phrase_thing(one, draw, many=True)} or {phrase_thing(other, draw, many=True)} are there?"
        return text, CallNode("count", (either,))
    text = f"Is there {with_article(phrase_thing(one, draw))} or {with_article(phrase_thing(other, draw))}?"
    return text, CallNode("exist", (either,))


KINDS: dict[str, Callable[[PaperScene, Random], Question]] = {
    **{"exist": ask_exist, "count": ask_count, "compare": ask_compare, "query": ask_query},
    **{"relate": ask_relation, "chain": ask_chain, "and": ask_and, "or": ask_or},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneAccuracy:
    """Percent of questions that were answered right."""

    accuracy: float  # by the small model alone
    accuracy_with_programs: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenesReport:
    """All questions, and kind by kind."""

    whole: SceneAccuracy
    by_kind: Mapping[str, SceneAccuracy]
    by_program: float  # percent of the questions that a program answered
    things_found: float  # percent of the scenes whose things were all found, and no more
    seed: int

    def table(self) -> str:
        """A table for people."""
        rows = [*self.by_kind.items(), ("all", self.whole)]
        lines = [f"{'questions about':<16}{'alone':>8}{'with programs':>16}{'n':>8}"]
        for name, share in rows:
            lines.append(f"{name:<16}{share.accuracy:>8.1f}{share.accuracy_with_programs:>16.1f}{share.n:>8}")
        told = (
            f"{self.by_program:.1f} % answered by a program; every thing found in {self.things_found:.1f} % of scenes"
        )
        return "\n".join([*lines, f"{told}; seed {self.seed}"])

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(
            {
                **asdict(self.whole),
                "by_kind": {kind: asdict(share) for kind, share in self.by_kind.items()},
                "by_program": self.by_program,
                "things_found": self.things_found,
                "seed": self.seed,
            }
        )


def evaluate_scenes(finder: SceneFinder, answers: SceneAnswerer, *, scenes: int, seed: int) -> ScenesReport:
    """One question of every kind about each of so many scenes."""
    chance = Random(seed)
    made = [make_scene(chance) for _ in range(scenes)]
    asked = [[make_question(each, kind, chance) for kind in KINDS] for each in made]
    found = list(finder.find_many(map(draw_scene, made)))
    rights: list[tuple[str, bool, bool]] = []  # kind; right alone, right with programs
    by_program = 0
    for questions, solids in zip(asked, found, strict=True):
        said = answers.answer_many([one.question for one in questions], [solids] * len(questions))
        for one, guess in zip(questions, said, strict=True):
            verdict = settled_on_paper(one.question, solids.scene, guess)
            by_program += verdict.said[0].by == "program"
            rights.append((one.kind, guess[0] == one.answer, verdict.answer == one.answer))
    whole = [len(paper.things) == len(solids) for paper, solids in zip(made, found, strict=True)]
    return ScenesReport(
        whole=measure_share(rights),
        by_kind={kind: measure_share([each for each in rights if each[0] == kind]) for kind in KINDS},
        by_program=round(100 * by_program / len(rights), 2),
        things_found=percent(whole),
        seed=seed,
    )


def measure_share(rights: Sequence[tuple[str, bool, bool]]) -> SceneAccuracy:
    """Percents of those that are right, alone and with programs."""
    _, alone, helped = zip(*rights, strict=True)
    return SceneAccuracy(accuracy=percent(alone), accuracy_with_programs=percent(helped), n=len(rights))
