"""As what a question was understood, on the page; and what its form may send."""

import json
import re

import pytest

from deepseek_mm.types import Act, ActFilters, Answer, Request
from ui import edges
from ui.ask.request_form import correct_act, read_meant, render_understanding
from ui.words import CHINESE, ENGLISH

FIND = Act(kind="find", text="show me <b>dogs</b>", subject="<b>dogs</b>", form="list", chance=0.966)
LOOK = Act(kind="look", text="what colour are they", attribute="colour", scope="found", reference="they")
BOTH = Request(acts=(FIND, LOOK), chance=0.5)


def lines(request: Request, words=ENGLISH) -> list[str]:
    return re.findall(r'role="status">(.*?)</p>', render_understanding(Answer(text="", request=request), words))


def sent(*rows: tuple[str, str, str]) -> str:
    return json.dumps([each for row in rows for each in row])


def test_each_act_is_told_in_plain_words_of_the_pages_language():
    assert lines(BOTH) == [
        "As: find (the library): &lt;b&gt;dogs&lt;/b&gt;, 97 %",
        "As: look and answer (what was found last): what colour are they, 100 %",
    ]
    assert lines(Request(acts=(LOOK,)), CHINESE) == ["理解为：看图回答（上次找到的内容）：what colour are they，100 %"]


@pytest.mark.parametrize(
    ("by", "said"),
    [("person", "As you said: look and answer"), ("rules", "As: look and answer")],
)
def test_no_probability_is_told_where_no_model_understood(by, said):
    (line,) = lines(Request(acts=(LOOK,), by=by))
    assert line == f"{said} (what was found last): what colour are they"


def test_the_form_has_the_fields_of_every_act_as_they_were_understood():
    html = render_understanding(Answer(text="", request=BOTH, turn=7), ENGLISH)
    assert re.findall(r'<option value="(\w*)" selected', html) == ["find", "library", "look", "found"]
    assert re.findall(r'<input [^>]*value="([^"]*)"', html) == ["&lt;b&gt;dogs&lt;/b&gt;", ""]
    assert 'data-act="mean" data-what="7"' in html
    assert ENGLISH.meant_left in html
    assert ENGLISH.meant_left not in render_understanding(
        Answer(text="", request=Request(acts=(LOOK,)), turn=7), ENGLISH
    )


def test_what_nobody_noted_is_not_told_and_what_is_no_turn_has_no_form():
    assert render_understanding(Answer(text="", turn=7), ENGLISH) == ""
    assert "data-fields" not in render_understanding(Answer(text="", request=BOTH), ENGLISH)


def test_what_a_person_means_is_without_doubt_and_keeps_what_was_not_changed():
    meant = read_meant(BOTH, sent(("find", "library", " big  dogs "), ("look", "found", "")), ENGLISH)
    assert (meant.by, meant.chance, [act.chance for act in meant.acts]) == ("person", 1.0, [1.0, 1.0])
    assert (meant.acts[0].subject, meant.acts[0].form, meant.acts[1]) == ("big dogs", "list", LOOK)


def test_a_part_that_nobody_asked_for_is_left_out():
    (act,) = read_meant(BOTH, sent(("find", "library", "dogs"), ("", "found", "")), ENGLISH).acts
    assert act.subject == "dogs"
    with pytest.raises(edges.BadMeaning, match=ENGLISH.meant_none):
        read_meant(BOTH, sent(("", "library", ""), ("", "found", "")), ENGLISH)


def test_another_kind_or_scope_lets_go_of_what_went_with_the_one_before():
    dated = Act(kind="look", text="", attribute="colour", form="name", reference="it", filters=ActFilters(date="May"))
    counted = correct_act(dated, "count", dated.scope, "dogs")
    assert (counted.form, counted.attribute, counted.reference, counted.filters.date) == ("number", "", "it", "May")
    assert correct_act(dated, "look", "documents", "").reference == ""
    assert correct_act(dated, "look", "documents", "").attribute == "colour"


@pytest.mark.parametrize(
    "told",
    [
        "",
        "no json",
        "{}",
        "[1, 2, 3]",
        '["find", "library"]',
        sent(("find", "library", "dogs")),
        sent(("fly", "library", ""), ("look", "found", "")),
        sent(("find", "moon", ""), ("look", "found", "")),
    ],
)
def test_what_the_form_cannot_send_is_refused(told):
    with pytest.raises(edges.BadMeaning, match=re.escape(ENGLISH.gone)):
        read_meant(BOTH, told, ENGLISH)
