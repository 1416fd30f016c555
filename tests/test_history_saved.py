"""Saved searches: each session's own, one for a name, gone when they are deleted."""

import pytest

from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.history import History
from deepseek_mm.history.queries import MOST


def test_a_search_is_kept_under_its_name_and_outlives_a_restart(history, path):
    kept = history.save_search("  dogs  at sea ", "a dog", {"since": "2024", "kind": ""}, session="me")
    assert (kept.name, kept.text, kept.filters) == ("dogs at sea", "a dog", (("since", "2024"),))
    history.close()
    assert History(path).saved_searches(session="me") == [kept]


def test_a_name_that_is_used_again_holds_the_newer_search_and_keeps_its_number(history):
    first = history.save_search("dogs", "a dog", {}, session="me")
    second = history.save_search("dogs", "two dogs", {}, session="me")
    assert (second.id, second.text) == (first.id, "two dogs")
    assert history.saved_searches(session="me") == [second]


def test_a_search_is_seen_and_deleted_by_nobody_but_its_session(history):
    mine = history.save_search("dogs", "a dog", {}, session="me")
    history.save_search("dogs", "other dogs", {}, session="you")
    with pytest.raises(NothingThere, match=f"no saved search {mine.id} here"):
        history.forget_search(mine.id, session="you")
    history.forget_search(mine.id, session="me")
    assert history.saved_searches(session="me") == []
    assert [each.text for each in history.saved_searches(session="you")] == ["other dogs"]


def test_they_come_by_name_whatever_their_capitals(history):
    for name in ("b", "A", "c"):
        history.save_search(name, "x", {}, session="me")
    assert [each.name for each in history.saved_searches(session="me")] == ["A", "b", "c"]


@pytest.mark.parametrize(("name", "text", "said"), [(" ", "a dog", "needs a name"), ("dogs", " ", "nothing to save")])
def test_what_has_no_name_or_says_nothing_is_refused(history, name, text, said):
    with pytest.raises(BadQuestion, match=said):
        history.save_search(name, text, {"kind": ""}, session="me")


def test_a_filter_alone_is_a_search_and_two_hundred_are_the_most(history):
    for n in range(MOST):
        history.save_search(f"{n}", "", {"kind": "photos"}, session="me")
    with pytest.raises(BadQuestion, match="200 searches are saved"):
        history.save_search("one more", "x", {}, session="me")
    assert history.save_search("7", "changed", {}, session="me").text == "changed"


def test_deleting_everything_deletes_saved_searches_too(history):
    history.save_search("dogs", "a dog", {}, session="me")
    history.clear()
    assert history.saved_searches(session="me") == []
