"""Two language models side by side on the same questions, before one is chosen: how many are right, and how fast.

The questions are twenty about the bundled photos, and those of this library's that somebody has put right. Answers of a
trial go into no history of anybody.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Literal, Self

from deepseek_mm.accounts.permissions import Caller, require_local, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.errors import Conflict, DeepSeekMMError, NothingThere, explain
from deepseek_mm.lm.generator import Generator
from deepseek_mm.runtime.memory_tuning import give_back
from deepseek_mm.services.model_exchange import choose_speaker
from deepseek_mm.settings_file import with_values
from deepseek_mm.storage.files import read_toml
from deepseek_mm.types import Question

FILE = Path(__file__).with_name("trial_questions.toml")
MOST_OWN = 20  # of the library's corrections, the newest
Step = Literal["none", "opening", "asking", "stopping", "done", "failed", "stopped"]
Opens = Callable[[Config], Generator]
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialQuestion:
    """A question about one photo, and what its answer has to say."""

    photo: Path
    ask: str
    right: str  # a pattern


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialAnswer:
    """What one model answers, and whether that is right."""

    text: str
    seconds: float
    right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRow:
    """One question with both answers."""

    ask: str
    photo: str
    present: TrialAnswer
    other: TrialAnswer


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialState:
    """How the last trial stands."""

    name: str = ""  # of the model that is tried
    step: Step = "none"
    total: int = 0  # questions
    rows: tuple[TrialRow, ...] = ()  # that both have answered
    message: str = ""  # why it ended early

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.step in ("opening", "asking", "stopping")

    @property
    def scores(self) -> tuple[int, int]:
        """Right answers of the present model and of the other."""
        return sum(row.present.right for row in self.rows), sum(row.other.right for row in self.rows)

    @property
    def seconds(self) -> tuple[float, float]:
        """What an answer took of each: the median, since the first one of a model may take far longer."""
        both = [(row.present.seconds, row.other.seconds) for row in self.rows] or [(0.0, 0.0)]
        present, other = zip(*both, strict=True)
        return median(present), median(other)

    @property
    def differing(self) -> list[TrialRow]:
        """Where one of them is right and the other is not."""
        return [row for row in self.rows if row.present.right != row.other.right]


@cache
def read_questions(photos: Path) -> tuple[TrialQuestion, ...]:
    """The built-in ones whose photo lies in this folder."""
    rows = read_toml(FILE).values()
    asked = [TrialQuestion(photo=photos / row["file"], ask=row["ask"], right=row["right"]) for row in rows]
    return tuple(question for question in asked if question.photo.is_file())


def read_corrections(assistant: Assistant) -> list[TrialQuestion]:
    """Those of the library that somebody has put right, the newest ones; none in a space that learns nothing."""
    try:
        corrected = assistant.library.learning.waiting()
    except NothingThere:
        return []
    taught = [each for each in corrected if each.answer and not each.wrong]
    there = [each for each in taught if Path(each.path).is_file()]
    return [
        TrialQuestion(photo=Path(each.path), ask=each.question, right=rf"\b{re.escape(each.answer)}\b")
        for each in there[-MOST_OWN:]
    ]


@dataclass(kw_only=True)
class ModelTrial:
    """One trial at a time, in a thread of its own."""

    assistant: Assistant
    opens: Opens
    photos: Path | None = None  # the bundled ones
    _state: TrialState = TrialState()
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> TrialState:
        """How it stands."""
        now = self._state
        return replace(now, step="stopping") if now.is_active and self._stop.is_set() else now

    def begin(self, name: str) -> TrialState:
        """Start to compare. Conflict while one is under way, NothingThere without a question, BadQuestion for a model
        that does not speak by itself.
        """
        config = with_values(self.assistant.config, choose_speaker(name))
        questions = [*(read_questions(self.photos) if self.photos else ()), *read_corrections(self.assistant)]
        if not questions:
            raise NothingThere("there is no question to try a model by. Put an answer right first, then try again")
        with self._lock:
            if self._state.is_active:
                raise Conflict(f"{self._state.name} is being tried. Wait until that has ended, or stop it")
            self._stop = threading.Event()
            self._state = TrialState(name=name, step="opening", total=len(questions))
        threading.Thread(target=self._run, args=(config, questions), name="trial", daemon=True).start()
        return self.state

    def stop(self) -> TrialState:
        """End it; an answer under way is cut short, and its question does not count."""
        self._stop.set()
        return self.state

    def _run(self, config: Config, questions: Sequence[TrialQuestion]) -> None:
        try:
            self._ask(config, questions)
        except Exception as error:  # whatever a model's files make a library raise ends the trial, and nothing else
            if not isinstance(error, DeepSeekMMError):
                log.error("the trial of %s broke", self._state.name, exc_info=error)
            self._state = replace(self._state, step="failed", message=explain(error))
        else:
            self._state = replace(self._state, step="stopped" if self._stop.is_set() else "done")
        give_back()

    def _ask(self, config: Config, questions: Sequence[TrialQuestion]) -> None:
        """Open the model, and hold it no longer than this takes."""
        lm = self.opens(config)
        self._state = replace(self._state, step="asking")
        with self.assistant.without_history() as present:
            other = copy(present)
            other.use_language_model(lm, config.lm)
            for row in compare(present, other, questions, self._stop):
                self._state = replace(self._state, rows=(*self._state.rows, row))


def compare(
    present: Assistant, other: Assistant, questions: Sequence[TrialQuestion], stop: threading.Event
) -> Iterator[TrialRow]:
    """Both answers to one question after the other; they take turns, since who comes first looks at the photo."""
    for n, question in enumerate(questions):
        turns = (present, other) if n % 2 else (other, present)
        first, second = (answer(each, question, stop) for each in turns)
        if stop.is_set():  # perhaps cut short
            return
        mine, theirs = (first, second) if n % 2 else (second, first)
        yield TrialRow(ask=question.ask, photo=question.photo.name, present=mine, other=theirs)


def answer(assistant: Assistant, question: TrialQuestion, stop: threading.Event) -> TrialAnswer:
    """What it answers, with the seconds that it took; an error is an answer that is wrong."""
    begun_s, text = time.monotonic(), ""
    try:
        asked = Question(text=question.ask, image_path=str(question.photo), image_name=question.photo.name)
        for grown in () if stop.is_set() else assistant.stream(asked, stop=stop):
            text = grown.text
    except DeepSeekMMError as error:
        text = str(error)
    seconds = time.monotonic() - begun_s
    return TrialAnswer(text=text, seconds=seconds, right=bool(re.search(question.right, text, re.IGNORECASE)))


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTrialService:
    """Comparisons of language models, as callers of this machine ask for them."""

    trial: ModelTrial

    @classmethod
    def of(cls, assistant: Assistant, opens: Opens, photos: Path | None) -> Self:
        """One that asks about these bundled photos."""
        return cls(trial=ModelTrial(assistant=assistant, opens=opens, photos=photos))

    def try_model(self, caller: Caller, name: str) -> TrialState:
        """Begin. Conflict, NothingThere, BadQuestion or Forbidden says why not."""
        require_local(caller, "try models")
        return self.trial.begin(name)

    def stop_trial(self, caller: Caller) -> TrialState:
        """End it; an answer under way is cut short."""
        return self.trial.stop()

    def find_trial(self, caller: Caller) -> TrialState:
        """How the last one stands."""
        return self.trial.state
