"""Questions and a user's rules as programs over the scene graph of a photo, and the boxes that they rest on.

Boxes with labels are the things of a photo; what has no box is not in the scene, so a thing that a program does not
find may be there all the same. That is told as "not covered", not as a no.

The model is shown some questions with their programs. What it writes counts only where it holds together and speaks of
nothing that the question does not name: a small model is soon beside the point, and a wrong program is worse than none.

Photos come some hundred at a time, by rising id, so a library of any size takes no more memory. A rule knows a photo by
its boxes and their labels only: a thing without a box may be there all the same (`Rule.by_absence`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from deepseek_mm.errors import BadProgram, DeepSeekMMError, NothingThere
from deepseek_mm.language.words import lead, names_the_same, singular
from deepseek_mm.lm.generator import Generator
from deepseek_mm.logic.english import ANYTHING, ENDS, RELATION_PHRASES, SPELLINGS, program_of, spelt
from deepseek_mm.logic.programs import (
    FLAT,
    SCENE,
    TRAITS,
    CallNode,
    Node,
    Scene,
    SceneItem,
    WordNode,
    check,
    drawn_item,
    read,
    run,
)
from deepseek_mm.logic.rules import FORM, Rule, watch
from deepseek_mm.storage.files import atomic_write, read_lines
from deepseek_mm.types import Agreement, Answer, Message, Worked
from index import LIBRARY, Filter, Region
from index.region import UPLOADS

if TYPE_CHECKING:
    from index.store import RegionStore


EMPTY = ("no", "0", "nothing")  # what a program gives where it finds nothing


def scene_of(regions: Sequence[Region], *, least: float) -> Scene:
    """The parts of one photo that a label names with at least this probability, numbered in their order.

    Of a drawing everything is known.
    """
    drawn = is_drawn(regions)
    labelled = {number: region for number, region in parts_by_number(regions).items() if region.labels}
    items = tuple(item_of(region, number, drawn=drawn) for number, region in labelled.items())
    return Scene(items=items, fits=names_the_same, complete=drawn, least=least)


def is_drawn(regions: Sequence[Region]) -> bool:
    """Are these the regions of a drawing?"""
    return any(label.name in (SCENE, FLAT) for region in regions if region.kind == "whole" for label in region.labels)


def parts_by_number(regions: Sequence[Region]) -> dict[int, Region]:
    """The parts of one photo by the numbers that they have in its scene."""
    return dict(enumerate((region for region in regions if region.kind == "part"), start=1))


def item_of(region: Region, number: int, *, drawn: bool) -> SceneItem:
    """A box as a thing."""
    wide, high = max(1, region.source.width_px), max(1, region.source.height_px)
    left, top, right, bottom = region.box_px
    box = (left / wide, top / high, right / wide, bottom / high)
    names = tuple(label.name for label in region.labels)
    chance = max(label.score for label in region.labels)
    if drawn and (item := drawn_item(names, box, number=number, chance=chance)):
        return item
    return SceneItem(
        number=number,
        names=names,
        traits={"colour": region.colours[0]} if region.colours else {},
        colours=frozenset(region.colours),
        box=box,
        chance=chance,
    )


def run_question(
    question: str,
    regions: Sequence[Region],
    answer: str,
    *,
    least: float,
    translate: Callable[[str], CallNode | None] | None = None,
) -> Worked | None:
    """The question's program and what it gives; None where there is none.

    `translate` is asked for a program where the grammar knows none.
    """
    program = program_of(question)
    by_model = program is None and translate is not None
    program = translate(question) if program is None and translate else program
    if program is None:
        return None
    return replace(run_and_compare(program, regions, answer, least=least), by_model=by_model)


def rerun_program(text: str, told: Answer, regions: Sequence[Region], *, least: float) -> Worked:
    """The same for a program that somebody wrote, with parts that the answer points at and the store does not keep.

    BadProgram points at the place where it is wrong.
    """
    program = read(text)
    check(program, text)
    closer = [citation.region for citation in told.citations if citation.region.kind == "part"]
    kept = {region.box_px for region in regions}
    answer = told.verdict.answer if told.verdict else lead(told.text)
    return run_and_compare(program, [*regions, *(r for r in closer if r.box_px not in kept)], answer, least=least)


def run_and_compare(program: Node, regions: Sequence[Region], answer: str, *, least: float) -> Worked:
    """What it gives over the photo, beside the answer that was given."""
    scene = scene_of(regions, least=least)
    outcome = run(program, scene)
    covered = not outcome.missing and bool(scene.complete or outcome.numbers or outcome.answer not in EMPTY)
    agrees: Agreement = "not covered"
    if covered and answer:
        agrees = "agrees" if outcome.answer.lower() == answer.lower() else "contradicts"
    return Worked(
        program=str(program),
        answer=outcome.answer,
        steps=outcome.steps,
        missing=outcome.missing,
        agrees=agrees,
    )


MOST_TOKENS = 64
LOOSE = re.compile(r'\b(count|exist|the)\(all\(\), ("[^"]*"(?:, "[^"]*")*)\)')  # a small model forgets the filter
PAIRED = re.compile(r'"(\w+) (\w+)"')
SYSTEM = "You write a question as a program. Use only the calls that you have seen."
SHOWN = (  # questions that the grammar knows; their programs come from it
    "How many red cups are there?",
    "Is there a dog?",
    "What colour is the big cube?",
    "Is the cup to the left of the lamp?",
    "How many things are behind the green ball?",
    "Are there more cubes than balls?",
    "Is the cube the same size as the cone?",
)


def translate_question(question: str, lm: Generator, stop: Event | None = None) -> CallNode | None:
    """The program; None where the model has none, or one that cannot be trusted."""
    shots = [
        message
        for shown in SHOWN
        for message in (Message(role="user", text=shown), Message(role="assistant", text=str(program_of(shown))))
    ]
    asked = [Message(role="system", text=SYSTEM), *shots, Message(role="user", text=question)]
    try:
        line = tidy_program(first_call(lm.stream(asked, max_tokens=MOST_TOKENS, stop=stop or Event())))
        program = read(line)
        check(program, line)
    except (BadProgram, DeepSeekMMError):
        return None
    return program if isinstance(program, CallNode) and is_said(program, question) else None


def first_call(pieces: Iterable[str]) -> str:
    """What is written until the first call closes; the model is not listened to any longer."""
    text = ""
    for piece in pieces:
        for letter in piece:
            text += letter
            if letter == ")" and text.count("(") == text.count(")"):
                return text.strip()
    return text.strip()


def tidy_program(line: str) -> str:
    """With the filter that a small model forgets, and words of which each holds by itself apart: "small ball"."""
    line = LOOSE.sub(r"\1(filter(all(), \2))", line)
    return PAIRED.sub(lambda m: f'"{m[1]}", "{m[2]}"' if m[1] in SPELLINGS else m[0], line)


def is_said(program: CallNode, question: str) -> bool:
    """Does the question name every thing and relation of the program, and the program every thing of the question?"""
    line = re.sub(r"\W+", " ", question.lower())
    named = {form for word in line.split() for form in (word, singular(word), spelt(word))}
    meant = {relation for phrase, relation in RELATION_PHRASES.items() if f" {phrase} " in f" {line} "}
    words = list(words_of(program))
    things = {singular(part) for call, word in words if call == "filter" for part in word.split()}
    said = (word in meant if call == "relate" else word in TRAITS or set(word.split()) <= named for call, word in words)
    return bool(things) and described_words(line) <= things and all(said)


def described_words(line: str) -> set[str]:
    """What a question says that things are like, and what it calls them so: red, and cube, of "the red cubes"."""
    words = line.split()
    likes = {spelt(word) for word in words if word in SPELLINGS}
    called = {singular(after) for word, after in pairwise(words) if word in SPELLINGS and after not in SPELLINGS}
    return likes | (called - ENDS - ANYTHING)


def words_of(node: Node) -> Iterator[tuple[str, str]]:
    """Every word of a program, with the call that it is given to."""
    for given in node.given if isinstance(node, CallNode) else ():
        if isinstance(given, WordNode) and isinstance(node, CallNode):
            yield node.name, given.text
        yield from words_of(given)


BATCH = 256  # photos that are looked at together
RULES = "rules.txt"  # in the library's folder: the rules that were checked last on its page


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A rule that holds in a photo."""

    rule: Rule
    regions: tuple[Region, ...]  # the boxes that it rests on, in the order of its conditions; () for what is not there


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A photo, and the rules that hold in it in their order; none perhaps."""

    photo: Region  # the whole of it
    held: tuple[Held, ...]


def check_photos(rules: Sequence[Rule], store: "RegionStore", *, collection: str, least: float) -> Iterator[Checked]:
    """See `Assistant.check_rules`; a box counts whose label has at least the probability `least`."""
    if not rules:
        raise BadProgram(f"there is no rule to check. Write one a line, such as: {FORM}")
    if collection == UPLOADS or not store.has_sources(photos_of(collection)):
        raise NothingThere(why_none(store, collection))
    return walk_photos(rules, store, photos_of(collection), least)


def photos_of(collection: str) -> Filter:
    """What is checked of a collection."""
    return Filter(collection=collection, source_kinds=("photo",))


def why_none(store: "RegionStore", collection: str) -> str:
    """Why there is no photo to check, and what to do."""
    if collection == LIBRARY:
        return "the library has no photos to check. Add some first, under Library or with the command index"
    names = [name for name in store.collections() if name != LIBRARY]
    if collection not in names:
        return f"no collection is called {collection!r}. Those there are: {', '.join(names) or 'none yet'}"
    return f"no photo is in the collection {collection!r}. Name another, or none for the whole library"


def walk_photos(rules: Sequence[Rule], store: "RegionStore", where: Filter, least: float) -> Iterator[Checked]:
    """Batch by batch; a photo that goes meanwhile is left out."""
    after = 0
    while sources := store.walk(where, limit=BATCH, after=after):
        after = sources[-1].id
        found = store.regions_of([source.id for source in sources])
        photos = [regions for regions in found.values() if regions]
        yield from (check_photo(rules, regions, least) for regions in photos)


def check_photo(rules: Sequence[Rule], regions: Sequence[Region], least: float) -> Checked:
    """The rules that hold in one photo, with the boxes in place of their numbers."""
    parts, warned = parts_by_number(regions), watch(rules, scene_of(regions, least=least))
    held = (Held(rule=each.rule, regions=tuple(parts[number] for number in each.numbers)) for each in warned)
    return Checked(photo=regions[0], held=tuple(held))


def kept_rules(data: Path) -> str:
    """The text of the rules that were kept in a library's folder; empty where there are none."""
    return "\n".join(read_lines(data / RULES))


def keep_rules(data: Path, text: str) -> None:
    """Keep this text there. LibraryError says why it cannot be."""
    atomic_write(data / RULES, text.encode("utf-8", "replace"))
