"""Many clients in one thread, as light as can be: they share the processor with the server that is measured.

Each has a connection of its own, opened beforehand, and sends one request after another over it. Requests are bytes
before the first is sent, and of an answer only its status and its length are read.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket

from deepseek_mm.errors import JobFailed

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
END = b"\r\n\r\n"
PATIENCE_S = 300.0  # without a byte from anybody
BITE = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedResponse:
    """One request, as its client saw it."""

    status: int
    seconds: float


@dataclass(slots=True)
class ClientConnection:
    """A connection, and what is still to be asked over it."""

    line: socket
    left: list[bytes]  # the next one last
    begun_s: float = 0.0
    heard: bytearray = field(default_factory=bytearray)

    def ask(self) -> bool:
        """Send the next one, if there is one."""
        if not self.left:
            return False
        self.heard.clear()
        self.begun_s = time.perf_counter()
        self.line.sendall(self.left.pop())
        return True

    def hear(self) -> TimedResponse | None:
        """Read on; the answer, if that was its end. JobFailed if the server hung up."""
        data = self.line.recv(BITE)
        if not data:
            raise JobFailed("the server hung up in the middle of an answer. See its log")
        self.heard += data
        head, end, body = self.heard.partition(END)
        length = LENGTH.search(head) if end else None
        if length is None or len(body) < int(length[1]):
            return None
        return TimedResponse(status=int(head[9:12]), seconds=time.perf_counter() - self.begun_s)


def send_at_once(
    url: str, path: str, shares: Sequence[Sequence[Mapping[str, object]]]
) -> tuple[list[TimedResponse], float]:
    """Every client's share, served; and the seconds from when all were connected until the last had its answers."""
    host, _, port = url.partition("//")[2].partition(":")
    asked = [[encode_request(host, path, body) for body in share][::-1] for share in shares]
    with ExitStack() as lines:
        clients = [ClientConnection(lines.enter_context(open_connection(host, int(port))), left) for left in asked]
        waiting = lines.enter_context(DefaultSelector())
        begun_s = time.perf_counter()
        for client in clients:
            if client.ask():
                waiting.register(client.line, EVENT_READ, client)
        served = [*read_answers(waiting)]
        return served, time.perf_counter() - begun_s


def read_answers(waiting: DefaultSelector) -> Iterator[TimedResponse]:
    """Whatever comes, until nobody waits any more. JobFailed if nothing comes for too long."""
    while waiting.get_map():
        ready = waiting.select(PATIENCE_S)
        if not ready:
            raise JobFailed(f"the server answered nobody for {PATIENCE_S:.0f} s. See its log")
        heard = [(key.data, key.data.hear()) for key, _ in ready]
        for client, one in heard:
            if one is None:
                continue
            yield one
            if not client.ask():
                waiting.unregister(client.line)


def open_connection(host: str, port: int) -> socket:
    """A connection that sends at once."""
    line = create_connection((host, port), timeout=PATIENCE_S)
    line.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return line


def encode_request(host: str, path: str, body: Mapping[str, object]) -> bytes:
    """As it goes over the line."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    return head.encode() + END + data
