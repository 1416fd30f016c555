"""What plug-ins of editors ask while somebody types: the text between what stands before the cursor and behind it.

`/infill` is what llama.cpp's server offers and llama.vscode and llama.vim ask for; `/v1/fim/completions` is Mistral's,
which Continue and others ask for. Both fill the gap as `/v1/completions` with a `suffix` does. Their shapes are public
(README of llama.cpp's tools/server; docs.mistral.ai); what is for a larger model, such as `samplers`, is not used.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.openai.models import BARE, CHOICES, catalogue, check_request, complete_texts
from deepseek_mm.api.openai.replies import ChatFormat, End, Head, Pieces, ReplyFormat, reply, usage_of
from deepseek_mm.api.openai.routes import ERRORS, growing, head_of
from deepseek_mm.api.openai.schemas import Completion, Prompt, StopText, TextRequest
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.assistant import Assistant
from deepseek_mm.lm.generator import TextCompleter

MOST_TOKENS = 512  # of one gap
MOST_IGNORED = 100  # names that are told
GAP_TOKENS = 64  # of one whose caller names no number
Stops = StopText | Annotated[list[StopText], Field(max_length=16)] | None
Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None


class OtherFile(BaseModel):
    """A piece of another file, which the editor thinks is near."""

    filename: str = ""
    text: str = ""


class InfillRequest(BaseModel):
    """A gap as llama.cpp's server takes it; sampling options of its `/completion` are allowed and not used."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "input_prefix": "def area(r):\n",
                    "input_suffix": "\n    return a\n",
                    "prompt": "    a = ",
                    "n_predict": 24,
                }
            ],
        },
    )

    input_prefix: Prompt = Field(default="", description="the lines before the cursor's")
    input_suffix: Prompt = Field(default="", description="what stands behind the cursor")
    prompt: Prompt = Field(default="", description="the cursor's line up to the cursor")
    input_extra: list[OtherFile] = Field(default=[], max_length=1000, description="not read by the packaged model")
    n_predict: int = Field(
        default=GAP_TOKENS, ge=-1, le=100_000, description="0 and 1 only prepare: nothing is written"
    )
    stop: Stops = None
    seed: Seed = None
    stream: bool = False


class InfillReply(BaseModel):
    """What fits in between."""

    content: str = Field(examples=["3.14 * r * r"])
    stop: bool = True
    model: str = BARE
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    truncated: bool = False
    generation_settings: dict[str, int] = Field(default={}, examples=[{"n_ctx": 2048}])
    timings: dict[str, float] = Field(default={}, description="as far as they are measured")
    ignored: list[str] = Field(default=[], description="not of llama.cpp: what was sent and changes nothing here")


class GapRequest(BaseModel):
    """A gap as Mistral's API takes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "deepseek-mm-lm", "prompt": "def area(r):\n", "suffix": "\n    return a\n"}]
        },
    )

    model: str = Field(examples=["deepseek-mm-lm"])
    prompt: Prompt
    suffix: Prompt | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=100_000)
    stop: Stops = None
    random_seed: Seed = None
    stream: bool = False


@dataclass(kw_only=True, slots=True)
class InfillFormat(ReplyFormat):
    """As clients of llama.cpp's server read it: one object, or one a piece and a last one."""

    kind = "infill"
    context: int = 0  # tokens that the model reads
    ignored: Sequence[str] = ()
    began_s: float = field(default_factory=time.monotonic)

    def whole(self, end: End) -> dict[str, Any]:
        """The object with the text and what it took."""
        seconds = max(time.monotonic() - self.began_s, 1e-6)
        read, written = (end.usage.prompt_tokens, end.usage.completion_tokens) if end.usage else (0, 0)
        timings = {
            "prompt_n": read, "prompt_ms": 0.0, "prompt_per_second": 0.0, "predicted_n": written,
            "predicted_ms": round(1000 * seconds, 3), "predicted_per_second": round(written / seconds, 3),
        }  # fmt: skip
        told = InfillReply(
            content=end.text, tokens_predicted=written, tokens_evaluated=read,
            generation_settings={"n_ctx": self.context}, timings=timings, ignored=list(self.ignored),
        )  # fmt: skip
        return told.model_dump()

    def chunks(self, piece: str | End) -> list[dict[str, Any]]:
        """A piece of text; at the end what it took."""
        if isinstance(piece, str):
            return [{"content": piece, "stop": False}] if piece else []
        return [self.whole(replace(piece, text=""))]


def grows(model: type[BaseModel], errors: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    """What a route declares whose answer comes whole or as events, with its errors."""
    told = growing(model)
    return {**told, "responses": {**errors, **told["responses"]}}


def editor_routes(assistant: Assistant) -> APIRouter:
    """The routes. Nothing of them blocks the event loop."""
    router = APIRouter(tags=["Editors"])
    asks = needs("ask")

    def check(request: TextRequest) -> TextCompleter:
        return check_request(assistant.lm, request, catalogue(assistant.lm, 0))

    def head(request: TextRequest) -> Head:
        return replace(head_of(assistant, request), id=f"fim-{uuid4().hex}")

    @router.post("/infill", summary="Fill a gap, as llama.cpp does", **grows(InfillReply, DECLARED))
    async def infill(request: InfillRequest, connection: Request, caller: Caller = asks) -> Response:
        wanted = read_infill(request)
        lm = check(wanted)
        unread = [*(["input_extra"] if request.input_extra else []), *sorted(request.model_extra or ())]
        form = InfillFormat(head=head(wanted), context=lm.context, ignored=unread[:MOST_IGNORED])
        prepares = 0 <= request.n_predict <= 1
        work: Callable[[Event], Pieces] = prepare if prepares else partial(fill, lm, wanted)
        return await reply(work, form, connection, streams=request.stream)

    @router.post("/v1/fim/completions", summary="Fill a gap, as Mistral does", **grows(Completion, ERRORS))
    async def fill_in(request: GapRequest, connection: Request, caller: Caller = asks) -> Response:
        wanted = TextRequest(
            model=request.model, prompt=request.prompt, suffix=request.suffix or None, stop=request.stop,
            max_tokens=min(request.max_tokens or GAP_TOKENS, MOST_TOKENS), seed=request.random_seed,
        )  # fmt: skip
        lm = check(wanted)
        form = ChatFormat(head=head(wanted))
        return await reply(partial(fill, lm, wanted), form, connection, streams=request.stream)

    return router


def read_infill(request: InfillRequest) -> TextRequest:
    """The same as a request for `/v1/completions`."""
    most = request.n_predict if request.n_predict > 1 else GAP_TOKENS
    return TextRequest(
        model=BARE,
        prompt=f"{request.input_prefix}{request.prompt}",
        suffix=request.input_suffix or None,
        max_tokens=min(most, MOST_TOKENS),
        stop=request.stop,
        seed=request.seed,
    )


def fill(lm: TextCompleter, request: TextRequest, stop: Event) -> Pieces:
    """Pieces of the one text for the gap, then its end with that text."""
    said = ""
    for piece in complete_texts(lm, request, stop):
        if isinstance(piece, str):
            said += piece
            yield piece
            continue
        choice = piece.fields[CHOICES][0]
        if not said:
            yield choice.text
        yield End(text=choice.text, reason=choice.finish_reason, usage=piece.usage)


def prepare(stop: Event) -> Pieces:
    """Nothing is written: an editor says beforehand what it will soon ask about."""
    yield End(text="", reason="stop", usage=usage_of(0, 0))
