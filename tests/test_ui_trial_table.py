"""A trial as HTML: how far it is, and what both models made of the same questions."""

import re

import pytest

from deepseek_mm import TrialAnswer, TrialRow, TrialState
from ui.trial_table import render_trial
from ui.words import CHINESE, ENGLISH


def answer(text: str, seconds: float, *, right: bool) -> TrialAnswer:
    return TrialAnswer(text=text, seconds=seconds, right=right)


ROWS = (
    TrialRow(
        ask="What is <this>?",
        photo="cat.jpg",
        present=answer("A dog & more [1].", 1.0, right=False),
        other=answer("A cat.", 4.0, right=True),
    ),
    TrialRow(
        ask="How many?", photo="dogs.jpg", present=answer("Two", 3.0, right=True), other=answer("2", 6.0, right=True)
    ),
)


def told(step="done", rows=ROWS, words=ENGLISH, **fields) -> str:
    return render_trial(TrialState(name="owner/seer", step=step, total=20, rows=rows, **fields), "Seer <1B>", words)


def test_the_table_says_right_answers_and_the_median_of_seconds_of_both():
    cells = re.findall(r"<td>([^<]+)</td>", told())
    assert cells == ["1 of 2", "2 of 2", "2.0 s", "5.0 s"]
    assert re.findall(r'<th scope="(\w+)">([^<]+)</th>', told()) == [
        ("col", "Answers now"), ("col", "Seer &lt;1B&gt;"), ("row", "Right"), ("row", "Time an answer"),
    ]  # fmt: skip


def test_a_question_that_one_of_them_got_right_stands_with_both_answers_and_their_marks():
    html = told()
    assert "only one of them got right: 1" in html
    assert "<b>What is &lt;this&gt;?</b>" in html
    marks = re.findall(r'<dt><span class="(\w+)">.*?</span> \w+</span> ([^<]+)</dt><dd>([^<]+)</dd>', html)
    assert marks == [("wrong", "Answers now", "A dog &amp; more."), ("right", "Seer &lt;1B&gt;", "A cat.")]
    assert "How many?" not in html


def test_two_models_that_are_right_on_the_same_questions_are_said_to_be():
    assert ENGLISH.trial_alike in told(rows=ROWS[1:])


@pytest.mark.parametrize(
    ("step", "rows", "said"),
    [
        ("opening", (), "It is opened beside"),
        ("asking", ROWS, "Question 3 of 20"),
        ("stopping", ROWS, "Stopping"),
        ("stopped", ROWS, "Stopped after 2 of 20 questions."),
        ("stopped", (), "Stopped after 0 of 20 questions."),
        ("failed", (), "It could not be tried: no &lt;file&gt;"),
    ],
)
def test_every_step_is_said(step, rows, said):
    assert said in told(step, rows, message="no <file>")


def test_before_any_trial_and_without_a_question_there_is_no_table():
    assert told("none", ()) == ""
    assert "<table" not in told("stopped", ())


def test_it_is_said_in_chinese():
    html = told(words=CHINESE)
    assert "现在的模型" in html
    assert "1 / 2 题" in html
