"""Periods as Chinese says them."""

from datetime import datetime

import pytest

from deepseek_mm.language.chinese_dates import find_chinese_period, read_number
from deepseek_mm.language.date_words import read_period_words

NOW = datetime(2026, 11, 29)  # a Sunday


@pytest.mark.parametrize(
    ("said", "first", "after"),
    [
        ("2019年", (2019, 1, 1), (2020, 1, 1)),
        ("2019年夏天", (2019, 6, 1), (2019, 9, 1)),
        ("去年夏天", (2025, 6, 1), (2025, 9, 1)),
        ("今年五月", (2026, 5, 1), (2026, 6, 1)),
        ("2019年6月1日", (2019, 6, 1), (2019, 6, 2)),
        ("十二月二十五日", (2025, 12, 25), (2025, 12, 26)),
        ("三月", (2026, 3, 1), (2026, 4, 1)),
        ("冬季", (2025, 12, 1), (2026, 3, 1)),
        ("前年", (2024, 1, 1), (2025, 1, 1)),
        ("昨天", (2026, 11, 28), (2026, 11, 29)),
        ("上周", (2026, 11, 16), (2026, 11, 23)),
        ("这个星期", (2026, 11, 23), (2026, 11, 30)),
        ("上个月", (2026, 10, 1), (2026, 11, 1)),
        ("最近三个月", (2026, 8, 28), (2026, 11, 30)),
        ("2018年到2020年", (2018, 1, 1), (2021, 1, 1)),
        ("2018年3月至5月", (2018, 3, 1), (2018, 6, 1)),
    ],
)
def test_a_period_is_read_from_its_first_day_to_the_one_after(said, first, after):
    assert read_period_words(said, NOW) == (datetime(*first), datetime(*after))


def test_before_and_after_leave_an_end_open():
    assert read_period_words("2019年以前", NOW) == (None, datetime(2019, 1, 1))
    assert read_period_words("去年五月以来", NOW) == (datetime(2025, 5, 1), None)


def test_months_of_any_year_are_told_from_those_of_one():
    def months(said):
        return find_chinese_period(said, NOW).months

    assert [months(said) for said in ("六月", "秋天", "去年秋天", "六月以前")] == [(6,), (9, 10, 11), (), ()]


@pytest.mark.parametrize("said", ["月亮", "一个月饼", "新年", "春节", "2月31日", "三个人"])
def test_other_words_and_days_that_are_none_name_no_period(said):
    assert find_chinese_period(said, NOW) is None


def test_numbers_are_read_in_words_and_digits():
    assert [read_number(said) for said in ("7", "两", "十", "十二", "二十", "三十一")] == [7, 2, 10, 12, 20, 31]
