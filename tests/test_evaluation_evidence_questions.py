"""Questions over photos on paper: each has the evidence that it needs, and a truth that the rules accept."""

import random

import pytest
from paper import shelf

from deepseek_mm.answering.composer import covers, facts
from deepseek_mm.answering.verifier import check
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.evidence_questions import FORMS, KINDS, QuestionForm, fill_form
from deepseek_mm.language.words import is_negated


def asked(kind, count=40):
    draw, photos = random.Random(1), shelf()
    return [photos.ask(kind, draw) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_of_the_truth_passes_the_rules_over_its_evidence(kind):
    for one in asked(kind):
        for claim in one.truth:
            weighed = check(claim.sentence, one.case.evidence, one.truth, Config())
            assert covers(weighed, claim), (claim.sentence, weighed.reason, facts(one.case.evidence))


@pytest.mark.parametrize("kind", KINDS)
def test_entries_are_numbered_from_one_and_every_number_of_the_truth_is_among_them(kind):
    for one in asked(kind):
        assert [entry.number for entry in one.case.evidence] == list(range(1, len(one.case.evidence) + 1))
        assert one.numbers <= set(range(1, len(one.case.evidence) + 1))


@pytest.mark.parametrize("kind", ["answerable", "counting", "which"])
def test_what_can_be_answered_is_answered_from_printed_words_alone(kind):
    for one in asked(kind):
        printed = facts(one.case.evidence)
        assert one.case.claims
        assert not is_negated(one.truth[0].text)
        assert all(thing.name in printed or thing.name == "person" for thing in one.case.program.things)
        assert all(entry.siblings == () and entry.presence == () for entry in one.case.evidence)


def test_what_cannot_be_answered_is_named_by_no_entry():
    for one in asked("unanswerable"):
        names = {label.name for entry in one.case.evidence for label in entry.region.labels}
        assert names.isdisjoint(thing.name for thing in one.case.program.things)
        assert all(is_negated(claim.text) for claim in one.truth)


def test_questions_are_about_one_photo_about_a_row_and_about_the_library():
    programs = [one.case.program for kind in KINDS for one in asked(kind)]
    assert {(p.library, p.given > 1) for p in programs} == {(True, False), (False, True), (False, False)}


def test_the_same_draw_asks_the_same_questions():
    assert asked("counting") == asked("counting")


def test_the_words_of_a_direct_answer_leave_the_name_of_the_file_out():
    one = next(one for one in asked("which") if one.case.program.library)
    assert one.words
    assert all(word in one.case.program.subject for word in one.words - {"1"})


def test_a_form_without_what_it_needs_stays_empty_and_plurals_and_articles_are_right():
    draw = random.Random(0)
    form = QuestionForm("which", "library", ("which",), "Find {a}, {s} and {b}, {c}.")
    assert fill_form(form, ["bus", ""], "red", draw) == ""
    assert fill_form(form, ["bus", "apple"], "", draw) == ""
    assert fill_form(form, ["bus", "apple"], "red", draw) == "Find a bus, buses and an apple, red."
    assert len(FORMS) > 120


def test_without_photos_there_is_no_question():
    with pytest.raises(NothingThere, match="no question of kind 'which' fits 0 photos"):
        shelf(0).ask("which", random.Random(0))
