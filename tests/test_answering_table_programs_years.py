"""What was so in a year is told by the sentence whose years have it inside."""

import pytest

from deepseek_mm.answering.table_programs.prose import answer_from_passages
from deepseek_mm.types import Act
from index import Region, Source

CV = """Since September 2021: senior engineer at Calder & Wye, Bristol. Leads a team of six.

2015 to 2021: structural engineer at Pontis AG, Zurich. Designed bridges.

2013 to 2014: trainee at the city of Tunis.

MSc in civil engineering, EPFL Lausanne, 2013."""
CHINESE = "深圳澜图科技有限公司 高级产品经理 2021.07 – 至今\n\n广州悦读文化传播有限公司 产品经理 2018.03 – 2021.06"


def told(question: str, text: str = CV, language: str = "en") -> str:
    region = Region(source=Source(path="/cv.pdf", kind="document"), kind="text", box_px=(0, 0, 0, 0), text=text)
    answer = answer_from_passages(Act(kind="document", text=question), language, [region])
    return answer.value if answer else ""


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("where did she work in 2018", "Pontis AG"),
        ("what was her job in 2013", "Tunis"),
        ("who did she work for in 2024", "Calder & Wye"),
    ],
)
def test_the_period_with_the_year_inside_answers(question, says):
    assert says in told(question)


def test_chinese_periods_are_read():
    assert "悦读" in told("她2019年在哪家公司", CHINESE, "zh")
    assert "澜图" in told("2023年在哪儿上班", CHINESE, "zh")


@pytest.mark.parametrize("question", ["where did she work in 1999", "how old was she in 2018", "where does she work"])
def test_a_year_that_no_period_has_or_no_such_question_answers_nothing(question):
    assert told(question) == ""
