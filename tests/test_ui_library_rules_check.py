"""Checking rules for the page: what is counted, what is shown of it, and what is kept."""

import pytest
from page_caller import ActingAs, services_of
from rag_house import build
from rules_help import fill, put_photo

from ui.library import rules
from ui.library.rules import MOST, RuleHandlers
from ui.words import CHINESE, ENGLISH

TEXT = 'near(cup, laptop) -> warn "careful"\nnot exist(laptop) -> note "no laptop"'


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "library")
    fill(assistant, tmp_path / "photos")
    yield ActingAs(RuleHandlers(services=services_of(assistant), words=ENGLISH))
    assistant.close()


def last(house: RuleHandlers, text: str = TEXT, collection: str = ""):
    return list(house.check(text, collection))[-1]


def test_every_rule_is_counted_and_its_photos_are_shown_in_order(house):
    found = last(house)
    assert (found.counts, found.done, found.total, found.ended) == ((1, 3), 4, 4, True)
    assert [case.photo.source.name for case in found.all_cases] == ["desk.png", "bare.png", "dog.png", "cups.png"]
    assert [len(case.held.regions) for case in found.all_cases] == [2, 0, 0, 0]
    assert found.trouble == ""


def test_of_a_rule_that_holds_everywhere_only_the_first_photos_are_shown(house, tmp_path):
    for number in range(MOST + 5):
        put_photo(house.assistant.store, tmp_path / f"{number}.png")
    found = last(house)
    assert (found.counts[1], len(found.cases[1])) == (MOST + 8, MOST)


def test_a_check_that_takes_long_is_told_on_the_way_and_keeps_its_token(house, monkeypatch):
    monkeypatch.setattr(rules, "EVERY_S", -1.0)
    views = list(house.check(TEXT, ""))
    assert [(view.done, view.ended) for view in views] == [(1, False), (2, False), (3, False), (4, False), (4, True)]
    assert [view.counts for view in views[:2]] == [(1, 0), (1, 1)]
    assert len({view.token for view in views}) == 1
    assert last(house).token != views[0].token


def test_a_collection_alone_is_checked(house):
    found = last(house, collection="Trip")
    assert (found.counts, found.done, found.collection) == ((0, 1), 1, "Trip")


@pytest.mark.parametrize(
    ("text", "collection", "trouble"),
    [
        ("near(cup) -> warn", "", "line 1 of the rules: the rule goes wrong at character 1"),
        ("", "", "there is no rule to check"),
        (TEXT, "Nope", "no collection is called 'Nope'"),
    ],
)
def test_what_cannot_be_checked_is_a_sentence(house, text, collection, trouble):
    (found,) = house.check(text, collection)
    assert trouble in found.trouble
    assert (found.rules, found.all_cases) == ((), ())


def test_what_was_understood_is_kept_and_a_mistake_does_not_replace_it(house):
    assert house.text() == ENGLISH.rules_example
    last(house)
    assert house.text() == TEXT
    last(house, "nonsense")
    assert house.text() == TEXT
    assert (house.assistant.config.data / "rules.txt").read_text() == TEXT


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_the_example_reads_as_rules_one_of_which_holds_as_far_as_boxes_tell(house, words):
    found = last(house, words.rules_example)
    assert [(rule.kind, rule.by_absence) for rule in found.rules] == [("warn", False), ("warn", False), ("note", True)]
