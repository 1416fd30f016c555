"""Two workers beside one, where a model takes 0.2 s for a photo and no processor: the cores here do not suffice for two
real ones.
"""

import statistics
from contextlib import ExitStack, closing
from pathlib import Path

from deepseek_mm.benchmarks.cluster.shared_library import (
    READY,
    SharedLibrary,
    SleepingSpace,
    make_settings,
    start_worker,
)
from deepseek_mm.benchmarks.ingestion import SIZES_PX, TURNS, make_photos
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.servers import postgres_server
from deepseek_mm.errors import JobFailed
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.vision.ocr import TextReader

PHOTO_S = 0.2  # that the model takes for one
NUMBERS = (1, 2)  # of workers


def measure_workers(setting: BenchSetting) -> BenchResult:
    """The same photos by one worker and by two, taking turns."""
    count = setting.sizes.worker_photos
    folder = setting.folder / "workers"
    for _ in make_photos(folder / "photos", count, SIZES_PX):
        pass
    seconds: dict[int, list[float]] = {number: [] for number in NUMBERS}
    with postgres_server() as server:
        for turn in range(TURNS):
            for number in NUMBERS:
                setting.note(f"{count} photos by {number} of the workers, turn {turn + 1} of {TURNS}")
                seconds[number].append(time_workers(server.url(), folder, number, f"turn_{turn}_{number}"))
    ratio = statistics.median(one / two for one, two in zip(*(seconds[number] for number in NUMBERS), strict=True))
    beside = f"{count / statistics.median(seconds[1]):.2f} photos/s by one"
    line = TableLine("two workers beside one, 0.2 s a photo", f"{ratio:.2f} times", beside=beside, bar="1.9 (aim 1.98)")
    return BenchResult(lines=(line,), numbers={"workers_ratio": ratio, "one_worker_s": statistics.median(seconds[1])})


def time_workers(url: str, folder: Path, number: int, prefix: str) -> float:
    """Seconds from a job's beginning to its end, in a new library; the workers are there before. JobFailed."""
    config = make_settings(folder / prefix, StorageConfig(url=url, prefix=prefix, workers=True))
    with ExitStack() as stack:
        shared = stack.enter_context(closing(SharedLibrary(config, SleepingSpace(PHOTO_S), TextReader())))
        shared.library.start()
        for each in range(number):
            name = f"{prefix}-worker-{each}"
            worker = stack.enter_context(start_worker(config, folder / name, seconds=PHOTO_S, name=name))
            stack.callback(worker.terminate)
            if worker.stdout is None or worker.stdout.readline() != READY:
                raise JobFailed("a worker of the benchmark did not start")
        return shared.time_job([folder / "photos"])
