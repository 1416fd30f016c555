"""Chats in which a larger model calls tools, which the client carries out and answers with messages of its own.

The packaged model calls none: it would write down calls that nobody asked for. A server named with --llm gets the tools
as they were sent, and its calls go back as they came.
"""

from collections.abc import Iterator
from threading import Event
from typing import Any

from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.api.openai.messages import urls_of
from deepseek_mm.api.openai.replies import End, Reason, usage_of
from deepseek_mm.api.openai.schemas import ChatMessage, ChatRequest, TextPart
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.lm.backends.server_model import data_url
from deepseek_mm.lm.generator import Generator, ToolCaller

MOST = 1024  # tokens of a reply whose caller names no number


def uses_tools(request: ChatRequest) -> bool:
    """Whether tools are offered, or have been called before."""
    return bool(request.tools) or any(each.role == "tool" or each.tool_calls for each in request.messages)


def check_tools(lm: Generator, request: ChatRequest, *, grounded: bool) -> None:
    """UnsupportedRequest where the model that is asked calls no tools."""
    if not uses_tools(request) or (isinstance(lm, ToolCaller) and not grounded):
        return
    name = "tools" if request.tools else "messages"
    if grounded:
        why = "model deepseek-mm answers from the library and calls no tools. Ask deepseek-mm-lm with a larger model"
    else:
        why = f"the language model {lm.name} calls no tools. Name a larger one: --llm URL"
    raise UnsupportedRequest(f"{why}, or leave {name} of tools out", param=name, code="unsupported_parameter")


def stream_calls(lm: ToolCaller, request: ChatRequest, pictures: PictureDecoder, stop: Event) -> Iterator[str | End]:
    """The words of the reply, if it has any, then its end with the calls."""
    sees = bool(getattr(lm, "sees", False))
    told = lm.call_tools([_write(each, pictures, sees=sees) for each in request.messages], _options(request), stop=stop)
    if told.text:
        yield told.text
    calls = [dict(each) for each in told.calls]
    reason: Reason = "tool_calls" if calls else "length" if told.cut else "stop"
    usage = usage_of(*told.usage) if told.usage else None
    yield End(text=told.text, reason=reason, usage=usage, fields={"tool_calls": calls} if calls else {})


def _options(request: ChatRequest) -> dict[str, Any]:
    """What the server is told beside the messages."""
    told: dict[str, Any] = {"max_tokens": request.most or MOST, "temperature": request.temperature or 0}
    if request.tools:
        told["tools"] = [each.model_dump(exclude_none=True) for each in request.tools]
    for name in ("tool_choice", "parallel_tool_calls", "top_p", "seed"):
        if (value := getattr(request, name)) is not None:
            told[name] = value
    return told | ({"stop": list(request.stops)} if request.stops else {})


def _write(message: ChatMessage, pictures: PictureDecoder, *, sees: bool) -> dict[str, Any]:
    """The message as it is sent on; its pictures are opened here, since an address means something else there."""
    told = message.model_dump(exclude_none=True, exclude={"content"})
    told["role"] = "system" if message.role == "developer" else message.role
    if isinstance(message.content, str) or message.content is None:
        return {**told, "content": message.content}
    if urls_of(message) and not sees:
        raise UnsupportedRequest("this language model sees no pictures. Leave them out", param="messages")
    parts = [
        {"type": "text", "text": each.text}
        if isinstance(each, TextPart)
        else {"type": "image_url", "image_url": {"url": data_url(pictures.open(each.image_url.url))}}
        for each in message.content
    ]
    return {**told, "content": parts}
