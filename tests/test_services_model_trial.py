"""Two language models are asked the same, and neither the history nor the model that answers notices."""

import threading
import tomllib

import pytest
from fakes import Parrot
from jobs_help import eventually
from orders import PHOTOS
from rag_house import build, paint, put

from deepseek_mm.errors import BadCheckpoint, Conflict, NothingThere
from deepseek_mm.services import model_trial
from deepseek_mm.services.model_trial import (
    FILE,
    ModelTrial,
    TrialAnswer,
    TrialQuestion,
    TrialRow,
    TrialState,
    read_corrections,
    read_questions,
)


@pytest.fixture
def assistant(tmp_path):
    with build(tmp_path / "library", lm=Parrot("It is red [1].")) as assistant:
        put(assistant, paint(tmp_path / "photos", "red.png", "red"))
        yield assistant


@pytest.fixture
def trial(assistant, tmp_path, monkeypatch):
    photo = paint(tmp_path / "asked", "red.png", "red")
    asked = (
        TrialQuestion(photo=photo, ask="What colour is it?", right="red"),
        TrialQuestion(photo=photo, ask="What colour is the picture?", right="red|crimson"),
    )
    monkeypatch.setattr(model_trial, "read_questions", lambda photos: asked)
    monkeypatch.setattr(model_trial, "read_corrections", lambda assistant: [])
    return ModelTrial(assistant=assistant, opens=lambda config: Parrot("It is green [1]."), photos=tmp_path)


def finish(trial):
    eventually(lambda: not trial.state.is_active)
    return trial.state


def test_both_models_answer_each_question_and_right_answers_and_seconds_are_counted(trial):
    trial.begin("owner/green")
    done = finish(trial)
    assert (done.step, done.total, len(done.rows), done.message) == ("done", 2, 2, "")
    assert done.scores[0] == sum(row.present.right for row in done.rows)
    assert all(row.present.text and row.other.text for row in done.rows)
    assert min(done.seconds) > 0


def test_the_two_take_turns_in_coming_first_and_each_answer_stands_with_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(model_trial, "answer", lambda who, question, stop: asked.append(who) or who)
    questions = [TrialQuestion(photo=PHOTOS / "cat.jpg", ask=text, right="") for text in ("one", "two")]
    rows = list(model_trial.compare("present", "other", questions, threading.Event()))
    assert asked == ["other", "present", "present", "other"]
    assert [(row.present, row.other) for row in rows] == [("present", "other")] * 2


def test_a_trial_leaves_no_turn_in_the_history_and_the_model_that_answers_stays(trial):
    before = trial.assistant.lm
    trial.begin("owner/green")
    finish(trial)
    assert trial.assistant.lm is before
    assert trial.assistant.photos.lm is before
    assert trial.assistant.history.conversations(session="", limit=9) == []


def test_a_model_that_cannot_be_opened_is_told_with_its_reason(trial):
    def opens(config):
        raise BadCheckpoint("it is damaged")

    trial.opens = opens
    trial.begin("owner/broken")
    assert (finish(trial).step, trial.state.message) == ("failed", "it is damaged")


def test_a_trial_can_be_stopped_while_its_model_is_opened_and_one_waits_for_another(trial):
    hold = threading.Event()
    trial.opens = lambda config: hold.wait(10) and Parrot("green")
    trial.begin("owner/slow")
    with pytest.raises(Conflict, match="owner/slow is being tried"):
        trial.begin("owner/other")
    assert trial.stop().step == "stopping"
    hold.set()
    assert (finish(trial).step, trial.state.rows) == ("stopped", ())


def test_a_trial_that_is_stopped_cuts_the_answer_under_way_short_and_counts_it_not(trial, monkeypatch):
    speaks = threading.Event()

    def stream(self, messages, *, max_tokens, stop):
        speaks.set()
        yield "It is"
        assert stop.wait(10)

    monkeypatch.setattr(Parrot, "stream", stream)
    trial.begin("owner/endless")
    assert speaks.wait(10)
    trial.stop()
    assert (finish(trial).step, trial.state.rows) == ("stopped", ())


def row(present: tuple[float, bool], other: tuple[float, bool]) -> TrialRow:
    both = (TrialAnswer(text="red", seconds=seconds, right=right) for seconds, right in (present, other))
    return TrialRow(ask="What colour?", photo="red.png", present=next(both), other=next(both))


def test_seconds_are_the_median_and_questions_differ_where_one_alone_is_right():
    rows = (row((9.0, True), (2.0, True)), row((1.0, False), (4.0, True)), row((2.0, False), (30.0, False)))
    state = TrialState(rows=rows)
    assert (state.seconds, state.scores, state.differing) == ((2.0, 4.0), (1, 2), [rows[1]])
    assert TrialState().seconds == (0.0, 0.0)


def test_a_library_that_learns_nothing_and_has_no_photos_of_ours_has_no_question_to_try_a_model_by(assistant):
    assert read_corrections(assistant) == []
    with pytest.raises(NothingThere, match="no question to try a model by"):
        ModelTrial(assistant=assistant, opens=lambda config: Parrot()).begin("owner/any")


def test_there_are_twenty_questions_of_our_own_each_about_a_bundled_photo():
    questions = read_questions(PHOTOS)
    assert len(questions) == len(tomllib.loads(FILE.read_text())) == 20
