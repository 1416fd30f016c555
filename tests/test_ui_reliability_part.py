"""How sure and how right, in the Settings tab."""

import pytest
from page_caller import services_of
from rag_house import build, paint, put

from deepseek_mm import LOCAL, Question
from deepseek_mm.learning.reliability import FEWEST, Reliability, ReliabilityGroup
from ui.reliability_part import ReliabilityHandlers, render_reliability
from ui.words import CHINESE, ENGLISH

GROUP = ReliabilityGroup(low=0.8, high=0.9, count=25, said=0.85, right=0.6, interval=(0.41, 0.77))


def test_nothing_judged_is_said_with_what_would_count():
    assert ENGLISH.reliability_none in render_reliability(Reliability(), ENGLISH)


def test_a_group_says_what_was_said_and_what_came_true():
    found = Reliability(count=25, groups=(GROUP,), right=0.6, said=0.85, error=0.25, interval=(0.1, 0.4))
    html = render_reliability(found, ENGLISH)
    assert "25 answers: 85 % sure on average, 60 % right." in html
    assert "off by 25 % on average (between 10 and 40 %)" in html
    assert "60 % (41 to 77)" in html
    assert 'class="within" x="41.0" y="3" width="36.0"' in html
    assert "80 到 90 %" in render_reliability(found, CHINESE)


def test_few_answers_say_how_many_are_missing():
    found = Reliability(count=FEWEST - 1, groups=(GROUP,), right=0.6, said=0.85)
    assert "1 more judged answer is needed" in render_reliability(found, ENGLISH)


@pytest.mark.parametrize(("rating", "share"), [("up", "100 %"), ("down", "0 %")])
def test_a_thumb_under_an_answer_counts(tmp_path, rating, share):
    with build(tmp_path / "library", phrasing="none") as house:
        put(house, paint(tmp_path, "kite.png", "red"))
        answer = house.ask(Question(text="Is there a kite?"))
        house.history.finish(answer.turn, answer.__class__(text="Yes.", confidence=0.9))
        house.history.rate(answer.turn, rating, session="")
        html = ReliabilityHandlers(services=services_of(house), words=ENGLISH).look(LOCAL)
        assert "1 answer: 90 % sure on average" in html
        assert f"{share} (" in html
