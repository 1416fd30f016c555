"""What goes over the wire to an OpenAI-compatible server, and what comes back: values in, values out, no network."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from deepseek_mm.errors import ServerError
from deepseek_mm.lm.picture import shrink_picture
from deepseek_mm.records import Message
from deepseek_mm.storage.files import parse_json as parse_value

QUALITY = 90  # of its JPEG
MARKS = re.compile(  # where something begins that a server's template may take for the end of a message
    r"<(?=[|\uff5c]|</?sys>|/?(?:s|bos|eos|pad|sys|think|im_\w+|(?:start|end)_of_\w+|tool_\w+)>)", re.IGNORECASE
)
END = "[DONE]"  # the last event of a stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """One event of a stream: the text it adds, and whether it is the last with any."""

    text: str = ""
    last: bool = False


def request_body(model: str, messages: Sequence[Message], *, max_tokens: int, sees: bool) -> dict[str, Any]:
    """The JSON of a streamed, greedy chat completion."""
    turns = [{"role": message.role, "content": _content(message, sees=sees)} for message in messages]
    return {"model": model, "messages": turns, "max_tokens": max_tokens, "temperature": 0, "stream": True}


def data_url(image: Image) -> str:
    """A picture as JPEG in a URL; a larger one is made smaller, a transparent one loses its transparency."""
    file = io.BytesIO()
    shrink_picture(image).save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def read_event(line: str) -> Delta | None:
    """What one line of a server-sent stream says; None: nothing (a blank line, a comment, another field)."""
    if not line.startswith("data:"):
        return None
    data = line.removeprefix("data:").strip()
    return Delta(last=True) if data == END else read_reply(data, "delta")


def read_reply(data: str, part: str) -> Delta:
    """The first choice of a chunk (`part` is "delta") or of a whole completion ("message")."""
    body = parse_json(data)
    if "error" in body:
        raise ServerError(f"the server gave up: {read_error_message(data)}. See its log, then ask again")
    choices = body.get("choices") or [{}]  # the chunk that counts tokens has none
    try:
        text = (choices[0].get(part) or {}).get("content") or ""
        return Delta(text=str(text), last=choices[0].get("finish_reason") is not None)
    except (AttributeError, TypeError, KeyError) as error:
        raise ServerError(f"not a chat completion: {_brief(data)}. {_NOT_OPENAI}") from error


def parse_json(data: str) -> dict[str, Any]:
    """A JSON object, or ServerError with the beginning of what came instead."""
    try:
        body = parse_value(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ServerError(f"not a JSON object: {_brief(data)}. {_NOT_OPENAI}")
    return body


def read_error_message(data: str) -> str:
    """The message inside a server's error, or the beginning of whatever it sent."""
    try:
        body = parse_value(data)
    except ValueError:
        return _brief(data)
    error = body.get("error", body.get("detail", body)) if isinstance(body, dict) else body
    return _brief(str(error.get("message", error) if isinstance(error, dict) else error))


_NOT_OPENAI = "The address must be an OpenAI-compatible server's, such as http://127.0.0.1:8000/v1"


def _content(message: Message, *, sees: bool) -> str | list[dict[str, Any]]:
    text = MARKS.sub("< ", message.text)
    if not (sees and message.images):
        return text
    pictures = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
    return [{"type": "text", "text": text}, *pictures]


def _brief(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= limit else line[:limit] + "...")
