"""Learning from corrections: what answers here changes for everybody, so all of it needs the right "settings"."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, requires
from deepseek_mm.assistant import Assistant
from deepseek_mm.jobs import Job
from deepseek_mm.learning import LEARN, Learning, Version
from deepseek_mm.services.library_service import known_source


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningState:
    """How learning stands."""

    answers: str  # what answers now, for people
    answering: int  # its number; 0 is the shipped weights
    trouble: str  # why it is not what was accepted; mostly empty
    waiting: Mapping[str, int]  # new corrections, by where they come from
    versions: tuple[Version, ...]  # newest first


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoExample:
    """A photo of the library with a question and its right answer, or with a description."""

    source: int  # its id
    question: str = ""
    answer: str = ""
    words: str = ""  # a description; instead of question and answer


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningService:
    """The library's learning, as callers steer it."""

    assistant: Assistant

    @requires("settings")
    def describe_state(self, caller: Caller) -> LearningState:
        """What answers, how much is new, and every version with its report."""
        learning = self._learning
        new = learning.waiting()
        return LearningState(
            answers=learning.told,
            answering=learning.answering,
            trouble=learning.trouble,
            waiting=Counter(example.by for example in new),
            versions=tuple(learning.list()),
        )

    @requires("settings")
    def find_job(self, caller: Caller) -> Job | None:
        """The training that was begun last."""
        return next(iter(self.assistant.library.jobs.find(kinds=(LEARN,), limit=1)), None)

    @requires("settings")
    def train(self, caller: Caller) -> Job:
        """Learn from what is new: a job, whose result names the version. NothingThere says that it is too little."""
        return self._learning.train()

    @requires("settings")
    def find_version(self, caller: Caller, number: int) -> Version:
        """One version. NothingThere, BadCheckpoint."""
        return self._learning.get(number)

    @requires("settings")
    def accept(self, caller: Caller, number: int, *, force: bool = False) -> Version:
        """Answer with it from the next question on. Conflict if its report speaks against it and nobody insists."""
        return self._learning.accept(number, force=force)

    @requires("settings")
    def go_back(self, caller: Caller) -> int:
        """Answer with what answered before: its number, or 0 for the shipped weights."""
        return self._learning.back()

    @requires("settings")
    def teach(self, caller: Caller, examples: Sequence[PhotoExample]) -> int:
        """Keep them to learn from; how many were new. NothingThere if a photo is none of the library's."""
        return self._learning.teach([self._row(example) for example in examples])

    @property
    def _learning(self) -> Learning:
        return self.assistant.library.learning

    def _row(self, example: PhotoExample) -> dict[str, str]:
        plain = {"question": example.question, "answer": example.answer}
        told = {"words": example.words} if example.words else plain
        return {"image": known_source(self.assistant, example.source).path, **told}
