"""How far confidence can be trusted, worked out by hand for a decider that is sure of what it says."""

import json

import pytest
from PIL import Image

from deepseek_mm.evaluation.vqa import (
    PICTURES,
    CalibrationReport,
    QuestionRow,
    ScoredQuestions,
    evaluate_calibration,
    split_bins,
    surest_right,
)
from tests.test_evaluation_vqa import Said


class Sure:
    """Says yes, as sure as the question says."""

    def decide_many(self, asked):
        return [Said("yes", float(question)) for question, _ in asked]


@pytest.fixture
def sets(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    asked = [QuestionRow(image="a.png", question="0.6", answers=("no",)) for _ in range(10)]
    there = [QuestionRow(image="a.png", question="1.0", answers=("yes",)) for _ in range(30)]
    return {"asked": (asked, tmp_path), "presence": (there, tmp_path)}


def test_both_sets_are_told_apart_and_together(sets):
    report = evaluate_calibration(Sure(), sets)
    told = json.loads(report.json())
    assert told["sets"]["asked"] == {"ece": 0.6, "n": 10, "accuracy": 0.0, "coverage": 0.0}
    assert told["sets"]["presence"] == {"ece": 0.0, "n": 30, "accuracy": 100.0, "coverage": 100.0}
    assert (told["ece"], told["n"]) == (0.15, 40)
    assert told["coverage"] == pytest.approx(82.5)  # 30 right ones, and three of ten wrong ones make 33 of 40
    assert "together" in report.table()


def test_the_surest_come_first_and_the_least_sure_bin_is_told_first():
    chances, rights = [0.9, 0.2, 0.8], [1.0, 0.0, 0.0]
    assert surest_right(chances, rights).tolist() == [1.0, 0.5, pytest.approx(1 / 3)]
    assert [(each.chance, each.right, each.n) for each in split_bins(chances, rights)] == [
        (0.2, 0.0, 1),
        (0.8, 0.0, 1),
        (0.9, 1.0, 1),
    ]


def test_two_pictures_are_drawn(tmp_path):
    report = CalibrationReport({"asked": ScoredQuestions((0.9, 0.5), (1.0, 0.0))})
    files = report.draw(tmp_path / "docs")
    assert [file.name for file in files] == list(PICTURES)
    for file in files:
        with Image.open(file) as picture:
            assert picture.getcolors(1 << 20) is not None
            assert len(picture.getcolors(1 << 20)) > 10
