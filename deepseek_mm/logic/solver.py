"""A user's rules through clingo, a solver for answer set programs: the same words, the same warnings.

What is in the pictures becomes facts, each rule becomes rules of the solver:

    photo(0). called(0,1,"cup"). called(0,2,"laptop"). stands(0,near,1,2).

    met(P,0,0) :- called(P,X,"cup"), called(P,Y,"laptop"), stands(P,near,X,Y).
    holds(P,0) :- photo(P), met(P,0,0).

P is a picture and X a thing of it, both by their place; the numbers after P are those of a rule and of a condition of
it. Which thing a word fits and how two things lie is worked out before, by `scene`. There is one answer set.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

from deepseek_mm.errors import MissingPackage
from deepseek_mm.logic.scene import RELATIONS, Scene
from deepseek_mm.logic.watch import BETWEEN, Condition, Rule, Warned, Watcher, called

SHOWN = "#show holds/2. #show seen/5."
QUIET = "--warn=none"  # a word that fits nothing in any picture is no mistake


def open_clingo() -> Watcher:
    """What checks rules as `watch_many` does. MissingPackage without clingo."""
    try:
        import clingo
    except ImportError as error:
        raise MissingPackage("clingo", needed_for="checking rules with clingo", extra="clingo") from error

    def solved(rules: Sequence[Rule], scenes: Sequence[Scene]) -> list[list[Warned]]:
        control = clingo.Control([QUIET])
        control.add("\n".join([*facts(rules, scenes), *translated(rules)]))
        control.ground()
        with control.solve(yield_=True) as models:
            atoms = [atom for model in models for atom in model.symbols(shown=True)]
        return read_back(rules, scenes, atoms)

    return solved


def facts(rules: Sequence[Rule], scenes: Sequence[Scene]) -> Iterator[str]:
    """What the rules can ask of the pictures, a line for each."""
    asked = [condition for rule in rules for condition in rule.conditions]
    words = dict.fromkeys(word for each in asked for word in (each.one, each.other) if word)
    relations = dict.fromkeys(each.call for each in asked if each.call in BETWEEN)
    for photo, scene in enumerate(scenes):
        told = [f"photo({photo})."]
        places = {item: place for place, item in enumerate(scene.items)}
        fitting = {word: [places[item] for item in called(word, scene)] for word in words}
        told += [f"called({photo},{place},{quoted(word)})." for word, ones in fitting.items() for place in ones]
        named = sorted({place for ones in fitting.values() for place in ones})
        told += [
            f"stands({photo},{relation},{one},{other})."
            for one, other in permutations(named, 2)
            for relation in relations
            if RELATIONS[BETWEEN[relation]](scene.items[one], scene.items[other])
        ]
        yield " ".join(told)


def translated(rules: Sequence[Rule]) -> Iterator[str]:
    """The rules as the solver's own."""
    yield SHOWN
    for number, rule in enumerate(rules):
        for place, condition in enumerate(rule.conditions):
            yield from asked_for(condition, f"P,{number},{place}")
        signs = ("not " if condition.denied else "" for condition in rule.conditions)
        met = ", ".join(f"{sign}met(P,{number},{place})" for place, sign in enumerate(signs))
        yield f"holds(P,{number}) :- photo(P), {met}."


def asked_for(condition: Condition, key: str) -> Iterator[str]:
    """When a condition is met; unless it is denied, also by which things, each with its place among them."""
    one, other = f"called(P,X,{quoted(condition.one)})", f"called(P,Y,{quoted(condition.other)})"
    if condition.call == "count":
        yield f"met({key}) :- photo(P), #count {{ X : {one} }} {condition.sign} {condition.number}."
        seen = [f"seen({key},X,X) :- met({key}), {one}."]
    elif condition.call == "exist":
        yield f"met({key}) :- {one}."
        seen = [f"seen({key},0,T) :- met({key}), T = #min {{ X : {one} }}."]
    else:
        pair = f"{one}, {other}, stands(P,{condition.call},X,Y)"
        yield f"met({key}) :- {pair}."
        seen = [
            f"first({key},T) :- met({key}), T = #min {{ (X,Y) : {pair} }}.",
            f"seen({key},0,X) :- first({key},(X,Y)). seen({key},1,Y) :- first({key},(X,Y)).",
        ]
    yield from () if condition.denied else seen


def quoted(word: str) -> str:
    """A word as the solver reads it: letters that it does not know are spelled out, and no two words alike."""
    return '"' + word.encode("unicode_escape").decode().replace("\\", "\\\\") + '"'


def read_back(rules: Sequence[Rule], scenes: Sequence[Scene], atoms: Sequence[Any]) -> list[list[Warned]]:
    """What holds in each picture, and the things that it rests on, in the order of the conditions."""
    numbers = [(atom.name, tuple(each.number for each in atom.arguments)) for atom in atoms]
    seen: dict[tuple[int, int], list[int]] = defaultdict(list)
    for photo, rule, _, _, thing in sorted(told for name, told in numbers if name == "seen"):
        seen[photo, rule].append(scenes[photo].items[thing].number)
    found: list[list[Warned]] = [[] for _ in scenes]
    for photo, rule in sorted(told for name, told in numbers if name == "holds"):
        things = dict.fromkeys(seen[photo, rule])
        found[photo].append(Warned(rule=rules[rule], numbers=tuple(things)))
    return found
