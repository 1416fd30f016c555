"""A question as a program over the scene graph of one photo, by grammar or by the language model, and its result.

Boxes with labels are the things of a photo; what has no box is not in the scene, so a thing that a program does not
find may be there all the same. That is told as "not covered", not as a no.

The model is shown some questions with their programs. What it writes counts only where it holds together and speaks of
nothing that the question does not name: a small model is soon beside the point, and a wrong program is worse than none.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from threading import Event

from deepseek_mm.errors import BadProgram, DeepSeekMMError
from deepseek_mm.language.words import lead, names_the_same, singular
from deepseek_mm.lm.generator import Generator
from deepseek_mm.logic.english import ANYTHING, ENDS, RELATION_PHRASES, SPELLINGS, program_of, spelt
from deepseek_mm.logic.interpreter import run
from deepseek_mm.logic.scene import FLAT, SCENE, TRAITS, Scene, SceneItem, drawn_item
from deepseek_mm.logic.syntax import CallNode, Node, WordNode, check, read
from deepseek_mm.types import Agreement, Answer, Message, Worked
from index import Region

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
        steps=tuple((step.call, step.gave) for step in outcome.steps),
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
