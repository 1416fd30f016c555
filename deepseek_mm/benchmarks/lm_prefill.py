"""Prompts read with progressive attention and with full attention: time, memory, and arithmetic a second.

The same weights in the same paged memory, keys and values in bf16, the same chunks, the scores of the last token only.
Each case is a process of its own and has the machine to itself: progressive before and after full attention by torch's
kernel, so that neither has the better half of a noisy hour. Torch's kernel is the slowest, and reads every other
length. Full attention by our own kernel is read as well, without a bar and at half the length: it shows how much of
the gain is the kernel, and how much is seeing less.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

import torch

from deepseek_mm.benchmarks.lm_case import Kind, PrefillCase, PrefillOutcome
from deepseek_mm.benchmarks.lm_open import BenchModel, read_ours
from deepseek_mm.benchmarks.lm_plot import draw_curves
from deepseek_mm.benchmarks.lm_readings import NAMES, PrefillReadings, report_readings
from deepseek_mm.benchmarks.result import BenchResult, BenchSetting, TableLine, join_results
from deepseek_mm.errors import ModelFailed
from deepseek_mm.machine import ROOT
from deepseek_mm.threads import num_cores

TURNS: tuple[Kind, ...] = ("ours", "sdpa", "ours", "full")
Run = Callable[[PrefillCase], PrefillOutcome]


def measure_prompts(setting: BenchSetting, model: BenchModel) -> BenchResult:
    """On the processor; and on a GPU, where torch has one, with keys of its own."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    return join_results([race_kinds(setting, model, device) for device in devices])


def race_kinds(setting: BenchSetting, model: BenchModel, device: str, run: Run | None = None) -> BenchResult:
    """All turns on one device, summed up and drawn."""
    run, lengths = run or run_in_process, setting.lm.prompts(full=setting.full)
    outcomes: list[tuple[Kind, PrefillOutcome]] = []
    for kind in TURNS:
        again = any(kind == earlier for earlier, _ in outcomes)  # the curve is read once
        its_own = lengths[-1:] if again else choose_lengths(kind, lengths, usual=setting.lm.lengths[-1])
        setting.note(f"reading prompts of up to {its_own[-1]:,} tokens, {NAMES[kind]}, {device}")
        outcomes.append((kind, run(make_case(setting, model, kind, its_own, device))))
    readings = PrefillReadings(outcomes)
    found = report_readings(readings, read_ours(model)[0], setting.lm)
    mark = "" if device == "cpu" else f"{device}_"
    plot = draw_curves(readings.curves(), setting.out / f"{mark}lm.png", title=f"{model.says}, {device}")
    words = {**found.words, "plot": str(plot), "weights": model.says}
    head = (TableLine(what=f"on the GPU ({device}):", value=""),) if mark else ()
    return BenchResult(
        lines=(*head, *found.lines),
        numbers={mark + key: value for key, value in found.numbers.items()},
        words={mark + key: said for key, said in words.items()},
    )


def choose_lengths(kind: Kind, lengths: Sequence[int], *, usual: int) -> tuple[int, ...]:
    """Of all prompts those that one kind reads; the `usual` one has the bars."""
    if kind == "full":
        return tuple(lengths[-2:-1])
    if kind == "sdpa":
        return tuple(n for at, n in enumerate(lengths) if at % 2 == 0 or n in (usual, lengths[-1]))
    return tuple(lengths)


def make_case(
    setting: BenchSetting, model: BenchModel, kind: Kind, lengths: tuple[int, ...], device: str
) -> PrefillCase:
    """What one process does."""
    return PrefillCase(
        folder=str(model.folder),
        changes=str(model.changes) if model.changes else None,
        kind=kind,
        lengths=lengths,
        chunk=setting.lm.chunk,
        threads=num_cores(),
        device=device,
    )


def run_in_process(case: PrefillCase) -> PrefillOutcome:
    """The case in a process of its own. ModelFailed says what it died of."""
    command = [sys.executable, "-m", "deepseek_mm.benchmarks.lm_case", json.dumps(asdict(case))]
    environ = {**os.environ, "OMP_NUM_THREADS": str(case.threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        last = next(iter(done.stderr.strip().splitlines()[-1:]), f"it ended with {done.returncode}")
        raise ModelFailed(f"reading prompts ({NAMES[case.kind]}) failed: {last}. Free memory and run the bench again")
    return PrefillOutcome(**json.loads(done.stdout.splitlines()[-1]))
