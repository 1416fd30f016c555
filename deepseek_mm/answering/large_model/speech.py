"""Who speaks of a case: the language model that the settings name, or while no server of it answers the packaged one.

The packaged one is asked as a small model is: it puts claims into words, sees nothing, and says nothing by itself. An
answer for which the other one was wanted says so in its last sentence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event

from deepseek_mm.answering.composer import OWN_WORDS, is_phrased, stream_answer, stream_model, stream_text
from deepseek_mm.answering.large_model.shown_pictures import ShownPicture
from deepseek_mm.answering.large_model.witness_model import Viewing, stream_seen, task_of
from deepseek_mm.answering.talk_case import LEFT_TO_MODEL
from deepseek_mm.config import OUR_LM, Config, Notice
from deepseek_mm.errors import NoServerAnswers
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import join_sentences
from deepseek_mm.lm.generator import Generator, ServedGenerator, Silent
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Answer, Check

Pick = Callable[[QuestionContext], Sequence[ShownPicture]]  # the pictures that a model which sees is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech:
    """What is to be said, and all that it takes but the model."""

    case: QuestionContext
    config: Config
    pick: Pick
    stop: Event

    def stream(self, lm: Generator) -> Iterator[Answer]:
        """The growing answer. A server that stops to answer before its first word is replaced as one that is down."""
        if isinstance(lm, ServedGenerator) and lm.is_down:
            return self._replace(lm)
        return self._speak_or_replace(lm)

    def _speak_or_replace(self, lm: Generator) -> Iterator[Answer]:
        try:
            yield from self._speak(lm)
        except NoServerAnswers:
            if not isinstance(lm, ServedGenerator):
                raise
            yield from self._replace(lm)

    def _speak(self, lm: Generator) -> Iterator[Answer]:
        """From the claims and what a model that sees says of photos at hand; without a claim, what there is to say
        about no file, by a larger model where only that can.
        """
        case, config, stop = self.case, self.config, self.stop
        shown = self.pick(case) if lm.sees else ()
        if shown and (task := task_of(case, config)):
            return stream_seen(lm, Viewing(task=task, case=case, shown=tuple(shown), config=config), stop)
        images = [picture.image for picture in shown]
        if case.claims:
            return stream_answer(lm, case, config, stop, images)
        if self.is_left_to_model:
            return stream_model(lm, case, config, stop, images)
        return stream_text(case.said, case)

    @property
    def is_left_to_model(self) -> bool:
        """Whether only a larger model has something to say."""
        return not self.case.claims and self.case.grounds == LEFT_TO_MODEL and not self.case.said

    def _replace(self, lm: ServedGenerator) -> Iterator[Answer]:
        """The packaged model's answer, and that it is."""
        case, last = self.case, None
        sees = lm.sees and task_of(case, self.config) is not None
        wanted = sees or self.is_left_to_model or (bool(case.claims) and is_phrased(case, self.config))
        if not self.is_left_to_model:
            other = lm.open_stand_in()
            for last in replace(self, config=stand_in_config(self.config, other))._speak(other):
                yield last
        if wanted and not self.stop.is_set():
            yield add_sentence(last or self._begin(), case, "left_to_model" if self.is_left_to_model else "stand_in")

    def _begin(self) -> Answer:
        case = self.case
        return Answer(text="", found=False, state="running", conversation=case.conversation, turn=case.turn)


def stand_in_config(config: Config, lm: Generator) -> Config:
    """The settings that the packaged model speaks by, or the program alone."""
    phrasing = "none" if isinstance(lm, Silent) or config.lm.phrasing == "none" else "claims"
    return replace(config, lm=replace(config.lm, name=OUR_LM, url="", sees=False, bits="auto", phrasing=phrasing))


def add_sentence(answer: Answer, case: QuestionContext, key: str) -> Answer:
    """The answer with a last sentence about who does not speak."""
    told = say(f"speech.{key}", case.request.language if case.request else "en")
    said = Check(claim=told, numbers=(), kept=True, reason=OWN_WORDS)
    return replace(answer, text=join_sentences(filter(None, [answer.text, told])), checks=(*answer.checks, said))


def tell_servers(lm: Generator) -> tuple[Notice, ...]:
    """What everybody is to know of the servers of a language model: that none of them answers."""
    if not isinstance(lm, ServedGenerator) or not lm.is_down:
        return ()
    short = "no server of the language model answers, so the packaged one speaks until one is back"
    why = "; ".join(state.reason for state in lm.list_servers())
    return (Notice(short=short, text=f"{short}: {why}", settings=("lm.url",)),)
