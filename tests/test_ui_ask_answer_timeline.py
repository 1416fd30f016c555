"""How an answer came about, on the page: stage by stage, with its times, its witnesses and what was dropped."""

import re
from dataclasses import replace
from html import escape

import pytest
from PIL import Image

from deepseek_mm.stage_clock import AnswerStage, AnswerTimeline
from deepseek_mm.types import Act, Answer, Check, Citation, ReaderLook, Request, Said, Trace, Utterance, Verdict, Worked
from index import Region, Source
from ui.ask.answer_timeline import render_timeline, tell_time
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

EARS = re.compile(r'<span class="for-ears">[^<]*</span>')

WORKED = Worked(program='count("<a>")', answer="2", steps=(("all()", "a cup [1]"),), agrees="contradicts")
TIMELINE = AnswerTimeline(
    stages=(
        AnswerStage(name="understood", seconds=0.044),
        AnswerStage(
            name="retrieved",
            seconds=0.2,
            kept=2,
            among=70,
            left_out=(("<dog>.jpg", 0.31), ("kite.jpg", 0.2)),
            needed=0.45,
        ),
        AnswerStage(name="looked", seconds=1.25, kept=14, by=("reader", "detector"), files=("kite.jpg", "b.jpg")),
        AnswerStage(name="weighed", seconds=0.5, by=("passages",)),
        AnswerStage(name="said", seconds=0.0004),
    )
)


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


@pytest.fixture
def render(pictures):
    return lambda given, words=ENGLISH, **more: render_timeline(given, pictures, words, **more)


def answer(*numbers: int, **more) -> Answer:
    source = Source(path="/a/kite.jpg", width_px=400, height_px=200)
    cited = tuple(Citation(number=n, region=Region(source=source, box_px=(0, 0, 50, 50)), score=0.5) for n in numbers)
    return Answer(text="Yes.", citations=cited, turn=7, **more)


def stages(html: str) -> list[tuple[str, str]]:
    """Name and time of each stage that is shown."""
    head = r'<li data-stage="(\w+)"><div class="stage-head"><h3>[^<]+</h3>(?:<span class="took">([^<]+)</span>)?'
    return re.findall(head, html)


def test_an_answer_that_was_stopped_before_its_first_word_has_the_stages_until_then(render):
    html = render(replace(answer(timeline=TIMELINE), text="", state="stopped"))
    assert [name for name, _ in stages(html)] == ["understood", "retrieved", "looked", "weighed", "said"]
    assert ENGLISH.said_nothing in html


def test_each_stage_stands_in_its_order_with_the_time_that_it_took(render):
    act = Act(kind="look", text="is it red", subject="it")
    html = render(answer(1, timeline=TIMELINE, confidence=0.8, request=Request(acts=(act,))))
    assert stages(html) == [
        ("understood", "44 ms"),
        ("retrieved", "200 ms"),
        ("looked", "1.2 s"),
        ("weighed", "500 ms"),
        ("said", "under 1 ms"),
        ("verified", ""),
    ]
    assert f'{ENGLISH.why} <span class="took">2.0 s</span></summary>' in html


def test_the_strip_gives_each_stage_the_share_of_the_time_that_it_took(render):
    half = AnswerTimeline(stages=(AnswerStage(name="understood", seconds=0.5), AnswerStage(name="said", seconds=1.5)))
    html = render(answer(timeline=half))
    assert re.findall(r'<rect data-stage="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', html) == [
        ("understood", "0.00", "25.00"),
        ("said", "25.00", "75.00"),
    ]


def test_an_answer_of_before_the_times_were_kept_has_its_stages_without_them(render):
    html = render(answer(1))
    assert stages(html) == [("said", ""), ("verified", "")]
    assert "strip" not in html


def test_it_is_told_how_much_was_looked_through_and_what_was_near_but_not_likely_enough(render):
    html = render(answer(1, timeline=TIMELINE))
    assert "2 of 70 that were looked through" in html
    assert "Not likely enough (45 % is needed): &lt;dog&gt;.jpg (31 %)</p>" in html  # kite.jpg is cited


def test_what_was_looked_at_is_named_with_the_models_that_looked(render):
    html = render(answer(1, timeline=TIMELINE))
    assert "At kite.jpg, b.jpg and 12 more" in html
    assert "Asked: the reader of the picture, boxes around things" in html
    assert "Asked: the reader of passages" in html


def test_the_time_that_several_questions_shared_is_said_to_be_that_of_all(render):
    assert "together with 2 more questions" in render(answer(timeline=replace(TIMELINE, together=3)))
    assert "together with" not in render(answer(timeline=TIMELINE))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "under 1 ms"), (0.001, "1 ms"), (0.9994, "999 ms"), (1.0, "1.0 s"), (61.26, "61.3 s")]
)
def test_a_time_is_told_in_the_unit_that_fits(seconds, said):
    assert tell_time(seconds, ENGLISH) == said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "smol"}, "In the words of smol"),
        ({}, ENGLISH.said_by_program),
        ({"utterances": (Utterance(prompt=(), text="x", trace=Trace(experts=(), layers=(), top_k=1, visits=())),)},
         ENGLISH.said_instead),
    ],
)  # fmt: skip
def test_whose_words_they_are_is_told_also_where_those_of_a_model_fell(render, more, said):
    assert escape(said) in render(answer(1, **more))


def test_the_reasons_show_what_was_kept_and_what_was_left_out(render):
    checks = (
        Check(claim="A dog.", numbers=(1,), kept=True, reason="the label"),
        Check(claim="<b>Loud</b>.", numbers=(), kept=False, reason='no "sound"'),
    )
    html = render(answer(checks=checks))
    assert html.index('class="kept"') < html.index('class="dropped"')
    assert "&lt;b&gt;Loud&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "1 of 2 sentences stand" in html
    assert ENGLISH.why_none in render(answer())


def test_what_of_a_long_conversation_was_not_read_is_said(render):
    assert "the first 96 of this conversation" in render(answer(1, unread=96))
    assert "of this conversation" not in render(answer(1))


def test_how_it_was_settled_is_told_with_its_doubt_and_where_was_looked(render):
    said = (Said(by="reader", answer="yes", chance=0.7), Said(by="model", answer="no", chance=0.8))
    verdict = Verdict(
        answer="<yes>", chance=0.62, outcome="unsure", runner_up="no", runner_chance=0.38, said=said, disputed=True,
        heat=((0.5, 0.25), (0.25, 0.0)),
    )  # fmt: skip
    html = render(answer(1, verdict=verdict))
    assert "&lt;yes&gt;: not certain (62 %)" in html
    assert '<meter min="0" max="1" value="0.620"' in html
    assert "or else: no (38 %)" in html
    assert "the language model, which looked: no (80 %)" in html
    assert ENGLISH.disputed in html
    assert re.findall(r'opacity="([\d.]+)"', html) == ["0.00", "0.38", "0.38", "0.75"]


def test_verdicts_and_reasons_are_told_in_the_language_of_the_page(render):
    said = (Said(by="reader", answer="no", chance=0.7),)
    verdict = Verdict(answer="yes", chance=0.62, outcome="unsure", runner_up="no", runner_chance=0.38, said=said)
    checks = (Check(claim="x", numbers=(), kept=False, reason="it cites nothing"),)
    worked = Worked(program="", answer="", steps=(), missing="there is no such thing in the picture")
    html = render(answer(1, verdict=verdict, checks=checks, worked=worked), CHINESE)
    assert f"{CHINESE.yes}: {CHINESE.is_unsure} (62 %)" in html
    assert CHINESE.else_.format(answer=CHINESE.no, percent=38) in html
    assert not re.search(r"it cites|no such thing|>(?:yes|no)\b", html)


def test_an_answer_that_was_not_settled_so_has_no_such_piece(render):
    assert "settled" not in render(answer(1))


def test_the_program_can_be_read_and_says_whether_it_agrees(render):
    worked = Worked(program='count("<a>")', answer="2", steps=(("all()", "a cup [1]"),), agrees="contradicts")
    html = render(answer(1, worked=worked))
    assert "count(&quot;&lt;a&gt;&quot;)</textarea>" in html
    assert 'data-act="work" data-what="7"' in html
    assert ENGLISH.contradicts in html
    assert "<code>all()</code> a cup [1]" in html


def test_what_is_wrong_with_a_program_stands_below_it(render):
    worked = Worked(program="coun(", answer="", steps=(), missing="it does not apply")
    html = render(answer(1, worked=worked), trouble="there is no call 'coun'\n  ^")
    assert "there is no call &#x27;coun&#x27;" in html
    assert "it does not apply" in html


def test_where_the_reader_looked_is_shown_of_the_photo_that_it_looked_at(render):
    other = Citation(number=2, region=Region(source=Source(path="/a/other.jpg"), box_px=(0, 0, 9, 9)), score=0.4)
    look = ReaderLook(question="is it red", things=(), path="/a/other.jpg", heat=((0.5, 0.5), (0.0, 0.0)))
    given = answer(1, looked=look)
    html = render(replace(given, citations=(*given.citations, other)))
    assert re.findall(r'opacity="([\d.]+)"', html) == ["0.00", "0.00", "0.75", "0.75"]
    source = re.search(r'<figure class="looked"><img src="([^"]+)"', html)[1]
    assert source == re.search(r'<figure class="looked"><img src="([^"]+)"', render(
        replace(given, citations=(other,))))[1]  # fmt: skip


def test_a_program_that_was_run_again_opens_the_timeline_and_tells_what_it_gave_before(render):
    now = replace(WORKED, program='exist("<a>")', answer="yes")
    html = render(answer(1, worked=now), before=answer(1, worked=WORKED))
    assert '<details class="timeline" open>' in html
    assert "It gave 2 before, and gives yes now." in html
    assert "<del>count</del><ins>exist</ins>" in EARS.sub("", html)
    assert "It gave" not in render(answer(1, worked=now), before=answer(1, worked=WORKED), trouble="no such call")
    assert "It gave" not in render(answer(1, worked=now), before=replace(answer(1, worked=WORKED), turn=6))


def test_all_of_it_is_told_in_the_language_of_the_page(render):
    html = render(answer(1, timeline=TIMELINE, confidence=0.8), CHINESE)
    told = re.sub(r"<[^>]+>|kite|jpg|dog|&\w+;|\bms?\b|\bs\b|\bb\.", "", html)
    assert not re.search(r"[A-Za-z]{3,}", told)
