"""The whole service over painted photos at a real port, in this process, for tests that speak to it byte by byte."""

import json
import re
import socket
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from rag_house import build, paint, put

from deepseek_mm.api.app import Api, build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.server import ApiServer, build_server, open_socket
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import ServeConfig
from deepseek_mm.settings_file import SettingsFile

WAIT_S = 60.0  # for what must come; nothing is timed


class Dripping:
    """A language model that says a word now and then, and knows when it was told to stop."""

    name, fingerprint, sees = "dripping", "dripping", False

    def __init__(self, words: int = 4, pause_s: float = 0.0) -> None:
        self.words, self.pause_s = words, pause_s
        self.begun, self.stopped = threading.Event(), threading.Event()

    def stream(self, messages, *, max_tokens, stop):
        left = self.words
        try:
            while left and not stop.wait(self.pause_s):
                self.begun.set()
                yield "I see it [1]. "
                left -= 1
        finally:  # also where nobody wants to hear the next word
            if left:
                self.stopped.set()


class Stalling(Dripping):
    """It says a sentence and a half, and then nothing for a minute, if nobody stops it."""

    def stream(self, messages, *, max_tokens, stop):
        yield from ("I see it [1]. ", "And there ", "is ")
        self.begun.set()
        stop.wait(60)


@dataclass(frozen=True, kw_only=True)
class House:
    """The service, and ways to speak to it."""

    port: int
    api: Api
    assistant: Assistant
    lm: Dripping
    server: ApiServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        """An honest one."""
        return httpx.Client(base_url=self.url, timeout=WAIT_S, trust_env=False)

    def line(self, of: str = "127.0.0.1") -> socket.socket:
        """A bare connection, from one of this machine's addresses."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S, source_address=(of, 0))

    def answers(self) -> bool:
        """Whether others are served."""
        with self.client() as http:
            return http.post("/search", json={"text": "red"}).status_code == 200


@contextmanager
def serving_house(folder: Path, lm: Dripping | None = None, **numbers):
    """The service behind its door, until the block ends."""
    lm = lm or Dripping()
    with build(folder / "library", lm=lm) as assistant:
        serve = ServeConfig(**{"port": 0, "workers": 2, **numbers})
        assistant.config = replace(assistant.config, serve=serve)
        put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in ("red", "green")))
        api = build_api(assistant, SettingsFile.of(assistant.config))
        with closing(api), open_socket(serve) as sock:
            server = build_server(guard_app(api.app, assistant.config), serve, hush=api.tasks.stop, room=api.room)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
            thread.start()
            api.start()
            try:
                yield House(port=sock.getsockname()[1], api=api, assistant=assistant, lm=lm, server=server)
            finally:
                server.should_exit = True
                thread.join(WAIT_S)
                assert not thread.is_alive()


def request(path: str, body: object = None, *, method: str = "POST", **headers: str) -> bytes:
    """A whole request as bytes."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(data)}", *(f"{name.replace('_', '-')}: {said}" for name, said in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def heard(line: socket.socket) -> bytes:
    """All that comes until the line ends."""
    whole, until = b"", time.monotonic() + WAIT_S
    while time.monotonic() < until:
        try:
            piece = line.recv(65_536)
        except ConnectionResetError:
            return whole
        if not piece:
            return whole
        whole += piece
    raise AssertionError("the line was never cut")


def one_answer(line: socket.socket) -> bytes:
    """The next answer on a line that stays open."""
    whole = b""
    while True:
        head, end, body = whole.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if end and length and len(body) >= int(length[1]):
            return whole
        piece = line.recv(65_536)
        assert piece, f"the line was cut: {whole!r}"
        whole += piece


def status_of(answer: bytes) -> int:
    """0 if nothing was said."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def body_of(answer: bytes) -> dict:
    """The JSON of a whole answer."""
    return json.loads(answer.partition(b"\r\n\r\n")[2])
