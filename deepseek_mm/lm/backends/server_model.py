"""The server backend: a language model behind an OpenAI-compatible server, and which address may have the key.

A thread of its own talks to the server, so that a stop is heard while the server is still thinking: whoever waits for
the next piece looks at `stop` between two waits, and then cancels the talk, which closes the connection.

A variable of the environment such as OPENAI_API_KEY says nothing about addresses. It was set for the server that the
person who starts the program names then, by a flag or a variable (see `settings`), and for those that `lm.api_key_for`
names, which only this machine's people change; where there are none, for OpenAI's own. An address that came into
`lm.url` in another way gets no key. An address is a scheme, a host and a port.
"""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from deepseek_mm.config import LMConfig
from deepseek_mm.lm.backends.server_client import OpenAIServer, request_body
from deepseek_mm.types import Message

UNNAMED = LMConfig().name  # the name nobody chose: the server's first model is taken
TICK_S = 0.05  # how often a waiting answer looks at its stop
Piece = str | BaseException | None  # text (empty: a sign of life), a failure, or None: the end


class RemoteModel:
    """A Generator that asks a server."""

    def __init__(self, model: str, config: LMConfig) -> None:
        self.name, self.sees, self._config = model, config.sees, config
        self._server = OpenAIServer(config)
        self.fingerprint = f"{self._server.address}#{model}"  # the weights are the server's secret

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the answer, as `Generator.stream` says. ServerError names the next step."""
        body = request_body(self.name, messages, max_tokens=max_tokens, sees=self.sees)
        talk = _ServerConversation(lambda: self._server.complete(body))
        try:
            while (piece := self._next(talk, stop)) is not None:
                if piece:
                    yield piece
        finally:
            talk.cancel()

    def _next(self, talk: "_ServerConversation", stop: threading.Event) -> str | None:
        """The next piece; None at the end, or when stopped."""
        patience = time.monotonic() + self._config.timeout_s
        while not stop.is_set():
            try:
                piece = talk.pieces.get(timeout=TICK_S)
            except queue.Empty:
                if time.monotonic() > patience:
                    raise self._server.too_slow() from None
                continue
            if isinstance(piece, BaseException):
                raise piece
            return piece
        return None


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
