"""Requests and answers of OpenAI's API, with fields of our own beside theirs.

A field that is not named here changes nothing that is done here, or it is refused (`errors.check_fields`).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.api.schemas import Typed

StopText = Annotated[Typed, Field(min_length=1, max_length=256)]
Role = Literal["system", "developer", "user", "assistant", "tool"]
DATA_URL = "data:image/jpeg;base64,/9j/4AAQ..."


class PictureAddress(BaseModel):
    """Where a picture is: a data URL, or an address if fetching is switched on."""

    url: str = Field(examples=[DATA_URL])
    detail: Literal["auto", "low", "high"] = "auto"  # it is always looked at as closely as it can be


class TextPart(BaseModel):
    """Words."""

    type: Literal["text"]
    text: Typed = Field(examples=["What is in this picture?"])


class PicturePart(BaseModel):
    """A picture."""

    type: Literal["image_url"]
    image_url: PictureAddress


Part = Annotated[TextPart | PicturePart, Field(discriminator="type")]


class CalledFunction(BaseModel):
    """What a model wants to be called."""

    name: str = Field(max_length=256)
    arguments: str = Field(max_length=1_000_000, description="JSON as text")


class ToolCall(BaseModel):
    """A call that a model asked for in an earlier message."""

    id: str = Field(max_length=256)
    type: Literal["function"] = "function"
    function: CalledFunction


class OfferedFunction(BaseModel):
    """A function that a model may call."""

    name: str = Field(max_length=256, examples=["read_file"])
    description: str | None = None
    parameters: dict[str, Any] | None = Field(default=None, description="a JSON schema")
    strict: bool | None = None


class OfferedTool(BaseModel):
    """A tool that a model may call."""

    type: Literal["function"] = "function"
    function: OfferedFunction


class ChatMessage(BaseModel):
    """One message of a talk."""

    role: Role
    content: Typed | list[Part] | None = Field(default=None, examples=["Which photos show a dog?"])
    name: str | None = None
    tool_calls: list[ToolCall] | None = Field(default=None, max_length=128, description="of an assistant's message")
    tool_call_id: str | None = Field(default=None, max_length=256, description="of a tool's message: what it answers")


MOST_CHOICES = 16  # of one request, those of all prompts together


class StreamOptions(BaseModel):
    """What a stream says besides words."""

    include_usage: bool = False


class JsonSchema(BaseModel):
    """A schema with its name."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(default="answer", examples=["animal"])
    fields: dict[str, Any] = Field(alias="schema", examples=[{"type": "object"}])
    strict: bool | None = None  # it is always kept to
    description: str | None = None


class TextFormat(BaseModel):
    """Sentences."""

    type: Literal["text"]


class ObjectFormat(BaseModel):
    """A JSON object."""

    type: Literal["json_object"]


class SchemaFormat(BaseModel):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


Format = Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")]


class WritingRequest(BaseModel):
    """What requests for a chat and for a text have in common: how words are drawn, and how they are sent."""

    model_config = ConfigDict(extra="allow")

    stream: bool = False
    stream_options: StreamOptions | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2, description="0 if left out: the likeliest words")
    top_p: float | None = Field(default=None, ge=0, le=1)
    min_p: float | None = Field(default=None, ge=0, le=1, description="not of OpenAI")
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=100, description="not of OpenAI")
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end what is written."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def counts(self) -> bool:
        """Whether a stream is to end with its tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatRequest(WritingRequest):
    """A talk that is to be gone on with. The last message is the question; pictures come as parts of messages."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"model": "deepseek-mm", "messages": [{"role": "user", "content": "Which photos show a dog?"}]}
            ],
        },
    )

    model: str = Field(examples=["deepseek-mm"])
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    max_tokens: int | None = Field(default=None, ge=1, le=100_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=100_000)
    n: int | None = Field(default=None, ge=1, le=MOST_CHOICES, description="more than 1: of deepseek-mm-lm only")
    logprobs: bool | None = Field(default=None, description="of deepseek-mm-lm only, where the model is ours")
    top_logprobs: int | None = Field(default=None, ge=0, le=20, description="likeliest tokens told in each place")
    response_format: Format | None = None
    tools: list[OfferedTool] | None = Field(default=None, max_length=128, description="of a larger model only: --llm")
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = Field(default=None, description="keep question and answer in the caller's history")

    @property
    def num(self) -> int:
        """Choices."""
        return self.n or 1

    @property
    def most(self) -> int | None:
        """Tokens that the answer may have, where the caller says so."""
        return self.max_completion_tokens or self.max_tokens


class Usage(BaseModel):
    """Tokens; pictures have none."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Cited(BaseModel):
    """What a bracketed number of the answer points at."""

    number: int = Field(examples=[1])
    source: str = Field(examples=["beach.jpg"], description="the file's name")
    path: str = Field(examples=["/photos/beach.jpg"])
    kind: str = Field(examples=["part"])
    box_px: list[int] = Field(description="left, top, right, bottom in the upright original")
    page: int = Field(default=0, description="of a document, from 1")
    score: float = Field(description="cosine similarity with the question")
    label: str = Field(examples=["dog"])
    text: str = Field(description="what is written there, or says what is seen there")


class AssistantMessage(BaseModel):
    """The answer, with what it rests on where model "deepseek-mm" gives it."""

    model_config = ConfigDict(extra="allow")

    role: Literal["assistant"] = "assistant"
    content: str = Field(examples=["Yes, beach.jpg shows a dog [1]."])
    citations: list[Cited] = Field(default=[], description="not of OpenAI")
    found: bool | None = Field(default=None, description="not of OpenAI: False where the library has nothing on it")
    confidence: float | None = Field(default=None, description="not of OpenAI: probability that the answer is right")
    ignored: list[str] = Field(default=[], description="not of OpenAI: fields that cannot change a grounded answer")


class LikelyToken(BaseModel):
    """A token that may stand in a place."""

    token: str
    logprob: float = Field(description="natural logarithm of its probability")
    bytes: list[int] | None = Field(description="null for a part of a character")


class ScoredToken(LikelyToken):
    """A token of the answer, and those that were likeliest in its place."""

    top_logprobs: list[LikelyToken]


class ChatLogprobs(BaseModel):
    """How likely the tokens of an answer were."""

    content: list[ScoredToken]
    refusal: None = None


class Choice(BaseModel):
    """One answer."""

    index: int = 0
    message: AssistantMessage
    finish_reason: Literal["stop", "length", "tool_calls"]
    logprobs: ChatLogprobs | None = None


class Completion(BaseModel):
    """The whole answer."""

    id: str = Field(examples=["chatcmpl-5f0c2a"])
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None
    system_fingerprint: str


class Model(BaseModel):
    """A model on offer."""

    id: str = Field(examples=["deepseek-mm"])
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "deepseek-mm"
    description: str = Field(description="not of OpenAI")


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[Model]


Item = Typed | int | list[int] | TextPart | PicturePart


class EmbeddingRequest(BaseModel):
    """Texts, pictures, or both, each of which becomes one vector, in their order."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"model": "deepseek-mm-embed", "input": ["a dog on a beach", "two cups"]}]},
    )

    model: str = Field(examples=["deepseek-mm-embed"])
    input: Typed | PicturePart | TextPart | list[Item]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Vector(BaseModel):
    """One of them; of length 1, so that a dot product is a cosine."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="or base64 of little-endian 32-bit floats")


class EmbeddingUsage(BaseModel):
    """Tokens; pictures have none."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[Vector]
    model: str
    usage: EmbeddingUsage
    truncated: list[int] = Field(default=[], description="not of OpenAI: indices of texts read in part, being long")


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str = Field(examples=["the question is empty. Type one, for example: Is there a dog?"])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(examples=["messages"])
    code: str | None = Field(examples=["bad_question"])


class ErrorReply(BaseModel):
    """An error as clients of OpenAI read it."""

    error: ErrorBody


MOST_PROMPTS = 16  # of one request
Prompt = Annotated[Typed, Field(max_length=1_000_000)]


class TextRequest(WritingRequest):
    """A text that is to be gone on with; with `suffix` the line between both."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "deepseek-mm-lm",
                    "prompt": "def add(a, b):\n",
                    "suffix": "\n\nassert add(1, 2) == 3\n",
                    "max_tokens": 32,
                }
            ],
        },
    )

    model: str = Field(examples=["deepseek-mm-lm"])
    prompt: Prompt | Annotated[list[Prompt], Field(min_length=1, max_length=MOST_PROMPTS)] | list[int] | list[list[int]]
    suffix: Prompt | None = Field(default=None, description="what comes after the gap: one line is filled in")
    max_tokens: int | None = Field(default=None, ge=1, le=100_000, description="16 if left out, as OpenAI has it")
    n: int | None = Field(default=None, ge=1, le=MOST_CHOICES)
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=5, description="likeliest tokens told in each place; no gaps")
    best_of: int | None = Field(default=None, description="is not offered; a gap is filled by the best of ten anyway")

    @property
    def num(self) -> int:
        """Choices of each prompt."""
        return self.n or 1


class TextLogprobs(BaseModel):
    """How likely the tokens of a text were."""

    tokens: list[str]
    token_logprobs: list[float] = Field(description="natural logarithms of their probabilities")
    top_logprobs: list[dict[str, float]] = Field(description="the likeliest in each place")
    text_offset: list[int] = Field(description="character at which each begins, had every token whole characters")


class TextChoice(BaseModel):
    """One way to go on."""

    text: str = Field(examples=["    return a + b"])
    index: int
    finish_reason: Literal["stop", "length"]
    logprobs: TextLogprobs | None = None


class TextCompletion(BaseModel):
    """All of them."""

    id: str = Field(examples=["cmpl-5f0c2a"])
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | None
    system_fingerprint: str
