"""Model servers of this machine: who listens on the usual ports of Ollama, llama.cpp, LM Studio and vLLM, with what.

Each kind of server is known by answers that the others do not give, so whatever else listens on a port is not taken
for one, and a server on another one's port is found all the same. Our own server, which speaks OpenAI's API too, is
left out. What a model can do is what its server says of it; `server_trials` tries it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from deepseek_mm.errors import ServerError
from deepseek_mm.models.loopback_client import HOST, ServerKind, ServerLimits, fetch_json

OWN = "deepseek-mm"  # who owns the models that our own server lists
MOST_NAME_CHARS = 200  # of a model that is offered; a longer one is no name
Ask = Callable[..., Awaitable[Any]]  # path and body of a request -> the JSON of its answer, None where there is none
Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferedModel:
    """A model that a server of this machine has, and what the server says that it can; None where it does not say."""

    name: str
    sees: bool | None = None  # looks at pictures
    uses_tools: bool | None = None
    embeds: bool | None = None  # gives vectors instead of words
    context_tokens: int = 0  # that a question and its answer may have together; 0 is unknown
    size_bytes: int = 0  # on disk; 0 is unknown
    remote_host: str = ""  # the server only passes questions on to this one: they leave this machine


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelServer:
    """A model server of this machine."""

    kind: ServerKind
    port: int
    version: str = ""  # as far as it says so
    models: tuple[OfferedModel, ...] = ()

    @property
    def url(self) -> str:
        """Of its OpenAI API, as `lm.url` takes it."""
        return f"http://{HOST}:{self.port}/v1"

    def get_model(self, name: str) -> OfferedModel | None:
        """The model of this name, if it is offered."""
        return next((model for model in self.models if model.name == name), None)


def find_servers(limits: ServerLimits | None = None) -> tuple[ModelServer, ...]:
    """All that are there, in the order of the ports; they are asked at the same time. Never an error."""
    limits = limits or ServerLimits()
    return asyncio.run(_find_all(limits))


async def _find_all(limits: ServerLimits) -> tuple[ModelServer, ...]:
    kinds = {port: kind for kind, port in reversed(limits.ports)}
    order = list(dict.fromkeys(port for _, port in limits.ports))
    found = await asyncio.gather(*(_look_at(port, kinds[port], limits) for port in order))
    return tuple(server for server in found if server)


async def _look_at(port: int, usual: ServerKind, limits: ServerLimits) -> ModelServer | None:
    """Who listens on a port: the kind that usually does is thought of first."""
    ends_s = asyncio.get_running_loop().time() + limits.look_s
    ask = partial(_ask, port, limits, ends_s)
    listed = await ask("/v1/models")
    if any(row.get("owned_by") == OWN for row in rows_of(listed, "data")):
        return None
    for kind in sorted(READERS, key=lambda each: each != usual):
        if server := await READERS[kind](ask, port, limits):
            return server
    return None


async def _ask(port: int, limits: ServerLimits, ends_s: float, path: str, body: dict[str, Any] | None = None) -> Any:
    left_s = ends_s - asyncio.get_running_loop().time()
    try:
        return await fetch_json(port, path, body, limits=limits, wait_s=left_s) if left_s > 0 else None
    except ServerError:  # somebody else listens there, or nobody
        return None


async def read_ollama(ask: Ask, port: int, limits: ServerLimits) -> ModelServer | None:
    """Ollama says its version, and has a list of tags; each model is described by a request of its own."""
    version = get_text(await ask("/api/version"), "version")
    listed = await ask("/api/tags") if version else None
    if not isinstance(listed, dict) or not isinstance(listed.get("models"), list):
        return None
    rows = named_rows(rows_of(listed, "models"), "name", limits)
    shown = await asyncio.gather(*(ask("/api/show", {"model": row["name"]}) for row in rows))
    models = tuple(describe_ollama(row, about) for row, about in zip(rows, shown, strict=True))
    return ModelServer(kind="ollama", port=port, version=version, models=models)


def describe_ollama(row: Mapping[str, Any], shown: Any) -> OfferedModel:
    """One model by its tag and what is shown of it; versions before 0.6.4 name no capabilities."""
    about = shown if isinstance(shown, dict) else {}
    can = about.get("capabilities")
    says = [*can] if isinstance(can, list) else None
    numbers = about.get("model_info") if isinstance(about.get("model_info"), dict) else {}
    architecture = get_text(numbers, "general.architecture")
    return OfferedModel(
        name=row["name"],
        sees=None if says is None else "vision" in says,
        uses_tools=None if says is None else "tools" in says,
        embeds=None if says is None else "embedding" in says,
        context_tokens=get_number(numbers, f"{architecture}.context_length"),
        size_bytes=get_number(row, "size"),
        remote_host=get_text(row, "remote_host") or get_text(about, "remote_host"),
    )


async def read_llama_cpp(ask: Ask, port: int, limits: ServerLimits) -> ModelServer | None:
    """The server of llama.cpp says with which settings it generates, and what its one model takes."""
    props = await ask("/props")
    if not isinstance(props, dict) or not isinstance(props.get("default_generation_settings"), dict):
        return None
    rows = named_rows(rows_of(await ask("/v1/models"), "data"), "id", limits)
    one = len(rows) == 1  # a router has several, of which these settings say nothing
    takes, caps = props.get("modalities"), props.get("chat_template_caps")
    models = tuple(
        OfferedModel(
            name=row["id"],
            sees=get_flag(takes, "vision") if one else None,
            uses_tools=get_flag(caps, "supports_tools") if one else None,
            context_tokens=get_number(props["default_generation_settings"], "n_ctx") if one else 0,
            size_bytes=get_number(row.get("meta"), "size"),
        )
        for row in rows
    )
    return ModelServer(kind="llama.cpp", port=port, version=get_text(props, "build_info"), models=models)


async def read_lm_studio(ask: Ask, port: int, limits: ServerLimits) -> ModelServer | None:
    """LM Studio's own list says of each model its type and whether it is loaded."""
    rows = named_rows(rows_of(await ask("/api/v0/models"), "data"), "id", limits)
    if not rows or not all("type" in row and "state" in row for row in rows):
        return None
    models = tuple(
        OfferedModel(
            name=row["id"],
            sees=row["type"] == "vlm",
            uses_tools="tool_use" in row["capabilities"] if isinstance(row.get("capabilities"), list) else None,
            embeds=row["type"] == "embeddings",
            context_tokens=get_number(row, "loaded_context_length") or get_number(row, "max_context_length"),
        )
        for row in rows
    )
    return ModelServer(kind="lm studio", port=port, models=models)


async def read_vllm(ask: Ask, port: int, limits: ServerLimits) -> ModelServer | None:
    """vLLM owns the models that it lists; it says how long a text may be, and no more."""
    rows = named_rows(rows_of(await ask("/v1/models"), "data"), "id", limits)
    if not rows or any(row.get("owned_by") != "vllm" for row in rows):
        return None
    models = tuple(OfferedModel(name=row["id"], context_tokens=get_number(row, "max_model_len")) for row in rows)
    return ModelServer(kind="vllm", port=port, version=get_text(await ask("/version"), "version"), models=models)


READERS: Mapping[ServerKind, Callable[[Ask, int, ServerLimits], Awaitable[ModelServer | None]]] = {
    "ollama": read_ollama,
    "llama.cpp": read_llama_cpp,
    "lm studio": read_lm_studio,
    "vllm": read_vllm,
}


def rows_of(listed: Any, name: str) -> Rows:
    """The tables in a list of an answer; none where it has another shape."""
    rows = listed.get(name) if isinstance(listed, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def named_rows(rows: Sequence[dict[str, Any]], key: str, limits: ServerLimits) -> Rows:
    """Those with a name that can be shown and typed, each once, at most as many as are wanted of one server."""
    named = {row[key]: row for row in rows if is_name(row.get(key))}
    return list(named.values())[: limits.most_models]


def is_name(value: Any) -> bool:
    """Whether it can be a model's name: one line of letters that can be seen, and not too many."""
    return (
        isinstance(value, str) and 0 < len(value) <= MOST_NAME_CHARS and value.isprintable() and value == value.strip()
    )


def get_text(table: Any, name: str) -> str:
    """A short text of a table; empty where it has none."""
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, str) and is_name(value) else ""


def get_number(table: Any, name: str) -> int:
    """A whole number of a table from 0 on; 0 where it has none."""
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def get_flag(table: Any, name: str) -> bool | None:
    """A yes or no of a table; None where it has none."""
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, bool) else None
