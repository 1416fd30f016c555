"""The bench of the student: its arithmetic, and what it reads off Linux; whole products are not opened here."""

import os

import pytest

from deepseek_mm.benchmarks.edge import (
    THREADS,
    pin_to_one_core,
    read_peak_mb,
    report_quality,
    report_speed,
    student_of,
)
from deepseek_mm.config import EDGE, EDGE_LM, Config, LMConfig
from deepseek_mm.evaluation.retrieval import RetrievalReport
from deepseek_mm.evaluation.vqa import Accuracy, VqaReport


def test_how_much_faster_the_student_is_is_told_by_medians_and_by_means():
    result = report_speed([(100, 50), (300, 60), (200, 1000)], [2500.0, 800.0], 48.5)
    assert result.numbers["distill_speedup"] == pytest.approx(200 / 60, abs=1e-3)
    assert result.numbers["distill_speedup_mean"] == pytest.approx(600 / 1110, abs=1e-3)
    assert (result.numbers["distill_peak_mb"], result.numbers["distill_mb"]) == (800.0, 48.5)
    assert [line.bar for line in result.lines] == ["2", "", "1,000", "60"]


def test_the_most_memory_of_a_process_is_read_in_megabytes(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 9000 kB\nVmHWM:\t  1000 kB\nVmRSS:\t 10 kB\n")
    assert read_peak_mb(status) == 1.0
    assert read_peak_mb() > 10


def test_processes_get_one_core_and_one_thread_and_this_one_keeps_its_own(monkeypatch):
    monkeypatch.setenv(THREADS[0], "7")
    monkeypatch.delenv(THREADS[1], raising=False)
    before = os.sched_getaffinity(0)
    with pin_to_one_core():
        assert os.sched_getaffinity(0) == {max(before)}
        assert [os.environ[name] for name in THREADS] == ["1", "1"]
    assert os.sched_getaffinity(0) == before
    assert (os.environ[THREADS[0]], os.environ.get(THREADS[1])) == ("7", None)


def test_the_student_has_the_same_settings_and_other_models(tmp_path):
    config = student_of(Config(lm=LMConfig(max_tokens=7)), tmp_path)
    assert (config.encoder.name, config.lm.name, config.lm.max_tokens, config.data) == (EDGE, EDGE_LM, 7, tmp_path)
    assert config.lm.trained_here
    assert config.lm.phrasing_now == "claims"


def recalls(t2i, i2t):
    zero = dict.fromkeys(("t2i_r1", "t2i_r5", "i2t_r1", "i2t_r5"), 0.0)
    return RetrievalReport(t2i_r10=t2i, i2t_r10=i2t, images=4, captions=20, **zero)


def answers(right, yes_no):
    part = Accuracy(accuracy=yes_no, error=1.0, n=2)
    whole = Accuracy(accuracy=right, error=1.0, n=4)
    return VqaReport(
        whole=whole, by_kind={"yes/no": part}, majority=0.0, ece=0.1, coverage=0.0, seconds_per_question=0.0
    )


def test_what_is_kept_is_the_mean_of_both_directions_and_the_share_of_right_answers():
    result = report_quality(
        recalls(80.0, 50.0), recalls(76.0, 50.0), answered=(answers(50.0, 60.0), answers(45.0, 57.0))
    )
    assert result.numbers["distill_retrieval_kept"] == pytest.approx((0.95 + 1) / 2)
    assert result.numbers["distill_vqa_kept"] == 0.9
    assert result.numbers["distill_vqa_yes/no"] == 57.0
    assert "76.0 / 50.0 of 80.0 / 50.0" in result.lines[0].beside
