"""Requests through nginx to two servers of one library, of which one is killed and started again meanwhile.

The servers are real ones with the models of the package, over the bundled photos. Of every five requests four search
and one lists the library. A request is lost where its answer is no success; a caller that is told so asks once more at
once. What was under way when the server was killed may be lost; nothing else should be.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import httpx

from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.accounts.shared_access import open_key_ring
from deepseek_mm.benchmarks.cluster.nginx import command_nginx
from deepseek_mm.benchmarks.ingestion import BUNDLED
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.serve import WORDS, index_bundled_photos
from deepseek_mm.benchmarks.servers import ServerProcess, find_free_port, postgres_server
from deepseek_mm.storage_config import StorageConfig

CLIENTS, SERVERS = 4, 2
LISTS = 5  # one request in so many lists the library
KILL_AT = 1 / 3  # of the requests
PAUSE_S, TIMEOUT_S = 0.05, 120.0
PREFIX = "bench"


@dataclass
class RequestLog:
    """What became of the requests; of all clients."""

    key: str
    url: str
    numbers: Iterator[int] = field(default_factory=count)
    sent: int = 0
    lost_s: list[tuple[float, float]] = field(default_factory=list)  # when each began and ended
    untold: int = 0  # of these, to which nobody answered at all
    lost_twice: int = 0  # of these, with the second try lost too
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send_many(self) -> None:
        """One request after the other, until told to stop; each over a connection of its own, so that any server may
        get it.
        """
        while not self.over.is_set():
            number, start = next(self.numbers), time.monotonic()
            status = self.send(number)
            end, again = time.monotonic(), status
            if not is_answered(status):
                again = self.send(number)
            with self.lock:
                self.sent += 1
                if not is_answered(status):
                    self.lost_s.append((start, end))
                    self.untold += status == 0
                    self.lost_twice += not is_answered(again)

    def send(self, number: int) -> int:
        """The status of the answer; 0 for none."""
        with suppress(httpx.HTTPError), self.client() as http:
            if number % LISTS == 0:
                return http.get("/library/sources", params={"limit": 20}).status_code
            return http.post("/search", json={"text": f"{WORDS[number % len(WORDS)]} {number}"}).status_code
        return 0

    def client(self) -> httpx.Client:
        """Through nginx, with the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S, trust_env=False)


def is_answered(status: int) -> bool:
    """Whether it is a success."""
    return 200 <= status < 300


def measure_lost(setting: BenchSetting) -> BenchResult:
    """How many are lost of 10,000."""
    total = setting.sizes.lost_requests
    with ExitStack() as stack:
        requests, kill_server, start_server = stack.enter_context(two_servers(setting))
        setting.note(f"{total:,} requests, while one of two servers is killed and comes back")
        threads = [threading.Thread(target=requests.send_many) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(requests.over.set)
        wait_until(lambda: requests.sent >= total * KILL_AT)
        killed_s = time.monotonic()
        kill_server()
        dead_s = time.monotonic()
        start_server().url()
        away_s = time.monotonic() - killed_s
        wait_until(lambda: requests.sent >= total)
    return sum_up(requests, killed_s, dead_s, away_s)


def sum_up(requests: RequestLog, killed_s: float, dead_s: float, away_s: float) -> BenchResult:
    """Those that were under way when the server died, others, and what a caller sees that asks again.

    Between `killed_s` and `dead_s` the system takes the process apart, and connections to it are still made.
    """
    under_way = sum(start <= dead_s and end >= killed_s for start, end in requests.lost_s)
    others = len(requests.lost_s) - under_way
    lines = (
        TableLine(
            f"lost of {requests.sent:,} requests, one of two servers killed and back after {away_s:.0f} s",
            f"{len(requests.lost_s)}, of which {others} were not under way there",
            beside=f"{requests.untold} untold",
            bar="those under way, each told",
        ),
        TableLine("  of these lost again at the second try", f"{requests.lost_twice}", bar="(aim 0)"),
    )
    numbers = {
        "lost": float(len(requests.lost_s)),
        "lost_not_under_way": float(others),
        "lost_untold": float(requests.untold),
        "lost_twice": float(requests.lost_twice),
        "lost_of": float(requests.sent),
        "away_s": away_s,
    }
    return BenchResult(lines=lines, numbers=numbers)


@contextmanager
def two_servers(
    setting: BenchSetting,
) -> Iterator[tuple[RequestLog, Callable[[], object], Callable[[], ServerProcess]]]:
    """Two servers behind nginx with the bundled photos, and how the first of them is killed, and started again."""
    home = setting.folder / "two-servers"
    home.mkdir()
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        config = replace(
            setting.config, data=home / "library", storage=StorageConfig(url=postgres.url(), prefix=PREFIX)
        )
        config.data.mkdir()
        with open_key_ring(config) as keys:
            key = keys.add("bench", RIGHTS)
        ports, port, lives = [find_free_port() for _ in range(SERVERS)], find_free_port(), count()

        def start(number: int) -> ServerProcess:
            words = ["-m", "deepseek_mm", "serve", "--data", str(config.data), "--model", "none"]
            values = {"storage.url": postgres.url(), "storage.prefix": PREFIX, "serve.port": ports[number]}
            values |= {"serve.keys": "always", "serve.roots": str(BUNDLED), "library.read_text": "false"}
            words += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
            return stack.enter_context(ServerProcess(words, home / f"server-{number}-{next(lives)}.log"))

        servers = [start(number) for number in range(SERVERS)]
        for server in servers:
            setting.note(f"a server is ready at {server.url()}")
        nginx = subprocess.Popen(command_nginx(home / "nginx", port, ports))
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        requests = RequestLog(key=key, url=f"http://127.0.0.1:{port}")
        with requests.client() as http:
            wait_until(lambda: is_answered(http.get("/health/live").status_code))
        index_bundled_photos(requests.url, key=key)

        def kill() -> None:
            servers[0].process.kill()
            servers[0].process.wait()

        yield requests, kill, partial(start, 0)


def wait_until(true: Callable[[], bool]) -> None:
    """Look again and again."""
    while not true():
        time.sleep(PAUSE_S)
