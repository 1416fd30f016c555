"""`bench edge`: the student beside the default models, each a whole product in a process of its own, on one core.

Both are asked the same questions about the same photos, in turns; a time is that of a whole ask, peak memory is
VmHWM. With `--judged`, retrieval and answers of both on the dev parts of Flickr8k and COCO, on which nothing was
trained.
"""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine, join_results
from deepseek_mm.benchmarks.servers import OwnProcess
from deepseek_mm.config import DEFAULT, EDGE, EDGE_LM, Config
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.edge import files_of_edge
from deepseek_mm.evaluation.retrieval import RetrievalReport, evaluate_retrieval, read_caption_rows
from deepseek_mm.evaluation.vqa import VqaReport, evaluate_vqa, read_question_rows
from deepseek_mm.factory import load
from deepseek_mm.machine import STATUS, memory_mb
from deepseek_mm.parse.document import read_photo
from deepseek_mm.training.question_albums import ASKED, CAPTIONED
from deepseek_mm.training.report import make_report, write_report
from deepseek_mm.types import Question

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant

COMMAND = "python -m deepseek_mm bench edge --judged data --report docs/learning/distill.json"
NOTES = (
    "Times: medians of whole asks of the default product and the student's, in turns, each a process on one core.",
    "R@10: 1,000 Flickr8k dev photos, both directions; answers: 1,054 VQA v2 questions about COCO dev photos.",
    "Memory is the process's VmHWM after 25 asks about photos.",
)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def measure_edge(setting: BenchSetting) -> BenchResult:
    """Ask both products in turns. NothingThere without the bundled photos, or where one of them does not open."""
    # not above: what is imported there counts as memory of the two processes
    from deepseek_mm.benchmarks.answer import QUESTIONS
    from deepseek_mm.benchmarks.ingestion import bundled_photos

    paths = bundled_photos()[: setting.sizes.plan_photos]
    usual = replace(setting.config, data=setting.folder / "usual")
    with pin_to_one_core():
        setting.note("opening the default models, then the student")
        configs = (usual, student_of(setting.config, setting.folder / "edge"))
        products = [OwnProcess(partial(load, config)) for config in configs]
    setting.note(f"asking about {len(paths)} photos, in turns")
    for product in products:
        product.call(ask_product, paths[-1], QUESTIONS[0])
    asks = list(zip(paths, cycle(QUESTIONS), strict=False))
    pairs = [tuple(product.call(ask_product, *ask) for product in products) for ask in asks]
    peaks = [product.call(end_product) for product in products]
    for product in products:
        product.close()
    result = report_speed(pairs, peaks, student_mb())
    if setting.data is not None:
        result = join_results([result, measure_quality(setting, setting.data)])
    if setting.report is not None:
        write_report(make_report("distill", COMMAND, result.numbers, NOTES), setting.report)
    return result


def student_of(config: Config, data: Path) -> Config:
    """The same settings with the student's models."""
    return replace(config, data=data, encoder=replace(config.encoder, name=EDGE), lm=replace(config.lm, name=EDGE_LM))


def student_mb() -> float:
    """The size of all files that the student consists of, in MB."""
    return round(sum(file.stat().st_size for file in files_of_edge()) / 1e6, 2)


def report_speed(pairs: Sequence[tuple[float, ...]], peaks: Sequence[float], size_mb: float) -> BenchResult:
    """Medians and means of the milliseconds of both, peak memory and size."""
    usual, small = zip(*pairs, strict=True)
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
        TableLine(
            "an ask with one photo, one core, times faster",
            f"{speedup:.2f}",
            beside=f"{statistics.median(small):.0f} ms for {statistics.median(usual):.0f} ms",
            bar="2",
        ),
        TableLine("  the mean", f"{mean:.2f}"),
        TableLine("most memory of the process", f"{peaks[1]:.0f} MB", beside=f"{peaks[0]:.0f} MB", bar="1,000"),
        TableLine("files of the student", f"{size_mb:.1f} MB", bar="60"),
    )
    return BenchResult(lines=lines, numbers=numbers)


@contextmanager
def pin_to_one_core() -> Iterator[None]:
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


def ask_product(assistant: "Assistant", photo: Path, text: str) -> float:
    """Milliseconds of a question about a photo, as a page asks it."""
    start = time.perf_counter()
    image = read_photo(photo, max_pixels=assistant.config.parse.max_pixels).image
    assistant.ask(Question(text=text, image=image, image_name=photo.name, image_path=str(photo)))
    return 1000 * (time.perf_counter() - start)


def read_peak_mb(status: Path = STATUS) -> float:
    """Peak memory of this process, in MB."""
    return round(memory_mb("VmHWM", status), 1)


def end_product(assistant: "Assistant") -> float:
    """Close it; returns the peak memory of its process, in MB."""
    peak_mb = read_peak_mb()
    assistant.close()
    return peak_mb


SPACES = (DEFAULT, EDGE)


def measure_quality(setting: BenchSetting, data: Path) -> BenchResult:
    """Score retrieval and answers of both models. NothingThere without the data."""
    found = (score_retrieval(setting, name, data / CAPTIONED) for name in SPACES)
    return report_quality(*found, answered=[score_vqa(setting, name, data / ASKED) for name in SPACES])


def score_retrieval(setting: BenchSetting, name: str, folder: Path) -> RetrievalReport:
    """As `eval retrieval --split dev` does."""
    setting.note(f"finding photos in the space {name}")
    rows = read_caption_rows(folder / "captions.jsonl", split="dev")
    return evaluate_retrieval(open_space(replace(setting.config.encoder, name=name)), rows, folder / "images")


def score_vqa(setting: BenchSetting, name: str, folder: Path) -> VqaReport:
    """As `eval vqa --split dev` does."""
    setting.note(f"answering in the space {name}")
    config = setting.config
    rows = read_question_rows(folder / "qa.jsonl", split="dev")
    encoder, lm = replace(config.encoder, name=name), replace(config.lm, name="none")
    silent = replace(config, data=setting.folder / f"vqa-{name}", encoder=encoder, lm=lm)
    with load(silent, progress=setting.note) as assistant:
        return evaluate_vqa(assistant, rows, folder / "images")


def report_quality(usual: RetrievalReport, small: RetrievalReport, *, answered: Sequence[VqaReport]) -> BenchResult:
    """What the student reaches of what the default models do; of retrieval the mean of both directions."""
    found = (small.t2i_r10 / usual.t2i_r10 + small.i2t_r10 / usual.i2t_r10) / 2
    right, own = (report.whole.accuracy for report in answered)
    numbers = {
        "distill_retrieval_kept": round(found, 4),
        "distill_vqa_kept": round(own / right, 4),
        "distill_t2i_r10": small.t2i_r10,
        "distill_i2t_r10": small.i2t_r10,
        "distill_default_t2i_r10": usual.t2i_r10,
        "distill_default_i2t_r10": usual.i2t_r10,
        "distill_vqa": own,
        "distill_default_vqa": right,
        "distill_vqa_ece": answered[1].ece,
        **{f"distill_vqa_{kind}": part.accuracy for kind, part in answered[1].by_kind.items()},
        **{f"distill_default_vqa_{kind}": part.accuracy for kind, part in answered[0].by_kind.items()},
    }
    lines = (
        TableLine(
            "R@10 kept, both directions",
            f"{found:.3f}",
            beside=f"{small.t2i_r10} / {small.i2t_r10} of {usual.t2i_r10} / {usual.i2t_r10}",
            bar="0.95",
        ),
        TableLine("answers about photos kept", f"{own / right:.3f}", beside=f"{own} % of {right} %", bar="0.90"),
    )
    return BenchResult(lines=lines, numbers=numbers)
