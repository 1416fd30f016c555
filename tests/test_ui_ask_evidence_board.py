"""The evidence beside an answer."""

import re

import pytest
from PIL import Image

from deepseek_mm.types import Answer, Check, Citation, Said, Trace, Verdict, Worked
from index import Region, Source
from ui.ask.evidence_board import board, why
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def answer(*numbers: int, **more) -> Answer:
    source = Source(path="/a/kite.jpg", width_px=400, height_px=200)
    cited = tuple(Citation(number=n, region=Region(source=source, box_px=(0, 0, 50, 50)), score=0.5) for n in numbers)
    return Answer(text="Yes.", citations=cited, turn=7, **more)


def test_every_citation_is_on_the_board_under_its_number_and_can_be_opened(pictures):
    html = board(answer(1, 4), pictures, ENGLISH)
    assert re.findall(r'<li data-number="(\d+)">', html) == ["1", "4"]
    assert re.findall(r'data-act="open" data-what="(\d+)"', html) == ["0", "1"]
    assert 'data-turn="7"' in html  # claims of this answer light its boxes
    assert ENGLISH.evidence_hint in html


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, ENGLISH.evidence_idle),
        (answer(), ENGLISH.evidence_none),
        (answer(state="running"), ENGLISH.looking),
        (answer(1, state="running"), ENGLISH.evidence_hint),
    ],
)
def test_a_board_without_photos_says_why(pictures, given, said):
    assert said in board(given, pictures, ENGLISH)


def test_the_reasons_come_when_the_answer_is_over(pictures):
    assert "<details" not in board(answer(1, state="running"), pictures, ENGLISH)
    assert "<details" in board(answer(1), pictures, ENGLISH)


def test_the_reasons_show_what_was_kept_and_what_was_left_out():
    checks = (
        Check(claim="A dog.", numbers=(1,), kept=True, reason="the label"),
        Check(claim="<b>Loud</b>.", numbers=(), kept=False, reason='no "sound"'),
    )
    html = why(answer(checks=checks), ENGLISH)
    assert html.index('class="kept"') < html.index('class="dropped"')
    assert "&lt;b&gt;Loud&lt;/b&gt;" in html
    assert "<b>" not in html
    assert ENGLISH.why_none in why(answer(), ENGLISH)


def test_the_experts_that_worked_most_are_named_behind_the_reasons(pictures):
    visits = ("aaab", "abac")  # two tokens, two experts each, in two layers
    trace = Trace(experts=("coder", "witness", "aide", "talker"), layers=(3, 5), top_k=2, visits=visits)
    html = board(answer(1, trace=trace), pictures, ENGLISH)
    assert "coder 62 %, witness 25 %, aide 12 %" in html
    assert "talker" not in html
    assert "experts" not in board(answer(1), pictures, ENGLISH)


def test_what_of_a_long_conversation_was_not_read_is_said(pictures):
    assert "the first 96 of this conversation" in board(answer(1, unread=96), pictures, ENGLISH)
    assert "of this conversation" not in board(answer(1), pictures, ENGLISH)


def test_how_it_was_settled_is_told_with_its_doubt_and_where_was_looked(pictures):
    said = (Said(by="reader", answer="yes", chance=0.7), Said(by="model", answer="no", chance=0.8))
    verdict = Verdict(
        answer="<yes>", chance=0.62, outcome="unsure", runner_up="no", runner_chance=0.38, said=said, disputed=True,
        heat=((0.5, 0.25), (0.25, 0.0)),
    )  # fmt: skip
    html = board(answer(1, verdict=verdict), pictures, ENGLISH)
    assert "&lt;yes&gt;: not certain (62 %)" in html
    assert '<meter min="0" max="1" value="0.620"' in html
    assert "or else: no (38 %)" in html
    assert "the language model, which looked says no (80 %)" in html
    assert ENGLISH.disputed in html
    assert re.findall(r'opacity="([\d.]+)"', html) == ["0.00", "0.38", "0.38", "0.75"]


def test_verdicts_and_reasons_are_told_in_the_language_of_the_page(pictures):
    said = (Said(by="reader", answer="no", chance=0.7),)
    verdict = Verdict(answer="yes", chance=0.62, outcome="unsure", runner_up="no", runner_chance=0.38, said=said)
    checks = (Check(claim="x", numbers=(), kept=False, reason="it cites nothing"),)
    worked = Worked(program="", answer="", steps=(), missing="there is no such thing in the picture")
    html = board(answer(1, verdict=verdict, checks=checks, worked=worked), pictures, CHINESE)
    assert f"{CHINESE.yes}: {CHINESE.is_unsure} (62 %)" in html
    assert CHINESE.else_.format(answer=CHINESE.no, percent=38) in html
    assert not re.search(r"it cites|no such thing|>(?:yes|no)\b", html)


def test_an_answer_that_was_not_settled_so_has_no_such_piece(pictures):
    assert "settled" not in board(answer(1), pictures, ENGLISH)


def test_the_program_can_be_read_and_says_whether_it_agrees(pictures):
    worked = Worked(program='count("<a>")', answer="2", steps=(("all()", "a cup [1]"),), agrees="contradicts")
    html = board(answer(1, worked=worked), pictures, ENGLISH)
    assert "count(&quot;&lt;a&gt;&quot;)</textarea>" in html
    assert 'data-act="work" data-what="7"' in html
    assert ENGLISH.contradicts in html
    assert "<code>all()</code> a cup [1]" in html


def test_what_is_wrong_with_a_program_stands_below_it(pictures):
    worked = Worked(program="coun(", answer="", steps=(), missing="it does not apply")
    html = board(answer(1, worked=worked), pictures, ENGLISH, trouble="there is no call 'coun'\n  ^")
    assert "there is no call &#x27;coun&#x27;" in html
    assert "it does not apply" in html
