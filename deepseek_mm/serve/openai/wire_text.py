"""Requests and answers of /v1/completions: a text that is gone on with, or a gap between two texts."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.serve.openai.schemas import StopText, StreamOptions, Usage
from deepseek_mm.serve.schemas import Typed

MOST_PROMPTS, MOST_CHOICES = 16, 16  # of one request; choices are those of all prompts together
Prompt = Annotated[Typed, Field(max_length=1_000_000)]


class TextRequest(BaseModel):
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
    prompt: (
        Prompt | Annotated[list[Prompt], Field(min_length=1, max_length=MOST_PROMPTS)] | list[int] | list[list[int]]
    )
    suffix: Prompt | None = Field(default=None, description="what comes after the gap: one line is filled in")
    max_tokens: int | None = Field(default=None, ge=1, le=100_000, description="16 if left out, as OpenAI has it")
    n: int | None = Field(default=None, ge=1, le=MOST_CHOICES)
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    echo: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2, description="0 if left out: the likeliest words")
    top_p: float | None = Field(default=None, ge=0, le=1)
    min_p: float | None = Field(default=None, ge=0, le=1, description="not of OpenAI")
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=100, description="not of OpenAI")
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    logprobs: int | None = Field(default=None, description="is not offered")
    best_of: int | None = Field(default=None, description="is not offered; a gap is filled by the best of ten anyway")

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a choice."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class TextChoice(BaseModel):
    """One way to go on."""

    text: str = Field(examples=["    return a + b"])
    index: int
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class TextCompletion(BaseModel):
    """All of them."""

    id: str = Field(examples=["cmpl-5f0c2a"])
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | None
    system_fingerprint: str
