"""Every answer knows its stages, and the history keeps them."""

import threading
from dataclasses import replace

import pytest
from fakes import Parrot
from rag_house import build, paint, put, upload

from deepseek_mm.stage_clock import StageClock
from deepseek_mm.types import Question


@pytest.fixture
def open_house(tmp_path):
    """Builds Assistants over one folder with two painted photos."""
    opened = []

    def make(lm=None):
        assistant = build(tmp_path / "data", lm=lm)
        opened.append(assistant)
        put(
            assistant,
            *(paint(tmp_path / "photos", *each) for each in (("kite.png", "green", "red"), ("sky.png", "blue"))),
        )
        return assistant

    yield make
    for assistant in opened:
        assistant.close()


def names(answer) -> list[str]:
    return [stage.name for stage in answer.timeline.stages]


def test_an_answer_over_the_library_was_understood_retrieved_said_and_verified(open_house):
    house = open_house(Parrot("Yes, I can see a kite in kite.png [1]. It is loud [1]."))
    answer = house.ask(Question(text="Is there a kite?"))
    timeline = answer.timeline
    assert names(answer) == ["understood", "retrieved", "weighed", "said", "verified"]
    assert timeline.find("retrieved").kept >= 1
    assert timeline.find("retrieved").among >= timeline.find("retrieved").kept
    assert (timeline.find("said").by, timeline.find("said").kept) == (("parrot",), 1)
    assert (timeline.find("verified").kept, timeline.find("verified").among) == (1, len(answer.checks))
    assert all(stage.seconds >= 0 for stage in timeline.stages)
    assert timeline.together == 1


def test_yesterdays_conversation_has_the_stages_but_no_names_of_files_that_were_left_out(open_house):
    house = open_house(Parrot("Yes, I can see a kite in kite.png [1]."))
    answer = house.ask(Question(text="Is there a kite?"))
    near = answer.timeline.with_stage("retrieved", left_out=(("secret.png", 0.2),), needed=0.45)
    house.history.finish(answer.turn, replace(answer, timeline=near))
    (turn,) = house.history.turns(answer.conversation, session="")
    assert turn.answer.timeline == answer.timeline.with_stage("retrieved", left_out=(), needed=0.0)


def test_a_picture_that_came_along_is_named_as_looked_at(open_house):
    house = open_house()
    answer = house.ask(Question(text="Is there a kite?", image=upload(), image_name="mine.png"))
    looked = answer.timeline.find("looked")
    assert looked.kept == 1
    assert all("mine" in name for name in looked.files)


def test_questions_that_are_looked_up_together_share_the_time_and_name_no_files_of_each_other(open_house):
    house = open_house()
    mine = Question(text="Is there a kite?", image=upload(), image_name="mine.png")
    answers = house.ask_many([mine, Question(text="Is there a sky?")])
    assert [answer.timeline.together for answer in answers] == [2, 2]
    assert "mine" not in str(answers[1].timeline)


def test_a_stopped_answer_has_the_stages_as_far_as_it_came(open_house):
    house, stop = open_house(Parrot("Yes, I can see a kite in kite.png [1].")), threading.Event()
    stream = house.stream(Question(text="Is there a kite?"), stop=stop)
    next(stream)
    stop.set()
    (*_, answer) = stream
    assert answer.state == "stopped"
    assert names(answer)[:4] == ["understood", "retrieved", "weighed", "said"]


def test_what_a_reader_does_between_two_words_is_no_time_of_the_answer(open_house, monkeypatch):
    moment = [0.0]
    monkeypatch.setattr("deepseek_mm.assistant.StageClock", lambda: StageClock(lambda: moment[0]))
    house = open_house(Parrot("Yes, I can see a kite in kite.png [1]."))
    answers = []
    for answer in house.stream(Question(text="Is there a kite?")):
        answers.append(answer)
        moment[0] += 60
    assert len(answers) > 2
    assert answers[-1].timeline.seconds == 0
