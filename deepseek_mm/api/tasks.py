"""Tasks: their rows in the table of jobs, the workers, and the handler of each kind.

What was acknowledged is written down first, its pictures too. A process that dies leaves its tasks to the next one; a
task that takes three processes down with it fails with that reason. Interactive tasks go before bulk, each has a queue
of limited length, and taking files in has workers of its own, so that it keeps nobody from asking.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from PIL.Image import Image
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import LOCAL, Caller, Right, check_path, check_run, require_right
from deepseek_mm.accounts.records import USER_SESSION
from deepseek_mm.api.problems import problem_in, problem_of
from deepseek_mm.api.request_pictures import Inbox, PictureDecoder
from deepseek_mm.api.routes.library_routes import size_of
from deepseek_mm.api.schemas import AnswerOut, FoundOut, Record, Text
from deepseek_mm.api.task_schemas import (
    AskIn,
    AskTask,
    CaptionIn,
    CaptionTask,
    EmbedIn,
    EmbedTask,
    IndexIn,
    IndexTask,
    Kind,
    SearchIn,
    SearchTask,
    TaskResult,
)
from deepseek_mm.assistant import Assistant
from deepseek_mm.embeddings.space import SpaceIdentity
from deepseek_mm.errors import BadQuestion, DeepSeekMMError, JobFailed, NothingThere, StorageFull, Unauthorised
from deepseek_mm.jobs import Job, JobRequest, Jobs, State, Task, Worker
from deepseek_mm.retrieval.heat import cut
from deepseek_mm.services import Services
from deepseek_mm.services.answer_service import AnswerRun, AnswerService, Captions
from deepseek_mm.services.library_service import known_source
from deepseek_mm.storage.errors import IndexProblem
from deepseek_mm.types import Answer, Picture, Query, Question
from index.region import view_as

JOB_FIELDS = ("state", "cancelling", "bulk", "attempts", "created_at", "started_at", "ended_at")  # of every task
PREFIX = "task."  # of the kinds of jobs that are tasks
FROM_HERE = "local"  # in the payload of a task with files or programs: whether a caller on this machine asked
PROBLEM = "problem"  # in the result of a task that failed: status and kind
FEW = 16  # texts that are written out as fast as a thread is woken
Vectors = dict[str, list[list[float]]]
Open = Callable[[str], Image]  # a picture by what the request calls it


def wanted_of(asked: EmbedIn, images: list[Image]) -> dict[str, tuple[str, list[Any]]]:
    """Name in the answer -> kind of the batcher, and what is to go through it."""
    text, code = ("text here", "code here") if asked.here else ("text", "code")
    return {"texts": (text, asked.texts), "code": (code, asked.code), "pictures": ("picture", images)}


def query_of(assistant: Assistant, asked: SearchIn, open: Open) -> Query:
    """What is looked for: the picture that came, that of a file of the library, or the part of it inside the box.

    BadQuestion, BadFile or NothingThere says what cannot be looked for.
    """
    image, size = None if asked.picture is None else open(asked.picture), (0, 0)
    if asked.source and image is None:
        source = known_source(assistant, asked.source)
        image = assistant.picture(source, asked.page)
        size = size_of(image, source, asked.page)
    if asked.box:
        if image is None or len(asked.box) != 4:
            raise BadQuestion(
                f"the box {asked.box} needs a picture, and four numbers: left, top, right, bottom. Send both, for "
                'example: {"source": 7, "box": [0, 0, 320, 240]}'
            )
        left, top, right, bottom = asked.box
        image = cut(image, (left, top, right, bottom), size if all(size) else image.size)
    return Query(text=asked.text, image=image, like=asked.like, image_weight=asked.image_weight, besides=asked.source)


class TaskHandlers:
    """The five kinds of work."""

    def __init__(self, services: Services, assistant: Assistant, inbox: Inbox) -> None:
        self._services, self._answers, self._assistant, self._inbox = services, services.answers, assistant, inbox

    def quick(self) -> Mapping[str, Callable[[Task], str]]:
        """Handlers of what is over in seconds."""
        told = {"ask": self.ask, "search": self.search, "embed": self.embed, "caption": self.caption}
        return {PREFIX + kind: partial(note_problems, self._as_asker(do)) for kind, do in told.items()}

    def slow(self) -> Mapping[str, Callable[[Task], str]]:
        """Handlers of what may take hours."""
        return {PREFIX + "index": partial(note_problems, self._as_asker(self.index))}

    def ask(self, task: Task) -> str:
        """The answer grows into the task's text. A task that is begun again answers the turn that it began before."""
        question = question_of(AskIn.model_validate(input_of(task.job)), self._inbox, task=task.job.token)
        answer = Answer(text="")
        for answer in self._answers.stream(self._caller_of(task.job), question, stop=task.halt):
            task.say(answer.text)
            if task.stopping:
                task.halt.set()
        task.result |= AnswerOut.of(answer).model_dump(mode="json")
        return "answered" if answer.state == "done" else "stopped"

    def search(self, task: Task) -> str:
        """What was found."""
        task.result |= self.find(SearchIn.model_validate(task.job.payload), self._inbox.open).model_dump(mode="json")
        return "found" if task.result["found"] else "nothing found"

    def find(self, asked: SearchIn, open: Open) -> FoundOut:
        """The search itself."""
        query = query_of(self._assistant, asked, open)
        return FoundOut.of(self._assistant.find(query, k=asked.k, where=asked.where.filter()))

    def embed(self, task: Task) -> str:
        """The vectors, as lists of numbers."""
        vectors = self.embed_items(
            self._caller_of(task.job), EmbedIn.model_validate(task.job.payload), self._inbox.open
        )
        task.result |= vectors
        return f"{sum(map(len, vectors.values()))} vectors"

    def embed_items(self, caller: Caller, asked: EmbedIn, open: Open) -> Vectors:
        """Kind -> its vectors, in order."""
        asked.check()
        wanted = wanted_of(asked, [open(name) for name in asked.pictures])
        return {name: self._answers.embed(caller, kind, items).tolist() for name, (kind, items) in wanted.items()}

    def identify_space(self) -> SpaceIdentity:
        """What the vectors depend on."""
        return SpaceIdentity.of(self._assistant.retriever.space)

    async def embed_items_soon(self, caller: Caller, asked: EmbedIn, open: Open) -> Vectors:
        """The same; few texts take no thread."""
        if asked.pictures or len(asked.texts) + len(asked.code) > FEW:
            return await run_in_threadpool(self.embed_items, caller, asked, open)
        asked.check()
        wanted = wanted_of(asked, [])
        told = [await self._answers.embed_soon(caller, kind, items) if items else [] for kind, items in wanted.values()]
        return {name: [row_D.tolist() for row_D in rows] for name, rows in zip(wanted, told, strict=True)}

    def caption(self, task: Task) -> str:
        """A sentence for each picture, one after another, so that it can be stopped between two."""
        names = CaptionIn.model_validate(task.job.payload).pictures
        said: Captions = ()
        for said in self._answers.describe(self._caller_of(task.job), map(self._inbox.open, names), stop=task.halt):
            task.report(len(said), len(names))
            if task.stopping:
                task.halt.set()
        task.result["captions"] = captions_of(said)
        return f"{len(said)} described"

    def index(self, task: Task) -> str:
        """The library does it; this follows. Begun again it joins what goes on, or indexes again, which is safe."""
        asked, caller = IndexIn.model_validate(input_of(task.job)), self._caller_of(task.job)
        library = self._services.library
        job = library.add(caller, asked.paths, links=asked.links, collection=asked.collection, anew=asked.anew)
        for now in library.follow_job(caller, job.id):
            job = now
            task.report(job.done, job.total, job.message)
            if task.stopping and task.told == "stop":
                return ""  # the library's own job goes on by itself
            if task.told == "cancel" and not job.cancelling:
                library.cancel_job(caller, job.id)
        if job.state == "failed":
            raise JobFailed(job.message)
        failed = [{"item": one.item, "reason": one.reason} for one in library.list_failures(caller, job.id, limit=100)]
        task.result |= job.result | {"job": job.id, "failed": failed, "num_failed": job.num_failed}
        return job.message

    def _as_asker(self, do: Callable[[Task], str]) -> Callable[[Task], str]:
        """The same work, which sees of the library what its asker may see by now."""

        def work(task: Task) -> str:
            with view_as(self._caller_of(task.job).viewer):
                return do(task)

        return work

    def _caller_of(self, job: Job) -> Caller:
        """Unauthorised where the account is gone or disabled by now."""
        caller, accounts = caller_of(job), self._assistant.accounts
        if accounts is None:
            return caller
        try:
            is_gone = bool(caller.user) and accounts.find(caller.user).is_disabled
        except NothingThere:
            is_gone = True
        if is_gone:
            raise Unauthorised("the account that asked for this is gone or disabled. Ask an owner of this house")
        return replace(caller, viewer=accounts.collections.viewer_of(caller))


def captions_of(said: Captions) -> list[dict[str, Any]]:
    """As JSON says them."""
    return [
        {"text": each.text, "machine_made": True, "author": each.author, "chance": round(each.chance, 4)}
        for each in said
    ]


def input_of(job: Job) -> dict[str, Any]:
    """What a task was asked with."""
    return {name: value for name, value in job.payload.items() if name != FROM_HERE}


def caller_of(job: Job) -> Caller:
    """Whoever asked for a task, with what it was let in with; paths and programs are judged again."""
    local = bool(job.payload.get(FROM_HERE, job.asker == LOCAL.session))  # tasks of earlier versions do not say
    user = job.asker.removeprefix(USER_SESSION) if job.asker.startswith(USER_SESSION) else ""
    rights: frozenset[Right] = frozenset(("ask", "library", "run"))
    return Caller(name="of a task", rights=rights, session=job.asker, local=local, user=user)


def note_problems(do: Callable[[Task], str], task: Task) -> str:
    """The work, which leaves with a failed task how the API tells such an error."""
    try:
        return do(task)
    except Exception as error:
        known = error if isinstance(error, DeepSeekMMError | IndexProblem) else StorageFull.of(error)
        if known is None:  # the worker tells of it
            raise
        status, kind = problem_of(error)
        task.result[PROBLEM] = {"status": status, "kind": kind}
        if known is error:
            raise
        raise known from error


def question_of(asked: AskIn, inbox: Inbox, *, task: str = "") -> Question:
    """The question as the assistant takes it; its pictures have files already, which are kept as they are."""
    pictures = [
        Picture(image=inbox.open(name), name=f"picture {n}" if n > 1 else "picture", path=str(inbox.path(name)))
        for n, name in enumerate(asked.pictures, start=1)
    ]
    more = {"about": asked.about, "run": asked.run, "conversation": asked.conversation, "task": task}
    request = asked.understood.request() if asked.understood else None
    return Question.of(asked.question, pictures, request=request, **more)


KINDS = ("ask", "search", "embed", "caption", "index")
SLOW_WORKERS = 4
STOP_S = 5.0  # how long a program that ends waits for tasks under way
ACTIVE: tuple[State, ...] = ("waiting", "running")
Wanted = AskTask | SearchTask | EmbedTask | CaptionTask | IndexTask


class ProgressOut(Record):
    """How far a task came."""

    done: int
    total: int | None = Field(description="null while nobody knows")
    message: Text
    seconds_left: float | None


class TaskOut(BaseModel):
    """A task as it stands."""

    task_id: str = Field(examples=["0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])
    kind: Kind
    state: State
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

    def start_answer(self, asked: AskIn, caller: Caller) -> AnswerRun[Answer]:
        """A question whose caller waits. Raises what `submit` raises."""
        names = [self._inbox.keep(taken) for taken in self._pictures.take_many(asked.pictures)]
        return self._answers.start(caller, question_of(asked.model_copy(update={"pictures": names}), self._inbox))

    def start_describing(self, asked: CaptionIn, caller: Caller) -> AnswerRun[Captions]:
        """Pictures whose descriptions a caller waits for. Raises what `submit` raises."""
        images = [taken.image for taken in self._pictures.take_many(asked.pictures)]
        return self._answers.start_describing(caller, images)

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
        same = {name: getattr(job, name) for name in JOB_FIELDS}
        return TaskOut(
            **same,
            task_id=job.token,
            kind=job.kind.removeprefix(PREFIX),  # type: ignore[arg-type]  # one of KINDS, as it was written
            place=place,
            progress=ProgressOut.of(job),
            text=job.partial,
            result=job.result if job.state == "done" else None,
            error=job.message if job.state == "failed" else "",
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
        if not (wanted.input.paths or wanted.input.links):
            raise BadQuestion('there is nothing to take in. Name some, for example: {"paths": ["/home/me/photos"]}')
        for path in wanted.input.paths:
            check_path(path, caller, self._serve)
        return asked | {FROM_HERE: caller.local}

    def _keep_pictures(self, told: str | list[str]) -> str | list[str]:
        if isinstance(told, str):
            return self._inbox.keep(self._pictures.take(told))
        return [self._inbox.keep(taken) for taken in self._pictures.take_many(told)]


def _names(payload: dict[str, Any]) -> list[str]:
    return [*payload.get("pictures", ()), *filter(None, [payload.get("picture")])]
