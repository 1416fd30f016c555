"""The report of a training: one small file, written by the command that measured it and committed with it.

Figures have the names that `bench learning` prints; what failed stands in the notes beside what succeeded.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

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
    notes: tuple[str, ...] = ()  # sentences: how it was measured, what failed


def make_report(part: str, command: str, figures: Mapping[str, float], notes: Sequence[str] = ()) -> TrainingReport:
    """A report of this machine, this commit and today."""
    return TrainingReport(
        part=part,
        command=command,
        machine=machine(),
        commit=commit(),
        made=datetime.now(UTC).date().isoformat(),
        figures={name: float(value) for name, value in figures.items()},
        notes=tuple(notes),
    )


def write_report(report: TrainingReport, path: Path) -> None:
    """The report as JSON, whole or not at all. BadFile: a figure is no number. LibraryError: a disk refuses."""
    odd = [name for name, value in report.figures.items() if not math.isfinite(value)]
    if odd:
        where = f"{', '.join(odd)} in the report of {report.part}"
        raise BadFile(f"{where} is no number. Leave it out and say so in a note")
    atomic_write(path, (json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n").encode())


def read_report(path: Path) -> TrainingReport:
    """The report at `path`. NothingThere if there is none; BadFile if it is none."""
    if not path.is_file():
        again = f"python -m deepseek_mm train {path.stem} --report {path}"
        raise NothingThere(f"no report at {path}. Make it with: {again}")
    try:
        return TypeAdapter(TrainingReport).validate_json(path.read_bytes())
    except ValidationError as error:
        again = "Make it again, or put the committed one back"
        raise BadFile(f"{path} is no report of a training ({error.errors()[0]['msg']}). {again}") from error
