"""What a bench runs with and what comes out: sizes, setting, table lines, results as a table and as one JSON object.

`bench learning` is here too, since nothing is measured for it: the reports that the trainings left behind are read. A
report that is missing leaves its keys out and is named; one that is damaged stops everything, for nobody should take
half of it for the whole.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm.config import Config, cache_folder
from deepseek_mm.errors import NothingThere
from deepseek_mm.training.report import REPORTS, TrainingReport
from deepseek_mm.training.report import read_report as read_training_report


@dataclass(frozen=True, kw_only=True, slots=True)
class LMSizes:
    """Numbers are tokens, or say what they count."""

    lengths: tuple[int, ...] = (1_024, 2_048, 4_096, 8_192, 16_384)  # of prompts, the shortest first
    longest: int = 32_768  # one more, with everything
    chunk: int = 512  # of a prompt, that are read at once
    busy: int = 2_048  # prompt whose arithmetic is compared with the machine's; one of `lengths`
    context: int = 512  # before the first token that is decoded
    long_context: int = 8_192
    steps: int = 32  # tokens decoded in a round
    first: int = 1_000  # prompt whose first token is waited for
    requests: int = 8  # that are answered at once
    rounds: int = 3  # in which everybody takes a turn
    expected: tuple[int, ...] = (2_048, 8_192)  # texts whose perplexity is taken
    texts: int = 1  # of each kind and length, for that
    more_texts: int = 3  # the same with everything

    def prompts(self, *, full: bool) -> tuple[int, ...]:
        """Lengths of the prompts that are read."""
        return (*self.lengths, self.longest) if full else self.lengths


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSizes:
    """How much is measured; tests take less."""

    vectors: int = 100_000
    million: int = 1_000_000
    dim: int = 512
    queries: int = 200
    photos: int = 192  # for the speed of the intake
    worker_photos: int = 600  # that one worker takes in, and two
    lost_requests: int = 10_000  # while one of two servers is killed and comes back
    functions: int = 20_000  # of code that goes in
    some_photos: int = 1_000  # while which memory is watched
    many_photos: int = 20_000  # the same with everything
    page_few: int = 500  # photos of the small library behind the page
    page_many: int = 100_000  # and of the large one
    page_files: int = 200  # real JPEGs that both show
    page_regions: int = 3  # of each photo
    page_most_regions: int = 10  # the same with everything: a million vectors
    page_rounds: int = 5
    page_results: int = 500  # that are scrolled through
    page_turns: int = 500  # of the long conversation
    page_talks: int = 3  # rounds of conversations
    search_queries: int = 200  # of `bench search`, one by one, and again from eight clients
    search_rounds: int = 5  # in the browser
    plan_photos: int = 24  # that are asked about by the chosen plan and beside it
    plan_rounds: int = 3  # of each part
    moe_times: int = 16  # as wide as the table's experts are those that are raced
    moe_layers: int = 2
    moe_tokens: int = 512  # of a prefill, and of the context of a decoded token
    moe_steps: int = 16  # tokens decoded in a round
    moe_rounds: int = 7
    book_pages: int = 500  # of a PDF
    books: int = 50  # that are asked
    library_files: int = 10_000  # that are moved and renamed
    video_s: int = 60  # of the video that is indexed
    exchange_usual_s: float = 60.0  # that clients ask before models are exchanged


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSetting:
    """Folders, sizes, settings and progress that a measurement may use."""

    folder: Path  # empty, on the disk that is measured; removed afterwards
    note: Callable[[str], None]  # progress
    full: bool = False  # also what takes minutes
    minutes: float = 30.0  # of a soak
    sizes: BenchSizes = field(default_factory=BenchSizes)
    config: Config = field(default_factory=Config)
    lm: LMSizes = field(default_factory=LMSizes)
    code: Path | None = None  # folder of the code that goes in; None is Python's standard library
    out: Path = Path("runs/bench")  # where pictures are saved
    reports: Path = REPORTS  # of what was trained
    data: Path | None = None  # folder with the sets that models are judged on
    report: Path | None = None  # file that the student's report is written to
    cache: Path = field(default_factory=cache_folder)  # where converted models lie


@dataclass(frozen=True, slots=True)
class TableLine:
    """One line of the table."""

    what: str
    value: str  # with its unit
    beside: str = ""  # the plain way, in the same run
    bar: str = ""  # what is asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """What was measured: lines for people, numbers and words for machines."""

    lines: tuple[TableLine, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)  # how something was measured, or why it was not


Measurement = Callable[[BenchSetting], BenchResult]
HEAD = TableLine("", "measured", beside="beside it", bar="bar")


def join_results(parts: Sequence[BenchResult]) -> BenchResult:
    """Join several results into one."""
    return BenchResult(
        lines=tuple(line for part in parts for line in part.lines),
        numbers={key: value for part in parts for key, value in part.numbers.items()},
        words={key: value for part in parts for key, value in part.words.items()},
    )


def report_missing(what: str, key: str, why: str, *, bar: str) -> BenchResult:
    """A row that says why it was not measured, in the place of the figure `key`."""
    said = f"not measured: {why}"
    return BenchResult(lines=(TableLine(what, said, bar=bar),), words={key: said})


def format_table(result: BenchResult) -> str:
    """All lines in columns."""
    rows = [(line.what, line.value, line.beside, line.bar) for line in (HEAD, *result.lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def format_json(result: BenchResult, **about: str) -> str:
    """All numbers and what they are about, on one line."""
    return json.dumps({**result.numbers, **result.words, **about}, ensure_ascii=False)


PARTS: Mapping[str, Mapping[str, str]] = {  # part -> the figures that it must have, each with its bar
    "ppo": {"ppo_pass_rate_gain": ">= 10 points", "ppo_pass_rate_before": "", "ppo_pass_rate_after": ""},
    "distill": {
        "distill_speedup": ">= 2",
        "distill_retrieval_kept": ">= 0.95",
        "distill_vqa_kept": ">= 0.90",
        "distill_mb": "<= 60",
        "distill_peak_mb": "<= 1,000",
    },
    "continual": {"replay_over_finetune": ">= 3"},
    "parallel": {},
    "quantum": {},
}


def measure_learning(setting: BenchSetting) -> BenchResult:
    """Every figure of every report. NothingThere if there is no report at all, BadFile if one is none."""
    found = [(part, read_report(part, setting.reports)) for part in PARTS]
    if not any(isinstance(report, TrainingReport) for _, report in found):
        raise NothingThere(
            f"no report of a training in {setting.reports}. Name their folder with --reports FOLDER, or make one with:"
            " python -m deepseek_mm train ppo --report docs/learning/ppo.json"
        )
    return join_results([report_part(part, report) for part, report in found])


def read_report(part: str, folder: Path) -> TrainingReport | str:
    """The part's report, or why there is none."""
    try:
        return read_training_report(folder / f"{part}.json")
    except NothingThere as error:
        return str(error)


def report_part(part: str, report: TrainingReport | str) -> BenchResult:
    """The figures of one report, those with a bar first; one that is not there is said in words."""
    bars = PARTS[part]
    if isinstance(report, str):
        return BenchResult(lines=(TableLine(part, "no report"),), words={f"{part}_report": report})
    lines = [
        TableLine(name, f"{value:.4g}", bar=bars.get(name, ""))
        for name, value in sorted(report.figures.items(), key=lambda item: item[0] not in bars)
    ]
    lines += [TableLine(name, "not in the report", bar=bar) for name, bar in bars.items() if name not in report.figures]
    said = f"{report.made}, {report.commit}, {report.machine}: {report.command}"
    return BenchResult(lines=tuple(lines), numbers=report.figures, words={f"{part}_report": said})
