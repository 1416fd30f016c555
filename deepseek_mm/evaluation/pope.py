"""`eval pope`: does it claim things that are not there? Questions in the manner of POPE (arXiv:2305.10355).

Of each photo some of COCO's things that are known to be there are asked for, and as many that nobody speaks of, drawn
in three ways: any thing (random), the most frequent ones (popular), and those that most often go together with what is
there (adversarial). What is there is told by captions, or by boxes of people and by questions that take a thing for
granted ("What colour is the cat?"). People leave much unsaid, most of all what usually goes together, so looking alone
cannot reach 100 %.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

from deepseek_mm.evaluation.pointing_game import read_box_rows
from deepseek_mm.evaluation.retrieval import read_rows
from deepseek_mm.evaluation.vqa import QuestionRow
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import IS_A, singular, with_article
from deepseek_mm.vision.detector.detector import NAMES
from deepseek_mm.vision.people import PEOPLE, PERSON
from deepseek_mm.vision.presence import names_for

WAYS = ("random", "popular", "adversarial")
EACH = 3  # things that are there, and as many that are not, of each photo and in each way
AMBIGUOUS = ("orange",)  # names that people mostly mean otherwise
TAKES_FOR_GRANTED = ("colour", "count", "where", "other")  # kinds of questions that do so with their thing
DENIES = ("no", "0", "none", "nothing")

ThingsOf = Mapping[str, frozenset[str]]  # photo -> COCO's names for what is there


def read_named_things(file: Path, *, split: str = "", boxes: Path | None = None) -> ThingsOf:
    """Photo -> COCO's names for what captions name, or questions take for granted, and people who have a box."""

    def read_row(row: Any) -> tuple[str, frozenset[str]]:
        if "captions" in row:
            return row["image"], find_coco_names(row["captions"])
        answers = [row["answer"]] if isinstance(row["answer"], str) else [*map(str, row["answer"])]
        return row["image"], find_assumed_names(row["question"], answers)

    rows = read_rows(file, read_row, shape="{image, captions} or {image, question, answer}", split=split)
    found: dict[str, frozenset[str]] = {}
    for image, names in rows:
        found[image] = found.get(image, frozenset()) | names
    with_people = {row.image for row in read_box_rows(boxes) if row.boxes} if boxes else set()
    return {image: names | {PERSON} if image in with_people else names for image, names in found.items()}


def make_pope_rows(things: ThingsOf, *, seed: int = 0) -> list[QuestionRow]:
    """Yes and no equally often, in each way (the kind of a row); always the same for a seed."""
    frequent = Counter(name for names in things.values() for name in names)
    beside = Counter(pair for names in things.values() for pair in permutations(sorted(names), 2))
    asked = []
    for image, names in things.items():
        absent = sorted(set(frequent) - names)
        shown = Random(f"{seed} {image}").sample(sorted(names), min(EACH, len(names), len(absent)))
        for way in WAYS:
            mixed = Random(f"{seed} {image} {way}").sample(absent, len(absent))
            denied = sort_absent(way, mixed, names, frequent, beside)[: len(shown)]
            asked += [ask_for(image, name, "yes", way) for name in shown]
            asked += [ask_for(image, name, "no", way) for name in denied]
    return asked


def sort_absent(
    way: str,
    absent: Sequence[str],
    there: frozenset[str],
    frequent: Mapping[str, int],
    beside: Mapping[tuple[str, str], int],
) -> list[str]:
    """Names of what nobody speaks of, those that are asked for first."""
    if way == "popular":
        return sorted(absent, key=lambda name: -frequent[name])
    if way == "adversarial":
        return sorted(absent, key=lambda name: -sum(beside.get((name, other), 0) for other in there))
    return list(absent)


def ask_for(image: str, name: str, answer: str, way: str) -> QuestionRow:
    """Is it there?"""
    question = f"Is there {with_article(name)} in the image?"
    return QuestionRow(image=image, question=question, answers=(answer,), kind=way)


def find_coco_names(captions: Sequence[str]) -> frozenset[str]:
    """COCO's names for what the captions name."""
    text = " ".join(" ".join(map(singular, re.findall("[a-z]+", caption.lower()))) + " ." for caption in captions)
    found = set()
    for name in sorted(NAMES, key=lambda name: -name.count(" ")):  # a teddy bear is no bear
        text, times = pattern_of(name).subn("", text) if " " in name else (text, pattern_of(name).search(text))
        found |= {name} if times else set()
    return frozenset(found - {*AMBIGUOUS})


def find_assumed_names(question: str, answers: Sequence[str]) -> frozenset[str]:
    """COCO's names for what a question takes for granted, and for its answer."""
    program = parse(question)
    granted = program.thing_phrases if program.kind in TAKES_FOR_GRANTED and answers[0] not in DENIES else ()
    return find_coco_names([*granted, *answers])


@cache
def pattern_of(name: str) -> re.Pattern[str]:
    """Any word for what COCO calls so, singular."""
    words = {*names_for(name), *(PEOPLE if name == PERSON else ()), *IS_A.get(name, ())}
    spoken = "|".join(" ".join(map(singular, word.split())) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"\b(?:{spoken})\b")
