"""The report of a training: one small file, written by the command that measured it and committed with it.

Figures have the names that `bench learning` prints; what failed stands in the notes beside what succeeded.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.machine import ROOT, commit, machine
from deepseek_mm.storage.files import atomic_write

REPORTS = ROOT / "docs" / "learning"  # where committed reports lie


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingReport:
    """One part's figures, and where they come from."""

    part: str  # ppo, distill, continual, parallel, quantum
    command: str  # that makes them again
    machine: str
    commit: str  # with a plus where files differed from it
    made: str  # the day, as 2026-11-28
    figures: Mapping[str, float]
    notes: Sequence[str] = field(default_factory=tuple)  # sentences: how it was measured, what failed


def make_report(part: str, command: str, figures: Mapping[str, float], notes: Sequence[str] = ()) -> TrainingReport:
    """A report of this machine, this commit and today."""
    today = datetime.now(UTC).date().isoformat()
    return TrainingReport(
        part=part,
        command=command,
        machine=machine(),
        commit=commit(),
        made=today,
        figures={name: float(value) for name, value in figures.items()},
        notes=tuple(notes),
    )


def write_report(report: TrainingReport, path: Path) -> None:
    """The report as JSON, whole or not at all. BadFile: a figure is no number. LibraryError: a disk refuses."""
    odd = [name for name, value in report.figures.items() if not math.isfinite(value)]
    if odd:
        raise BadFile(
            f"{', '.join(odd)} in the report of {report.part} is no number. Leave it out and say so in a note"
        )
    atomic_write(path, (json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n").encode())


def read_report(path: Path) -> TrainingReport:
    """The report at `path`. NothingThere if there is none; BadFile if it is none."""
    if not path.is_file():
        again = f"python -m deepseek_mm train {path.stem} --report {path}"
        raise NothingThere(f"no report at {path}. Make it with: {again}")
    try:
        return _report(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadFile(
            f"{path} is no report of a training ({error!r}). Make it again, or put the committed one back"
        ) from error


def _report(saved: Mapping[str, Any]) -> TrainingReport:
    figures = {str(name): float(value) for name, value in saved["figures"].items()}
    words = {name: str(saved[name]) for name in ("part", "command", "machine", "commit", "made")}
    return TrainingReport(**words, figures=figures, notes=tuple(map(str, saved.get("notes", ()))))
