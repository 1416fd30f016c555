"""`bench soak`: several clients for a long time, and whether the service's memory stays flat meanwhile.

The memory of the server and of the processes that it started is read every few seconds. The first third is warm-up:
caches fill and every kind of request has come. Between two tidyings pools of freed memory fill up, and then they are
given back; so what counts is the least of each such time. A straight line through these says how much it grew.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from deepseek_mm.benchmarks.resident import resident_mb
from deepseek_mm.benchmarks.result import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.serve import index_bundled_photos, start_server
from deepseek_mm.benchmarks.soak_client import RandomClient, StatusCounts
from deepseek_mm.benchmarks.soak_plot import draw_memory
from deepseek_mm.errors import JobFailed
from deepseek_mm.serve.start import TIDY_S

CLIENTS = 6
LOOK_S = 3.0
FEWEST = 3  # periods that a line is drawn through
MOST_MB, MOST_SHARE = 50.0, 0.05  # that memory may grow by after warm-up


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorySample:
    """How much memory was in use, and what had been asked by then."""

    seconds: float
    resident_mb: float
    requests: int


def measure_soak(setting: BenchSetting) -> BenchResult:
    """Growth after warm-up, and answers that nobody expects; soak.json and soak.png go to `setting.out`."""
    tally = StatusCounts()
    with start_server(setting) as url:
        setting.note("indexing the bundled photos")
        index_bundled_photos(url)
        pid = int((setting.folder / "library" / "lock").read_text())
        setting.note(f"{CLIENTS} clients for {setting.minutes:g} minutes")
        samples = sample_memory(url, pid, setting.minutes * 60, tally)
    save_samples(samples, tally, setting.out)
    return report_growth(samples, tally)


def sample_memory(url: str, pid: int, seconds: float, tally: StatusCounts) -> list[MemorySample]:
    """Clients at work, and samples until the time is over. JobFailed if a client does not come to rest."""
    stop, begun_s = threading.Event(), time.monotonic()
    clients = [RandomClient(url, seed=n, tally=tally) for n in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    samples = []
    try:
        while (at_s := time.monotonic() - begun_s) < seconds:
            samples.append(MemorySample(seconds=round(at_s, 1), resident_mb=resident_mb(pid), requests=tally.total))
            time.sleep(LOOK_S)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=300)
    if any(thread.is_alive() for thread in threads):
        raise JobFailed("a client still waits for its answer after 300 s. See the server's log")
    return samples


def drop_warm_up(samples: Sequence[MemorySample]) -> list[MemorySample]:
    """The last two thirds."""
    return list(samples[len(samples) // 3 :])


def lowest_by_period(samples: Sequence[MemorySample]) -> list[MemorySample]:
    """The lowest of each time between two tidyings; all of them where these are too few for a line."""
    lowest: dict[int, MemorySample] = {}
    for one in samples:
        period = int((one.seconds - samples[0].seconds) // TIDY_S)
        if period not in lowest or one.resident_mb < lowest[period].resident_mb:
            lowest[period] = one
    return list(lowest.values()) if len(lowest) >= FEWEST else list(samples)


def fit_line(samples: Sequence[MemorySample]) -> tuple[float, float]:
    """MB a minute, and MB at the beginning of the straight line through these samples."""
    at_min = np.array([one.seconds / 60 for one in samples])
    slope, start = np.polyfit(at_min, [one.resident_mb for one in samples], 1)
    return float(slope), float(start + slope * at_min[0])


def report_growth(samples: Sequence[MemorySample], tally: StatusCounts) -> BenchResult:
    """As a table and as numbers."""
    last = lowest_by_period(drop_warm_up(samples))
    slope, start_mb = fit_line(last)
    grew_mb = slope * (last[-1].seconds - last[0].seconds) / 60
    strange = tally.strange
    lines = (
        TableLine(
            what="memory grew after warm-up", value=f"{grew_mb:.1f} MB of {start_mb:.0f}", bar=f"{MOST_MB:g} MB, 5 %"
        ),
        TableLine(what="  a minute", value=f"{slope:.2f} MB"),
        TableLine(what="requests", value=f"{tally.total:,} in {samples[-1].seconds / 60:.0f} minutes"),
        TableLine(
            what="  answered as nobody expects", value=f"{sum(strange.values())} {strange or ''}".strip(), bar="0"
        ),
    )
    numbers = {
        "soak_grew_mb": round(grew_mb, 2),
        "soak_grew_share": round(grew_mb / start_mb, 5),
        "soak_peak_mb": max(one.resident_mb for one in samples),
        "soak_requests": tally.total,
        "soak_strange": sum(strange.values()),
    }
    return BenchResult(lines=lines, numbers=numbers)


def save_samples(samples: Sequence[MemorySample], tally: StatusCounts, folder: Path) -> None:
    """The samples and the counts of answers as JSON, and a plot."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = Counter({f"{what} {status}": number for (what, status), number in sorted(tally.answers.items())})
    told = {"samples": [asdict(one) for one in samples], "answers": answers}
    (folder / "soak.json").write_text(json.dumps(told, indent=1))
    last = lowest_by_period(drop_warm_up(samples))
    draw_memory(
        [one.seconds / 60 for one in samples],
        [one.resident_mb for one in samples],
        line=(last[0].seconds / 60, *fit_line(last)),
        file=folder / "soak.png",
    )
