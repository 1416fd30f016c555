"""The same rules through clingo: on every scene it warns of the same, and rests on the same things."""

import random
import sys

import pytest

from deepseek_mm.errors import MissingPackage
from deepseek_mm.logic.scene import Item, Scene
from deepseek_mm.logic.solver import open_clingo, quoted, translated
from deepseek_mm.logic.watch import BETWEEN, SIGNS, rules_of, watch_many

pytest.importorskip("clingo")
WORDS = ("cup", "laptop", "washing machine", "red", "thing", "helmet")  # the last fits nothing


def scene_by(random_: random.Random) -> Scene:
    """Up to seven things on a coarse grid, so that many touch, are level or of one size; their numbers are shuffled."""
    count = random_.randrange(8)
    return Scene(items=tuple(item_by(random_, number) for number in random_.sample(range(1, 20), count)), least=0.5)


def item_by(random_: random.Random, number: int) -> Item:
    left, top = random_.randrange(8) / 10, random_.randrange(8) / 10
    return Item(
        number=number,
        names=tuple(random_.sample(WORDS[:3], random_.choice((1, 1, 2)))),
        colours=frozenset(random_.sample(("red", "blue"), 1)),
        box=(left, top, left + random_.choice((0.1, 0.2)), top + random_.choice((0.1, 0.2))),
        chance=random_.choice((0.4, 0.5, 0.9)),
    )


def rule_by(random_: random.Random) -> str:
    conditions = " and ".join(condition_by(random_) for _ in range(random_.choice((1, 1, 2, 3))))
    return f'{conditions} -> {random_.choice(("warn", "note"))} "something"'


def condition_by(random_: random.Random) -> str:
    no, one, other = random_.choice(("", "", "not ")), *(f'"{random_.choice(WORDS)}"' for _ in range(2))
    call = random_.choice(("exist", "count", *BETWEEN))
    if call in BETWEEN:
        return f"{no}{call}({one}, {other})"
    compared = f" {random_.choice(list(SIGNS))} {random_.randrange(4)}" if call == "count" else ""
    return f"{no}{call}({one}){compared}"


@pytest.mark.parametrize("seed", range(20))
def test_both_ways_warn_of_the_same_and_rest_on_the_same_things(seed):
    random_ = random.Random(seed)
    rules = rules_of(rule_by(random_) for _ in range(25))
    scenes = [scene_by(random_) for _ in range(40)]
    found = watch_many(rules, scenes)
    assert open_clingo()(rules, scenes) == found
    assert 50 < sum(map(len, found)) < 900  # neither nothing holds nor everything: it could have differed


@pytest.mark.parametrize("call", BETWEEN)
def test_every_relation_has_a_name_that_the_solver_reads(call):
    rules = rules_of([f'{call}(cup, laptop) -> note "x"', f'not {call}(cup, laptop) -> note "y"'])
    scenes = [scene_by(random.Random(seed)) for seed in range(60)]
    found = watch_many(rules, scenes)
    assert open_clingo()(rules, scenes) == found
    assert {warned.rule.text for each in found for warned in each} == {"x", "y"}


def test_a_rule_reads_as_a_person_would_write_it_for_the_solver():
    (rule,) = rules_of(['near(cup, laptop) and not exist(helmet) -> warn "careful"'])
    shown, *lines = translated([rule])
    assert lines == [
        'met(P,0,0) :- called(P,X,"cup"), called(P,Y,"laptop"), stands(P,near,X,Y).',
        "first(P,0,0,T) :- met(P,0,0), "
        'T = #min { (X,Y) : called(P,X,"cup"), called(P,Y,"laptop"), stands(P,near,X,Y) }.',
        "seen(P,0,0,0,X) :- first(P,0,0,(X,Y)). seen(P,0,0,1,Y) :- first(P,0,0,(X,Y)).",
        'met(P,0,1) :- called(P,X,"helmet").',
        "holds(P,0) :- photo(P), met(P,0,0), not met(P,0,1).",
    ]


@pytest.mark.parametrize("word", ["a\\", "caf\u00e9", '\\" :- #true. holds(0,0). %', "\u0000", "tab\there", "\ud800"])
def test_a_word_of_any_letters_stays_one_word(word):
    word = word.replace('"', "'")  # which the rules' own grammar does not let in
    rules = rules_of([f'exist("{word}") -> note "x"', f'exist("{word}.") -> note "y"'])
    scene = Scene(items=(Item(number=4, names=(word,)),))
    (found,) = open_clingo()(rules, [scene])
    assert [(warned.rule.text, warned.numbers) for warned in found] == [("x", (4,))]
    assert quoted(word).isascii()


def test_no_picture_and_no_thing_are_no_trouble():
    rules = rules_of(['not exist(cup) -> note "x"'])
    assert open_clingo()(rules, []) == []
    assert [len(found) for found in open_clingo()(rules, [Scene(items=())])] == [1]


def test_without_clingo_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "clingo", None)
    with pytest.raises(MissingPackage, match=r"pip install 'deepseek-mm\[clingo\]'"):
        open_clingo()
