"""`bench exchange`: how long people wait while another language model takes the place of the one that answers.

Eight clients ask a server in a process of its own, each the next question when it has its answer: first undisturbed,
then while the other packaged model is opened, tried and put in place, and then while the first comes back. A wait lasts
from a question until its whole answer is there. The two cores are shared by the clients' answers and the opening.
"""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import httpx

from deepseek_mm.benchmarks.answer import QUESTIONS
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.serve import index_bundled_photos
from deepseek_mm.benchmarks.servers import start_api
from deepseek_mm.config import BASE_LM, OUR_LM
from deepseek_mm.errors import JobFailed

CLIENTS = 8
LOOK_S = 0.2  # between two looks whether the models are exchanged
PATIENCE_S = 300.0  # for one answer, and for one exchange
OK = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientWait:
    """One question, as its client saw it."""

    began_s: float
    ended_s: float
    status: int

    @property
    def seconds(self) -> float:
        """Until the whole answer was there."""
        return self.ended_s - self.began_s

    def overlaps(self, began_s: float, ended_s: float) -> bool:
        """Whether some of it lies between these."""
        return self.began_s < ended_s and began_s < self.ended_s


@dataclass(kw_only=True)
class AskingClients:
    """Clients that ask until told to stop."""

    url: str
    waits: list[ClientWait] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    _numbers: "count[int]" = field(default_factory=count)

    def start(self) -> list[threading.Thread]:
        """Their threads, at work."""
        threads = [threading.Thread(target=self._ask, name=f"client-{n}") for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False) as http:
            while not self.stop.is_set():
                question = QUESTIONS[next(self._numbers) % len(QUESTIONS)]
                began_s = time.perf_counter()
                status = http.post("/ask", json={"question": question}).status_code
                self.waits.append(ClientWait(began_s=began_s, ended_s=time.perf_counter(), status=status))


def measure_exchange(setting: BenchSetting) -> BenchResult:
    """Waits undisturbed, and while models are exchanged. JobFailed if one cannot be."""
    with start_api(setting) as url:
        setting.note("indexing the bundled photos")
        index_bundled_photos(url)
        clients = AskingClients(url=url)
        threads = clients.start()
        try:
            time.sleep(setting.sizes.exchange_usual_s / 4)  # the models are warm
            began_s = time.perf_counter()
            time.sleep(setting.sizes.exchange_usual_s)
            usual = (began_s, time.perf_counter())
            exchanges = [exchange_model(url, name, setting.note) for name in (BASE_LM, OUR_LM)]
        finally:
            clients.stop.set()
            for thread in threads:
                thread.join()
    return report_waits(clients.waits, usual, exchanges)


def exchange_model(url: str, name: str, note: Callable[[str], None]) -> tuple[float, float]:
    """When the exchange began and ended. JobFailed if the other model does not answer then."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as http:
        began_s = time.perf_counter()
        state = http.post("/models/use", json={"name": name}).json()
        while state.get("step") in ("opening", "trying") and time.perf_counter() < began_s + PATIENCE_S:
            time.sleep(LOOK_S)
            state = http.get("/models/use").json()
    if state.get("step") != "done":
        raise JobFailed(f"{name} does not answer: {state.get('message') or state}. See the server's log")
    ended_s = time.perf_counter()
    note(f"{name} answers after {ended_s - began_s:.1f} s")
    return began_s, ended_s


def report_waits(
    waits: Sequence[ClientWait], usual: tuple[float, float], exchanges: Sequence[tuple[float, float]]
) -> BenchResult:
    """As a table and as numbers; periods as (began, ended)."""
    before = [wait.seconds for wait in waits if wait.overlaps(*usual)]
    during = [wait.seconds for wait in waits if any(wait.overlaps(*period) for period in exchanges)]
    if not before or not during:
        raise JobFailed(f"{len(before)} questions were answered before and {len(during)} during the exchange: too few")
    failed = sum(wait.status != OK for wait in waits)
    longest, median = max(during) / max(before), statistics.median(during) / statistics.median(before)
    lasted_s = max(ended_s - began_s for began_s, ended_s in exchanges)
    lines = (
        TableLine(f"{CLIENTS} clients: questions that failed", f"{failed} of {len(waits)}", bar="0"),
        TableLine(
            "longest wait during an exchange, beside the longest before",
            f"{longest:.2f} times",
            beside=f"{max(during):.1f} s of {len(during)}, {max(before):.1f} s of {len(before)}",
        ),
        TableLine(
            "longest wait during an exchange, beside the exchange",
            f"{max(during):.1f} s of {lasted_s:.1f} s",
            bar="nobody waits for the opening",
        ),
        TableLine("median wait during an exchange, beside the one before", f"{median:.2f} times"),
    )
    numbers = {
        "exchange_failed": failed,
        "exchange_longest": round(longest, 3),
        "exchange_median": round(median, 3),
        "exchange_longest_s": round(max(during), 2),
        "exchange_usual_longest_s": round(max(before), 2),
        "exchange_s": round(lasted_s, 1),
    }
    return BenchResult(lines=lines, numbers=numbers)
