"""`plan`: tells the plan and its reason, measures only when it is asked to, and keeps what it measured."""

import io
import json

import pytest
from fakes import ColourSpace
from towers_help import TinySpace

from deepseek_mm.__main__ import build_parser, main
from deepseek_mm.runtime import calibration as measuring
from deepseek_mm.runtime.engines import Timing
from deepseek_mm.runtime.planner import PresetResult
from deepseek_mm.terminal import OK, USER_ERROR, Desk, config_of


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_MM_CACHE", str(tmp_path / "cache"))
    return Desk(out=io.StringIO(), err=io.StringIO(), open_space=lambda config: TinySpace(), environ={}, cwd=tmp_path)


def test_without_a_calibration_it_says_so_and_names_the_command(desk):
    assert main(["plan"], desk) == OK
    said = desk.out.getvalue()
    assert "plan --calibrate" in said
    assert "balanced: pictures torch, text torch, language model packed (not measured)" in said


def test_what_was_calibrated_is_kept_and_told_the_next_time(desk, monkeypatch):
    timing = Timing(tower="image", engine="torch-bf16", one_ms=1.0, many_ms=1.0, cosine=1.0, size_bytes=5)
    monkeypatch.setattr(measuring, "calibrate", lambda space, hardware, folder, note: [timing])
    assert main(["plan", "--calibrate"], desk) == OK
    desk.out.truncate(0)
    assert main(["plan", "--json"], desk) == OK
    told = json.loads(desk.out.getvalue().lstrip("\0"))
    assert told["plan"]["image"] == "torch-bf16"
    assert told["plan"]["measured"]
    assert told["timings"][0]["engine"] == "torch-bf16"
    assert [step["seconds"] for step in told["dial"]] == [None] * 3


def test_measured_steps_of_the_dial_are_told_with_seconds_and_score(desk, monkeypatch):
    from deepseek_mm.benchmarks import answer

    step = PresetResult(name="fast", says="", seconds=0.25, score=61.5, questions=13)
    monkeypatch.setattr(answer, "measure_dial", lambda config, load, *, note: [step])
    assert main(["plan", "--dial"], desk) == OK
    assert "fast      0.25 s an ask, 61.5 % of 13" in desk.out.getvalue()


def test_a_space_without_towers_of_ours_is_refused_with_a_way_out(desk):
    other = Desk(out=desk.out, err=desk.err, open_space=lambda config: ColourSpace(), environ={}, cwd=desk.cwd)
    assert main(["plan"], other) == USER_ERROR
    assert "--encoder default" in desk.err.getvalue()


def test_a_step_that_nobody_knows_is_refused_before_anything_is_opened(desk):
    assert main(["plan", "--set", "runtime.dial=warp"], desk) == USER_ERROR
    assert "fast, balanced or best" in desk.err.getvalue()


def test_the_dial_of_an_ask_is_a_setting_like_any_other(desk):
    args = build_parser().parse_args(["ask", "is there a dog?", "--dial", "fast", "--set", "see.beams=7"])
    config = config_of(args, desk)
    assert (config.runtime.dial, config.see.beams) == ("fast", 7)
