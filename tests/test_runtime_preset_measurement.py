"""The presets of a machine are measured by another process, which tells how far it is and ends when it is told to."""

import os
from pathlib import Path

import pytest
from jobs_help import eventually
from plan_help import MACHINE

from deepseek_mm.config import Config, LMConfig, SeeConfig
from deepseek_mm.jobs import Jobs, Worker
from deepseek_mm.runtime.preset_measurement import (
    MEASURE,
    PresetMeasurement,
    count_steps,
    describe_environment,
)
from deepseek_mm.settings import trace_settings


@pytest.fixture
def jobs(tmp_path):
    return Jobs(tmp_path / "jobs.db")


def measurement(tmp_path: Path, code: str) -> PresetMeasurement:
    """One whose process runs this instead."""
    return PresetMeasurement(config=lambda: Config(data=tmp_path), hardware=MACHINE, command=("-c", code))


def work(jobs: Jobs, measured: PresetMeasurement) -> Worker:
    worker = Worker(jobs, {MEASURE: measured.run})
    worker.start()
    return worker


def test_every_step_is_reported_and_the_last_one_completes_it(tmp_path, jobs):
    lines = ("loading", "measuring a (image)", "asking questions at the preset best")
    code = f"import sys; print(*{lines}, sep=chr(10), file=sys.stderr)"
    job = jobs.add(MEASURE, {}, title="measure")
    worker = work(jobs, measurement(tmp_path, code))
    eventually(lambda: jobs.get(job.id).state == "done")
    worker.stop(9.0)
    done = jobs.get(job.id)
    assert (done.done, done.total) == (count_steps(MACHINE), count_steps(MACHINE))
    assert "3 presets were measured" in done.message


def test_a_process_that_fails_ends_the_job_with_its_last_line(tmp_path, jobs):
    task = jobs.add(MEASURE, {}, title="measure")
    worker = work(jobs, measurement(tmp_path, "import sys; sys.exit('there are no photos')"))
    eventually(lambda: jobs.get(task.id).state == "failed")
    worker.stop(9.0)
    assert "the measurement broke off: there are no photos" in jobs.get(task.id).message


def test_a_cancelled_one_ends_its_process(tmp_path, jobs):
    mark = tmp_path / "pid"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    job = jobs.add(MEASURE, {}, title="measure")
    worker = work(jobs, measurement(tmp_path, code))
    eventually(lambda: mark.is_file() and mark.read_text())
    jobs.cancel(job.id)
    eventually(lambda: jobs.get(job.id).state == "cancelled")
    worker.stop(9.0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_the_process_has_the_settings_that_decide_what_is_measured(tmp_path):
    config = Config(lm=LMConfig(name="none"), see=SeeConfig(beams=7))
    environ = describe_environment(config)
    read = trace_settings({}, environ=environ, cwd=tmp_path).config
    assert (read.lm.name, read.see.beams, read.runtime) == ("none", 7, config.runtime)
    assert "DEEPSEEK_MM_RAG__NUM_REGIONS" not in environ  # decides nothing of it
