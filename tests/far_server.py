"""A web server here that passes for machines elsewhere: tests say which names lead to it, and what it sends."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpcore

from deepseek_mm.config import ServeConfig
from deepseek_mm.library.web_fetcher import Fetcher

FAR = "93.184.216.34"  # public; nothing is ever sent there


def answer(body: bytes, kind: str = "image/png", status: str = "200 OK", **more: str) -> bytes:
    """An HTTP answer; `more` are further headers, with _ for -."""
    headers = {"Content-Type": kind, "Content-Length": str(len(body))} | {
        k.replace("_", "-"): v for k, v in more.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def onward(to: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return answer(b"", status=status, Location=to)


def drips(start: bytes, every_s: float = 0.02) -> Callable[[socket.socket], None]:
    """Sends a byte now and then, for ever."""

    def drip(sock: socket.socket) -> None:
        sock.sendall(start)
        while True:
            sock.sendall(b"x")
            time.sleep(every_s)

    return drip


def floods(start: bytes, part: bytes) -> Callable[[socket.socket], None]:
    """Sends without end, as fast as it goes."""

    def flood(sock: socket.socket) -> None:
        sock.sendall(start)
        while True:
            sock.sendall(part)

    return flood


class Elsewhere:
    """Names, what they resolve to (each answer in turn, the last for ever), and what their paths send."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.pages: dict[str, bytes | Callable[[socket.socket], None]] = {}
        self.asked: list[str] = []  # whole requests
        self.connected: list[tuple[str, int]] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def resolve(self, host: str, port: int) -> list[str]:
        """As the system's resolver would; unknown names are not known."""
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(f"no {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
        """Every address leads here."""
        self.connected.append((address, port))
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.socket.getsockname()[1], timeout=timeout_s)

    def fetcher(self, **limits: float) -> Fetcher:
        """With these names."""
        serve = ServeConfig(fetch_urls=True, **limits)
        return Fetcher(serve, resolve=self.resolve, connect=self.connect)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:  # the test is over
                return
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        with sock:
            try:
                asked = sock.recv(65536).decode()
                if not asked:  # it hung up without a word
                    return
                self.asked.append(asked)
                page = self.pages.get(asked.split()[1], answer(b"", status="404 Not Found"))
                page(sock) if callable(page) else sock.sendall(page)
            except OSError:  # the other side hung up
                return


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """One, with the name far.example."""
    there = Elsewhere()
    there.names["far.example"] = [[FAR]]
    try:
        yield there
    finally:
        there.socket.close()
