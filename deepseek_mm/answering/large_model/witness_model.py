"""A larger model that sees, asked about photos at hand: one more witness of what they show, the only one of reasons.

It is shown the photos with numbered boxes, and not told what others found. Its sentences become claims with citations
that the verifier checks. Of a question that the small models answer too, its claim is weighed with theirs: where both
say the same the answer is surer and has its words, where they contradict each other the likelier one is told. Why
something is so, and what a photo shows at length, it alone can say. Where nothing of it stands, the program's own
claims are the answer, as they are without such a model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Literal

from deepseek_mm.answering.composer import (
    MAX_DROPPED,
    MAX_QUESTION,
    missing,
    own,
    past,
    text_of,
    word_ends,
)
from deepseek_mm.answering.large_model.prompt_files import is_rude, read_prompt
from deepseek_mm.answering.large_model.shown_pictures import ShownPicture
from deepseek_mm.answering.verifier import CITED, STOPS, check_seen, sentences
from deepseek_mm.chance import log_odds
from deepseek_mm.config import Config
from deepseek_mm.errors import DeepSeekMMError, NoServerAnswers
from deepseek_mm.language.photo_questions import ABOUT_PHOTOS
from deepseek_mm.language.words import clean, content, is_negated, lead, names_the_same
from deepseek_mm.lm.generator import Generator
from deepseek_mm.lm.recording_generator import RecordingGenerator
from deepseek_mm.retrieval.evidence import QuestionContext, act_of, said_of
from deepseek_mm.types import WIDE, Answer, Check, Citation, Claim, Message, Said, Trace, Verdict
from deepseek_mm.vision.vqa import CLOSED, outcome_of

WitnessTask = Literal["look", "why", "describe"]
MEASURED = "measured"  # grounds of what is exact: no witness is needed
SURER, OTHERWISE = "other witnesses are surer of something else", "the language model is surer of something else"


@dataclass(frozen=True, kw_only=True, slots=True)
class WitnessTrust:
    """How often such a model is right where nobody else says anything: estimates, since models differ."""

    look: float = 0.75  # what is seen at a glance
    count: float = 0.55  # how many there are
    why: float = 0.5  # a reason that looks likely
    describe: float = 0.7  # all of a long description
    edge: float = 0.02  # what probabilities are kept off 0 and 1 by


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewing:
    """What a larger model is asked about the pictures that it is shown."""

    task: WitnessTask
    case: QuestionContext
    shown: tuple[ShownPicture, ...]
    config: Config
    trust: WitnessTrust = WitnessTrust()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the program has to say by itself."""
        return self.case.claims or ((said_of(self.case),) if self.case.said else ())

    @property
    def chance(self) -> float:
        """Probability that the model is right, before anybody else is heard."""
        counts = self.task == "look" and act_of(self.case).kind == "count"
        return self.trust.count if counts else getattr(self.trust, self.task)

    @property
    def own_chance(self) -> float:
        """Probability that the program is right; a refusal says nothing against an answer.

        Its confidence counts the doubt whether the question was understood as well, which both share.
        """
        if self.case.refused or not self.claims:
            return 0.0
        return max(self.case.confidence or 0.0, self.claims[0].certainty)

    def messages(self) -> tuple[Message, ...]:
        """Rules, earlier turns, and the question with its pictures and where their boxes lie."""
        prompt = read_prompt(self.task)
        places = "\n".join(picture.describe(n) for n, picture in enumerate(self.shown, start=1))
        text = prompt.fill(shown=places, question=clean(self.case.question.text, MAX_QUESTION))
        asked = Message(role="user", text=text, images=tuple(picture.mark() for picture in self.shown))
        return (Message(role="system", text=prompt.system), *past(self.case.earlier), asked)

    def listen(self, lm: Generator | RecordingGenerator, stop: Event) -> Iterator[Check]:
        """Each of its sentences as it is said, kept or not; a model that only says what falls is left."""
        dropped, most = 0, max(self.config.lm.max_tokens, read_prompt(self.task).most_tokens)
        for sentence in sentences(lm.stream(self.messages(), max_tokens=most, stop=stop)):
            if not sentence.strip():
                continue
            weighed = check_seen(sentence, self.case.evidence, self.config)
            if is_rude(sentence):
                weighed = replace(weighed, kept=False, reason="it is rude")
            yield weighed
            dropped = 0 if weighed.kept else dropped + 1
            if dropped == MAX_DROPPED:
                return


def task_of(case: QuestionContext, config: Config) -> WitnessTask | None:
    """What a larger model that sees is asked; None where others answer: not of photos at hand, or what is measured."""
    pictures = case.pictures or ((case.source,) if case.source else ())
    at_hand = bool(pictures) and not case.program.library and all(each.kind == "photo" for each in pictures)
    several = case.request is not None and len(case.request.acts) > 1
    if not at_hand or several or not case.evidence or config.lm.phrasing_now != "free":
        return None
    act = act_of(case)
    if act.kind not in ABOUT_PHOTOS or case.grounds == MEASURED:
        return None
    if act.attribute == "reason" or read_prompt("why").is_meant(act.text):
        return "why"
    return "describe" if act.kind == "describe" and read_prompt("describe").is_meant(act.text) else "look"


@dataclass(frozen=True, kw_only=True, slots=True)
class WitnessedAnswer:
    """Sentences that were weighed, and how sure they are together."""

    checks: tuple[Check, ...]
    chance: float | None
    found: bool
    verdict: Verdict | None = None
    by_model: bool = False  # one of its sentences is told

    def answer(self, viewing: Viewing, name: str) -> Answer:
        """As it is shown, with its citations in order of first mention."""
        entries = {entry.number: entry for entry in viewing.case.evidence}
        numbers = dict.fromkeys(n for check in self.checks if check.kept for n in check.numbers)
        return Answer(
            text=text_of(self.checks),
            citations=tuple(Citation(number=n, region=entries[n].region, score=entries[n].score) for n in numbers),
            checks=self.checks,
            confidence=self.chance,
            found=self.found,
            model=name if self.by_model else "",
            verdict=self.verdict,
            state="running",
            conversation=viewing.case.conversation,
            turn=viewing.case.turn,
        )


def stream_seen(lm: Generator, viewing: Viewing, stop: Event) -> Iterator[Answer]:
    """The answer word by word: a closed one when it is settled, a long one sentence by sentence."""
    ear, before_it = RecordingGenerator(lm), ""
    told = settle_at_once(ear, viewing, stop) if viewing.task == "look" else tell_at_length(ear, viewing, stop)
    for state in told:
        whole = replace(state.answer(viewing, lm.name), trace=Trace.concatenate(ear.traces))
        for end in word_ends(whole.text, start=len(before_it)) or [len(whole.text)]:
            if stop.is_set():
                return
            yield replace(whole, text=whole.text[:end])
        before_it = whole.text


def tell_at_length(lm: RecordingGenerator, viewing: Viewing, stop: Event) -> Iterator[WitnessedAnswer]:
    """Its sentences, then what the program surely knows beside a description; its own answer where none stands."""
    said: list[Check] = []
    for check in hear(lm, viewing, stop):
        said.append(check)
        if check.kept:
            yield WitnessedAnswer(checks=tuple(said), chance=viewing.chance, found=True, by_model=True)
    if not any(check.kept for check in said):
        yield speak_alone(viewing, said)
        return
    if viewing.task == "describe" and not viewing.case.refused and not stop.is_set():
        sure = [claim for claim in viewing.case.claims if claim.certainty >= viewing.config.rag.sure]
        said += [own(claim) for claim in missing(said, sure)]
    yield WitnessedAnswer(checks=tuple(said), chance=viewing.chance, found=True, by_model=True)


def settle_at_once(lm: RecordingGenerator, viewing: Viewing, stop: Event) -> Iterator[WitnessedAnswer]:
    """All that it says, weighed with what the program says."""
    yield settle(viewing, list(hear(lm, viewing, stop)))


def hear(lm: RecordingGenerator, viewing: Viewing, stop: Event) -> Iterator[Check]:
    """What it says; a model that fails is named, and what it said so far counts. NoServerAnswers: it said nothing."""
    try:
        yield from viewing.listen(lm, stop)
    except NoServerAnswers:
        raise
    except DeepSeekMMError as error:
        yield Check(claim=f"{lm.name} failed", numbers=(), kept=False, reason=str(error))


def speak_alone(viewing: Viewing, said: Sequence[Check]) -> WitnessedAnswer:
    """The program's own words, as sure as they are without a larger model."""
    case = viewing.case
    silent = [replace(check, kept=False, reason="it is no answer") if check.kept else check for check in said]
    checks = (*silent, *(own(claim) for claim in viewing.claims))
    return WitnessedAnswer(checks=checks, chance=case.confidence, found=not case.refused, verdict=case.verdict)


def settle(viewing: Viewing, said: Sequence[Check]) -> WitnessedAnswer:
    """The answer that both, or the likelier of both, give."""
    first = next((check for check in said if check.kept), None)
    if first is None or not is_answer(first.claim, viewing):
        return speak_alone(viewing, said)
    mine, theirs = viewing.own_chance, viewing.chance
    alike = agree(viewing.claims[0], first, viewing.case.question.text) if mine else None
    if alike:
        return settle_alike(viewing, said, first)
    contradicts = alike is False
    if mine >= theirs:
        chance = share_of(mine, theirs) if contradicts else mine
        return settle_for_program(viewing, said, first, chance)
    chance = share_of(theirs, mine) if contradicts else theirs
    return settle_for_model(viewing, said, first, chance)


def settle_alike(viewing: Viewing, said: Sequence[Check], first: Check) -> WitnessedAnswer:
    """Both say the same: in the model's words, with what else the program says."""
    mine, theirs, verdict = viewing.own_chance, viewing.chance, viewing.case.verdict
    chance = mine if heard_before(verdict) else joint_chance(mine, theirs, viewing.trust.edge)
    rest = [own(claim) for claim in missing([check for check in said if check.kept], viewing.claims[1:])]
    verdict = with_witness(verdict, first, theirs, chance, prevails=False)
    return WitnessedAnswer(checks=(*said, *rest), chance=chance, found=True, verdict=verdict, by_model=True)


def settle_for_program(viewing: Viewing, said: Sequence[Check], first: Check, chance: float) -> WitnessedAnswer:
    """What the program says is likelier, or as likely: the model's sentences are not told."""
    checks = [replace(check, kept=False, reason=SURER) if check.kept else check for check in said]
    verdict = with_witness(viewing.case.verdict, first, viewing.chance, chance, prevails=False)
    told = (*checks, *(own(claim) for claim in viewing.claims))
    return WitnessedAnswer(checks=told, chance=chance, found=not viewing.case.refused, verdict=verdict)


def settle_for_model(viewing: Viewing, said: Sequence[Check], first: Check, chance: float) -> WitnessedAnswer:
    """What the model says is likelier, or the program has no answer."""
    silent = [replace(own(claim), kept=False, reason=OTHERWISE) for claim in viewing.claims]
    verdict = with_witness(viewing.case.verdict, first, viewing.chance, chance, prevails=True)
    return WitnessedAnswer(checks=(*silent, *said), chance=chance, found=True, verdict=verdict, by_model=True)


def is_answer(sentence: str, viewing: Viewing) -> bool:
    """Whether a sentence says more than its question; where that wants a yes or a no, one of these, or what it asks."""
    closed = act_of(viewing.case).form == "yes_no" or any(lead(claim.text) for claim in viewing.claims[:1])
    if WIDE.search(sentence):
        return True
    said, asked = set(content(CITED.sub(" ", sentence))), set(content(viewing.case.question.text))
    return bool(lead(sentence) or said & asked) if closed else not said <= asked


def agree(claim: Claim, heard: Check, question: str) -> bool | None:
    """Whether two sentences answer a question alike; None where that cannot be told from their words."""
    if WIDE.search(claim.text) or WIDE.search(heard.claim):  # Chinese has no spaces between its words
        return None
    if lead(claim.text):
        return lead(claim.text) == yes_or_no(heard.claim)
    asked = set(content(question))
    mine = set(content(claim.text)) - asked
    theirs = set(content(CITED.sub(" ", heard.claim))) - asked
    if not mine or not theirs:
        return None
    same = any(names_the_same(one, other) or names_the_same(other, one) for one in mine for other in theirs)
    return same and is_negated(claim.text) == is_negated(heard.claim)


def yes_or_no(sentence: str) -> str:
    """What a sentence says that answers a closed question."""
    return lead(sentence) or ("no" if is_negated(sentence) else "yes")


def joint_chance(one: float, other: float, edge: float) -> float:
    """Of an answer that two witnesses give who do not know of each other, without an expectation beforehand."""
    odds = log_odds(one, edge=edge) + log_odds(other, edge=edge)
    return min(1 - edge, max(edge, 1 / (1 + math.exp(-odds))))


def share_of(one: float, other: float) -> float:
    """Of one of two answers that cannot both be right."""
    mine, theirs = one * (1 - other), other * (1 - one)
    return mine / (mine + theirs) if mine + theirs else 0.0


def heard_before(verdict: Verdict | None) -> bool:
    """Whether the model was a witness of the verdict already: it says how probable yes is."""
    return verdict is not None and any(said.by == "model" for said in verdict.said)


def with_witness(
    verdict: Verdict | None, heard: Check, chance: float, settled: float, *, prevails: bool
) -> Verdict | None:
    """A verdict of yes or no with one more witness; where the model `prevails` it has the model's answer."""
    if verdict is None or heard_before(verdict) or verdict.answer not in CLOSED:
        return verdict
    answer = yes_or_no(heard.claim)
    said = (*verdict.said, Said(by="model", answer=answer, chance=chance, why=heard.claim.rstrip(STOPS)))
    told, other = (answer, verdict.answer) if prevails else (verdict.answer, answer)
    return replace(
        verdict,
        answer=told,
        chance=settled,
        outcome=outcome_of(settled, closed=True),
        runner_up=other if other != told else verdict.runner_up,
        runner_chance=1 - settled if other != told or verdict.runner_up else 0.0,
        said=said,
        disputed=verdict.disputed or other != told,
    )
