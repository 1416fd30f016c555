"""Records as the API says them: typed, with examples, and under the names that the command line's --json uses.

Boxes are left, top, right, bottom in pixels of the upright original. `picture` is where this server has the picture.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from deepseek_mm.jobs import State
from deepseek_mm.shapes import (
    answer_shape,
    found_shape,
    match_shape,
    region_shape,
    request_shape,
    round_score,
)
from deepseek_mm.stage_clock import StageName
from deepseek_mm.types import ActForm, ActKind, ActScope, Answer, Found, Request, Understanding, Worked
from index import Region, Source
from index.region import UPLOADS


def sayable(text: Any) -> Any:
    """What UTF-8 cannot hold, as file names on Linux may, becomes question marks: no JSON could carry it."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


def spelt(text: str) -> str:
    """A text that somebody sent, if every program can read it. ValueError if it is no Unicode, or holds a NUL."""
    if "\0" in text or sayable(text) != text:
        raise ValueError("is no text: it holds a NUL or half a character. Send it as UTF-8")
    return text


Text = Annotated[str, BeforeValidator(sayable)]  # of what we say
Typed = Annotated[str, AfterValidator(spelt)]  # of what somebody sends
PathIn = Annotated[Typed, Field(min_length=1, max_length=4096)]
LinkIn = Annotated[Typed, Field(min_length=1, max_length=2000)]
Number = Annotated[int, Field(ge=0, le=2**53 - 1, examples=[7])]  # an id; JavaScript can count no farther
BoxOut = Annotated[list[int], Field(min_length=4, max_length=4, examples=[[40, 30, 320, 240]])]
Score = Annotated[float, BeforeValidator(round_score)]
PICTURE = "/library/sources/7/picture"  # for example
FilterName = Literal["date", "place", "colour", "kind", "collection", "file", "label"]  # fields of types.ActFilters
Asked = Annotated[ActKind, Field(description="what is asked for", examples=["find"])]
Scope = Annotated[ActScope, Field(description="where the answer is looked for", examples=["library"])]
Form = Annotated[ActForm, Field(description="of the answer that is wanted", examples=["list"])]
PICTURES = ("photo", "document")  # kinds of sources that have pictures


class Body(BaseModel):
    """What is sent: nothing that is not known is passed over."""

    model_config = ConfigDict(extra="forbid")


class Record(BaseModel):
    """What we say of a record: its attributes of the same names."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, record: object) -> Self:
        """As JSON says it."""
        return cls.model_validate(record)


@dataclass(frozen=True, slots=True)
class DescribedAs:
    """Annotates a value that passes as it is; the OpenAPI describes it as another type."""

    kind: Any

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of that type."""
        return handler(TypeAdapter(self.kind).core_schema)


class SourceOut(BaseModel):
    """One file that the library knows."""

    id: int = Field(examples=[7])
    path: Text = Field(examples=["/home/me/photos/kite.jpg"])
    name: Text = Field(examples=["kite.jpg"])
    kind: str = Field(description="photo, document or code", examples=["photo"])
    format: str = Field(examples=["jpeg"])
    collection: Text = Field(description='"library" is none', examples=["library"])
    digest: str = Field(description="SHA-256 of the file's bytes")
    size_bytes: int
    modified_at: datetime | None = Field(description="when the file was changed last")
    width_px: int = Field(examples=[640])
    height_px: int = Field(examples=[480])
    taken_at: datetime | None = Field(description="the camera's local time, without a zone")
    latitude: float | None
    longitude: float | None
    note: Text = Field(description="what a reader should know")
    duration_ms: int = Field(description="how long a video is, in milliseconds; 0 of all else")
    picture: str = Field(description="its address here; empty where there is none", examples=[PICTURE])

    @classmethod
    def of(cls, source: Source, **more: Any) -> Self:
        """As JSON says it; `more` are the fields of a subclass."""
        same = {name: getattr(source, name) for name in cls.model_fields if hasattr(source, name)}
        changed = datetime.fromtimestamp(source.modified_ns / 1e9, UTC) if source.modified_ns else None
        return cls(**same | {"modified_at": changed, "picture": picture_of(source)} | more)


class RegionOut(BaseModel):
    """A place in a file, and what is known about it."""

    id: int = Field(description="for `like` of /search", examples=[31])
    source: int = Field(description="id of its file; 0 where it is not in the library any more", examples=[7])
    path: Text = Field(examples=["/home/me/photos/kite.jpg"])
    kind: str = Field(description="whole, part, page, text, code or caption", examples=["part"])
    box_px: BoxOut
    page: int = Field(description="of a document, from 1; of a slide or chapter its number; 0 where there are none")
    at_ms: int = Field(description="of a video, milliseconds from its start; 0 of all else", examples=[0])
    lines: list[int] = Field(description="first and last line of a text, from 1", examples=[[0, 0]])
    text: Text = Field(description="what is written there, or says what is seen there")
    machine_made: bool = Field(description="true where the text is a machine's sentence about what is seen")
    label: Text = Field(examples=["kite"])
    labels: list["LabelOut"]
    colours: list[str] = Field(examples=[["red"]])
    symbol: "SymbolOut | None" = Field(description="what a piece of code defines, or a text's section")
    picture: str = Field(description="address here; empty where there is none", examples=[PICTURE])

    @classmethod
    def of(cls, region: Region, **more: Any) -> Self:
        """A region's shape, with the numbers that other routes take; `more` are the fields of a subclass."""
        address = picture_of(region.source, region.view) if region.is_drawn else ""
        own = {"id": region.id, "source": region.source.id, "picture": address}
        return cls(**region_shape(region) | own | more)


class SymbolOut(BaseModel):
    """What a piece of code defines."""

    name: Text = Field(examples=["ask_many"])
    parent: Text = Field(description="what encloses it, joined by dots", examples=["Assistant"])
    kind: str = Field(
        description="function, method, class, module, section, block; of documents chapter, sheet, mail, attachment",
        examples=["method"],
    )
    signature: Text = Field(
        description="its first line; the title of a chapter or a sheet; sender and day of a mail",
        examples=["def ask_many(self, questions)"],
    )
    doc: Text = Field(description="its docstring, or the comment above it")


class LabelOut(BaseModel):
    """What something seems to be."""

    name: Text = Field(examples=["kite"])
    score: float = Field(description="probability, 0 to 1", examples=[0.93])


class CitationOut(RegionOut):
    """A region with the number that the answer gives it."""

    number: int = Field(examples=[1])
    score: float = Field(description="likeness to the question, -1 to 1", examples=[0.31])


class CheckOut(Record):
    """A claim that was made, and whether the evidence carries it."""

    claim: Text
    numbers: list[int] = Field(description="evidence it cites")
    kept: bool = Field(description="a claim that is not kept is not told")
    reason: Text


class SaidOut(Record):
    """What one witness says."""

    by: str = Field(examples=["reader"])
    answer: Text
    chance: Score


class VerdictOut(Record):
    """How a closed question about one picture was settled."""

    answer: Text = Field(examples=["yes"])
    chance: Score = Field(description="probability that it is right", examples=[0.91])
    outcome: Literal["sure", "unsure", "unknown"]
    runner_up: Text
    runner_chance: Score
    said: list[SaidOut] = Field(description="the witnesses")
    disputed: bool
    missing: Text


class StepOut(BaseModel):
    """One call of a program."""

    call: Text
    gave: Text


class WorkedOut(BaseModel):
    """A question as a program, and what it gave over the boxes of the photo."""

    program: Text = Field(examples=['count(filter(all(), "kite"))'])
    answer: Text = Field(description="empty where it does not apply", examples=["1"])
    steps: list[StepOut]
    missing: Text = Field(description="why it does not apply")
    by_model: bool
    agrees: Literal["agrees", "contradicts", "not covered"]

    @classmethod
    def of(cls, worked: Worked) -> Self:
        """As JSON says it."""
        return cls(
            program=worked.program,
            answer=worked.answer,
            steps=[StepOut(call=call, gave=gave) for call, gave in worked.steps],
            missing=worked.missing,
            by_model=worked.by_model,
            agrees=worked.agrees,
        )


class ActOut(BaseModel):
    """One thing that was asked for."""

    kind: Asked
    text: Text = Field(description="the words of this part", examples=["show me dogs on the beach"])
    subject: Text = Field(description="what it is about", examples=["dogs on the beach"])
    other: Text = Field(description="the second thing, of a comparison or a place", examples=[""])
    attribute: Text = Field(description="what is asked of the subject, such as colour", examples=[""])
    scope: Scope
    filters: dict[FilterName, Text] = Field(description="what narrows it down", examples=[{"date": "last summer"}])
    form: Form
    reference: Text = Field(description="words that point back, such as: the second one", examples=[""])
    chance: Score = Field(description="probability that kind and scope are right", examples=[0.97])


class UnderstoodOut(BaseModel):
    """What somebody asks for, understood."""

    acts: list[ActOut] = Field(description="in the order in which they were asked")
    language: str = Field(description="of the words, ISO 639", examples=["en"])
    chance: Score = Field(description="probability that all of it was understood", examples=[0.97])
    by: Understanding = Field(description="a command word, the model, or whoever asked")

    @classmethod
    def of(cls, request: Request) -> Self:
        """As JSON says it."""
        return cls(**request_shape(request))


class OfferOut(BaseModel):
    """What the answer offers to do; nothing is done by words alone."""

    action: str = Field(description="delete, move, forget or open", examples=["delete"])
    text: Text = Field(examples=["Delete cat.jpg"])
    targets: list[Text] = Field(description="paths of files, ids, or the name of a tab", examples=[["/photos/cat.jpg"]])
    value: Text = Field(description="a name that goes along: of the collection", examples=[""])


class ExpertsOut(BaseModel):
    """Which experts of the language model worked on an answer; a letter is a visit, "a" of the first expert."""

    experts: list[str] = Field(examples=[["code", "prose"]])
    layers: list[int] = Field(description="of the model, those that have experts", examples=[[2, 5]])
    top_k: int = Field(description="letters a token, the strongest first", examples=[1])
    visits: list[str] = Field(description="one a layer, in the order of the tokens", examples=[["aab", "abb"]])


class LeftOutOut(BaseModel):
    """A file that was near and not likely enough."""

    name: Text = Field(examples=["dog.jpg"])
    chance: Score


class StageOut(BaseModel):
    """One stage of an answer."""

    name: StageName
    seconds: float = Field(description="of this stage alone", examples=[0.078])
    kept: int = Field(description="evidence, pictures, or sentences, by the stage", examples=[3])
    among: int = Field(description="that were looked through or weighed; 0 where nobody counted", examples=[70])
    by: list[str] = Field(description="models that were asked", examples=[["reader", "detector"]])
    files: list[Text] = Field(description="pictures that were looked at", examples=[["cat.jpg"]])
    left_out: list[LeftOutOut] = Field(description="the nearest files that were not likely enough")
    needed: Score = Field(description="the chance that they needed", examples=[0.45])


class TimelineOut(BaseModel):
    """How an answer came about, stage by stage."""

    together: int = Field(description="questions that shared the time of the stages before said", examples=[1])
    stages: list[StageOut]


class AnswerOut(BaseModel):
    """An answer, whole or, while `state` is "running", as far as it has come."""

    text: Text = Field(examples=["A red kite [1]."])
    found: bool = Field(description="false: nothing relevant, and the text says so")
    confidence: float | None = Field(description="probability that it is right, where one is known", examples=[0.91])
    citations: list[CitationOut]
    checks: list[CheckOut]
    state: Literal["running", "done", "stopped", "failed"]
    conversation: int = Field(examples=[3])
    turn: int = Field(examples=[12])
    model: str = Field(description="that phrased it; empty for the program's own words")
    seconds: float
    unread: int = Field(description="earlier turns that were too long ago to be read")
    trace: ExpertsOut | None = Field(default=None, description="experts that worked on it")
    verdict: VerdictOut | None = None
    worked: WorkedOut | None = None
    understood: UnderstoodOut | None = Field(default=None, description="as what the question was understood")
    timeline: TimelineOut | None = Field(default=None, description="how long each stage of a finished answer took")
    offers: list[OfferOut] = Field(default=[], description="what the answer offers to do")

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """As JSON says it."""
        cited = [
            CitationOut.of(each.region, number=each.number, score=round_score(each.score)) for each in answer.citations
        ]
        told = answer_shape(answer) | {
            "citations": cited,
            "verdict": answer.verdict and VerdictOut.of(answer.verdict),
            "worked": answer.worked and WorkedOut.of(answer.worked),
        }
        return cls(**told)


class MatchOut(RegionOut):
    """A file that a search found, by its best region."""

    score: float = Field(description="likeness to what was looked for, -1 to 1", examples=[0.31])
    relevance: float = Field(description="probability that it is what was looked for: the order", examples=[0.83])
    likely: bool = Field(description="its relevance is enough; the others are the nearest of the rest")
    why: list[Text] = Field(description="labels and words of it that agree", examples=[["kite"]])
    twins: list[Text] = Field(description="paths of near duplicates that it stands for")


class FoundOut(BaseModel):
    """What was found, and whether the library has what was looked for at all."""

    found: bool
    certainty: float = Field(description="probability that the library has it", examples=[0.87])
    threshold: float = Field(description="of the certainty", examples=[0.5])
    language: str = Field(description="of the words, where it is one that this space cannot read; else empty")
    bounds: list[Text] = Field(description="words that bound where it looked", examples=[["in winter"]])
    hits: list[MatchOut] = Field(description="the most relevant first; the nearest only, where `found` is false")

    @classmethod
    def of(cls, found: Found) -> Self:
        """As JSON says it."""
        hits = [MatchOut.of(each.region, **match_shape(each)) for each in found.matches]
        return cls(**found_shape(found) | {"hits": hits})


class JobResultOut(Body):
    """What a job of the library brought; each kind of job has fields of its own, and some have none."""

    added: int = Field(default=0, description="files that are new")
    replaced: int = Field(default=0, description="files that had changed")
    unchanged: int = 0
    copies: int = Field(default=0, description="files whose bytes were known")
    vanished: list[Text] = Field(default=[], description="paths at which nothing lies any more")
    left_out: list[Annotated[list[Text], Field(min_length=2, max_length=2)]] = Field(
        default=[], description="path and reason, of the first hundred"
    )
    num_left_out: int = Field(default=0, description="files and folders that are not worth reading, or are not read")
    pairs: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(
        default=[], description="ids of photos that are near duplicates"
    )
    version: int = Field(default=0, description="that was learned")
    objections: list[Text] = Field(default=[], description="what speaks against that version")


class JobOut(Record):
    """A piece of long work and how it stands."""

    id: int = Field(examples=[5])
    kind: str = Field(examples=["index"])
    title: Text = Field(examples=["Index /home/me/photos"])
    state: State
    cancelling: bool = Field(description="it still runs, and was asked to stop for good")
    done: int = Field(description="items", examples=[12])
    total: int | None = Field(description="items; null while nobody knows", examples=[40])
    per_second: float
    seconds_left: float | None
    message: Text = Field(description="what it is at, or how it ended")
    num_failed: int
    attempts: int = Field(description="more than 1 after an interruption")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    result: Annotated[dict[str, Any], DescribedAs(JobResultOut)] = Field(description="what it brought")


def picture_of(source: Source, page: int = 0) -> str:
    """Where this server has the picture of a file of the library, of one of its pages, or of a moment of a video; empty
    where it has none.
    """
    none = source.kind not in PICTURES or (source.kind == "document" and not page)
    if none or not source.id or source.collection == UPLOADS:  # what came with a question is its asker's own
        return ""
    return f"/library/sources/{source.id}/picture" + (f"?page={page}" if page else "")
