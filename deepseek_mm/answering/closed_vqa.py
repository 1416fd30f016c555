"""Closed questions about one picture: the predictors' verdict.

Of a drawing, where the grammar knows a program, its answer stands: it is exact, and as sure as what it
rests on; the network is heard beside it. Elsewhere the network answers, as sure as it is. Where a program finds that a
question takes something for granted that is not there, the network's answer is no more than a guess.

Of a photo, the reader reads the question while it looks. Where the question is whether one thing is there, its likeness
to the picture, as search measures it, is a second witness, the picture's labels are a third, and what is noticed of
things that are known well is a fourth; a language model that looks at pictures is a fifth. A question that speaks of a
thing which is not there is told so instead of being answered.
"""

import hashlib
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from PIL.Image import Image

from deepseek_mm.chance import log_odds
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.language.parser import PhotoQuestion, parse
from deepseek_mm.language.words import IS_A, PRONOUNS, names_the_same, plural, with_article
from deepseek_mm.lm.generator import YesNoModel
from deepseek_mm.logic.english import program_of
from deepseek_mm.logic.programs import Scene, run
from deepseek_mm.retrieval.evidence import same_kind
from deepseek_mm.stage_clock import note_model
from deepseek_mm.types import Evidence, Said, Verdict
from deepseek_mm.vision.colours import colours_looked_at
from deepseek_mm.vision.people import PEOPLE
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline, VqaPrediction, add_features, only_once
from deepseek_mm.vision.presence import KNOWN, NAMED, SEEN, Weights, find_names
from deepseek_mm.vision.vqa import (
    AT_ONCE,
    CLOSED,
    COLOUR,
    EVEN,
    NO,
    blend_glance,
    combine,
    is_disputed,
    outcome_of,
)
from deepseek_mm.vision.vqa_net import VqaQuestion
from index import Label


def settled_on_paper(question: str, scene: Scene, guess: tuple[str, float]) -> Verdict:
    """What the question is answered with; `guess` is the network's answer, if any, and its probability."""
    said = [Said(by="network", answer=guess[0], chance=guess[1])] if guess[0] else []
    program = program_of(question)
    outcome = run(program, scene) if program else None
    if outcome and outcome.answer:
        rests_on = [item for item in scene.items if item.number in outcome.numbers] or scene.items
        chance = min((item.chance for item in rests_on), default=1.0)
        said.insert(0, Said(by="program", answer=outcome.answer, chance=chance, why=str(program)))
    missing = outcome.missing if outcome else ""
    if not said:
        return Verdict(answer="", chance=0.0, outcome="unknown", missing=missing)
    first = said[0]
    other = next((one for one in said[1:] if one.answer != first.answer), None)
    return Verdict(
        answer=first.answer,
        chance=first.chance,
        outcome="unknown" if missing else outcome_of(first.chance, closed=first.answer in CLOSED),
        runner_up=other.answer if other else "",
        runner_chance=min(other.chance, 1 - first.chance) if other else 0.0,
        said=tuple(said),
        disputed=is_disputed(said),
        missing=missing,
    )


PREMISE = 0.04  # probability of its thing below which a question is not answered
DOUBTED = 0.3  # the same where there is no answer to tell either
CONFUSED = 0.6  # of the log-odds of words for people is left: right in 62 to 80 % of dev photos, docs/log/
SETTLED = frozenset(["exist", "count", "colour", "sort", "other"])  # kinds of questions that witnesses settle
LEANING = ("colour", "count", "other")  # kinds of questions that take it for granted that their thing is there
MODEL_SURE = 0.9  # a language model is believed to be no surer than this, of yes or of no
LEAST = 0.3  # score from which a label is heard
APART = ("animal", "fruit", "vegetable", "vehicle")  # kinds of which a picture mostly shows one member
NEXT = re.compile(r"(and|what about|how about)\b")
IT = re.compile(rf"\b({'|'.join(sorted(PRONOUNS))})\b", re.IGNORECASE)
THERE_IS = re.compile(r"(is|are) there|(do|can) you see")
IN_FULL = {
    "exist": "is there {a}?",
    "colour": "what colour is the {one}?",
    "count": "how many {many} are there?",
}


@dataclass(frozen=True, slots=True)
class ClosedQuestion:
    """A question as the witnesses hear it, and the one thing whose presence it asks for, if it does."""

    text: str
    typed: str  # as somebody typed it, which is how questions about drawings are read
    things: tuple[str, ...] = ()  # that it names
    thing: str = ""
    premise: str = ""  # a thing that it takes for granted
    named: bool = False  # the thing is called by one word: "is there a rocket", not "is this a healthy breakfast"
    sort: str = ""  # "animal": a kind of thing, of which the name is asked for

    @property
    def question(self) -> VqaQuestion:
        """As the reader takes it."""
        return VqaQuestion(self.text, self.things)


def close_question(program: PhotoQuestion) -> ClosedQuestion:
    """In full: a question that leans on the one before names its thing instead of "it", or is asked as that one was."""
    things, text, kind = program.thing_phrases, program.text, program.kind
    if things and NEXT.match(text.lower()) and kind in IN_FULL:
        text = IN_FULL[kind].format(one=things[0], a=with_article(things[0]), many=plural(things[0]))
    elif things and program.things[0].name not in text.lower():
        text = IT.sub(f"the {things[0]}", text, count=1)
    if kind == "exist" and len(things) == 1:
        named = " " not in things[0] and bool(THERE_IS.match(text.lower()))
        return ClosedQuestion(text, program.text, things, thing=things[0], named=named)
    if kind == "sort" and len(things) == 1:
        return ClosedQuestion(text, program.text, things, sort=things[0])
    takes_for_granted = kind in LEANING and len(things) == 1
    return ClosedQuestion(text, program.text, things, premise=things[0] if takes_for_granted else "")


def whether_there(thing: str) -> ClosedQuestion:
    """The question whether a thing is there; the reader wants it in words."""
    text = IN_FULL["exist"].format(a=with_article(thing))
    return ClosedQuestion(text, text, (thing,), thing=thing, named=" " not in thing)


class Decider:
    """Questions about pictures to verdicts."""

    def __init__(self, eyes: VisionPipeline, model: YesNoModel | None = None) -> None:
        """Where the eyes have no reader, likeness speaks alone, or beside a `model` that sees."""
        self.eyes, self.reader, self.model = eyes, eyes.reader, model

    def decide_many(self, asked: Sequence[tuple[PhotoQuestion, ImageAnalysis]]) -> list[Verdict]:
        """One for each question and its picture."""
        return self._decide([(close_question(program), picture) for program, picture in asked])

    def presence(self, things: Sequence[str], picture: ImageAnalysis) -> list[Verdict]:
        """Whether the picture shows each of the things: yes or no."""
        return self._decide([(whether_there(thing), picture) for thing in things])

    def decide_texts(self, asked: Sequence[tuple[str, Image]]) -> list[Verdict]:
        """The same for questions as people type them; the same pixels are looked at once, some pictures at a time."""
        rows_of: dict[bytes, list[int]] = {}
        for row, (_, image) in enumerate(asked):
            rows_of.setdefault(digest_of(image), []).append(row)
        verdicts: dict[int, Verdict] = {}
        groups = list(rows_of.values())
        for some in (groups[start : start + AT_ONCE] for start in range(0, len(groups), AT_ONCE)):
            pictures = {row: picture for own in some for picture in [ImageAnalysis(asked[own[0]][1])] for row in own}
            found = self.decide_many([(parse(asked[row][0]), picture) for row, picture in pictures.items()])
            verdicts |= zip(pictures, found, strict=True)
        return [verdicts[row] for row in range(len(asked))]

    def judge_presence(
        self, entries: Sequence[Evidence], things: Sequence[str], pictures: Mapping[str, ImageAnalysis]
    ) -> list[Evidence]:
        """With how probable each thing is in each of the pictures (path -> picture), as it would be settled of one."""
        asked = [(thing, path) for path in pictures for thing in things]
        verdicts = self._decide([(whether_there(thing), pictures[path]) for thing, path in asked])
        told = {pair: verdict.chance_of_yes for pair, verdict in zip(asked, verdicts, strict=True)}
        judged = {path: tuple((thing, told[thing, path]) for thing in things) for path in pictures}
        return [replace(entry, judged=judged.get(entry.region.source.path, ())) for entry in entries]

    def _decide(self, asked: Sequence[tuple[ClosedQuestion, ImageAnalysis]]) -> list[Verdict]:
        """Photos by the witnesses, drawings by what stands in them; of a picture that shows nothing nothing is told."""
        verdicts = self._ask_witnesses(asked)
        for n, (one, picture) in enumerate(asked):
            if self.reader and self.eyes.paper and (drawn := self.eyes.drawing(picture)):
                verdicts[n] = settled_on_paper(one.typed, drawn.scene, self.eyes.paper.answer(one.typed, drawn))
            if picture.is_blank:
                verdicts[n] = replace(verdicts[n], outcome="unknown", blank=True)
        return verdicts

    def _ask_witnesses(self, asked: Sequence[tuple[ClosedQuestion, ImageAnalysis]]) -> list[Verdict]:
        """By all witnesses; where a question takes a thing for granted that is not there, that is the answer."""
        premises = {n: whether_there(one.premise) for n, (one, _) in enumerate(asked) if one.premise}
        every = [*asked, *((there, asked[n][1]) for n, there in premises.items())]
        readings = self._read([(one.question, picture) for one, picture in every])
        others = self._others(
            [one.thing or one.premise for one, _ in asked], [picture for _, picture in asked], readings
        )
        verdicts = [
            self._settle(one, reading, there | self._ask_model(one, picture) if one.thing else {}, picture)
            for (one, picture), reading, there in zip(asked, readings, others, strict=False)
        ]
        for n, reading in zip(premises, readings[len(asked) :], strict=True):
            there = self._settle(replace(premises[n], named=False), reading, others[n], asked[n][1])
            least = DOUBTED if verdicts[n].outcome == "unknown" else PREMISE
            if there.answer == NO and 1 - there.chance < least:
                verdicts[n] = replace(there, answer=f"no {premises[n].thing}", heat=verdicts[n].heat)
        return verdicts

    def _read(self, asked: Sequence[tuple[VqaQuestion, ImageAnalysis]]) -> list[VqaPrediction | None]:
        if self.reader is None or not asked:
            return [None] * len(asked)
        if self.reader.boxes:
            self.eyes.add_detections([picture for _, picture in asked])
        return [*self.reader.read_many(asked)]

    def _others(
        self, things: Sequence[str], pictures: Sequence[ImageAnalysis], readings: Sequence[VqaPrediction | None]
    ) -> list[dict[str, float]]:
        """How probable each picture's thing is by likeness and by the picture's labels; nothing where there is none."""
        names = sorted({thing for thing in things if thing})
        if not names:
            return [{}] * len(things)
        note_model("likeness")
        deque(add_features(self.eyes.space, only_once(pictures)), maxlen=0)
        witness = self.eyes.witness
        if witness and any(find_names(name) for name in names):
            self.eyes.add_detections(pictures)
        presence_NT = self.eyes.presence(names, np.stack([picture.look.vector_D for picture in pictures]))
        told: list[dict[str, float]] = []
        for n, (thing, picture, reading) in enumerate(zip(things, pictures, readings, strict=False)):
            told.append({"likeness": float(presence_NT[n, names.index(thing)])} if thing else {})
            if thing and reading:
                note_model("labels")
                told[n] |= by_labels(self.eyes.labels(picture), thing)
            if thing and reading and thing in reading.noticed:
                told[n]["notice"] = reading.noticed[thing]
            found = witness.chance_of(thing, picture.detections) if witness and thing else None
            told[n] |= {"detector": found} if found is not None else {}
        return told

    def _ask_model(self, one: ClosedQuestion, picture: ImageAnalysis) -> dict[str, float]:
        """What the language model sees, if it looks at pictures and says yes or no. One that fails keeps silent here:
        it is asked again for the words of the answer, and named there.
        """
        if self.model:
            note_model("model")
        with suppress(DeepSeekMMError):
            if self.model and (p_yes := self.model.chance_of_yes(one.text, picture.image)) is not None:
                return {"model": min(MODEL_SURE, max(1 - MODEL_SURE, p_yes))}
        return {}

    def _settle(
        self, one: ClosedQuestion, reading: VqaPrediction | None, there: dict[str, float], picture: ImageAnalysis
    ) -> Verdict:
        chances = reading.chances if reading else {}
        if one.thing:
            chances = {answer: chance for answer, chance in chances.items() if answer in CLOSED}
        glanced = reading.glanced if reading and not one.thing else {}
        if one.sort and reading:
            chances = sorted_by(self.eyes.labels(picture), one.sort, blend_glance(chances, glanced))
            glanced = {}
        colours = colours_looked_at(picture.image, reading.heat_GG) if reading and reading.family == COLOUR else {}
        verdict = combine(
            chances, there, weights=self._weights(one, there), why=one.thing, glanced=glanced, colours=colours
        )
        heat = tuple(tuple(map(float, row)) for row in reading.heat_GG) if reading else ()
        verdict = discount_gender(verdict) if one.thing in PEOPLE else verdict
        return replace(verdict, heat=heat)

    def _weights(self, one: ClosedQuestion, there: Mapping[str, float]) -> Weights:
        """How much each witness counts: where the detector is one of them all were weighed with it."""
        weighed = self.eyes.witness.weights if self.eyes.witness and "detector" in there else {}
        if self.reader is None:
            return weighed.get(SEEN, EVEN)
        if weighed:
            return weighed[KNOWN if one.thing in self.reader.sure.nouns else NAMED]
        return self.reader.weights_for(one.thing, named=one.named)


def digest_of(image: Image) -> bytes:
    """The same for the same pixels only."""
    return hashlib.blake2b(image.tobytes(), digest_size=16, key=f"{image.mode} {image.size}".encode()).digest()


def discount_gender(verdict: Verdict) -> Verdict:
    """Whether a person is a man or a woman, a boy or a girl, is confused more often than witnesses think."""
    if not verdict.chance:
        return verdict
    chance = 1 / (1 + math.exp(-CONFUSED * log_odds(verdict.chance)))
    outcome = outcome_of(chance, closed=True)
    return replace(verdict, chance=chance, runner_chance=1 - chance if verdict.runner_up else 0.0, outcome=outcome)


def by_labels(labels: Sequence[Label], thing: str) -> dict[str, float]:
    """What labels say of a thing: the surest that names it, or that a surer one names another of its kind.

    Nothing where they say nothing: much that is there has no label.
    """
    named = max((label.score for label in labels if names_the_same(label.name, thing)), default=0.0)
    rival = max((label.score for label in labels if are_rivals(label.name, thing)), default=0.0)
    if max(named, rival) < LEAST:
        return {}
    return {"labels": named if named >= rival else 1 - rival}


def sorted_by(labels: Sequence[Label], sort: str, chances: Mapping[str, float]) -> dict[str, float]:
    """Probabilities of answers, with the surest label of this sort: its score is what it takes of all others."""
    fitting = [each for each in labels if each.name != sort and each.score >= LEAST and names_the_same(each.name, sort)]
    if not fitting:
        return dict(chances)
    best = max(fitting, key=lambda label: label.score)
    left = {answer: (1 - best.score) * chance for answer, chance in chances.items()}
    return left | {best.name: left.get(best.name, 0.0) + best.score}


def are_rivals(label: str, thing: str) -> bool:
    """Two animals, two fruits, ...: what is one of them is hardly the other."""
    return not same_kind(label, thing) and any(label in IS_A[kind] and thing in IS_A[kind] for kind in APART)
