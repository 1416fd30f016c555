"""/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models: what clients of OpenAI call, over this house."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Response

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.engine import Engine
from deepseek_mm.serve.openai.bare import say
from deepseek_mm.serve.openai.catalogue import BARE, EMBED, EMBED_CODE, GROUNDED, catalogue, named, no_model
from deepseek_mm.serve.openai.complete import TextStream, TextWhole, checked, go_on
from deepseek_mm.serve.openai.embed import embeddings
from deepseek_mm.serve.openai.fields import check_fields
from deepseek_mm.serve.openai.grounded import check_grounded, kept_if_asked, tell
from deepseek_mm.serve.openai.pieces import End
from deepseek_mm.serve.openai.replies import Head, Stream, Whole
from deepseek_mm.serve.openai.talk import OpensPictures, messages_for, question_of
from deepseek_mm.serve.openai.wire import (
    ChatRequest,
    Completion,
    EmbeddingRequest,
    Embeddings,
    ErrorReply,
    Model,
    ModelList,
)
from deepseek_mm.serve.openai.wire_text import TextCompletion, TextRequest
from deepseek_mm.serve.who import needs
from deepseek_mm.services import Services

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply} for status in (400, 401, 403, 404, 413, 429, 500, 501, 502, 503)
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"model": Completion, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}

TEXTS: dict[int | str, dict[str, Any]] = {
    200: {"model": TextCompletion, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


@dataclass(frozen=True, kw_only=True)
class Talks:
    """Goes on with talks."""

    services: Services
    assistant: Assistant
    engine: Engine
    pictures: OpensPictures

    def answer(self, request: ChatRequest, caller: Caller, stop: Event) -> Iterator[str | End]:
        """Pieces of the answer and its end. Raises what `Assistant.stream` and the model raise, and Refused."""
        lm = self.assistant.lm
        if request.model != GROUNDED:
            messages = messages_for(request.messages, self.pictures, sees=lm.sees)
            yield from say(lm, request, messages, stop)
            return
        question = question_of(request.messages, self.pictures, session=caller.session)
        delete = partial(self.services.history.delete, caller)
        with closing(kept_if_asked(request, self.engine.stream(question, stop=stop), delete)) as growing:
            yield from tell(self.assistant, request, growing)


def openai_routes(services: Services, assistant: Assistant, engine: Engine, pictures: OpensPictures) -> APIRouter:
    """The routes. Nothing of them blocks the event loop; vectors and questions go through `engine` with others'."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)
    began = int(time.time())
    talks = Talks(services=services, assistant=assistant, engine=engine, pictures=pictures)

    def offered() -> ModelList:
        return catalogue(assistant.lm, began)

    asks = needs("ask")

    @router.get("/models", summary="The models on offer", dependencies=[asks])
    def models() -> ModelList:
        return offered()

    @router.get("/models/{name}", summary="One model", dependencies=[asks])
    def model(name: str) -> Model:
        return named(name, offered())

    @router.post("/embeddings", summary="Vectors of texts and pictures", dependencies=[asks])
    def embed(request: EmbeddingRequest) -> Embeddings:
        check_fields(request.model_extra)
        if request.model not in (EMBED, EMBED_CODE):
            raise no_model(request.model, [EMBED, EMBED_CODE])
        return embeddings(assistant.retriever.space, engine, request, pictures)

    @router.post("/chat/completions", summary="Go on with a talk", response_class=Response, responses=EVENTS)
    def chat(request: ChatRequest, caller: Caller = asks) -> Response:
        check_chat(assistant, request)
        work = partial(talks.answer, request, caller)
        if not request.stream:
            return Whole(head_of(assistant, request), work)
        counts = request.stream_options is not None and request.stream_options.include_usage
        return Stream(head_of(assistant, request), work, counts=counts)

    @router.post("/completions", summary="Go on with a text, or fill a gap", response_class=Response, responses=TEXTS)
    def complete(request: TextRequest, caller: Caller = asks) -> Response:
        lm = checked(assistant.lm, request, catalogue(assistant.lm, 0))
        head = replace(head_of(assistant, request), id=f"cmpl-{uuid4().hex}")
        work = partial(go_on, lm, request)
        counts = request.stream_options is not None and request.stream_options.include_usage
        return TextStream(head, work, counts=counts) if request.stream else TextWhole(head, work)

    return router


def check_chat(assistant: Assistant, request: ChatRequest) -> None:
    """NoModel or Refused says what cannot be done, before anything is."""
    check_fields(request.model_extra)
    names = [model.id for model in catalogue(assistant.lm, 0).data if model.id in (GROUNDED, BARE)]
    if request.model not in names:
        raise no_model(request.model, names)
    if request.model == GROUNDED:
        check_grounded(request)


def head_of(assistant: Assistant, request: ChatRequest | TextRequest) -> Head:
    """What all parts of the reply to this request say."""
    space = assistant.retriever.space
    return Head(
        id=f"chatcmpl-{uuid4().hex}",
        created=int(time.time()),
        model=request.model,
        system_fingerprint=f"{space.fingerprint[:8]}+{assistant.lm.fingerprint[:8]}",
    )
