"""`training/report.py`: what a training came to is kept with where it comes from, and half a report is none."""

import json
from dataclasses import replace

import pytest

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.training.report import REPORTS, make_report, read_report, write_report


def test_a_report_comes_back_as_it_was_written(tmp_path):
    report = make_report("ppo", "python -m deepseek_mm train ppo", {"gain": 12.5, "rounds": 8}, ["One seed was lost."])
    write_report(report, tmp_path / "new" / "ppo.json")
    assert read_report(tmp_path / "new" / "ppo.json") == report
    assert (report.figures["rounds"], report.notes) == (8.0, ("One seed was lost.",))
    assert len(report.made) == len("2026-11-28")
    assert "cores" in report.machine


def test_a_figure_that_is_no_number_is_not_written(tmp_path):
    report = replace(make_report("ppo", "train", {}), figures={"gain": float("nan"), "rounds": 1.0})
    with pytest.raises(BadFile, match="gain in the report of ppo is no number"):
        write_report(report, tmp_path / "ppo.json")
    assert not (tmp_path / "ppo.json").exists()


def test_a_report_that_is_missing_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(
        NothingThere, match=r"no report at .*quantum\.json\. Make it with: python -m deepseek_mm train q"
    ):
        read_report(tmp_path / "quantum.json")


@pytest.mark.parametrize("text", ["", "[]", '{"part": "ppo"}', '{"figures": {"gain": "much"}}', '{"figures": 3}'])
def test_a_file_that_is_no_report_is_told_apart_from_one(tmp_path, text):
    (tmp_path / "ppo.json").write_text(text)
    with pytest.raises(BadFile, match="ppo.json is no report of a training"):
        read_report(tmp_path / "ppo.json")


def test_every_committed_report_is_whole_and_lies_under_its_own_name():
    for path in sorted(REPORTS.glob("*.json")):
        report = read_report(path)
        assert report.part == path.stem
        assert report.command.startswith(("python -m deepseek_mm", "make ", "torchrun"))
        assert json.loads(path.read_text())["notes"] == list(report.notes)
