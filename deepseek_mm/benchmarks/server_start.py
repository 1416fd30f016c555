"""`bench start`: how soon a server is there on an existing library, what it holds in memory, and what a command costs.

The bundled photos are indexed by a first start, which is not measured. The second one is: until `GET /` is 200, until
the first answer is given, and the resident memory of the server and of all that it started after ten different
requests, of which two bring a photo and one goes to the language model itself. Then the command line asks, beside the
running server and without one. All of it in processes of their own, as a user starts them.
"""

import base64
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.servers import POLL_S, START_S, ServerProcess, find_free_port, resident_mb
from deepseek_mm.errors import ServerError
from deepseek_mm.machine import ROOT

PHOTOS = ("cat.jpg", "coffee.jpg")
QUESTIONS = (
    "Which photos show a dog?",
    "How many photos show a cat?",
    "Is there a rocket?",
    "What is in the photo with the coffee?",
    "Which photos show text?",
    "What colour is the cat?",
    "Show me photos of buildings.",
)
LOOKS = ("What is in this photo?", "What colour is it?")  # of the PHOTOS
TALK = {"model": "deepseek-mm-lm", "max_tokens": 24, "messages": [{"role": "user", "content": "Say hello."}]}
QUICK = (("--help",), ("config",), ("library", "list"), ("history", "list"))
RUNS, ASKS = 5, 3


def start(setting: BenchSetting, root: Path = ROOT) -> BenchResult:
    """All figures of the project in `root`; its server must be able to listen on loopback."""
    house = Checkout(root, setting.folder / "library", setting.folder / "server.log")
    setting.note("indexing the bundled photos: a first start, which is not measured")
    with house.running(wait_ready=True):
        pass
    setting.note("starting again")
    begun = time.perf_counter()
    with house.running() as server:
        house.get_page()
        page_s = time.perf_counter() - begun
        house.post("/ask", {"question": QUESTIONS[0]})
        answer_s = time.perf_counter() - begun
        server.url()
        ready_s = time.perf_counter() - begun
        house.ask_the_rest()
        rss_mb, server_mb = resident_mb(server.process.pid), server.resident_mb()
        asks_s = [house.command("ask", QUESTIONS[1]) for _ in range(ASKS)]
    setting.note("commands without a server")
    alone_s = house.command("ask", QUESTIONS[1])
    help_ms = max(1000 * statistics.median(house.command(*words) for _ in range(RUNS)) for words in QUICK)
    cli_ask_s = statistics.median(asks_s)
    lines = (
        TableLine(
            "memory after ten requests",
            f"{rss_mb:,.0f} MB",
            beside=f"the server {server_mb:,.0f}",
            bar="1,800 (aim 1,000)",
        ),
        TableLine(
            "second start: until GET / is 200", f"{page_s:.1f} s", beside=f"whole page {ready_s:.1f} s", bar="4 (aim 2)"
        ),
        TableLine("  until the first answer", f"{answer_s:.1f} s", bar="7 (aim 4)"),
        TableLine(
            "ask beside a server", f"{cli_ask_s:.2f} s", beside=f"without one {alone_s:.1f} s", bar="1 (aim 0.5); 7"
        ),
        TableLine("--help, config, library list, history list", f"{help_ms:.0f} ms", bar="500 (aim 300)"),
    )
    numbers = {
        "rss_mb": rss_mb,
        "page_s": page_s,
        "answer_s": answer_s,
        "cli_ask_s": cli_ask_s,
        "help_ms": help_ms,
        "server_mb": server_mb,
        "ready_s": ready_s,
        "cli_ask_alone_s": alone_s,
    }
    return BenchResult(lines=lines, numbers=numbers)


class Checkout:
    """A checkout of the project, a library, and a server between them."""

    def __init__(self, root: Path, data: Path, log: Path) -> None:
        self.root, self.data, self.log = root, data, log
        self.environ = os.environ | {"PYTHONPATH": str(root), "DEEPSEEK_MM_DATA": str(data)}
        self.port = find_free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=START_S, trust_env=False)

    @contextmanager
    def running(self, *, wait_ready: bool = False) -> Iterator[ServerProcess]:
        """A server as a user starts it, ended afterwards. ServerError with its last words if it does not start."""
        words = ["app.py", "--data", str(self.data), "--port", str(self.port)]
        with ServerProcess(words, self.log, cwd=self.root, environ=self.environ) as server:
            if wait_ready:
                server.url()
            yield server

    def get_page(self) -> None:
        """Return when `GET /` is 200. ServerError if it never is."""
        give_up = time.perf_counter() + START_S
        while time.perf_counter() < give_up:
            try:
                if self.http.get("/", follow_redirects=True).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(POLL_S)
        raise ServerError(f"nothing answers at port {self.port}. It said:\n{self.log.read_text()[-2000:]}")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a request. ServerError where it is refused."""
        response = self.http.post(path, json=body)
        if response.status_code != httpx.codes.OK:
            raise ServerError(f"{path} answers {response.status_code}: {response.text[:500]}")
        return response.json()

    def ask_the_rest(self) -> None:
        """Nine different requests."""
        for question in QUESTIONS[1:]:
            self.post("/ask", {"question": question})
        for question, name in zip(LOOKS, PHOTOS, strict=True):
            data = base64.b64encode((self.root / "examples" / "photos" / name).read_bytes()).decode()
            self.post("/ask", {"question": question, "pictures": [f"data:image/jpeg;base64,{data}"]})
        self.post("/v1/chat/completions", TALK)

    def command(self, *words: str) -> float:
        """Seconds that a command takes from its start to its end. ServerError with what it said if it fails."""
        line: Sequence[str] = [sys.executable, "-m", "deepseek_mm", *words]
        begun = time.perf_counter()
        done = subprocess.run(line, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode not in (0, 1):
            raise ServerError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return seconds
