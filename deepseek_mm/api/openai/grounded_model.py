"""The model "deepseek-mm": the whole story, from the library or the pictures that come along to a cited answer.

Its words are checked against the evidence, so chance and system messages cannot steer it: what asks for that is named
in the answer's field `ignored`. As "json_object" it gives its answer and what it rests on in one object; a schema of
the caller's own would make it say what was not checked, and is refused.
"""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Any, cast

from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.api.openai.messages import RULES, text_of
from deepseek_mm.api.openai.replies import End, LimitedText, usage_of
from deepseek_mm.api.openai.schemas import ChatRequest, Cited, SchemaFormat
from deepseek_mm.assistant import Assistant
from deepseek_mm.embeddings.space import TokenCounter
from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.generator import SamplingGenerator
from deepseek_mm.types import Answer, Citation

CHANCE = ("temperature", "top_p", "min_p", "repetition_penalty")


def check_grounded(request: ChatRequest) -> None:
    """Refused for a schema."""
    if isinstance(request.response_format, SchemaFormat):
        raise UnsupportedRequest(
            "model deepseek-mm answers in sentences that are checked, and fills no schema. Ask for"
            ' {"type": "json_object"}, which gives answer, citations, found and confidence, or ask model'
            " deepseek-mm-lm, whose answers rest on nothing",
            param="response_format",
        )


def stream_grounded(assistant: Assistant, request: ChatRequest, growing: Iterator[Answer]) -> Iterator[str | End]:
    """Pieces of the answer, then its end."""
    count = partial(count_tokens, assistant)
    telling, answer = LimitedText(request.stops, request.most, count), Answer(text="")
    as_object = request.response_format is not None and request.response_format.type == "json_object"
    for answer in growing:
        piece = telling.extend(answer.text)
        yield "" if as_object else piece  # nothing yet is something too: the question can be asked
        if telling.over:
            break
    rest, fields = telling.finish(answer.text), fields_of(answer, request)
    if as_object:
        rest = json.dumps({"answer": telling.text, **fields}, ensure_ascii=False)
    yield rest
    read = sum(count(text_of(message)) for message in request.messages)
    whole = rest if as_object else telling.text
    yield End(text=whole, reason=telling.reason, usage=usage_of(read, count(whole)), fields=fields)


def delete_unless_stored(
    request: ChatRequest, growing: Iterator[Answer], delete: Callable[[int], None]
) -> Generator[Answer]:
    """The answer as it grows; when it has ended, however it does, its conversation is given to `delete` unless `store`
    says otherwise.
    """
    conversation = 0
    try:
        with closing(cast(Generator[Answer], growing)):
            for answer in growing:
                conversation = answer.conversation
                yield answer
    finally:
        if conversation and not request.store:
            with suppress(NothingThere):  # somebody has deleted it meanwhile
                delete(conversation)


def fields_of(answer: Answer, request: ChatRequest) -> dict[str, Any]:
    """What an answer has beside its words."""
    fields: dict[str, Any] = {
        "citations": [cited_region(each).model_dump() for each in answer.citations],
        "found": answer.found,
        "confidence": None if answer.confidence is None else round(float(answer.confidence), 4),
    }
    if unheard := list_ignored(request):
        fields["ignored"] = unheard
    if request.store:
        fields |= {"conversation": answer.conversation, "turn": answer.turn}
    return fields


def list_ignored(request: ChatRequest) -> list[str]:
    """What the request asks for that cannot change a grounded answer."""
    rules = ["system messages"] if any(each.role in RULES for each in request.messages) else []
    return [*rules, *(name for name in CHANCE if getattr(request, name) is not None)]


def cited_region(citation: Citation) -> Cited:
    """A citation as it is shown."""
    region = citation.region
    return Cited(
        number=citation.number,
        source=region.source.name,
        path=region.source.path,
        kind=region.kind,
        box_px=list(region.box_px),
        page=region.page,
        score=round(float(citation.score), 4),
        label=region.label,
        text=region.text,
    )


def count_tokens(assistant: Assistant, text: str) -> int:
    """Tokens of a text by the language model's own tokenizer, or else by that of the space; its words where neither
    knows (a server's model beside a foreign space).
    """
    if isinstance(assistant.lm, SamplingGenerator):
        return assistant.lm.count(text)
    space = assistant.retriever.space
    return space.count_tokens([text])[0] if isinstance(space, TokenCounter) else len(text.split())
