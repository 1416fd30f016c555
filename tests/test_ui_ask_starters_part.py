"""Questions to begin with on the Ask tab: buttons once they were tried, and until then a sentence."""

import re

import pytest
from page_caller import services_of
from rag_house import build, paint, put

from deepseek_mm import LOCAL, Caller
from deepseek_mm.library.starters import STARTERS
from ui.ask.starters_part import StartersPart, render_starters
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def house(tmp_path):
    with build(tmp_path / "library") as assistant:
        yield assistant


def part(house, words=ENGLISH) -> StartersPart:
    return StartersPart(services=services_of(house), words=words)


def tell(house, language: str, *questions: str) -> None:
    """The trial of this language ends with these."""
    task = house.library.jobs.claim((STARTERS,))
    assert task.job.payload["language"] == language
    task.result |= {"questions": list(questions)}
    task.finish("done", "")


def test_until_they_are_tried_the_page_says_so_and_looks_again(house, tmp_path):
    assert part(house).show(LOCAL) == ("", False)  # nothing is there to ask about
    put(house, paint(tmp_path, "kite.png", "red"))
    html, is_trying = part(house).show(LOCAL)
    assert ENGLISH.welcome_making in html
    assert is_trying
    tell(house, "en", "Is there a <kite>?")
    html, is_trying = part(house).show(LOCAL)
    assert not is_trying
    assert re.findall(r'data-act="ask" data-what="([^"]+)"', html) == ["Is there a &lt;kite&gt;?"]


def test_each_language_of_the_page_has_its_own(house, tmp_path):
    put(house, paint(tmp_path, "kite.png", "red"))
    part(house, CHINESE).show(LOCAL)
    tell(house, "zh", "\u6709\u98ce\u7b5d\u5417\uff1f")
    assert "\u6709\u98ce\u7b5d\u5417" in part(house, CHINESE).show(LOCAL)[0]
    assert ENGLISH.welcome_making in part(house).show(LOCAL)[0]


def test_who_may_not_ask_is_offered_nothing(house, tmp_path):
    put(house, paint(tmp_path, "kite.png", "red"))
    stranger = Caller(name="guest", rights=frozenset(("page",)), session="key:1")
    assert part(house).show(stranger) == ("", False)
    assert render_starters((), ENGLISH) == ""
