"""`bench serve`: what dynamic batching wins with several clients, and what an overload does to them.

A server in a process of its own; its clients share one thread here, since they share the processor with it: requests
are bytes before the first is sent, and of an answer only status and length are read. The same requests go one by one
and from eight clients, in turns, round after round; each figure is the median over rounds of the ratio.
"""

import base64
import io
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from selectors import EVENT_READ, DefaultSelector
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket

import httpx
from PIL import Image

from deepseek_mm.benchmarks.answer import QUESTIONS
from deepseek_mm.benchmarks.ingestion import BUNDLED, bundled_photos
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.servers import start_api
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


CLIENTS = 8
MANY = 32  # clients that are all served
OVERLOAD = 10 * MANY
ROUNDS = 5
START_S, END_S = 600.0, 60.0  # that a start and an end may take on a busy machine
WORDS = ("a dog on a beach", "two people talk", "a red car in the rain", "a plate of food", "an old tower", "a cat")
Body = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestKind:
    """A kind of request that is sent again and again."""

    path: str
    body: Callable[[int, int], Body]  # of the n-th request, in a version: all take as long, and none was seen before
    requests: int  # of one round


def measure_serve(setting: BenchSetting) -> BenchResult:
    """Ratios of requests a second, and of latencies."""
    photos = [Image.open(path).convert("RGB") for path in bundled_photos()]
    with start_api(setting) as url:
        setting.note("indexing the bundled photos")
        index_bundled_photos(url)
        calls = list_requests(photos)
        ratios = {name: compare_batching(url, name, call, setting.note) for name, call in calls.items()}
        asked = send_crowd(url, calls["ask_batch"], MANY, each=1)
        crowds = []
        for _ in range(ROUNDS):
            usual = send_crowd(url, calls["text_batch"], MANY, each=8)
            over = send_crowd(url, calls["text_batch"], OVERLOAD, each=2)
            crowds.append((usual, over))
            setting.note(f"{MANY} clients, then {OVERLOAD}: {latency_ratio(usual, over):.2f} times the latency")
    return report_serving(ratios, asked, crowds)


def latency_ratio(usual: Sequence[TimedResponse], over: Sequence[TimedResponse]) -> float:
    """Median latency of admitted requests over that of a full server. Not a number where none was admitted."""
    let_in = [one.seconds for one in over if one.status == 200]
    return statistics.median(let_in) / statistics.median(one.seconds for one in usual) if let_in else float("nan")


def report_serving(
    ratios: dict[str, float],
    asked: Sequence[TimedResponse],
    crowds: Sequence[tuple[Sequence[TimedResponse], Sequence[TimedResponse]]],
) -> BenchResult:
    """As a table and as numbers; `crowds` are rounds of a full server, and of an overloaded one."""
    usual, over = ([one for crowd in crowds for one in crowd[side]] for side in (0, 1))
    errors = sum(one.status >= 400 for one in (*usual, *asked))
    strange = sum(one.status not in (200, 429) for one in over)
    slower = statistics.median(latency_ratio(*crowd) for crowd in crowds)
    bars = {"text_batch": "3", "image_batch": "1.2", "ask_batch": "1.4 (aim 2)"}
    lines = [
        TableLine(f"{CLIENTS} clients beside one by one, {name}", f"{ratio:.2f} times", bar=bars[name])
        for name, ratio in ratios.items()
    ]
    lines += [
        TableLine(f"{MANY} clients: requests that failed", f"{errors} of {len(usual) + len(asked)}", bar="0"),
        TableLine(f"{OVERLOAD} clients: latency of those let in, beside {MANY}", f"{slower:.2f} times", bar="2"),
        TableLine(
            "  sent away with 429; neither served nor sent away",
            f"{sum(one.status == 429 for one in over)} of {len(over)}; {strange}",
            bar="the rest; 0",
        ),
    ]
    numbers = {**ratios, "errors_32": errors, "overload_latency": round(slower, 3), "overload_strange": strange}
    return BenchResult(lines=tuple(lines), numbers=numbers)


def list_requests(photos: Sequence[Image.Image]) -> dict[str, RequestKind]:
    """The three kinds of requests that share passes."""
    shot = cache(lambda n, version: encode_photo(photos[n % len(photos)], version))
    return {
        "text_batch": RequestKind(
            path="/embed", requests=480, body=lambda n, version: {"texts": [f"{WORDS[n % 6]}, number {n}, {version}"]}
        ),
        "image_batch": RequestKind(
            path="/embed", requests=48, body=lambda n, version: {"pictures": [shot(n, version)]}
        ),
        "ask_batch": RequestKind(
            path="/ask",
            requests=24,
            body=lambda n, version: {"question": QUESTIONS[n % len(QUESTIONS)], "pictures": [shot(n, version)]},
        ),
    }


def compare_batching(url: str, name: str, call: RequestKind, note: Callable[[str], None]) -> float:
    """How many times as fast eight clients are served as one, with the same requests: each in two versions."""
    versions = count(1)
    warm = range(call.requests // 4)
    time_requests(url, call, 1, warm, next(versions))
    time_requests(url, call, CLIENTS, warm, next(versions))
    ratios = []
    for turn in range(ROUNDS):
        asked = range(turn * call.requests, (turn + 1) * call.requests)
        alone_s = time_requests(url, call, 1, asked, next(versions))
        together_s = time_requests(url, call, CLIENTS, asked, next(versions))
        ratios.append(alone_s / together_s)
        note(f"{name}: {call.requests / alone_s:.1f} a second one by one, {call.requests / together_s:.1f} together")
    return round(statistics.median(ratios), 3)


def time_requests(url: str, call: RequestKind, clients: int, asked: Sequence[int], version: int) -> float:
    """Seconds that these clients take for these requests together. JobFailed if one is not answered."""
    bodies = [call.body(n, version) for n in asked]
    served, took_s = send_at_once(url, call.path, [bodies[n::clients] for n in range(clients)])
    if bad := [one.status for one in served if one.status != 200]:
        raise JobFailed(f"{len(bad)} of {len(asked)} requests to {call.path} were answered with {bad[0]}. See its log")
    return took_s


def send_crowd(url: str, call: RequestKind, clients: int, *, each: int) -> list[TimedResponse]:
    """So many clients at the same time, each with a few requests."""
    shares = [[call.body(n * each + m, 0) for m in range(each)] for n in range(clients)]
    return send_at_once(url, call.path, shares)[0]


def index_bundled_photos(url: str, *, key: str = "") -> None:
    """The bundled photos are in the library. JobFailed."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as http:
        job = http.post("/library/paths", json={"paths": [str(BUNDLED)]}).raise_for_status().json()["id"]
        while (found := http.get(f"/library/jobs/{job}").json())["state"] in ("waiting", "running"):
            time.sleep(0.2)
        if found["state"] != "done":
            raise JobFailed(f"the bundled photos were not indexed: {found}")
        while http.get("/library/jobs?state=waiting&state=running").json()["total"]:  # the second pass over them
            time.sleep(0.2)


def encode_photo(photo: Image.Image, version: int) -> str:
    """A photo as a data URL, as a browser would send it; each version lacks other columns and rows at its edge."""
    file = io.BytesIO()
    photo.crop((version % 7, version // 7 % 7, photo.width, photo.height)).save(file, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
