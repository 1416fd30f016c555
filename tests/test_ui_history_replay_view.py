"""What the page shows of a conversation that is answered again: what is missing, how far it is, what differs."""

from dataclasses import replace
from html import escape

import pytest

from deepseek_mm import AnswerDifference, BundleFacts, MissingFile, ModelDifference, ReplayedTurn, ReplayState
from deepseek_mm.services.replay_export import name_model
from deepseek_mm.types import Act, Answer, Request
from ui.history.replay_view import ROLES, list_others, render_offer, render_replay, render_turn, tell_model
from ui.words import CHINESE, ENGLISH

THEN, NOW = (name_model("language model", name, letter * 64) for name, letter in (("big", "a"), ("<small>", "b")))
OTHER = ModelDifference(role="language model", before=THEN, after=NOW)
LOST = MissingFile(name="<film>.pdf", digest="", why="too large")
SAME = ReplayedTurn(
    question="Is it <red>?",
    before=Answer(text="Yes.", seconds=1.25),
    after=Answer(text="Yes.", seconds=0.5),
    difference=AnswerDifference(words=(("same", "Yes."),), confidence=(0.9, 0.9)),
)
READ, LOOKED = (Request(acts=(Act(kind=kind, text="x"),)) for kind in ("read", "look"))
CHANGED = replace(
    SAME,
    before=replace(SAME.before, request=READ),
    after=replace(SAME.after, request=LOOKED),
    difference=AnswerDifference(
        words=(("same", "It is "), ("removed", "<red>"), ("added", "green")),
        citations_added=("b.png",),
        citations_removed=("a.png",),
        confidence=(0.9, None),
        requests_differ=True,
    ),
    lost=("mine.png",),
    unheld="rag.sure=2 must lie between 0 and 1",
)
STATE = ReplayState(conversation=3, step="done", total=2, turns=(SAME, CHANGED), models=(OTHER,), left_out=(LOST,))


def test_words_that_went_and_came_are_marked_for_eyes_and_ears_and_escaped():
    shown = render_turn(CHANGED, ENGLISH)
    assert '<del><span class="for-ears">gone: </span>&lt;red&gt;</del>' in shown
    assert '<ins><span class="for-ears">new: </span>green</ins>' in shown
    assert "Is it &lt;red&gt;?" in shown
    assert '<span class="mark different">different</span>' in shown
    assert "1.2 s then, 0.5 s now" in shown
    assert '<span class="mark same">same</span>' in render_turn(SAME, ENGLISH)


def test_what_else_differs_is_listed_and_nothing_where_nothing_does():
    assert list(list_others(SAME, ENGLISH)) == []
    unknown = replace(CHANGED, before=SAME.before)  # an old turn, of which nobody kept how it was understood
    assert ENGLISH.replay_understood not in list(list_others(unknown, ENGLISH))
    assert list(list_others(CHANGED, ENGLISH)) == [
        "Not cited any more: a.png",
        "Cited now: b.png",
        "Understood as something else",
        "Sure: 90% then, unknown now",
        "Pictures that did not come along: mine.png",
        "Its settings of then do not hold: rag.sure=2 must lie between 0 and 1",
    ]


def test_the_outcome_counts_says_over_what_and_names_models_and_files():
    shown = render_replay(STATE, ENGLISH)
    for text in ("1 of 2 answers are the same.", "over your library", "&lt;small&gt; (bbbbbbbb) answers instead"):
        assert text in shown
    assert "&lt;film&gt;.pdf (too large)" in shown
    assert 'data-act="again_close"' in shown
    assert escape(ENGLISH.replay_over_bundle) in render_replay(replace(STATE, place="bundle"), ENGLISH)
    assert "Every answer is the same (1 of 1)." in render_replay(replace(STATE, turns=(SAME,)), ENGLISH)
    assert render_replay(ReplayState(), ENGLISH) == ""


@pytest.mark.parametrize(
    ("step", "told", "stops"),
    [
        ("asking", "Question 2 of 2", True),
        ("indexing", "Taking in the bundle&#x27;s files: 1 of 4", True),
        ("stopping", "It is being stopped.", False),
    ],
)
def test_while_it_runs_a_bar_says_how_far_it_is_and_it_can_be_stopped(step, told, stops):
    shown = render_replay(replace(STATE, step=step, turns=(SAME,), files=(1, 4)), ENGLISH)
    assert told in shown
    assert ('data-act="again_stop"' in shown) == stops
    assert "<progress" in shown


def test_one_that_failed_or_was_stopped_says_so():
    failed = render_replay(replace(STATE, step="failed", turns=(), message="the disk is gone"), ENGLISH)
    assert '<p role="alert" class="notice">It could not be answered again: the disk is gone</p>' in failed
    assert "Stopped after 1 of 2." in render_replay(replace(STATE, step="stopped", turns=(SAME,)), ENGLISH)


def test_a_bundle_that_came_in_names_its_origin_what_is_missing_and_offers_to_compare():
    facts = BundleFacts(
        from_bundle=True, num_turns=2, num_files=1, program="0.1.0", machine="<Xeon>", models=(OTHER,),
        left_out=(LOST,), place="bundle",
    )  # fmt: skip
    shown = render_offer(facts, ENGLISH)
    for text in ("version 0.1.0 on &lt;Xeon&gt;", "1 file that it cites", "is not in use here", 'data-act="again"'):
        assert text in shown
    assert ENGLISH.replay_models_same in render_offer(replace(facts, models=()), ENGLISH)


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_every_kind_of_difference_between_models_is_a_sentence_with_the_role_in_the_page_s_language(words):
    again = name_model("language model", "big", "c" * 64)
    for each in (OTHER, replace(OTHER, before=None), replace(OTHER, after=None), replace(OTHER, after=again)):
        told = tell_model(each, words)
        assert told.startswith(words.replay_roles[ROLES.index("language model")])
    assert "cccccccc" in tell_model(replace(OTHER, after=again), words)
    assert tell_model(replace(OTHER, role="of later versions", after=None), words).startswith("of later versions")
