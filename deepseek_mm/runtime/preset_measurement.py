"""Measures the engines and the quality presets of this machine: a job, in a process of its own.

The process is `plan --calibrate --dial`, which keeps what it finds beside the engines. It opens the models a second
time, so the answers of this process are not disturbed by what it changes, and everything is let go of at its end.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.errors import LibraryError
from deepseek_mm.jobs import Task
from deepseek_mm.runtime.engines import ENGINES, TOWERS
from deepseek_mm.runtime.hardware import Hardware
from deepseek_mm.runtime.planner import PRESETS, why_not
from deepseek_mm.settings import PREFIX, list_values

MEASURE = "measure presets"  # kind of jobs
COMMAND = ("-m", "deepseek_mm", "plan", "--calibrate", "--dial", "--json")
STEPS = ("measuring ", "asking questions at the preset ")  # how the lines begin that a step is told by
PASSED_ON = ("encoder.", "lm.", "see.", "runtime.")  # how the settings begin that decide what is measured
PATIENCE_S = 0.3  # between two looks whether to stop
END_S = 10.0  # that the process may take to end before it is killed
SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetMeasurement:
    """The handler of one kind of jobs."""

    config: Callable[[], Config]  # what is measured
    hardware: Hardware
    command: tuple[str, ...] = COMMAND

    def run(self, task: Task) -> str:
        """Report every engine and preset as it is measured. LibraryError says why the process failed."""
        total, done, last = count_steps(self.hardware), 0, ""
        with self._process(task) as process:
            assert process.stderr is not None, "its lines are read"
            for line in process.stderr:
                last = line.strip() or last
                if last.startswith(STEPS):
                    task.report(done, total, last)
                    done = min(done + 1, total)
        if task.stopping:
            return "what was measured before stays as it was"
        if process.returncode:
            raise LibraryError(f"the measurement broke off: {last or process.returncode}")
        task.report(total, total)
        return f"{len(PRESETS)} presets were measured, and every engine of this machine"

    @contextmanager
    def _process(self, task: Task) -> Iterator["subprocess.Popen[str]"]:
        """The process, which ends soon after the job is to stop."""
        config = self.config()
        with subprocess.Popen(
            [sys.executable, *self.command, "--data", os.fspath(config.data.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **describe_environment(config)},
            text=True,
            errors="replace",
        ) as process:
            threading.Thread(target=_end_in_time, args=(process, task), name="measure", daemon=True).start()
            try:
                yield process
            except BaseException:
                process.kill()
                raise


def count_steps(hardware: Hardware) -> int:
    """Engines that this machine can have, of both towers, and presets."""
    return len(PRESETS) + sum(tower in row.towers and not why_not(row, hardware) for tower in TOWERS for row in ENGINES)


def describe_environment(config: Config) -> Mapping[str, str]:
    """Variables by which another process has the settings that decide what is measured, and finds this program.

    In variables and not in flags, which every user of the machine could read.
    """
    values = {name: value for name, value in list_values(config) if name.startswith(PASSED_ON)}
    told = {f"{PREFIX}{name.upper().replace('.', '__')}": str(value) for name, value in values.items()}
    path = os.pathsep.join(filter(None, (os.fspath(SOURCES), os.environ.get("PYTHONPATH", ""))))
    return {**told, "PYTHONPATH": path}


def _end_in_time(process: "subprocess.Popen[str]", task: Task) -> None:
    """End the process once its job is to stop."""
    while process.poll() is None:
        if task.stopping:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
            return
        task.halt.wait(PATIENCE_S)
