"""Answers to questions about pictures: how right they are, and how far their confidence can be trusted."""

import json
from dataclasses import dataclass

import pytest
from PIL import Image

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.vqa import (
    PICTURES,
    CalibrationReport,
    QuestionRow,
    ScoredQuestions,
    calibration_error,
    evaluate_calibration,
    evaluate_vqa,
    majority_accuracy,
    read_question_rows,
    score_answer,
    split_bins,
    surest_right,
)
from deepseek_mm.language.words import normalize_answer


@dataclass
class Said:
    answer: str
    chance: float


class Bright:
    """Says yes to bright pictures, and how many questions it was asked."""

    def decide_many(self, asked):
        self.pictures = len({id(picture) for _, picture in asked})
        return [Said("yes" if picture.getpixel((0, 0))[0] > 200 else "no", 0.9) for _, picture in asked]


@pytest.fixture
def photos(tmp_path):
    for name, grey in (("white.png", 255), ("black.png", 0)):
        Image.new("RGB", (8, 8), (grey,) * 3).save(tmp_path / name)
    rows = [
        {"image": "white.png", "question": "Is it bright?", "answer": "yes", "kind": "yesno", "split": "dev"},
        {"image": "white.png", "question": "Is it day?", "answer": ["yes"] * 10, "kind": "yesno", "split": "dev"},
        {"image": "black.png", "question": "Is it day?", "answer": "Yes.", "kind": "yesno", "split": "dev"},
        {"image": "black.png", "question": "What is it?", "answer": ["night", "no"], "kind": "open", "split": "dev"},
        {"image": "black.png", "question": "?", "answer": "no", "split": "train"},
    ]
    file = tmp_path / "qa.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_every_question_is_scored_and_every_picture_opened_once(photos):
    decider = Bright()
    report = evaluate_vqa(decider, read_question_rows(photos, split="dev"), photos.parent)
    assert (report.whole.accuracy, report.whole.n) == (75.0, 4)
    assert report.whole.error == pytest.approx(21.65, abs=0.01)
    assert {kind: part.accuracy for kind, part in report.by_kind.items()} == {"yesno": 66.67, "open": 100.0}
    assert report.majority == 100.0
    assert decider.pictures == 2


def test_blind_repeats_it_with_grey_pictures(photos):
    report = evaluate_vqa(Bright(), read_question_rows(photos, split="dev"), photos.parent, blind=True)
    figures = json.loads(report.json())
    assert figures["accuracy"] == 75.0
    assert figures["blind"]["accuracy"] == 25.0
    assert figures.keys() >= {"n", "by_kind", "majority", "ece", "seconds_per_question"}
    assert "blind" in report.table()


def test_rows_without_kinds_and_splits_are_read(photos):
    rows = read_question_rows(photos)
    assert (len(rows), rows[-1].kind, rows[1].answers) == (5, "", ("yes",) * 10)
    with pytest.raises(NothingThere, match="test"):
        read_question_rows(photos, split="test")


def test_the_majority_is_that_of_each_kind(photos):
    assert majority_accuracy(read_question_rows(photos)[:3]) == 100.0
    assert majority_accuracy(read_question_rows(photos)) == 100.0


def test_calibration_is_the_gap_between_confidence_and_success():
    assert calibration_error([0.75] * 8, [1, 1, 1, 0, 1, 1, 1, 0]) == pytest.approx(0.375)
    assert calibration_error([1.0] * 20 + [0.0] * 20, [1] * 20 + [0] * 20) == 0.0
    assert calibration_error([1.0] * 20, [0.0] * 20) == 1.0
    by_hand = [0.1] * 10 + [0.9] * 10
    right = ([1] + [0] * 9) + ([1] * 9 + [0])
    assert calibration_error(by_hand, right) == pytest.approx(0.16)


@pytest.mark.parametrize(
    ("answer", "spelt"),
    [
        ("The Two dogs.", "2 dogs"),
        ("gray", "grey"),
        ("None", "0"),
        ("1,000", "1000"),
        ("3.5 m", "3.5 m"),
        ("T-shirt", "t shirt"),
        ("It's a cat!", "it's cat"),
        ("", ""),
        ("an", ""),
        ("\u4e24\u53ea\u72d7", "\u4e24\u53ea\u72d7"),
    ],
)
def test_an_answer_has_one_spelling(answer, spelt):
    assert normalize_answer(answer) == spelt


def test_one_of_a_few_references_is_enough():
    assert score_answer("A lamp", ["lamp", "table"]) == 1.0
    assert score_answer("lamp and table", ["lamp", "table"]) == 0.0
    assert score_answer("no", []) == 0.0


def test_of_ten_people_three_are_enough():
    ten = ["red"] * 2 + ["dark red"] * 5 + ["Orange"] * 3
    assert [score_answer(said, ten) for said in ("red", "dark red", "orange", "blue")] == [
        pytest.approx(2 / 3),
        1.0,
        1.0,
        0.0,
    ]


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
