"""`bench soak`: several clients for a long time, and whether memory, open files and threads stay as they are meanwhile.

Those of the server and of the processes that it started are read every few seconds. The first ten minutes are warm-up,
of a short run its first third. Between two tidyings pools of freed memory fill up, so what counts is the least of each
such period; a straight line through these says how much it grew. Open files and threads are compared between the first
and the last third after the warm-up, by their medians.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from PIL import Image

from deepseek_mm.api.server import TIDY_S
from deepseek_mm.benchmarks.answer import QUESTIONS
from deepseek_mm.benchmarks.ingestion import BUNDLED
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.serve import WORDS, encode_photo, index_bundled_photos
from deepseek_mm.benchmarks.servers import count_entries, resident_mb, start_api
from deepseek_mm.errors import JobFailed

SHARED = ("ask on", "history", "forget", "rate")  # of conversations that another client may have deleted, or asks in
TIMEOUT_S = 240.0
EVENTS = {"Accept": "text/event-stream"}
SHARES = {  # kind of request -> how often it comes, beside the others
    "ask": 3, "ask about": 3, "ask on": 1, "events": 2, "hang up": 2, "search": 6, "search picture": 2, "embed": 5,
    "embed pictures": 3, "infer": 3, "cancel": 2, "tasks": 4, "history": 4, "forget": 2, "rate": 1, "chat": 3,
    "chat stream": 2, "embeddings": 3, "library": 5, "picture": 4, "health": 2, "metrics": 1, "wrong": 2,
}  # fmt: skip
WELL, BAD, WRONG, GONE, BUSY_THERE = 200, 400, 422, 404, 409
MOST_REFUSALS = 200  # that are kept, the commonest first
MOST_SAID = 400  # letters of a refusal


def is_expected(kind: str, status: int) -> bool:
    """Whether such a request may be answered so."""
    return status in (WELL, 201, 202, 204, 429) or (kind in SHARED and status in (GONE, BUSY_THERE))


@dataclass
class StatusCounts:
    """(kind, status) -> how many; of all clients."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    words: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # path, status and what a refusal said
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, status: int) -> None:
        """Count one more answer."""
        with self.lock:
            self.answers[(kind, status)] += 1

    def hear(self, answer: httpx.Response) -> None:
        """Count what a refusal says: among thousands that are expected one may not be."""
        if answer.status_code >= WRONG or answer.status_code == BAD:
            said = answer.read()[:MOST_SAID].decode("utf-8", "replace")
            with self.lock:
                self.words[answer.request.url.path, answer.status_code, said] += 1

    @property
    def strange(self) -> dict[tuple[str, int], int]:
        """The answers that nobody expects."""
        return {what: number for what, number in self.answers.items() if not is_expected(*what)}

    @property
    def total(self) -> int:
        """The number of requests of every kind."""
        return self.answers.total()


class RandomClient:
    """A client that sends random requests one after another, the same for the same seed."""

    def __init__(self, url: str, *, seed: int, tally: StatusCounts) -> None:
        self.url, self.tally, self.chance = url, tally, random.Random(seed)
        self.photos = [Image.open(path).convert("RGB") for path in sorted(BUNDLED.glob("*.jpg"))[:: seed + 4]]
        hooks = {"response": [tally.hear]}
        self.http = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False, event_hooks=hooks)

    def run(self, stop: threading.Event) -> None:
        """Send requests until told to stop."""
        with self.http:
            while not stop.is_set():
                (kind,) = self.chance.choices(list(SHARES), list(SHARES.values()))
                self.step(kind)

    def step(self, kind: str) -> None:
        """One request of a kind, or the few that belong together."""
        calls: dict[str, Callable[[], int]] = {
            "ask": lambda: self.post("/ask", {"question": self.question()}),
            "ask about": lambda: self.post("/ask", {"question": self.question(), "pictures": [self.photo()]}),
            "ask on": self.ask_on,
            "events": lambda: self.read("/ask", {"question": self.question()}, EVENTS),
            "hang up": lambda: self.read("/ask", {"question": self.question()}, EVENTS, most=2),
            "search": lambda: self.post("/search", {"text": self.words(), "k": self.chance.randint(1, 30)}),
            "search picture": lambda: self.post("/search", {"picture": self.photo(), "text": self.words()}),
            "embed": lambda: self.post("/embed", {"texts": [self.words() for _ in range(self.chance.randint(1, 8))]}),
            "embed pictures": lambda: self.post("/embed", {"pictures": [self.photo()]}),
            "infer": lambda: self.infer(leave=False),
            "cancel": lambda: self.infer(leave=True),
            "tasks": lambda: self.get("/tasks", limit=20),
            "history": self.history,
            "forget": self.forget,
            "rate": self.rate,
            "chat": lambda: self.post("/v1/chat/completions", self.talk()),
            "chat stream": lambda: self.read("/v1/chat/completions", self.talk() | {"stream": True}, {}),
            "embeddings": lambda: self.post("/v1/embeddings", {"model": "deepseek-mm-embed", "input": self.words()}),
            "library": lambda: self.get("/library/sources", limit=20, offset=self.chance.randint(0, 50)),
            "picture": lambda: self.get(
                f"/library/sources/{self.one_of('/library/sources', kind='photos')}/picture", px=320
            ),
            "health": lambda: self.get("/health"),
            "metrics": lambda: self.get("/metrics"),
            "wrong": self.misspelt,
        }
        self.tally.note(kind, calls[kind]())

    def post(self, path: str, body: dict[str, object]) -> int:
        """Status of the answer, which is read."""
        return self.http.post(path, json=body).status_code

    def get(self, path: str, **query: int) -> int:
        """The same of a question without a body."""
        return self.http.get(path, params=query).status_code

    def read(self, path: str, body: dict[str, object], headers: dict[str, str], *, most: int | None = None) -> int:
        """Status of a stream, of which at most `most` pieces are read."""
        with self.http.stream("POST", path, json=body, headers=headers) as answer:
            for _ in islice(answer.iter_raw(), most):
                pass
            return answer.status_code

    def infer(self, *, leave: bool) -> int:
        """A task from its beginning to its end; cancelled after a moment if that is to be."""
        kind, given = self.chance.choice(
            [
                ("ask", {"question": self.question()}),
                ("search", {"text": self.words()}),
                ("embed", {"texts": [self.words()]}),
                ("caption", {"pictures": [self.photo()]}),
            ]
        )
        taken = self.http.post("/infer", json={"kind": kind, "input": given, "bulk": self.chance.random() < 0.3})
        if taken.status_code != httpx.codes.ACCEPTED:
            return taken.status_code
        address = taken.json()["address"]
        if leave:
            time.sleep(self.chance.random() * 0.3)
            return self.http.delete(address).status_code
        with self.http.stream("GET", f"{address}/events") as events:
            for _ in events.iter_raw():
                pass
        return self.get(address)

    def ask_on(self) -> int:
        """A question that goes on with a conversation, if there is one."""
        return self.post("/ask", {"question": self.question(), "conversation": self.one_of("/history")})

    def history(self) -> int:
        """The list, and one conversation of it."""
        known = self.one_of("/history")
        return self.get(f"/history/{known}/turns", last=20) if known else WELL

    def forget(self) -> int:
        """Delete a conversation, which another client may have deleted meanwhile."""
        known = self.one_of("/history")
        return self.http.delete(f"/history/{known}").status_code if known else WELL

    def rate(self) -> int:
        """Rate an answer with a thumb, if there is one."""
        known = self.one_of("/history")
        turns = self.http.get(f"/history/{known}/turns").json().get("turns", []) if known else []
        return self.http.put(f"/feedback/{turns[0]['id']}", json={"rating": "up"}).status_code if turns else WELL

    def misspelt(self) -> int:
        """A request that is refused; WELL if it is refused as it should be."""
        status = self.post("/ask", {"questoin": self.words()})
        return WELL if status == WRONG else -status

    def one_of(self, path: str, **query: str) -> int | None:
        """The id of one thing on this list; None if it is empty."""
        known = [one["id"] for one in self.http.get(path, params={"limit": 20, **query}).json()["items"]]
        return self.chance.choice(known) if known else None

    def question(self) -> str:
        """A question about the photos."""
        return self.chance.choice(QUESTIONS)

    def words(self) -> str:
        """Words to search for, hardly ever the same."""
        return f"{self.chance.choice(WORDS)} {' '.join(self.chance.choices('abcdefgh', k=self.chance.randint(1, 12)))}"

    def photo(self) -> str:
        """A photo as a data URL."""
        return encode_photo(self.chance.choice(self.photos), self.chance.randint(0, 34))

    def talk(self) -> dict[str, object]:
        """A chat with the product, or with the language model by itself."""
        model = self.chance.choice(["deepseek-mm", "deepseek-mm-lm"])
        messages = [{"role": "user", "content": self.question()}]
        return {"model": model, "messages": messages, "max_tokens": 24}


CLIENTS = 8
LOOK_S = 3.0
WARM_UP_S = 600.0
FEWEST = 3  # periods that a line is drawn through
MOST_SHARE = 0.03  # that memory may grow by after warm-up
MOST_FILES = 8  # more that are open: SQLite keeps those of closed connections for the next ones
MOST_THREADS = 2  # more


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorySample:
    """How much memory was in use, how many files and threads there were, and what had been asked by then."""

    seconds: float
    resident_mb: float
    requests: int
    files: int = 0  # that are open
    threads: int = 0


def measure_soak(setting: BenchSetting) -> BenchResult:
    """Growth after warm-up, and answers that nobody expects; soak.json and soak.png go to `setting.out`."""
    tally = StatusCounts()
    with start_api(setting) as url:
        setting.note("indexing the bundled photos")
        index_bundled_photos(url)
        pid = int((setting.folder / "library" / "lock").read_text())
        setting.note(f"{CLIENTS} clients for {setting.minutes:g} minutes")
        samples = sample_memory(url, pid, setting.minutes * 60, tally)
    save_samples(samples, tally, setting.out)
    return report_growth(samples, tally)


def sample_memory(url: str, pid: int, seconds: float, tally: StatusCounts) -> list[MemorySample]:
    """Clients at work, and samples until the time is over. JobFailed if a client does not come to rest."""
    stop = threading.Event()
    clients = [RandomClient(url, seed=n, tally=tally) for n in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    samples, begun_s = [], time.monotonic()
    try:
        while (at_s := time.monotonic() - begun_s) < seconds:
            samples.append(take_sample(pid, at_s, tally))
            time.sleep(LOOK_S)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=300)
    if any(thread.is_alive() for thread in threads):
        raise JobFailed("a client still waits for its answer after 300 s. See the server's log")
    return samples


def take_sample(pid: int, at_s: float, tally: StatusCounts) -> MemorySample:
    """How it stands now."""
    return MemorySample(
        seconds=round(at_s, 1),
        resident_mb=resident_mb(pid),
        requests=tally.total,
        files=count_entries(pid, "fd"),
        threads=count_entries(pid, "task"),
    )


def drop_warm_up(samples: Sequence[MemorySample]) -> list[MemorySample]:
    """The samples after ten minutes, or of a shorter run after its first third."""
    third_s = samples[len(samples) // 3].seconds
    return [one for one in samples if one.seconds >= min(WARM_UP_S, third_s)]


def lowest_by_period(samples: Sequence[MemorySample]) -> list[MemorySample]:
    """The lowest of each whole time between two tidyings; all of them where these are too few for a line.

    What comes after the last whole one may hold no tidying, and would pass for growth.
    """
    lowest: dict[int, MemorySample] = {}
    each_s = (samples[-1].seconds - samples[0].seconds) / max(1, len(samples) - 1)
    num_whole = int((samples[-1].seconds - samples[0].seconds + 1.5 * each_s) // TIDY_S)
    for one in samples:
        period = int((one.seconds - samples[0].seconds) // TIDY_S)
        if period < num_whole and (period not in lowest or one.resident_mb < lowest[period].resident_mb):
            lowest[period] = one
    return list(lowest.values()) if len(lowest) >= FEWEST else list(samples)


def fit_line(samples: Sequence[MemorySample]) -> tuple[float, float]:
    """MB a minute, and MB at the beginning of the straight line through these samples."""
    at_min = np.array([one.seconds / 60 for one in samples])
    slope, start = np.polyfit(at_min, [one.resident_mb for one in samples], 1)
    return float(slope), float(start + slope * at_min[0])


def compare_thirds(numbers: Sequence[int]) -> int:
    """The median of the last third, less that of the first."""
    third = max(1, len(numbers) // 3)
    return round(median(numbers[-third:]) - median(numbers[:third]))


def report_growth(samples: Sequence[MemorySample], tally: StatusCounts) -> BenchResult:
    """Report growth as a table and as numbers."""
    warm = drop_warm_up(samples)
    last = lowest_by_period(warm)
    slope, start_mb = fit_line(last)
    grew_mb = slope * (last[-1].seconds - last[0].seconds) / 60
    more_files, more_threads = (
        compare_thirds(all_of) for all_of in zip(*((s.files, s.threads) for s in warm), strict=True)
    )
    strange = tally.strange
    lines = (
        TableLine("memory grew after warm-up", f"{grew_mb:.1f} MB of {start_mb:.0f}", bar=f"{MOST_SHARE:.0%}"),
        TableLine("  a minute", f"{slope:.2f} MB"),
        TableLine("open files grew after warm-up", f"{more_files} to {warm[-1].files}", bar=f"{MOST_FILES}"),
        TableLine("threads grew after warm-up", f"{more_threads} to {warm[-1].threads}", bar=f"{MOST_THREADS}"),
        TableLine("requests", f"{tally.total:,} in {samples[-1].seconds / 60:.0f} minutes"),
        TableLine("  answered as nobody expects", f"{sum(strange.values())} {strange or ''}".strip(), bar="0"),
    )
    numbers = {
        "soak_grew_mb": round(grew_mb, 2),
        "soak_grew_share": round(grew_mb / start_mb, 5),
        "soak_grew_files": more_files,
        "soak_grew_threads": more_threads,
        "soak_peak_mb": max(one.resident_mb for one in samples),
        "soak_requests": tally.total,
        "soak_strange": sum(strange.values()),
    }
    return BenchResult(lines=lines, numbers=numbers)


def save_samples(samples: Sequence[MemorySample], tally: StatusCounts, folder: Path) -> None:
    """The samples and the counts of answers as JSON, and a plot."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = Counter({f"{what} {status}": number for (what, status), number in sorted(tally.answers.items())})
    refusals = [[*what, number] for what, number in tally.words.most_common(MOST_REFUSALS)]
    told = {"samples": [asdict(one) for one in samples], "answers": answers, "refusals": refusals}
    (folder / "soak.json").write_text(json.dumps(told, indent=1))
    draw_memory(samples, folder / "soak.png")


def draw_memory(samples: Sequence[MemorySample], file: Path) -> None:
    """The samples, and the straight line through what stays after the warm-up."""
    from matplotlib.figure import Figure

    last = lowest_by_period(drop_warm_up(samples))
    slope, start_mb = fit_line(last)
    minutes, used_mb = [one.seconds / 60 for one in samples], [one.resident_mb for one in samples]
    ends = (last[0].seconds / 60, minutes[-1])
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(minutes, used_mb, linewidth=1, label="server and the processes that it started")
    line = [start_mb + slope * (minute - ends[0]) for minute in ends]
    axes.plot(ends, line, label=f"what stays, after warm-up: {slope:+.2f} MB a minute")
    axes.set(xlabel="minutes under load", ylabel="resident memory, MB", ylim=(0, max(used_mb) * 1.15))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(file, dpi=120)
