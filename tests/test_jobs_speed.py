"""Speed, worked out by hand: it is that of the last seconds, and a pause spoils it for one report only."""

import pytest

from deepseek_mm.jobs.task import Speed


def noted(*reports: tuple[float, int]) -> list[float]:
    """The speed after each (seconds, done)."""
    speed = Speed()
    return [speed.note(done, at_s) for at_s, done in reports]


def test_a_first_report_knows_no_speed():
    assert noted((5.0, 100)) == [0.0]


def test_speed_is_items_by_seconds_since_the_first_report():
    assert noted((0, 0), (1, 4), (2, 10)) == [0, 4, 5]


def test_only_the_last_ten_seconds_count():
    slow = [(float(second), second) for second in range(20)]  # one a second
    fast = [(19.0 + second, 19 + 50 * second) for second in range(1, 11)]  # then fifty
    assert noted(*slow, *fast)[19] == 1
    assert noted(*slow, *fast)[-1] == 50


def test_after_a_pause_of_an_hour_the_second_report_is_right_again():
    before = [(second / 2, 5 * second) for second in range(20)]  # ten a second
    first, second = noted(*before, (3600.0, 105), (3600.5, 110))[-2:]
    assert first == pytest.approx(10 / 3590.5)  # true for this hour
    assert second == pytest.approx(10)


def test_items_that_take_longer_than_the_window_still_have_a_speed():
    assert noted((0, 0), (60, 1), (120, 2), (150, 3)) == pytest.approx([0, 1 / 60, 1 / 60, 1 / 30])


def test_reports_in_a_burst_keep_the_speed_instead_of_exaggerating_it():
    assert noted((0, 0), (1, 16), (1.001, 17), (1.1, 32)) == [0, 16, 16, 16]


def test_a_count_that_begins_anew_begins_a_new_speed():
    assert noted((0, 0), (1, 10), (2, 0), (3, 2)) == [0, 10, 0, 2]


def test_a_million_reports_leave_a_handful_of_marks():
    speed = Speed()
    for n in range(100_000):
        speed.note(n, n / 1000)
    assert len(speed._marks) <= 52  # ten seconds in fifths, and the two ends
