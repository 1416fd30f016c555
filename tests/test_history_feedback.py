"""Feedback: a thumb can be taken back, a box belongs to a citation, and the regression set reads it all."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from history_samples import ANSWER, BOX, MEANT, ask, run_sql, told

import deepseek_mm
from deepseek_mm.errors import BadFeedback, DeepSeekMMError, NothingThere
from deepseek_mm.history import Corrected, History, Turn


def test_a_rating_replaces_the_one_before_and_an_empty_one_takes_it_back(history):
    conversation, turn = told(history)
    for rating in ("up", "down", ""):
        history.rate(turn, rating, session="")
        assert history.turns(conversation, session="")[0].rating == rating
    assert history.feedback() == []


def test_a_rating_that_is_none_is_refused_and_changes_nothing(history):
    conversation, turn = told(history)
    history.rate(turn, "up", session="")
    with pytest.raises(BadFeedback, match="'five stars' is no rating. Say 'up' or 'down', or '' to take it back"):
        history.rate(turn, "five stars", session="")
    assert history.turns(conversation, session="")[0].rating == "up"


def test_a_right_answer_replaces_the_one_before_and_empty_words_take_it_back(history):
    conversation, turn = told(history)
    for said, kept in ((" light  blue ", "light blue"), ("red", "red"), ("  ", "")):
        history.put_right(turn, said, session="")
        assert history.turns(conversation, session="")[0].right == kept
        assert [each.right for each in history.feedback()] == ([kept] if kept else [])
    with pytest.raises(BadFeedback, match="has 81 characters, and 80 are the most"):
        history.put_right(turn, "x" * 81, session="")


def test_a_corrected_request_replaces_the_one_before_and_none_takes_it_back(history, path):
    conversation, turn = told(history)
    for meant in (replace(MEANT, language="fr"), MEANT):
        history.correct_request(turn, meant, session="")
    history.close()
    history = History(path)
    (kept,) = history.feedback()
    assert (kept.id, kept.meant, kept.answer.request) == (turn, MEANT, ANSWER.request)
    history.correct_request(turn, None, session="")
    assert (history.feedback(), history.turns(conversation, session="")[0].meant) == ([], None)


def test_an_act_without_words_of_its_own_is_kept_with_those_of_the_question(history):
    conversation, turn = told(history, "what flies?")
    (act,) = MEANT.acts
    history.correct_request(turn, replace(MEANT, acts=(replace(act, text=""), replace(act, text="fly"))), session="")
    assert [each.text for each in history.turns(conversation, session="")[0].meant.acts] == ["what flies?", "fly"]


def test_the_request_of_somebody_elses_turn_is_not_corrected(history):
    _, turn = told(history, session="anna")
    with pytest.raises(NothingThere, match=f"no answer {turn} here"):
        history.correct_request(turn, MEANT, session="ben")
    assert history.feedback() == []


def test_corrected_boxes_are_kept_whole_with_the_newest_last(history, path):
    conversation, turn = told(history)
    second = Corrected(number=1, box_px=(5, 6, 7, 8), label="", made_at=datetime(2026, 11, 25, 9, tzinfo=UTC))
    history.correct(turn, BOX, session="")
    history.correct(turn, second, session="")
    history.correct(turn, replace(BOX, label="a dragon"), session="")
    history.close()
    (kept,) = History(path).turns(conversation, session="")
    assert kept.boxes == (BOX, second, replace(BOX, label="a dragon"))


def test_the_sample_box_differs_from_empty_in_every_field():
    """Guards the round trip above: a field that Corrected gains must be stored as well."""
    assert all(getattr(BOX, field.name) for field in fields(Corrected))


def test_a_turn_with_everything_differs_from_an_empty_one_in_every_field(history):
    """Guards copies and exports: a field that Turn gains must be read back as well."""
    asked = deepseek_mm.Question(text="what flies?", image_name="kite.png")
    conversation, turn = history.begin(
        asked, image_path="/u/k.png", settings={"k": 6}, fingerprint="f", more=[("b", "/b")]
    )
    history.finish(turn, ANSWER)
    history.rate(turn, "up", session="")
    history.put_right(turn, "a kite", session="")
    history.correct_request(turn, MEANT, session="")
    history.correct(turn, BOX, session="")
    (kept,) = history.turns(conversation, session="")
    assert [field.name for field in fields(Turn) if not getattr(kept, field.name)] == []


def test_numbers_from_numpy_in_a_box_come_back_as_plain_numbers(history):
    conversation, turn = told(history)
    history.correct(turn, replace(BOX, number=np.int64(2), box_px=tuple(np.array(BOX.box_px))), session="")
    assert history.turns(conversation, session="")[0].boxes == (BOX,)


def test_a_box_of_a_citation_that_the_answer_does_not_have_is_refused(history):
    conversation, turn = told(history)
    with pytest.raises(
        BadFeedback, match=rf"answer {turn} cites \[1\], \[2\], not \[3\]\. Correct a box that it cites"
    ):
        history.correct(turn, replace(BOX, number=3), session="")
    _, growing = ask(history)
    with pytest.raises(BadFeedback, match=r"cites nothing, not \[2\]"):
        history.correct(growing, BOX, session="")
    assert history.turns(conversation, session="")[0].boxes == ()
    assert {DeepSeekMMError, ValueError} <= set(BadFeedback.__mro__)


@pytest.mark.parametrize("box_px", [(10, 10, 10, 20), (10, 30, 20, 20), (-1, 0, 5, 5), (0, -1, 5, 5)])
def test_a_box_without_area_or_outside_the_picture_is_refused(history, box_px):
    conversation, turn = told(history)
    with pytest.raises(BadFeedback, match="has no area within the picture. Draw it from corner to corner"):
        history.correct(turn, replace(BOX, box_px=box_px), session="")
    assert history.turns(conversation, session="")[0].boxes == ()


def test_feedback_on_an_unknown_answer_reads_like_that_on_a_foreign_one(history):
    _, turn = told(history, session="anna")
    for stranger in (turn, turn + 1):
        with pytest.raises(NothingThere, match=f"no answer {stranger} here"):
            history.rate(stranger, "up", session="ben")
        with pytest.raises(NothingThere, match=f"no answer {stranger} here"):
            history.correct(stranger, BOX, session="ben")
    assert history.feedback() == []


def test_the_feedback_of_every_session_is_read_oldest_first(history):
    turns = [told(history, f"question {n}", session=name)[1] for n, name in enumerate(("anna", "ben", "anna", "ben"))]
    history.rate(turns[3], "down", session="ben")
    history.correct(turns[2], BOX, session="anna")
    history.correct(turns[2], BOX, session="anna")
    history.rate(turns[0], "up", session="anna")
    assert [turn.id for turn in history.feedback()] == [turns[0], turns[2], turns[3]]
    assert [turn.id for turn in history.feedback(limit=2)] == [turns[0], turns[2]]
    judged = history.feedback()[1]
    assert (judged.rating, judged.boxes, judged.answer.text) == ("", (BOX, BOX), ANSWER.text)


def test_boxes_go_with_the_turn_that_they_belong_to(history, path):
    conversation, turn = told(history)
    history.correct(turn, BOX, session="")
    history.drop_last(conversation, turn, session="")
    assert run_sql(path, "SELECT count(*) FROM corrections") == [(0,)]


def test_a_corrected_box_is_a_public_name():
    assert deepseek_mm.Corrected is Corrected
