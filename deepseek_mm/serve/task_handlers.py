"""What is done for a task, kind by kind. Each handler is given the task and leaves its result with it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PIL.Image import Image
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, DeepSeekMMError, JobFailed, StorageFull
from deepseek_mm.jobs import Job, Task
from deepseek_mm.records import Answer, Picture, Query, Question
from deepseek_mm.retrieval.heat import cut
from deepseek_mm.serve.inbox import Inbox
from deepseek_mm.serve.problems import problem_of
from deepseek_mm.serve.shelf_pictures import size_of
from deepseek_mm.serve.task_schemas import AskIn, CaptionIn, EmbedIn, IndexIn, SearchIn
from deepseek_mm.serve.wire import AnswerOut, FoundOut
from deepseek_mm.services import Services
from deepseek_mm.services.library_service import known_source
from deepseek_mm.storage.errors import IndexProblem

PREFIX = "task."  # of the kinds of jobs that are tasks
FROM_HERE = "local"  # in the payload of a task with files or programs: whether a caller on this machine asked
PROBLEM = "problem"  # in the result of a task that failed: status and kind
FEW = 16  # texts that are written out as fast as a thread is woken
Vectors = dict[str, list[list[float]]]
Open = Callable[[str], Image]  # a picture by what the request calls it


def wanted_of(asked: EmbedIn, images: list[Image]) -> dict[str, tuple[str, list[Any]]]:
    """Name in the answer -> kind of the batcher, and what is to go through it."""
    return {"texts": ("text", asked.texts), "code": ("code", asked.code), "pictures": ("picture", images)}


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
        return {PREFIX + kind: partial(note_problems, do) for kind, do in told.items()}

    def slow(self) -> Mapping[str, Callable[[Task], str]]:
        """Handlers of what may take hours."""
        return {PREFIX + "index": partial(note_problems, self.index)}

    def ask(self, task: Task) -> str:
        """The answer grows into the task's text. A task that is begun again answers the turn that it began before."""
        question = question_of(AskIn.model_validate(input_of(task.job)), self._inbox, task=task.job.token)
        answer = Answer(text="")
        for answer in self._answers.stream(caller_of(task.job), question, stop=task.halt):
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
        vectors = self.embed_items(caller_of(task.job), EmbedIn.model_validate(task.job.payload), self._inbox.open)
        task.result |= vectors
        return f"{sum(map(len, vectors.values()))} vectors"

    def embed_items(self, caller: Caller, asked: EmbedIn, open: Open) -> Vectors:
        """Kind -> its vectors, in order."""
        asked.check()
        wanted = wanted_of(asked, [open(name) for name in asked.pictures])
        return {name: self._answers.embed(caller, kind, items).tolist() for name, (kind, items) in wanted.items()}

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
        said: Sequence[str] = ()
        for said in self._answers.describe(caller_of(task.job), map(self._inbox.open, names), stop=task.halt):
            task.report(len(said), len(names))
            if task.stopping:
                task.halt.set()
        task.result["captions"] = captions_of(said)
        return f"{len(said)} described"

    def index(self, task: Task) -> str:
        """The library does it; this follows. Begun again it joins what goes on, or indexes again, which is safe."""
        asked, caller = IndexIn.model_validate(input_of(task.job)), caller_of(task.job)
        library = self._services.library
        job = library.add(caller, asked.paths, collection=asked.collection, anew=asked.anew)
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


def captions_of(said: Sequence[str]) -> list[dict[str, Any]]:
    """As JSON says them."""
    return [{"text": each} for each in said]


def input_of(job: Job) -> dict[str, Any]:
    """What a task was asked with."""
    return {name: value for name, value in job.payload.items() if name != FROM_HERE}


def caller_of(job: Job) -> Caller:
    """Whoever asked for a task, with what it was let in with; paths and programs are judged again."""
    local = bool(job.payload.get(FROM_HERE, job.asker == LOCAL.session))  # tasks of earlier versions do not say
    return Caller(name="of a task", rights=frozenset({"ask", "library", "run"}), session=job.asker, local=local)


def note_problems(do: Callable[[Task], str], task: Task) -> str:
    """The work, which leaves with a failed task how the API tells such an error."""
    try:
        return do(task)
    except Exception as error:  # the worker tells of any other
        if isinstance(error, DeepSeekMMError | IndexProblem):
            note_problem(task, error)
        elif full := StorageFull.of(error):
            note_problem(task, error)
            raise full from error
        raise


def note_problem(task: Task, error: Exception) -> None:
    """Leave with the task how the API tells this error."""
    status, kind = problem_of(error)
    task.result[PROBLEM] = {"status": status, "kind": kind}


def question_of(asked: AskIn, inbox: Inbox, *, task: str = "") -> Question:
    """The question as the assistant takes it; its pictures have files already, which are kept as they are."""
    first, *more = [
        Picture(image=inbox.open(name), name=f"picture {n}", path=str(inbox.path(name)))
        for n, name in enumerate(asked.pictures, start=1)
    ] or [Picture()]
    return Question(
        text=asked.question,
        about=asked.about,
        run=asked.run,
        image=first.image,
        image_name="picture" if first.image else "",
        image_path=first.path,
        more=tuple(more),
        conversation=asked.conversation,
        task=task,
    )
