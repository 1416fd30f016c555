"""Requests and results of tasks.

A picture is a data URL, or an address where the server was told that it may fetch some.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from deepseek_mm.api.schemas import (
    AnswerOut,
    Asked,
    Body,
    DescribedAs,
    FilterName,
    Form,
    FoundOut,
    JobResultOut,
    LinkIn,
    Number,
    Record,
    Scope,
    Text,
    Typed,
)
from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.search_filters import check_searchable, narrowed_by
from deepseek_mm.types import Act, ActFilters, Request, Understanding
from index import LIBRARY, Filter

Kind = Literal["ask", "search", "embed", "caption", "index"]
MOST_ITEMS = 256  # texts or pictures of one request
MOST_CHARS = 20_000  # of one text to embed; the tower reads its first 128 tokens
Address = Annotated[Typed, Field(min_length=1, max_length=60_000_000, examples=["data:image/png;base64,iVBORw0KGgo="])]
MOST_ACTS = 12  # of a question
Phrase = Annotated[Typed, Field(max_length=500)]
Tongue = Annotated[str, Field(pattern="^[a-z]{2,3}$", description="of the words, ISO 639", examples=["en"])]
Sentence = Annotated[Typed, Field(max_length=MOST_CHARS)]


class ActIn(Body):
    """One thing that is asked for, as somebody says it right; `chance` may come along and says nothing here."""

    kind: Asked
    text: Annotated[Typed, Field(max_length=MOST_CHARS)] = Field(default="", description="empty: the whole question")
    subject: Phrase = Field(default="", examples=["dogs"])
    other: Phrase = ""
    attribute: Annotated[Typed, Field(max_length=40)] = ""
    scope: Scope = "library"
    filters: dict[FilterName, Phrase] = {}
    form: Form = "sentence"
    reference: Phrase = ""
    chance: float = 1.0


class UnderstoodIn(Body):
    """What a question asks for: what an answer says as `understood` may be sent back with changes."""

    acts: list[ActIn] = Field(min_length=1, max_length=MOST_ACTS)
    language: Tongue = "en"
    chance: float = 1.0
    by: Understanding = "person"

    def request(self) -> Request:
        """As whoever asks says it, and so without a doubt."""
        acts = (Act(**dict(act) | {"filters": ActFilters(**act.filters), "chance": 1.0}) for act in self.acts)
        return Request(acts=tuple(acts), language=self.language, by="person")


class AskIn(Body):
    """A question over the library, or about pictures that come with it."""

    question: Typed = Field(max_length=MOST_CHARS, examples=["Which photos show a dog?"])
    pictures: list[Address] = Field(default=[], max_length=64, examples=[[]])
    conversation: Number | None = Field(default=None, description="none begins a new one", examples=[None])
    about: Literal["photos", "code"] = Field(
        default="photos", description="code: who calls what, where, and why it broke"
    )
    understood: UnderstoodIn | None = Field(
        default=None, description="what is asked for, where that shall not be found out", examples=[None]
    )
    run: bool = Field(default=False, description="code: try the tests that are asked for, behind the walls of /run")


class WhereIn(Body):
    """Which part of the library; conditions add up."""

    collection: Typed | None = Field(default=LIBRARY, max_length=200, description='"library" is all of it')
    label: Typed = Field(default="", max_length=200, examples=[""])
    formats: list[Typed] = Field(default=[], max_length=50, description="such as jpeg or pdf", examples=[[]])
    kinds: list[Typed] = Field(default=[], max_length=10, description="photo, document, code", examples=[[]])
    folder: Typed = Field(default="", max_length=4_000, examples=[""])
    taken_after: datetime | None = Field(default=None, examples=[None])
    taken_before: datetime | None = Field(default=None, examples=[None])

    def filter(self) -> Filter:
        """As the index knows it; the camera's local time has no zone. BadQuestion for others' pictures, and for formats
        and kinds that nobody knows.
        """
        after, before = (at and at.replace(tzinfo=None) for at in (self.taken_after, self.taken_before))
        return Filter(
            collection=check_searchable(self.collection or LIBRARY),  # None would find what came with others' questions
            label=self.label,
            formats=tuple(name for each in self.formats for name in narrowed_by("type", each)["formats"]),
            source_kinds=tuple(name for each in self.kinds for name in narrowed_by("is", each)["source_kinds"]),
            folder=self.folder,
            taken_after=after,
            taken_before=before,
        )


class SearchIn(Body):
    """What to look for: words, a picture, both; or more of what a region shows."""

    text: Typed = Field(default="", max_length=MOST_CHARS, examples=["a yellow cap"])
    picture: Address | None = Field(default=None, examples=[None])
    like: Number = Field(default=0, description="id of a region; its own file is left out", examples=[0])
    source: Number = Field(
        default=0, description="id of a file: its picture is looked for, it is left out", examples=[0]
    )
    page: int = Field(default=0, ge=0, le=1_000_000, description="of that file, from 1", examples=[0])
    box: list[int] = Field(
        default=[], max_length=4, description="only this part of the picture: left, top, right, bottom in its pixels",
        examples=[[]],
    )  # fmt: skip
    image_weight: float = Field(default=1.0, description="how much the picture counts, where the words count 1")
    k: int = Field(default=10, ge=1, le=1_000)
    where: WhereIn = WhereIn()


class EmbedIn(Body):
    """What becomes vectors of the space: texts, code and pictures, each in order."""

    texts: list[Sentence] = Field(default=[], max_length=MOST_ITEMS, examples=[["a dog on a beach"]])
    code: list[Sentence] = Field(default=[], max_length=MOST_ITEMS, examples=[[]])
    pictures: list[Address] = Field(default=[], max_length=MOST_ITEMS, examples=[[]])
    here: bool = Field(default=False, description="texts and code on this machine, whatever encoder.url names")

    def check(self) -> None:
        """BadQuestion if there is nothing to embed."""
        if not (self.texts or self.code or self.pictures):
            raise BadQuestion('there is nothing to embed. Send some, for example: {"texts": ["a dog on a beach"]}')


class CaptionIn(Body):
    """Pictures to be described in a sentence each."""

    pictures: list[Address] = Field(min_length=1, max_length=64)


class IndexIn(Body):
    """Files and folders of this machine to take into the library."""

    paths: list[Typed] = Field(default=[], max_length=1_000, examples=[["/home/me/photos"]])
    links: list[LinkIn] = Field(
        default=[],
        max_length=64,
        description="addresses of pictures and pages, which are fetched when the task's turn comes",
        examples=[[]],
    )
    collection: Typed = Field(default="", max_length=200, examples=[""])
    anew: bool = Field(default=False, description="look again at what has not changed")


class BaseTask(Body):
    """One piece of work that is acknowledged at once."""

    bulk: bool = Field(default=False, description="nobody sits waiting: others go first")


class AskTask(BaseTask):
    """A question."""

    kind: Literal["ask"]
    input: AskIn


class SearchTask(BaseTask):
    """A search."""

    kind: Literal["search"]
    input: SearchIn


class EmbedTask(BaseTask):
    """Vectors."""

    kind: Literal["embed"]
    input: EmbedIn


class CaptionTask(BaseTask):
    """Descriptions."""

    kind: Literal["caption"]
    input: CaptionIn


class IndexTask(BaseTask):
    """Files into the library."""

    kind: Literal["index"]
    input: IndexIn


TaskIn = Annotated[AskTask | SearchTask | EmbedTask | CaptionTask | IndexTask, Field(discriminator="kind")]


class SpaceIdentityOut(Record):
    """What vectors depend on; those of other weights may not be mixed with them."""

    name: str = Field(examples=["default"])
    fingerprint: str = Field(description="SHA-256 over the weights that read pictures and texts")
    code_fingerprint: str = Field(description="of those that read code")
    languages_fingerprint: str = Field(description="of those that read other languages than English; may be empty")


class VectorsOut(BaseModel):
    """Unit vectors of the shared space, in the order of what came."""

    texts: list[list[float]] = []
    code: list[list[float]] = []
    pictures: list[list[float]] = []
    space: SpaceIdentityOut | None = Field(default=None, description="what made them; of a task it is not told")


class CaptionOut(BaseModel):
    """What a picture shows, in a sentence that a machine made."""

    text: str = Field(description="empty where nothing is sure", examples=["A dog is running through the water"])
    machine_made: Literal[True] = True
    author: Literal["", "caption", "composed"] = Field(description="the captioner, or put together from what was found")
    chance: float = Field(description="probability that it names nothing that is not there", examples=[0.87])


class CaptionsOut(BaseModel):
    """One for each picture, in order."""

    captions: list[CaptionOut]


class NotTakenOut(BaseModel):
    """A file that could not be taken in."""

    item: Text
    reason: Text


class IndexedOut(JobResultOut):
    """What a task of the kind index brought."""

    job: int = Field(description="of the library, that did it")
    failed: list[NotTakenOut] = Field(description="the first hundred")
    num_failed: int


TaskResult = Annotated[dict[str, Any], DescribedAs(AnswerOut | FoundOut | VectorsOut | CaptionsOut | IndexedOut)]
