"""`bench learning`: committed reports are read, and what is missing is said, not invented."""

import io
import json
from dataclasses import replace

import pytest

from deepseek_mm.__main__ import main
from deepseek_mm.benchmarks.results import PARTS, report_part
from deepseek_mm.terminal import Desk
from deepseek_mm.training.report import make_report, write_report

PPO = make_report(
    "ppo",
    "python -m deepseek_mm train ppo",
    {"ppo_rounds": 9, "ppo_pass_rate_gain": 12.25, "ppo_pass_rate_before": 30, "ppo_pass_rate_after": 42.25},
)


def bench(folder, *words):
    """Code, output, what was said beside it."""
    out, err = io.StringIO(), io.StringIO()
    desk = Desk(out=out, err=err, environ={}, cwd=folder)
    return main(["bench", "learning", *words], desk), out.getvalue(), err.getvalue()


def test_figures_of_a_report_are_printed_and_missing_parts_are_named(tmp_path):
    write_report(PPO, tmp_path / "reports" / "ppo.json")
    code, out, _ = bench(tmp_path, "--reports", "reports", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["ppo_pass_rate_gain"], said["ppo_rounds"]) == (12.25, 9.0)
    assert said["ppo_report"].endswith("python -m deepseek_mm train ppo")
    assert "distill_speedup" not in said
    assert said["distill_report"].startswith("no report at ")


def test_people_see_bars_beside_figures_and_which_figures_a_report_lacks(tmp_path):
    part = replace(PPO, part="distill", figures={"distill_speedup": 2.5, "distill_logits": 1})
    write_report(part, tmp_path / "distill.json")
    code, out, _ = bench(tmp_path, "--reports", ".")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "distill_speedup 2.5 >= 2" in lines
    assert "distill_mb not in the report <= 60" in lines
    assert "continual no report" in lines


def test_a_folder_without_any_report_is_refused_with_the_next_step(tmp_path):
    code, out, err = bench(tmp_path, "--reports", "nowhere")
    assert (code, out) == (2, "")
    assert "no report of a training in" in err
    assert "--reports FOLDER" in err


def test_a_damaged_report_stops_the_bench(tmp_path):
    write_report(PPO, tmp_path / "ppo.json")
    (tmp_path / "distill.json").write_text("{")
    code, out, err = bench(tmp_path, "--reports", ".")
    assert (code, out) == (2, "")
    assert "distill.json is no report of a training" in err


@pytest.mark.parametrize("part", PARTS)
def test_figures_with_a_bar_come_before_the_others(part):
    figures = {"another": 1.0, **dict.fromkeys(PARTS[part], 2.0)}
    names = [line.what for line in report_part(part, replace(PPO, figures=figures)).lines]
    assert names == [*PARTS[part], "another"]
