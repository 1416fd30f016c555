"""What counts as the right answer."""

import pytest

from deepseek_mm.evaluation.vqa import score_answer
from deepseek_mm.rag.program.answers import normal


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
    assert normal(answer) == spelt


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
