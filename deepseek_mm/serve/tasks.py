"""Tasks: rows of the table of jobs that somebody asked for over the API, and the workers that do them.

What was acknowledged is written down first, its pictures too. A process that dies leaves its tasks to the next one; a
task that takes three processes down with it fails with that reason. Interactive tasks go before bulk, each has a queue
of limited length, and taking files in has workers of its own, so that it keeps nobody from asking.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from deepseek_mm.accounts.paths import check_path
from deepseek_mm.accounts.permissions import Caller, check_run, require_right
from deepseek_mm.jobs import Job, JobRequest, Jobs, State, Worker
from deepseek_mm.records import Answer
from deepseek_mm.serve.inbox import Inbox
from deepseek_mm.serve.problems import problem_in
from deepseek_mm.serve.request_pictures import PictureDecoder
from deepseek_mm.serve.schemas import AnswerOut, Text
from deepseek_mm.serve.task_handlers import FROM_HERE, PREFIX, TaskHandlers
from deepseek_mm.serve.task_schemas import (
    AskIn,
    AskTask,
    CaptionTask,
    EmbedTask,
    IndexIn,
    IndexTask,
    SearchTask,
)
from deepseek_mm.serve.wire_results import TaskResult
from deepseek_mm.services.answer_run import AnswerRun
from deepseek_mm.services.answer_service import AnswerService

KINDS = ("ask", "search", "embed", "caption", "index")
SLOW_WORKERS = 4
STOP_S = 5.0  # how long a program that ends waits for tasks under way
ACTIVE: tuple[State, ...] = ("waiting", "running")
Wanted = AskTask | SearchTask | EmbedTask | CaptionTask | IndexTask


class ProgressOut(BaseModel):
    """How far a task came."""

    done: int
    total: int | None = Field(description="null while nobody knows")
    message: Text
    seconds_left: float | None


class TaskOut(BaseModel):
    """A task as it stands."""

    task_id: str = Field(examples=["0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])
    kind: Literal["ask", "search", "embed", "caption", "index"]
    state: Literal["waiting", "running", "done", "cancelled", "failed"]
    cancelling: bool = Field(description="it still runs, and was asked to stop")
    place: int = Field(description="in the queue, from 1; 0 once it is begun", examples=[1])
    bulk: bool
    progress: ProgressOut
    text: Text = Field(description="the answer so far")
    result: TaskResult | None = Field(description="what /ask, /search or /embed would say; null until done")
    error: Text = Field(description="why it failed, and what to do")
    attempts: int = Field(description="more than 1 after an interruption")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Tasks:
    """Takes tasks in, has them done, and says how they stand."""

    def __init__(
        self, jobs: Jobs, doing: TaskHandlers, inbox: Inbox, pictures: PictureDecoder, answers: AnswerService
    ) -> None:
        self.jobs, self._inbox, self._pictures, self._answers = jobs, inbox, pictures, answers
        config = answers.engine.assistant.config
        self._serve, self._sandbox = config.serve, config.sandbox
        quick, slow = doing.quick(), doing.slow()
        self._groups = (tuple(quick), tuple(slow))
        self._workers = (Worker(jobs, quick, threads=config.serve.workers), Worker(jobs, slow, threads=SLOW_WORKERS))

    def start(self) -> None:
        """Begin with what waits, also from earlier runs."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> bool:
        """Leave what is under way to the next start; whether all came to rest."""
        return all([worker.stop(STOP_S) for worker in self._workers])

    def submit(self, wanted: Wanted, caller: Caller, *, key: str = "") -> Job:
        """Written down, to be done. Busy, Conflict; BadPicture and Forbidden for its pictures; Forbidden for files that
        the caller may not take in, or a program that it may not have run.
        """
        payload = self._check_payload(wanted, caller)
        for name in ("pictures", "picture"):
            payload |= {name: self._keep_pictures(payload[name])} if payload.get(name) else {}
        most = self._serve.bulk_queue if wanted.bulk else self._serve.queue
        asked = JobRequest(by=caller.session, key=key, bulk=wanted.bulk, most=most)
        return self.jobs.add(PREFIX + wanted.kind, payload, asked=asked)

    def get(self, token: str, *, by: str) -> Job:
        """NothingThere if the caller has no such task."""
        return self.jobs.find_by_token(token, by=by)

    def show(self, token: str, caller: Caller) -> TaskOut:
        """A task of the caller's, or an answer that it waits for elsewhere. NothingThere."""
        run = self._answers.find_run(caller, token)
        return self.out(self.get(token, by=caller.session)) if run is None else self.out_of_run(run)

    def find(self, *, by: str, kinds: tuple[str, ...], states: tuple[State, ...], limit: int, offset: int) -> list[Job]:
        """The caller's tasks, newest first."""
        wanted = [PREFIX + kind for kind in kinds or KINDS]
        return self.jobs.find(kinds=wanted, states=states, limit=limit, offset=offset, by=by)

    def cancel(self, token: str, caller: Caller) -> TaskOut:
        """Ends at once where it waits, within a token where it runs. NothingThere."""
        if (run := self._answers.find_run(caller, token)) is not None:
            run.stop()
            return self.out_of_run(run)
        self.jobs.cancel(self.get(token, by=caller.session).id)
        return self.out(self.get(token, by=caller.session))

    def out(self, job: Job) -> TaskOut:
        """As the API says it."""
        group = next((kinds for kinds in self._groups if job.kind in kinds), ())
        place = self.jobs.ahead(job, group) + 1 if job.state == "waiting" else 0
        return TaskOut(
            task_id=job.token,
            kind=job.kind.removeprefix(PREFIX),  # type: ignore[arg-type]  # one of KINDS, as it was written
            state=job.state,
            cancelling=job.cancelling,
            place=place,
            bulk=job.bulk,
            progress=ProgressOut(done=job.done, total=job.total, message=job.message, seconds_left=job.seconds_left),
            text=job.partial,
            result=job.result if job.state == "done" else None,
            error=job.message if job.state == "failed" else "",
            attempts=job.attempts,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
        )

    def out_of_run(self, run: AnswerRun[Answer]) -> TaskOut:
        """An answer that somebody waits for, as the API says tasks."""
        answer, is_waiting = run.latest, run.stage == "waiting"
        return TaskOut(
            task_id=run.token,
            kind="ask",
            state=run.stage,
            cancelling=run.stage == "running" and run.stopping.is_set(),
            place=self._answers.engine.count_ahead(run) + 1 if is_waiting else 0,
            bulk=False,
            progress=ProgressOut(done=0, total=None, message="", seconds_left=None),
            text=answer.text if answer else "",
            result=AnswerOut.of(answer).model_dump(mode="json") if answer and run.stage == "done" else None,
            error=str(problem_in(run.error)) if run.error else "",
            attempts=0 if is_waiting else 1,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
        )

    def counts(self) -> dict[State, int]:
        """How many wait and run, of all callers: tasks, and answers that somebody waits for."""
        counts = self.jobs.counts([kind for group in self._groups for kind in group])
        return {state: number + self._answers.engine.count(state) for state, number in counts.items()}

    def tidy(self) -> None:
        """Let go of pictures whose tasks are over."""
        under_way = self.jobs.find(states=ACTIVE, limit=-1, by=None)
        named = {name for job in under_way for name in _names(job.payload)}
        self._inbox.tidy(named)

    def _check_payload(self, wanted: Wanted, caller: Caller) -> dict[str, Any]:
        """What the task is to know. Taking files in, and running programs, needs what it needs elsewhere."""
        require_right(caller, "ask")
        asked = wanted.input.model_dump(mode="json")
        if isinstance(wanted.input, AskIn) and wanted.input.run:
            check_run(self._sandbox, caller)
            return asked | {FROM_HERE: caller.local}
        if not isinstance(wanted.input, IndexIn):
            return asked
        require_right(caller, "library")
        for path in wanted.input.paths:
            check_path(path, caller, self._serve)
        return asked | {FROM_HERE: caller.local}

    def _keep_pictures(self, told: str | list[str]) -> str | list[str]:
        if isinstance(told, str):
            return self._inbox.keep(self._pictures.take(told))
        return [self._inbox.keep(taken) for taken in self._pictures.take_many(told)]


def _names(payload: dict[str, Any]) -> list[str]:
    return [*payload.get("pictures", ()), *filter(None, [payload.get("picture")])]
