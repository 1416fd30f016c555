"""The one way from whoever asks (page, command line, API, tasks, OpenAI's clients, agents) to the assistant's answer.

A question belongs to its caller: the answer goes into the history of `caller.session`, whatever the question says.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Any, Self

from PIL.Image import Image

from deepseek_mm.accounts.permissions import Caller, check_run, requires
from deepseek_mm.assistant import Assistant
from deepseek_mm.batcher import Heard
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import BadQuestion
from deepseek_mm.services.answer_engine import POLL_S, AnswerEngine, AnswerRun, ignore_batch
from deepseek_mm.types import Answer, Question

Captions = tuple[str, ...]  # a sentence a picture, in order


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerService:
    """Answers questions, describes pictures and embeds for callers; what several want at a time is done together."""

    engine: AnswerEngine

    @classmethod
    def of(cls, assistant: Assistant, *, heard: Heard = ignore_batch) -> Self:
        """In front of this assistant; `heard` is told of every batch."""
        return cls(engine=AnswerEngine(assistant, heard=heard))

    @requires("ask")
    def ask(self, caller: Caller, question: Question, *, stop: Event | None = None) -> Answer:
        """The finished answer, or as far as it came when `stop` was set. Raises what `Assistant.ask` raises."""
        *_, answer = self.stream(caller, question, stop=stop)
        return answer

    @requires("ask")
    def stream(self, caller: Caller, question: Question, *, stop: Event | None = None) -> Iterator[Answer]:
        """The answer as it grows, in the thread of whoever reads it; the last one is done or stopped."""
        return self.engine.stream(self._own(caller, question), stop=stop or Event())

    @requires("ask")
    def start(self, caller: Caller, question: Question, *, page: str = "") -> AnswerRun[Answer]:
        """Have it answered by a thread of the service, for an open page or for whoever follows it. Busy if too many
        questions wait.
        """
        own = self._own(caller, question)
        return self.engine.start(lambda stop: self.engine.stream(own, stop=stop), session=own.session, page=page)

    @requires("ask")
    def stop(self, caller: Caller, page: str, *, wait_s: float = 0.0) -> bool:
        """Stop the answers that an open page waits for, and wait at most `wait_s` until it has taken their last states:
        whether it has.
        """
        until_s = time.monotonic() + wait_s
        for run in self.engine.runs(page=page):
            run.stop()
        while self.is_followed(caller, page) and time.monotonic() < until_s:
            time.sleep(POLL_S)
        return not self.is_followed(caller, page)

    @requires("ask")
    def is_followed(self, caller: Caller, page: str) -> bool:
        """Whether an open page is still taking states of an answer."""
        return any(run.num_followers for run in self.engine.runs(page=page))

    @requires("ask")
    def find_run(self, caller: Caller, token: str) -> AnswerRun[Any] | None:
        """The caller's own answer under way of this name."""
        return self.engine.find(token, session=caller.session)

    @requires("ask")
    def describe(self, caller: Caller, images: Iterable[Image], *, stop: Event) -> Iterator[Captions]:
        """A sentence a picture, one more with every state; ends early when `stop` is set. BadQuestion where no model
        describes pictures.
        """
        describer = self.engine.assistant.eyes.describer
        if describer is None:
            raise BadQuestion("pictures are described in the default space only. Start without --encoder")
        said: Captions = ()
        for image in images:
            if stop.is_set():
                break
            said += tuple(caption.text for caption in describer.describe_many([image]))
            yield said

    @requires("ask")
    def start_describing(self, caller: Caller, images: Sequence[Image]) -> AnswerRun[Captions]:
        """Have them described by a thread of the service. Busy if too many questions wait."""
        produce = partial(self.describe, caller, images)
        return self.engine.start(lambda stop: produce(stop=stop), session=caller.session)

    @requires("ask")
    def embed(self, caller: Caller, kind: str, items: Sequence[str] | Sequence[Image]) -> Floats:
        """(N, D) vectors of "text", "code" or "picture", in order."""
        return self.engine.embed(kind, items)

    @requires("ask")
    async def embed_soon(self, caller: Caller, kind: str, items: Sequence[str] | Sequence[Image]) -> list[Floats]:
        """The same without a thread that waits."""
        return await self.engine.embed_soon(kind, items)

    def _own(self, caller: Caller, question: Question) -> Question:
        """The question as this caller's own. Forbidden if it wants a program run that the caller may not have run."""
        if question.run:
            check_run(self.engine.assistant.config.sandbox, caller)
        return replace(question, session=caller.session)
