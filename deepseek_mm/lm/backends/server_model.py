"""The server backend: a language model behind an OpenAI-compatible server, and which address may have the key.

A thread of its own talks to the server, so that a stop is heard while the server is still thinking: whoever waits for
the next piece looks at `stop` between two waits, and then cancels the talk, which closes the connection.

A variable of the environment such as OPENAI_API_KEY says nothing about addresses. It was set for the server that the
person who starts the program names then, by a flag or a variable (see `settings`), and for those that `lm.api_key_for`
names, which only this machine's people change; where there are none, for OpenAI's own. An address that came into
`lm.url` in another way gets no key. An address is a scheme, a host and a port.
"""

import asyncio
import base64
import io
import json
import os
import queue
import re
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import httpx
from PIL.Image import Image

from deepseek_mm.addresses import is_this_machine
from deepseek_mm.config import LMConfig
from deepseek_mm.errors import RequestRefused, ServerError
from deepseek_mm.lm.generator import Piece, ToolReply, drain, skip_thoughts
from deepseek_mm.storage.files import parse_json as parse_value
from deepseek_mm.types import Message

MAX_SIDE_PX = 1024  # models look at less, and every tile more costs time


def shrink_picture(image: Image) -> Image:
    """A copy: a larger picture is made smaller, a transparent one loses its transparency."""
    shown = image.convert("RGB")
    shown.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    return shown


QUALITY = 90  # of its JPEG
MARKS = re.compile(  # where something begins that a server's template may take for the end of a message
    r"<(?=[|\uff5c]|</?sys>|/?(?:s|bos|eos|pad|sys|think|im_\w+|(?:start|end)_of_\w+|tool_\w+)>)", re.IGNORECASE
)
END = "[DONE]"  # the last event of a stream
MOST_BYTES = 4_000_000  # of one reply: nobody speaks that much, and memory is not a server's to fill


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
    choices: Any = body.get("choices")
    if not choices and part == "delta":  # the chunk that counts tokens
        return Delta()
    try:
        text = (choices[0].get(part) or {}).get("content") or ""
        return Delta(text=str(text), last=choices[0].get("finish_reason") is not None)
    except (AttributeError, TypeError, LookupError) as error:
        raise ServerError(f"not a chat completion: {_brief(data)}. {_NOT_OPENAI}") from error


def read_tool_reply(data: str) -> ToolReply:
    """The first choice of a whole completion, with the tools that it calls."""
    read_reply(data, "message")  # says what is wrong with it
    body = parse_json(data)
    choice = body["choices"][0]
    usage = body.get("usage") or {}
    counted = [n for name in ("prompt_tokens", "completion_tokens") if isinstance(n := usage.get(name), int)]
    message = choice.get("message") or {}
    return ToolReply(
        text=str(message.get("content") or ""),
        calls=tuple(read_call(each, n) for n, each in enumerate(message.get("tool_calls") or ())),
        cut=choice.get("finish_reason") == "length",
        usage=(counted[0], counted[1]) if len(counted) == 2 else None,
    )


def read_call(call: Any, number: int) -> dict[str, Any]:
    """One call as OpenAI writes it, whose arguments are a text of JSON; some servers send them as an object."""
    try:
        name, arguments = str(call["function"]["name"]), call["function"].get("arguments") or {}
    except (AttributeError, TypeError, LookupError) as error:
        raise ServerError(f"not a call of a tool: {_brief(str(call))}. {_NOT_OPENAI}") from error
    told = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": name, "arguments": told}
    return {"id": str(call.get("id") or f"call_{number}"), "type": "function", "function": function}


def parse_json(data: str) -> dict[str, Any]:
    """A JSON object, or ServerError with the beginning of what came instead."""
    try:
        body = parse_value(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ServerError(f"not a JSON object: {_brief(data)}. {_NOT_OPENAI}")
    return body


def read_names(data: str) -> list[str]:
    """Names of the models of a list, of which there may be none. ServerError: it is no JSON."""
    entries = parse_json(data).get("data") or []
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]


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


TIMED_OUT = 408  # the only one of its kind that tells of the server, not of what it was asked
CONNECT_S = 10.0  # a server that does not even pick up in this time is not there
EXAMPLE = "Write --llm like http://127.0.0.1:8000/v1"
PLAIN = "identity"  # how bytes come that are not packed: packed ones could unpack without end


class OpenAIServer:
    """Asks for a completion and for the list of models. Every failure is a ServerError that names the next step."""

    def __init__(self, config: LMConfig) -> None:
        self._config, self._url = config, _parse_address(config.url)
        key = os.environ.get(config.api_key_env, "")
        self._key = key if is_key_for(self._url, config) else ""
        self._withheld = key != self._key
        self.address = str(self._url.copy_with(username=None, password=None)).rstrip("/")  # fit to be shown

    def models(self) -> list[str]:
        """Names of the models on offer, at least one."""
        with ThreadPoolExecutor(1) as beside:  # whoever asks may be in an event loop
            status, text = beside.submit(asyncio.run, self.read_models()).result()
        if not httpx.codes.is_success(status):
            raise self._refusal(status, text)
        if names := read_names(text):
            return names
        raise ServerError(f"{self.address} offers no model. Load one there, or name it with --model NAME")

    async def read_models(self) -> tuple[int, str]:
        """Status and text of the list of models. ServerError where nothing comes, or not in time."""
        try:
            return await asyncio.wait_for(self._read_models(), self._config.timeout_s)
        except TimeoutError:  # of all of it: a server that drips gains nothing by dripping
            raise self.too_slow() from None
        except (httpx.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    async def _read_models(self) -> tuple[int, str]:
        async with httpx.AsyncClient(**self._options()) as client, client.stream("GET", "models") as reply:
            return reply.status_code, await self._read_text(self._check_plain(reply))

    async def complete(self, body: dict[str, Any], *, whole: bool = False) -> AsyncIterator[str]:
        """The pieces of the answer to `body`; an empty piece is a sign of life. With `whole` the text of the completion
        itself, as one piece.
        """
        begun, options = False, self._options()
        try:
            async with (
                httpx.AsyncClient(**options) as client,
                client.stream("POST", "chat/completions", json=body) as reply,
            ):
                await self._check(self._check_plain(reply))
                async for piece in self._whole(reply) if whole else self._pieces(reply):
                    begun = True
                    yield piece
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) if begun else self._unreachable(error) from error

    def too_slow(self) -> ServerError:
        """It was silent for longer than the user wants to wait."""
        wait = f"{self._config.timeout_s:g} s"
        return ServerError(f"{self.address} said nothing for {wait}. See whether it is busy, or raise lm.timeout_s")

    async def _whole(self, reply: httpx.Response) -> AsyncIterator[str]:
        yield await self._read_text(reply)

    async def _pieces(self, reply: httpx.Response) -> AsyncIterator[str]:
        if not reply.headers.get("content-type", "").startswith("text/event-stream"):
            yield read_reply(await self._read_text(reply), "message").text  # it does not stream
            return
        async for line in self._read_lines(reply):
            if (delta := read_event(line)) is None:
                continue
            yield delta.text
            if delta.last:
                return
        raise self._broken("the stream ended without its last event")

    async def _read_text(self, reply: httpx.Response) -> str:
        """All of a reply."""
        data = bytearray()
        async for piece in reply.aiter_raw():
            data += self._check_size(len(data), piece)
        return data.decode(errors="replace")

    async def _read_lines(self, reply: httpx.Response) -> AsyncIterator[str]:
        """Line by line."""
        read, rest = 0, bytearray()
        async for piece in reply.aiter_raw():
            rest += self._check_size(read, piece)
            read += len(piece)
            *lines, rest = rest.split(b"\n")
            for line in lines:
                yield line.decode(errors="replace").rstrip("\r")

    def _check_size(self, read: int, piece: bytes) -> bytes:
        """The piece, unless more than `MOST_BYTES` were read with it."""
        if read + len(piece) > MOST_BYTES:
            raise self._broken(f"it is longer than {MOST_BYTES:,} bytes")
        return piece

    def _check_plain(self, reply: httpx.Response) -> httpx.Response:
        """The reply, unless it is packed, which was not asked for."""
        coding = reply.headers.get("content-encoding", PLAIN).lower()
        if coding != PLAIN:
            raise ServerError(f"{self.address} sends its answer packed ({coding[:20]!r}). Switch that off there")
        return reply

    async def _check(self, reply: httpx.Response) -> None:
        if reply.is_success:
            return
        text = await self._read_text(reply)
        if reply.status_code == 404:
            raise await self._unknown(text)
        raise self._refusal(reply.status_code, text)

    async def _unknown(self, text: str) -> ServerError:
        """404: either the model or the address is unknown. The list of models tells which."""
        try:
            names = ", ".join(await asyncio.to_thread(self.models))
        except ServerError:
            return ServerError(f"{self.address} has no chat/completions (404). Check --llm: most addresses end in /v1")
        return ServerError(
            f"{self.address} does not know the model {self._config.name!r} (404, {read_error_message(text)})."
            f" Choose one with --model: {names}"
        )

    def _refusal(self, status: int, text: str) -> ServerError:
        """Any other status that is no success."""
        reason = f"{self.address} answered {status} ({read_error_message(text)})."
        if status in (401, 403) and self._withheld:
            origin, known = shown_origin(self._url), " ".join(addresses_of(self._config)) or "no address yet"
            return ServerError(
                f"{reason} The key in {self._config.api_key_env} was not sent: it was set for {known}. If it is for"
                f" this server, say so on this machine: --set lm.api_key_for={origin}"
            )
        if status in (401, 403):
            key = "refuses this key" if self._key else "wants a key"
            return ServerError(f"{reason} It {key}: set the environment variable {self._config.api_key_env}")
        if status == 429:
            return ServerError(f"{reason} It has too much to do: wait, then ask again")
        if status >= 500:
            return ServerError(f"{reason} It failed by itself: see its log, then ask again")
        pictures = ", or lm.sees=false if its model sees no pictures" if self._config.sees else ""
        kind = RequestRefused if 400 <= status < 500 and status != TIMED_OUT else ServerError
        return kind(f"{reason} Check --llm and --model{pictures}")

    def _unreachable(self, error: Exception) -> ServerError:
        reason = str(error) or type(error).__name__
        return ServerError(f"no language model server at {self.address} ({reason}). Start one there, or correct --llm")

    def _broken(self, reason: object) -> ServerError:
        return ServerError(f"the answer of {self.address} broke off ({reason}). See its log, then ask again")

    def _options(self) -> dict[str, Any]:
        """Of a client. Waiting for the next word is not limited here: whoever waits does that."""
        return {
            "base_url": self._url,
            "headers": {"Accept-Encoding": PLAIN} | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            "timeout": httpx.Timeout(None, connect=min(self._config.timeout_s, CONNECT_S)),
            "trust_env": not is_this_machine(self._url.host),  # else directly, whatever proxy the environment names
            "follow_redirects": False,  # another address would be asked, with all that was sent here
        }


def _parse_address(url: str) -> httpx.URL:
    """The address parsed, or ServerError."""
    try:
        parsed = httpx.URL(url).copy_with(fragment=None)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError) as error:  # the second for a name in Punycode that is none
        raise ServerError(f"{url!r} is no address ({error}). {EXAMPLE}") from error
    if parsed.scheme not in ("http", "https") or not host:
        raise ServerError(f"{url!r} is no address of a web server. {EXAMPLE}")
    return parsed


OFFICIAL = {"OPENAI_API_KEY": "https://api.openai.com"}  # variable -> the address that its key is for by its name
PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]  # scheme, host, port


def is_key_for(url: httpx.URL, config: LMConfig) -> bool:
    """Whether the key in the variable `lm.api_key_env` may go to this address."""
    return origin_of(url) in {origin_of(httpx.URL(named)) for named in addresses_of(config)}


def addresses_of(config: LMConfig) -> list[str]:
    """The addresses that the key was set for."""
    official = OFFICIAL.get(config.api_key_env)
    return config.api_key_for.split() or ([official] if official else [])


def origin_of(url: httpx.URL) -> Origin:
    """The part of an address that says which server it is."""
    return url.scheme, url.host, url.port or PORTS.get(url.scheme, 0)


def shown_origin(url: httpx.URL) -> str:
    """The same as text, without a name or password, as `lm.api_key_for` takes it."""
    return f"{url.scheme}://{url.netloc.decode()}"


UNNAMED = LMConfig().name  # the name nobody chose: the server's first model is taken


class RemoteModel:
    """A Generator that asks a server."""

    def __init__(self, model: str, config: LMConfig) -> None:
        self.name, self.sees, self._config = model, config.sees, config
        self._server = OpenAIServer(config)
        self.address = self._server.address
        self.fingerprint = f"{self.address}#{model}"  # the weights are the server's secret

    async def look(self, wait_s: float) -> tuple[int, str]:
        """Status and text of the list of models, which is asked for nothing but a sign of life. ServerError."""
        quick = replace(self._config, timeout_s=min(wait_s, self._config.timeout_s))
        return await OpenAIServer(quick).read_models()

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the answer, as `Generator.stream` says. ServerError names the next step."""
        body = request_body(self.name, messages, max_tokens=max_tokens, sees=self.sees)
        with closing(self._hear(body, stop)) as pieces:
            yield from skip_thoughts(filter(None, pieces))

    def call_tools(
        self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, stop: threading.Event
    ) -> ToolReply:
        """As `ToolCaller` says."""
        body = {"model": self.name, "messages": [clean_message(each) for each in messages], **options, "stream": False}
        data = "".join(self._hear(body, stop, whole=True))
        return ToolReply(text="") if stop.is_set() else read_tool_reply(data)

    def _hear(self, body: dict[str, Any], stop: threading.Event, *, whole: bool = False) -> Generator[str, None, None]:
        """What the server says, until it ends or `stop` is set."""
        talk = _ServerConversation(lambda: self._server.complete(body, whole=whole))
        try:
            patience_s, too_slow = self._config.timeout_s, self._server.too_slow
            yield from drain(talk.pieces, stop, patience_s=patience_s, too_slow=too_slow)
        finally:
            talk.cancel()


def clean_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without what a server's template may take for the end of one."""
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": MARKS.sub("< ", content)}
    parts = [{**each, "text": MARKS.sub("< ", each["text"])} if "text" in each else each for each in content or ()]
    return {**message, "content": parts or None}


def open_remote(config: LMConfig) -> RemoteModel:
    """The model called `config.name` at `config.url`; under the default name, the first that the server offers."""
    name = config.name if config.name != UNNAMED else OpenAIServer(config).models()[0]
    return RemoteModel(name, config)


class _ServerConversation:
    """One conversation with a server, in a thread and an event loop of its own."""

    def __init__(self, pieces: Callable[[], AsyncIterator[str]]) -> None:
        self.pieces: queue.Queue[Piece] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._listen(pieces))
        threading.Thread(target=self._run, name="lm-server", daemon=True).start()

    def cancel(self) -> None:
        """Close the connection; nothing happens if the talk is over."""
        try:
            self._loop.call_soon_threadsafe(self._task.cancel)
        except RuntimeError:  # the loop has closed: the talk ended by itself
            return

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(asyncio.wait([self._task]))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self.pieces.put(None if self._task.cancelled() else self._task.exception())
        finally:
            self._loop.close()

    async def _listen(self, pieces: Callable[[], AsyncIterator[str]]) -> None:
        async for piece in pieces():
            self.pieces.put(piece)
