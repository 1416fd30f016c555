"""Settles closed questions about pictures: asks the witnesses, and lets the judge weigh what they say.

The reader reads the question while it looks. Where the question is whether one thing is there, its likeness to the
picture, as search measures it, is a second witness. A question that speaks of a thing which is not there is told so
instead of being answered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL.Image import Image

from deepseek_mm.rag.judge import EVEN, NO, YES, settle
from deepseek_mm.rag.program.lexicon import PRONOUNS
from deepseek_mm.rag.program.parse import Program, parse
from deepseek_mm.rag.program.words import plural, with_article
from deepseek_mm.records import Verdict
from deepseek_mm.see.eyes import Eyes
from deepseek_mm.see.plain import shows_nothing
from deepseek_mm.see.reader.reader import Reading

PREMISE = 0.04  # probability of its thing below which a question is not answered
LEANING = ("colour", "count", "other")  # kinds of questions that take it for granted that their thing is there
CLOSED = (YES, NO)
NEXT = re.compile(r"(and|what about|how about)\b")
IT = re.compile(rf"\b({'|'.join(sorted(PRONOUNS))})\b", re.IGNORECASE)
IN_FULL = {
    "exist": "is there {a}?",
    "colour": "what colour is the {one}?",
    "count": "how many {many} are there?",
}


@dataclass(frozen=True, slots=True)
class Put:
    """A question as the witnesses hear it, and the one thing whose presence it asks for, if it does."""

    text: str
    thing: str = ""
    premise: str = ""  # a thing that it takes for granted


def put(program: Program) -> Put:
    """In full: a question that leans on the one before names its thing instead of "it", or is asked as that one was."""
    things, text, kind = program.wanted, program.text, program.kind
    if things and NEXT.match(text.lower()) and kind in IN_FULL:
        text = IN_FULL[kind].format(one=things[0], a=with_article(things[0]), many=plural(things[0]))
    elif things and program.things[0].name not in text.lower():
        text = IT.sub(f"the {things[0]}", text, count=1)
    if kind == "exist" and len(things) == 1:
        return Put(text, thing=things[0])
    takes_for_granted = kind in LEANING and len(things) == 1
    return Put(text, premise=things[0] if takes_for_granted else "")


class Decider:
    """Questions about pictures to verdicts."""

    def __init__(self, eyes: Eyes) -> None:
        """Where the eyes have no reader, only likeness speaks."""
        self.eyes, self.reader = eyes, eyes.reader
        self.weights = eyes.reader.weights if eyes.reader else EVEN

    def decide_many(self, asked: Sequence[tuple[Program, Image]]) -> list[Verdict]:
        """One for each question and its picture; a picture object that comes again is looked at once."""
        puts = [put(program) for program, _ in asked]
        images = [image for _, image in asked]
        premises = [n for n, one in enumerate(puts) if one.premise]
        lines = [one.text for one in puts] + [f"is there {with_article(puts[n].premise)}?" for n in premises]
        readings = self._read(list(zip(lines, [*images, *(images[n] for n in premises)], strict=True)))
        likeness = self._likeness([one.thing or one.premise for one in puts], readings[: len(puts)], images)
        verdicts = [
            self._settle(one, reading, like if one.thing else None)
            for one, reading, like in zip(puts, readings, likeness, strict=False)
        ]
        for n, reading in zip(premises, readings[len(puts) :], strict=True):
            there = self._settle(Put("", thing=puts[n].premise), reading, likeness[n])
            if there.answer == NO and 1 - there.chance < PREMISE:
                verdicts[n] = replace(there, answer=f"no {puts[n].premise}", heat=verdicts[n].heat)
        blank = {id(image): shows_nothing(image) for image in {id(image): image for image in images}.values()}
        return [
            replace(verdict, outcome="unknown", blank=True) if blank[id(image)] else verdict
            for verdict, image in zip(verdicts, images, strict=True)
        ]

    def decide_texts(self, asked: Sequence[tuple[str, Image]]) -> list[Verdict]:
        """The same for questions as people type them."""
        return self.decide_many([(parse(text), image) for text, image in asked])

    def _read(self, asked: Sequence[tuple[str, Image]]) -> list[Reading | None]:
        return [*self.reader.read_many(asked)] if self.reader and asked else [None] * len(asked)

    def _likeness(
        self, things: Sequence[str], readings: Sequence[Reading | None], images: Sequence[Image]
    ) -> list[float]:
        """Of each picture to its thing; 0 where there is none."""
        names = sorted({thing for thing in things if thing})
        if not names:
            return [0.0] * len(things)
        if self.reader:
            vectors_ND = np.stack([reading.vector_D for reading in readings if reading])
        else:
            vectors_ND = self.eyes.space.embed_images(images)
        presence_NT = self.eyes.presence(names, vectors_ND)
        return [float(presence_NT[n, names.index(thing)]) if thing else 0.0 for n, thing in enumerate(things)]

    def _settle(self, one: Put, reading: Reading | None, likeness: float | None) -> Verdict:
        chances = reading.chances if reading else {}
        if one.thing:
            chances = {answer: chance for answer, chance in chances.items() if answer in CLOSED}
        verdict = settle(chances, likeness, weights=self.weights, why=one.thing)
        heat = tuple(tuple(map(float, row)) for row in reading.heat_GG) if reading else ()
        return replace(verdict, heat=heat)
