"""What a model of a local server can really do: a word, a picture of one colour, a tool, each by a small request.

A server says of a model what its template or its name promises; only an answer shows it. Results are kept in the
library's folder with the seconds that each took, so that a list of models can show them.
"""

import asyncio
import base64
import io
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from PIL import Image

from deepseek_mm.errors import BadQuestion, LibraryError, NothingThere, ServerError
from deepseek_mm.models.local_servers import ModelServer, OfferedModel, find_servers
from deepseek_mm.models.loopback_client import ServerLimits, fetch_json
from deepseek_mm.storage.files import atomic_write, read_json

Ability = Literal["text", "vision", "tools", "embedding"]
FILE = "server_trials.json"  # in the library's folder
SIDE_PX, COLOUR = 224, (255, 0, 255)  # of the picture that is shown: a colour that nobody guesses blindly
COLOUR_NAMES = re.compile(r"\b(?:magenta|pink|fuchsia|purple|violet)\b", re.IGNORECASE)
WORD = "ready"
SAY_A_WORD = f"Reply with this one word and nothing else: {WORD}"
NAME_THE_COLOUR = "Which colour is this picture? Reply with the name of the colour and nothing else."
USE_THE_TOOL = "What is the weather in Lisbon? Call the tool get_weather."
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
Reply = dict[str, Any]  # the message of a chat completion
MOST_SHOWN_CHARS = 80  # of what a model said


@dataclass(frozen=True, kw_only=True, slots=True)
class AbilityTrial:
    """One thing that a model was asked to do."""

    ability: Ability
    works: bool
    seconds: float  # that it took, the loading of the model included
    said: str = ""  # what it did, or why it did not


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """What a model could do when it was tried."""

    url: str
    model: str
    tried_at: str  # ISO 8601, UTC
    trials: tuple[AbilityTrial, ...]

    def works(self, ability: Ability) -> bool | None:
        """Whether it could do this; None where that was not tried."""
        return next((trial.works for trial in self.trials if trial.ability == ability), None)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """Out of what `asdict` gave."""
        return cls(**{**told, "trials": tuple(AbilityTrial(**trial) for trial in told["trials"])})


def try_model(server: ModelServer, name: str, limits: ServerLimits | None = None) -> TrialResult:
    """Ask it for a word, then for all else that its server does not deny. NothingThere, BadQuestion.

    What fails is no error but a result that says why.
    """
    model = server.get_model(name)
    if model is None:
        there = ", ".join(each.name for each in server.models) or "none"
        raise NothingThere(f"{server.url} does not offer {name!r}. It offers: {there}")
    if model.remote_host:
        raise BadQuestion(
            f"{name!r} does not run on this machine: {server.kind} passes questions on to {model.remote_host}."
            " Choose a model that runs here"
        )
    trials = asyncio.run(_try_all(server, model, limits or ServerLimits()))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return TrialResult(url=server.url, model=name, tried_at=now, trials=trials)


async def _try_all(server: ModelServer, model: OfferedModel, limits: ServerLimits) -> tuple[AbilityTrial, ...]:
    """One after the other, since the machine has one model at work; none after the first that finds no answer."""
    if model.embeds:
        return (await _time("embedding", lambda: try_embedding(server, model, limits)),)
    trials = [await _time("text", lambda: try_text(server, model, limits))]
    if not trials[0].works:
        return tuple(trials)
    if model.sees is not False:
        trials.append(await _time("vision", lambda: try_vision(server, model, limits)))
    if model.uses_tools is not False:
        trials.append(await _time("tools", lambda: try_tools(server, model, limits)))
    return tuple(trials)


async def _time(ability: Ability, tries: Callable[[], Awaitable[tuple[bool, str]]]) -> AbilityTrial:
    began_s = time.monotonic()
    try:
        works, said = await tries()
    except ServerError as error:
        works, said = False, str(error)
    seconds = round(time.monotonic() - began_s, 2)
    return AbilityTrial(ability=ability, works=works, seconds=seconds, said=said)


async def try_text(server: ModelServer, model: OfferedModel, limits: ServerLimits) -> tuple[bool, str]:
    """Whether it says the word that it is asked for."""
    said = read_text(await _complete(server, model, SAY_A_WORD, limits))
    return WORD in said.lower(), quote(said)


async def try_vision(server: ModelServer, model: OfferedModel, limits: ServerLimits) -> tuple[bool, str]:
    """Whether it names the colour of a picture that has but one."""
    content = [
        {"type": "text", "text": NAME_THE_COLOUR},
        {"type": "image_url", "image_url": {"url": paint_picture()}},
    ]
    said = read_text(await _complete(server, model, content, limits))
    return COLOUR_NAMES.search(said) is not None, quote(said)


async def try_tools(server: ModelServer, model: OfferedModel, limits: ServerLimits) -> tuple[bool, str]:
    """Whether it calls the one tool that it is given, with the argument that was named."""
    reply = await _complete(server, model, USE_THE_TOOL, limits, tools=[TOOL])
    calls = reply.get("tool_calls")
    asked = [read_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    works = any(name == "get_weather" and "lisbon" in str(values.get("city", "")).lower() for name, values in asked)
    told = ", ".join(f"{name}({json.dumps(values, ensure_ascii=False)})" for name, values in asked)
    return works, told[:MOST_SHOWN_CHARS] or quote(read_text(reply))


async def try_embedding(server: ModelServer, model: OfferedModel, limits: ServerLimits) -> tuple[bool, str]:
    """Whether it gives a vector for a word."""
    body = {"model": model.name, "input": WORD}
    told = await fetch_json(server.port, "/v1/embeddings", body, limits=limits, wait_s=limits.try_s)
    rows = told.get("data") if isinstance(told, dict) else None
    vector = rows[0].get("embedding") if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None
    numbers = isinstance(vector, list) and bool(vector) and all(isinstance(number, int | float) for number in vector)
    return numbers, f"{len(vector)} numbers" if numbers and vector else "no vector"


async def _complete(
    server: ModelServer, model: OfferedModel, content: object, limits: ServerLimits, **more: object
) -> Reply:
    """The message that answers; ServerError where there is none."""
    body = {
        "model": model.name,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": limits.most_tokens,
        "temperature": 0,
        "stream": False,
        **more,
    }
    told = await fetch_json(server.port, "/v1/chat/completions", body, limits=limits, wait_s=limits.try_s)
    choices = told.get("choices") if isinstance(told, dict) else None
    message = (
        choices[0].get("message") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    )
    if not isinstance(message, dict):
        raise ServerError(f"{server.url} answered without a message. See whether it speaks OpenAI's API")
    return message


def read_text(reply: Reply) -> str:
    """What it said aloud; what it thought before is left out."""
    content = reply.get("content")
    return THOUGHT.sub("", content).strip() if isinstance(content, str) else ""


def read_call(call: Reply) -> tuple[str, dict[str, Any]]:
    """The tool that is called, and its arguments; none where they are no JSON."""
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    try:
        values = json.loads(function.get("arguments") or "{}")
    except (ValueError, TypeError, RecursionError):
        values = {}
    return str(function.get("name", "")), values if isinstance(values, dict) else {}


def quote(said: str) -> str:
    """The beginning of what was said, on one line; or that nothing was."""
    line = " ".join(said.split())
    return repr(line[:MOST_SHOWN_CHARS]) if line else "it said nothing"


def paint_picture() -> str:
    """The URL of a picture that is one colour all over."""
    file = io.BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), COLOUR).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialLog:
    """The last result of each model that was tried, in the folder of a library."""

    folder: Path

    def read(self) -> dict[tuple[str, str], TrialResult]:
        """Address and model -> result; none of a file that cannot be read."""
        try:
            results = [TrialResult.of_json(told) for told in read_json(self.folder / FILE)]
        except (OSError, ValueError, TypeError, KeyError):
            return {}
        return {(result.url, result.model): result for result in results}

    def record(self, result: TrialResult) -> None:
        """In the place of the one before. LibraryError says why it cannot be written."""
        results = self.read() | {(result.url, result.model): result}
        told = json.dumps([asdict(each) for each in results.values()], ensure_ascii=False, indent=1)
        atomic_write(self.folder / FILE, told.encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerState:
    """A server of this machine, and what its models could do when they were tried."""

    server: ModelServer
    results: Mapping[str, TrialResult]  # by the name of a model; those that were never tried are absent

    def sees(self, model: OfferedModel) -> bool:
        """Whether it looks at pictures: as a trial showed, else as its server says."""
        result = self.results.get(model.name)
        tried = result.works("vision") if result else None
        return bool(model.sees) if tried is None else tried

    def as_json(self) -> dict[str, Any]:
        """Values that JSON knows."""
        models = [{**asdict(each), "tried": self._tell_trial(each)} for each in self.server.models]
        return {"kind": self.server.kind, "url": self.server.url, "version": self.server.version, "models": models}

    def _tell_trial(self, model: OfferedModel) -> dict[str, Any] | None:
        result = self.results.get(model.name)
        return asdict(result) if result else None


def list_states(folder: Path, limits: ServerLimits | None = None) -> list[ServerState]:
    """The servers that are there now, with what the library in `folder` knows of their models."""
    known = TrialLog(folder=folder).read()
    return [
        ServerState(server=server, results={name: result for (url, name), result in known.items() if url == server.url})
        for server in find_servers(limits)
    ]


def try_offered(folder: Path, url: str, name: str, limits: ServerLimits | None = None) -> TrialResult:
    """Try a model of a server that is there now, and keep the result. NothingThere if there is no such server."""
    servers = {server.url: server for server in find_servers(limits)}
    if url not in servers:
        there = ", ".join(servers) or "none"
        raise NothingThere(
            f"no model server of this machine at {url!r}. Start it, then look again: python -m deepseek_mm models"
            f" servers. There are now: {there}"
        )
    result = try_model(servers[url], name, limits)
    with suppress(LibraryError):  # a library that can only be read keeps nothing
        TrialLog(folder=folder).record(result)
    return result
