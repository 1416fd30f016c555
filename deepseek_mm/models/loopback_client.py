"""JSON from servers of this machine: one request within limits of time and size, to the loopback address alone.

No proxy is used, whatever the environment names, no redirect is followed, and no key, cookie or password is sent.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from deepseek_mm.errors import ServerError
from deepseek_mm.storage.files import parse_json

ServerKind = Literal["ollama", "llama.cpp", "lm studio", "vllm"]
HOST = "127.0.0.1"
NOBODY = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # trusts no certificate: none is read, which takes longer than the rest
PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}  # packed bytes could unpack without end


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerLimits:
    """Where servers of this machine are looked for, and how long and how much is waited for."""

    ports: tuple[tuple[ServerKind, int], ...] = (  # where each kind usually listens
        ("ollama", 11434),
        ("llama.cpp", 8080),
        ("lm studio", 1234),
        ("vllm", 8000),
    )
    connect_s: float = 0.5  # until a port picks up
    look_s: float = 3.0  # for all that one port is asked while servers are looked for
    try_s: float = 120.0  # for one small request to a model, which may have to be loaded first
    most_bytes: int = 4_000_000  # of one answer
    most_models: int = 100  # of one server
    most_tokens: int = 300  # of one answer that is tried: some models think before they speak


async def fetch_json(
    port: int, path: str, body: dict[str, Any] | None = None, *, limits: ServerLimits, wait_s: float
) -> Any:
    """What a port answers to a GET, or with a `body` to a POST. ServerError says why there is no JSON."""
    url = f"http://{HOST}:{port}{path}"
    try:
        async with asyncio.timeout(wait_s):
            status, data = await _fetch(url, body, limits)
    except TimeoutError as error:
        raise ServerError(
            f"{url} did not answer within {wait_s:g} s. See whether it is busy, then try again"
        ) from error
    except (httpx.HTTPError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise ServerError(f"{url} does not answer ({reason}). Start the server, then look again") from error
    if status != httpx.codes.OK:
        raise ServerError(f"{url} answered {status}: {_begin(data)}. See the server's log")
    try:
        return parse_json(data)
    except ValueError as error:
        raise ServerError(f"{url} answered no JSON: {_begin(data)}. See what listens there") from error


async def _fetch(url: str, body: dict[str, Any] | None, limits: ServerLimits) -> tuple[int, bytes]:
    """Status and bytes of an answer."""
    timeout = httpx.Timeout(None, connect=limits.connect_s)
    method = "GET" if body is None else "POST"
    async with (
        httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=timeout, headers=PLAIN, verify=NOBODY
        ) as client,
        client.stream(method, url, json=body) as reply,
    ):
        data = bytearray()
        async for piece in reply.aiter_raw():
            data += piece
            if len(data) > limits.most_bytes:
                raise ServerError(
                    f"{url} answered more than {limits.most_bytes:,} bytes, and was cut off. See what listens there"
                )
        return reply.status_code, bytes(data)


def _begin(data: bytes, most_chars: int = 120) -> str:
    """The beginning of an answer, on one line."""
    line = " ".join(data[: 4 * most_chars].decode(errors="replace").split())
    return repr(line[:most_chars])
