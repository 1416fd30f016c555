"""Scores of answers about pictures, worked out by hand for a decider that is known."""

import json
from dataclasses import dataclass

import pytest
from PIL import Image

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.vqa import calibration_error, evaluate_vqa, majority_accuracy, read_question_rows


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
