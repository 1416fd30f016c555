"""`bench learning`: what the trainings came to. Nothing is trained: the reports that they left behind are read.

A report that is missing leaves its keys out and is named; one that is damaged stops everything, for nobody should take
half of it for the whole.
"""

from collections.abc import Mapping
from pathlib import Path

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine, join_results
from deepseek_mm.errors import NothingThere
from deepseek_mm.training.report import TrainingReport
from deepseek_mm.training.report import read_report as read_training_report

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
