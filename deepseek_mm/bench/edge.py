"""`bench edge`: the student beside the default models, each a whole product in a process of its own, on one core.

Both are asked the same questions about the same photos, in turns. What counts is the whole ask: photo and question in,
checked answer out, kept in the history. How much memory each had at most is what Linux says of its process (VmHWM).
"""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.bench.result import Line, Result, Setting, joined
from deepseek_mm.config import EDGE, EDGE_LM, Config
from deepseek_mm.errors import DeepSeekMMError, NothingThere
from deepseek_mm.machine import STATUS, memory_mb
from deepseek_mm.train.report import made_now, write

if TYPE_CHECKING:
    from deepseek_mm.rag.assistant import Assistant

COMMAND = "python -m deepseek_mm bench edge --judged data --report docs/learning/distill.json"
NOTES = (
    "Times: medians of whole asks of the default product and the student's, in turns, each a process on one core.",
    "R@10: 1,000 Flickr8k dev photos, both directions; answers: 1,054 VQA v2 questions about COCO dev photos.",
    "Memory is the process's VmHWM after 25 asks about photos.",
)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_here: "list[Assistant]" = []  # in the other process: the product, once it is open


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One ask in the other process."""

    ms: float
    words: int  # of the answer
    text: str


def edge(setting: Setting) -> Result:
    """Both in turns. NothingThere without the bundled photos, or where one of them does not open."""
    from deepseek_mm.bench.answer import QUESTIONS
    from deepseek_mm.bench.intake import BUNDLED

    paths = sorted(BUNDLED.glob("*.jpg"))[: setting.sizes.plan_photos]
    if not paths:
        raise NothingThere(f"no photos in {BUNDLED}. Run this from a clone of the repository")
    usual = replace(setting.config, data=setting.folder / "usual")
    with on_one_core():
        setting.note("opening the default models, then the student")
        houses = [Apart(usual), Apart(student_of(setting.config, setting.folder / "edge"))]
    setting.note(f"asking about {len(paths)} photos, in turns")
    for house in houses:
        house.ask(paths[-1], QUESTIONS[0])
    asks = list(zip(paths, cycle(QUESTIONS), strict=False))
    pairs = [tuple(house.ask(path, text) for house in houses) for path, text in asks]
    peaks = [house.peak_mb() for house in houses]
    for house in houses:
        house.close()
    result = told(pairs, peaks, student_mb())
    if setting.data is not None:
        from deepseek_mm.bench.edge_kept import kept

        result = joined([result, kept(setting)])
    if setting.report is not None:
        write(made_now("distill", COMMAND, result.numbers, NOTES), setting.report)
    return result


def student_of(config: Config, data: Path) -> Config:
    """The same settings with the student's models."""
    return replace(config, data=data, encoder=replace(config.encoder, name=EDGE), lm=replace(config.lm, name=EDGE_LM))


def student_mb() -> float:
    """Of all files that the student consists of."""
    from deepseek_mm.encoders.edge import files_of_edge

    return round(sum(file.stat().st_size for file in files_of_edge()) / 1e6, 2)


def told(pairs: Sequence[tuple[Asked, ...]], peaks: Sequence[float], size_mb: float) -> Result:
    """Medians and means of both, peaks and size."""
    usual, small = ([pair[n].ms for pair in pairs] for n in (0, 1))
    speedup, mean = (
        statistics.median(usual) / statistics.median(small),
        statistics.fmean(usual) / statistics.fmean(small),
    )
    numbers = {
        "distill_speedup": round(speedup, 3),
        "distill_speedup_mean": round(mean, 3),
        "distill_ask_ms": round(statistics.median(small), 1),
        "distill_default_ask_ms": round(statistics.median(usual), 1),
        "distill_peak_mb": peaks[1],
        "distill_default_peak_mb": peaks[0],
        "distill_mb": size_mb,
    }
    lines = (
        Line(what="an ask with one photo, one core, times faster", value=f"{speedup:.2f}",
             beside=f"{statistics.median(small):.0f} ms for {statistics.median(usual):.0f} ms", bar="2"),
        Line(what="  the mean", value=f"{mean:.2f}"),
        Line(what="most memory of the process", value=f"{peaks[1]:.0f} MB", beside=f"{peaks[0]:.0f} MB", bar="1,000"),
        Line(what="files of the student", value=f"{size_mb:.1f} MB", bar="60"),
    )  # fmt: skip
    return Result(lines=lines, numbers=numbers)


@contextmanager
def on_one_core() -> Iterator[None]:
    """Processes that are started meanwhile have one core, the last that this one may use, and threads for no more."""
    cores, before = os.sched_getaffinity(0), {name: os.environ.get(name) for name in THREADS}
    os.sched_setaffinity(0, {max(cores)})
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Apart:
    """A product in a process of its own. NothingThere says why it does not open."""

    def __init__(self, config: Config) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        if trouble := self._process.submit(_open, config).result():
            self.close()
            raise NothingThere(trouble)

    def ask(self, photo: Path, text: str) -> Asked:
        """A question about a photo, as a page asks it."""
        return self._process.submit(_ask, photo, text).result()

    def peak_mb(self) -> float:
        """The most memory that it has had."""
        return self._process.submit(peak_mb).result()

    def close(self) -> None:
        """End the process."""
        self._process.submit(_close).result()
        self._process.shutdown()


def peak_mb(status: Path = STATUS) -> float:
    """Of this process."""
    return round(memory_mb("VmHWM", status), 1)


def _open(config: Config) -> str:
    """Why it does not; empty if it does. Errors of ours cannot travel between processes; what they say can."""
    from deepseek_mm.factory import load

    try:
        _here[:] = [load(config)]
    except DeepSeekMMError as error:
        return str(error)
    return ""


def _ask(photo: Path, text: str) -> Asked:
    from deepseek_mm.parse.document import read_photo
    from deepseek_mm.records import Question

    start, house = time.perf_counter(), _here[0]
    image = read_photo(photo, max_pixels=house.config.parse.max_pixels).image
    answer = house.ask(Question(text=text, image=image, image_name=photo.name, image_path=str(photo)))
    return Asked(ms=1000 * (time.perf_counter() - start), words=len(answer.text.split()), text=answer.text)


def _close() -> None:
    for assistant in _here:
        assistant.close()
    _here.clear()
