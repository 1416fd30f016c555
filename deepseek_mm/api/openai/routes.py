"""/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models: what clients of OpenAI call, over this house."""

import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.openai.embeddings import embeddings
from deepseek_mm.api.openai.errors import UnsupportedRequest, check_fields
from deepseek_mm.api.openai.messages import messages_for, question_of
from deepseek_mm.api.openai.models import (
    BARE,
    EMBED,
    EMBED_CODE,
    GROUNDED,
    TextReplyFormat,
    catalogue,
    check_request,
    complete_texts,
    delete_unless_stored,
    find_model,
    no_model,
    stream_grounded,
    stream_plain,
)
from deepseek_mm.api.openai.replies import ChatFormat, Head, Pieces, reply
from deepseek_mm.api.openai.schemas import (
    ChatRequest,
    Completion,
    EmbeddingList,
    EmbeddingRequest,
    ErrorReply,
    Model,
    ModelList,
    TextCompletion,
    TextRequest,
)
from deepseek_mm.api.openai.tool_calls import check_tools, stream_calls, uses_tools
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.assistant import Assistant
from deepseek_mm.lm.generator import ToolCaller
from deepseek_mm.services import Services

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply} for status in (400, 401, 403, 404, 413, 429, 500, 501, 502, 503)
}


def growing(model: type[BaseModel]) -> dict[str, Any]:
    """What a route declares whose answer comes whole, or as events."""
    events = {"model": model, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {"response_class": Response, "responses": {200: events}}


def answer_chat(
    services: Services,
    assistant: Assistant,
    pictures: PictureDecoder,
    request: ChatRequest,
    caller: Caller,
    stop: Event,
) -> Pieces:
    """Pieces of the answer and its end. Raises what `Assistant.stream` and the model raise, and Refused."""
    lm = assistant.lm
    if request.model != GROUNDED and uses_tools(request) and isinstance(lm, ToolCaller):
        yield from stream_calls(lm, request, pictures, stop)
        return
    if request.model != GROUNDED:
        messages = messages_for(request.messages, pictures, sees=lm.sees)
        yield from stream_plain(lm, request, messages, stop)
        return
    question = question_of(request.messages, pictures)
    answers = services.answers.stream(caller, question, stop=stop)
    delete = partial(services.history.delete, caller)
    with closing(delete_unless_stored(request, answers, delete)) as states:
        yield from stream_grounded(assistant, request, states)


def openai_routes(services: Services, assistant: Assistant, pictures: PictureDecoder) -> APIRouter:
    """The routes. Nothing of them blocks the event loop; vectors and questions are computed with others'."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)
    began = int(time.time())

    def list_models() -> ModelList:
        return catalogue(assistant.lm, began)

    asks = needs("ask")

    @router.get("/models", summary="The models on offer", dependencies=[asks])
    def models() -> ModelList:
        return list_models()

    @router.get("/models/{name}", summary="One model", dependencies=[asks])
    def model(name: str) -> Model:
        return find_model(name, list_models())

    @router.post("/embeddings", summary="Vectors of texts and pictures")
    def embed(request: EmbeddingRequest, caller: Caller = asks) -> EmbeddingList:
        check_fields(request.model_extra)
        if request.model not in (EMBED, EMBED_CODE):
            raise no_model(request.model, [EMBED, EMBED_CODE])
        return embeddings(assistant.retriever.space, partial(services.answers.embed, caller), request, pictures)

    @router.post("/chat/completions", summary="Go on with a talk", **growing(Completion))
    async def chat(request: ChatRequest, connection: Request, caller: Caller = asks) -> Response:
        check_chat(assistant, request)
        form = ChatFormat(head=head_of(assistant, request), counts=request.counts)
        work = partial(answer_chat, services, assistant, pictures, request, caller)
        return await reply(work, form, connection, streams=request.stream)

    @router.post("/completions", summary="Go on with a text, or fill a gap", **growing(TextCompletion))
    async def complete(request: TextRequest, connection: Request, caller: Caller = asks) -> Response:
        lm = check_request(assistant.lm, request, catalogue(assistant.lm, 0))
        head = replace(head_of(assistant, request), id=f"cmpl-{uuid4().hex}")
        form = TextReplyFormat(head=head, counts=request.counts)
        return await reply(partial(complete_texts, lm, request), form, connection, streams=request.stream)

    return router


def check_chat(assistant: Assistant, request: ChatRequest) -> None:
    """NoModel or Refused says what cannot be done, before anything is."""
    check_fields(request.model_extra)
    names = [model.id for model in catalogue(assistant.lm, 0).data if model.id in (GROUNDED, BARE)]
    if request.model not in names:
        raise no_model(request.model, names)
    check_tools(assistant.lm, request, grounded=request.model == GROUNDED)
    check_choices(request)


def check_choices(request: ChatRequest) -> None:
    """UnsupportedRequest where several answers, or how likely one is, are wanted of what is not drawn by chance."""
    if request.top_logprobs is not None and not request.logprobs:
        raise UnsupportedRequest("top_logprobs needs logprobs=true. Send both, or neither", param="top_logprobs")
    drawn = request.model != GROUNDED and not uses_tools(request)
    for name, wanted in {"n": request.num > 1, "logprobs": bool(request.logprobs)}.items():
        if wanted and not drawn:
            raise UnsupportedRequest(
                f"{name} is of {BARE} without tools: the answer of {GROUNDED} is one, checked against what it cites."
                f" Leave {name} out",
                param=name,
                code="unsupported_parameter",
            )


def head_of(assistant: Assistant, request: ChatRequest | TextRequest) -> Head:
    """What all parts of the reply to this request say."""
    space = assistant.retriever.space
    return Head(
        id=f"chatcmpl-{uuid4().hex}",
        created=int(time.time()),
        model=request.model,
        system_fingerprint=f"{space.fingerprint[:8]}+{assistant.lm.fingerprint[:8]}",
    )
