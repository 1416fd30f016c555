"""Jobs, folders and facts as HTML."""

from datetime import UTC, datetime

import pytest

from deepseek_mm.jobs import Failed, Job
from ui.words import ENGLISH
from ui.work import Facts, ended, facts, far, in_bytes, left, running, watched

NASTY = '"><img src=x onerror=alert(1)>'
AT = datetime(2026, 5, 1, 12, 3, tzinfo=UTC)


def job(**changes) -> Job:
    fields = {
        "id": 7, "kind": "index", "title": "Index /photos", "payload": {}, "state": "running", "cancelling": False,
        "done": 0, "total": None, "per_second": 0.0, "seconds_left": None, "message": "", "result": {},
        "num_failed": 0, "attempts": 1, "created_at": AT, "started_at": AT, "ended_at": None,
    }  # fmt: skip
    return Job(**(fields | changes))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "a few seconds left"),
        (44.9, "a few seconds left"),
        (45, "about a minute left"),
        (89, "about a minute left"),
        (150, "about 2 minutes left"),
        (89 * 60, "about 89 minutes left"),
        (2.5 * 3600, "about 2.5 hours left"),
    ],
)
def test_the_remaining_time_is_said_as_a_person_would(seconds, said):
    assert left(seconds, ENGLISH) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_499, "99.5 kB"), (123_456_789, "123 MB"), (10**15, "1000 TB")],
)
def test_a_size_has_three_digits_and_a_unit(count, said):
    assert in_bytes(count) == said


def test_how_far_a_job_is_has_numbers_speed_time_and_what_failed():
    line = far(job(done=1200, total=5000, per_second=9.5, seconds_left=400, num_failed=3), ENGLISH)
    assert line == "1,200 / 5,000 - 9.5 a second - about 7 minutes left - 3 could not be done"
    assert far(job(), ENGLISH) == ENGLISH.looking_at
    assert far(job(done=4, cancelling=True), ENGLISH) == "4 - stopping"


def test_a_running_job_has_a_bar_and_a_way_to_stop_it_and_a_waiting_one_no_bar():
    html = running([job(done=3, total=9)], ENGLISH)
    assert 'value="3" max="9"' in html
    assert 'data-act="cancel" data-what="7"' in html
    assert "<progress" not in running([job(state="waiting")], ENGLISH)
    assert "data-act" not in running([job(cancelling=True)], ENGLISH)
    assert ENGLISH.work_none in running([], ENGLISH)


def test_a_job_that_knows_no_total_shows_a_bar_without_an_end():
    assert 'aria-label="Index /photos"></progress>' in running([job(done=3)], ENGLISH)


def test_the_first_failures_are_listed_with_their_reasons_and_all_are_counted():
    failed = [Failed(item="/a.jpg", reason="/a.jpg is empty"), Failed(item="/b.jpg", reason="it is locked")]
    html = ended([job(state="done", num_failed=1234, ended_at=AT)], {7: failed}, ENGLISH)
    assert "<li>/a.jpg is empty</li><li>/b.jpg: it is locked</li><li>and 1,232 more</li>" in html
    assert "1,234 could not be done" in html
    assert 'data-act="retry" data-what="7"' in html


def test_a_job_without_failures_offers_no_retry():
    html = ended([job(state="done", message="3 added", ended_at=AT)], {}, ENGLISH)
    assert "3 added" in html
    assert "data-act" not in html


@pytest.mark.parametrize(("state", "said"), [("done", "done"), ("cancelled", "cancelled"), ("failed", "failed")])
def test_an_ended_job_says_how_and_when_it_ended_in_local_time(state, said):
    assert f"{said} {AT.astimezone():%Y-%m-%d %H:%M}" in ended([job(state=state, ended_at=AT)], {}, ENGLISH)


def test_names_from_outside_never_become_html():
    failed = {7: [Failed(item=NASTY, reason=NASTY)]}
    html = running([job(title=NASTY, message=NASTY)], ENGLISH) + watched([job(payload={"folder": NASTY})], ENGLISH)
    html += ended([job(state="done", title=NASTY, message=NASTY, num_failed=1, ended_at=AT)], failed, ENGLISH)
    html += facts(Facts(photos=1, documents=0, code=0, regions=1, size_bytes=1, place=NASTY), ENGLISH)
    assert "<img" not in html
    assert '""' not in html


def test_each_watched_folder_has_a_button_of_its_own():
    html = watched([job(payload={"folder": "/b"}, message="/b is not there."), job(payload={"folder": "/a"})], ENGLISH)
    assert html.index(">/a<") < html.index(">/b is not there.<")
    assert [f'data-act="unwatch" data-what="{name}"' in html for name in ("/a", "/b", "/c")] == [True, True, False]
    assert ENGLISH.watched_none in watched([], ENGLISH)


def test_the_facts_say_how_much_of_each_kind_how_large_and_where():
    html = facts(Facts(photos=1200, documents=3, code=4, regions=9999, size_bytes=1_500_000, place="/lib"), ENGLISH)
    for said in ("1,200", "<dd>3</dd>", "<dd>4</dd>", "9,999", "1.5 MB", "/lib"):
        assert said in html
