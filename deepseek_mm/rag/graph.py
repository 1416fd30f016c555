"""A photo's regions as a scene that programs run over, and what a program makes of a question about it.

Boxes with labels are the things of a photo; what has no box is not in the scene, so a thing that a program does not
find may be there all the same. That is told as "not covered", not as a no.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from deepseek_mm.language.words import lead, names_the_same
from deepseek_mm.logic.english import program_of
from deepseek_mm.logic.interpreter import run
from deepseek_mm.logic.scene import FLAT, SCENE, Scene, SceneItem, drawn_item
from deepseek_mm.logic.syntax import CallNode, Node, check, read
from deepseek_mm.records import Agreement, Answer, Worked
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
