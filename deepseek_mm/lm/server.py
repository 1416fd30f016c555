"""One OpenAI-compatible server: its two questions, and what each of its failures asks of the user."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ServerError
from deepseek_mm.lm.credentials import addresses_of, is_key_for, shown_origin
from deepseek_mm.lm.wire import parse_json, read_error_message, read_event, read_reply

CONNECT_S = 10.0  # a server that does not even pick up in this time is not there
EXAMPLE = "Write --llm like http://127.0.0.1:8000/v1"
HERE = ("127.0.0.1", "localhost", "::1")  # reached directly, whatever proxy the environment names


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
        try:
            with httpx.Client(**self._options()) as client:
                reply = client.get("models", timeout=self._config.timeout_s)
        except (httpx.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        if not reply.is_success:
            raise self._refusal(reply.status_code, reply.text)
        entries = parse_json(reply.text).get("data") or []
        if names := [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]:
            return names
        raise ServerError(f"{self.address} offers no model. Load one there, or name it with --model NAME")

    async def complete(self, body: dict[str, Any]) -> AsyncIterator[str]:
        """The pieces of the answer to `body`; an empty piece is a sign of life."""
        begun, options = False, self._options()
        try:
            async with (
                httpx.AsyncClient(**options) as client,
                client.stream("POST", "chat/completions", json=body) as reply,
            ):
                await self._check(reply)
                async for piece in self._pieces(reply):
                    begun = True
                    yield piece
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) if begun else self._unreachable(error) from error

    def too_slow(self) -> ServerError:
        """It was silent for longer than the user wants to wait."""
        wait = f"{self._config.timeout_s:g} s"
        return ServerError(f"{self.address} said nothing for {wait}. See whether it is busy, or raise lm.timeout_s")

    async def _pieces(self, reply: httpx.Response) -> AsyncIterator[str]:
        if not reply.headers.get("content-type", "").startswith("text/event-stream"):
            yield read_reply((await reply.aread()).decode(errors="replace"), "message").text  # it does not stream
            return
        async for line in reply.aiter_lines():
            if (delta := read_event(line)) is None:
                continue
            yield delta.text
            if delta.last:
                return
        raise self._broken("the stream ended without its last event")

    async def _check(self, reply: httpx.Response) -> None:
        if reply.is_success:
            return
        text = (await reply.aread()).decode(errors="replace")
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
        return ServerError(f"{reason} Check --llm and --model{pictures}")

    def _unreachable(self, error: Exception) -> ServerError:
        reason = str(error) or type(error).__name__
        return ServerError(f"no language model server at {self.address} ({reason}). Start one there, or correct --llm")

    def _broken(self, reason: object) -> ServerError:
        return ServerError(f"the answer of {self.address} broke off ({reason}). See its log, then ask again")

    def _options(self) -> dict[str, Any]:
        """Of a client. Waiting for the next word is not limited here: whoever waits does that."""
        return {
            "base_url": self._url,
            "headers": {"Authorization": f"Bearer {self._key}"} if self._key else {},
            "timeout": httpx.Timeout(None, connect=min(self._config.timeout_s, CONNECT_S)),
            "trust_env": self._url.host not in HERE,
            "follow_redirects": False,  # another address would be asked, with all that was sent here
        }


def _parse_address(url: str) -> httpx.URL:
    """The address parsed, or ServerError."""
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError) as error:  # the second for a name in Punycode that is none
        raise ServerError(f"{url!r} is no address ({error}). {EXAMPLE}") from error
    if parsed.scheme not in ("http", "https") or not host:
        raise ServerError(f"{url!r} is no address of a web server. {EXAMPLE}")
    return parsed
