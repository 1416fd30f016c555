"""Does a language model answer from the evidence? 200 questions over photos on paper, and what it said to each.

Three ways to ask, each harder for the model than the next: "read" gives it the evidence and the question alone, "draft"
adds the draft of the product, and "answer" is its whole path, in which every sentence is weighed and what is missing is
added. Citations are compared with the entries that a right answer rests on; a sentence is grounded if
`verifier.check` lets it pass; a refusal denies, and is right only where nothing shows what was asked for.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from deepseek_mm.answering.claims import nothing
from deepseek_mm.answering.composer import OWN_WORDS, build_prompt, reading_prompt, stream_answer
from deepseek_mm.answering.verifier import CITED, check, sentences
from deepseek_mm.config import Config
from deepseek_mm.evaluation.abstain import percent_of, read_things
from deepseek_mm.evaluation.evidence_questions import (
    EvidenceQuestion,
    Kind,
    QuestionGenerator,
    make_paper_photos,
    read_names,
)
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.language.words import content, is_negated, lead
from deepseek_mm.lm import Generator
from deepseek_mm.types import Message

WAYS = ("read", "draft", "answer")
SIZES: dict[Kind, int] = {"answerable": 80, "unanswerable": 40, "counting": 40, "which": 40}
SEED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredAnswer:
    """What a model said to one question, and how it weighs."""

    asked: EvidenceQuestion
    text: str
    cited: frozenset[int]
    kept: tuple[bool, ...]  # sentence by sentence: may it be shown?
    own: bool = True  # are the words the model's? False where the program's stand

    @property
    def precision(self) -> float:
        """Share of the cited entries that a right answer rests on; 0 for an answer that cites none."""
        return len(self.cited & self.asked.numbers) / max(1, len(self.cited))

    @property
    def recall(self) -> float:
        """Share of the entries a right answer rests on that are cited."""
        return len(self.cited & self.asked.numbers) / len(self.asked.numbers)

    @property
    def is_refusal(self) -> bool:
        """Does its first sentence that says anything deny?"""
        first = next((s for s in sentences([self.text]) if s.strip(" .")), "")
        return is_negated(first) or (lead(first) == "no" and not content(CITED.sub(" ", first)))

    @property
    def is_right(self) -> bool:
        """Does it say all that the direct answer says, and cite something that carries it?"""
        says_all = self.asked.words <= set(content(self.text))
        return says_all and not self.is_refusal and bool(self.cited & self.asked.numbers)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerReport:
    """Percent of the questions asked in one way."""

    way: str
    model: str
    said: tuple[ScoredAnswer, ...]

    def scores(self, kind: str = "") -> dict[str, float]:
        """Of one kind of question, or of all."""
        chosen = [said for said in self.said if kind in ("", said.asked.kind)]
        there = [said for said in chosen if said.asked.kind != "unanswerable"]
        absent = [said for said in chosen if said.asked.kind == "unanswerable"]
        kept = [passed for said in chosen for passed in said.kept]
        return {
            "citation_precision": mean([said.precision for said in there]),
            "citation_recall": mean([said.recall for said in there]),
            "grounded": percent_of(kept),
            "right": percent_of([said.is_right for said in there]),
            "right_refusals": percent_of([said.is_refusal for said in absent]),
            "false_refusals": percent_of([said.is_refusal for said in there]),
            "own_words": percent_of([said.own for said in chosen]),
        }

    def table(self) -> str:
        """For people: a line a kind of question."""
        kinds = list(dict.fromkeys(said.asked.kind for said in self.said))
        names = list(self.scores())
        lines = [f"{self.model}, asked to {self.way}" if self.way != "answer" else f"{self.model}, the whole path"]
        lines.append(f"{'':<14}" + "".join(f"{name.replace('_', ' '):>20}" for name in names))
        for kind in (*kinds, ""):
            row = self.scores(kind)
            lines.append(f"{kind or 'all':<14}" + "".join(f"{row[name]:>20.1f}" for name in names))
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """The figures by name, for machines."""
        return {"way": self.way, "model": self.model, "n": len(self.said), **self.scores()}


def make_questions(
    rows: Sequence[CaptionRow], config: Config, *, sizes: dict[Kind, int] | None = None, seed: int = SEED
) -> list[EvidenceQuestion]:
    """The same questions for the same captions: 200, each over other photos as far as they go."""
    photos = list(make_paper_photos(rows, read_names()))
    shelf = QuestionGenerator(photos, [thing.name for thing in read_things() if not thing.there], config)
    draw = random.Random(seed)
    asked: dict[str, EvidenceQuestion] = {}
    for kind, count in (sizes or SIZES).items():
        wanted = len(asked) + count
        while len(asked) < wanted:
            one = shelf.ask(kind, draw)
            asked.setdefault(f"{one.case.question.text.lower()} {sorted(one.keys)}", one)
    return list(asked.values())


def evaluate_answers(
    lm: Generator,
    asked: Sequence[EvidenceQuestion],
    config: Config,
    *,
    ways: Iterable[str] = WAYS,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, AnswerReport]:
    """Ask every question in every way; one report a way."""
    reports = {}
    for way in ways:
        said: list[ScoredAnswer] = []
        chosen = [one for one in asked if way != "draft" or one.case.claims]  # without claims there is no draft
        for number, one in enumerate(chosen, start=1):
            said.append(SPEAK[way](lm, one, config))
            if number % 50 == 0:
                progress(f"{way}: {number} of {len(chosen)} questions")
        reports[way] = AnswerReport(way=way, model=lm.name, said=tuple(said))
    return reports


def answer_from_evidence(lm: Generator, asked: EvidenceQuestion, config: Config) -> ScoredAnswer:
    """Answer from the evidence alone."""
    return say(lm, reading_prompt(asked.case.question, asked.case.evidence), asked, config)


def answer_from_draft(lm: Generator, asked: EvidenceQuestion, config: Config) -> ScoredAnswer:
    """Answer from the evidence and the draft."""
    case = asked.case
    return say(lm, build_prompt(case.question, case.program, case.evidence, case.claims), asked, config)


def say(lm: Generator, prompt: Sequence[Message], asked: EvidenceQuestion, config: Config) -> ScoredAnswer:
    """What the model makes of a prompt."""
    return weigh_answer("".join(lm.stream(prompt, max_tokens=config.lm.max_tokens, stop=Event())), asked, config)


def answer_as_product(lm: Generator, asked: EvidenceQuestion, config: Config) -> ScoredAnswer:
    """Answer as the product does, with every check."""
    case = asked.case
    if not case.claims:
        return replace(weigh_answer(nothing(case.program), asked, config), kept=(), own=False)
    given = list(stream_answer(lm, case, config, Event()))[-1]
    kept = tuple(entry.kept for entry in given.checks if entry.kept)
    phrased = any(entry.kept and entry.reason != OWN_WORDS for entry in given.checks)
    return replace(weigh_answer(given.text, asked, config), kept=kept, own=phrased)


SPEAK: dict[str, Callable[[Generator, EvidenceQuestion, Config], ScoredAnswer]] = {
    "read": answer_from_evidence,
    "draft": answer_from_draft,
    "answer": answer_as_product,
}


def weigh_answer(text: str, asked: EvidenceQuestion, config: Config) -> ScoredAnswer:
    """Its citations, and each of its sentences that says something against the evidence, as the rules see it."""
    said = (sentence for sentence in sentences([text]) if sentence.strip())
    kept = tuple(check(sentence, asked.case.evidence, asked.truth, config).kept for sentence in said)
    return ScoredAnswer(asked=asked, text=text, cited=frozenset(int(n) for n in CITED.findall(text)), kept=kept)


def mean(values: Sequence[float]) -> float:
    """In percent; 0 of none."""
    return round(100 * sum(values) / len(values), 2) if values else 0.0
