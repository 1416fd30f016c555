"""The stages of an answer are measured where they meet: each second counts for the innermost one."""

from threading import Thread

import pytest

from deepseek_mm.stage_clock import (
    AnswerStage,
    AnswerTimeline,
    StageClock,
    in_stage,
    note_candidates,
    note_left_out,
    note_model,
    note_picture,
)


class FakeTime:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def spend(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def passing() -> FakeTime:
    return FakeTime()


def seconds(timeline: AnswerTimeline) -> dict[str, float]:
    return {stage.name: stage.seconds for stage in timeline.stages}


def test_time_counts_for_the_innermost_stage_and_stages_stand_in_their_order(passing):
    clock = StageClock(passing)
    with clock.run("weighed"):
        passing.spend(1)
        with in_stage("looked"):
            note_model("reader")
            passing.spend(2)
            with in_stage("retrieved"):
                passing.spend(4)
            passing.spend(8)
        passing.spend(16)
    passing.spend(32)  # nobody works for the answer
    assert list(seconds(clock.read()).items()) == [("retrieved", 4), ("looked", 10), ("weighed", 17)]
    assert clock.read().seconds == 31


def test_the_time_in_which_a_reader_does_something_else_is_nobodys(passing):
    def grow():
        for n in range(3):
            passing.spend(1)
            with in_stage("verified"):
                passing.spend(10)
            yield n

    clock = StageClock(passing)
    states = clock.time_each(grow, "said")
    for _ in states:
        passing.spend(1000)
        note_model("stranger")  # what the reader does is no stage of the answer
    assert seconds(clock.read()) == {"said": 3, "verified": 30}
    assert clock.read().find("said").by == ()


def test_a_stage_that_fails_ends_where_it_failed(passing):
    clock = StageClock(passing)

    def fail() -> None:
        with clock.run("weighed"), in_stage("retrieved"):
            passing.spend(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    passing.spend(5)
    assert seconds(clock.read()) == {"retrieved": 3, "weighed": 0}


def test_who_looked_at_nothing_weighed(passing):
    clock = StageClock(passing)
    with clock.run("weighed"), in_stage("looked"):
        passing.spend(3)
    assert seconds(clock.read()) == {"weighed": 3}


def test_what_was_asked_looked_at_and_looked_through_is_noted_once_each(passing):
    clock = StageClock(passing)
    with clock.run("weighed"):
        note_model("passages")
        with in_stage("retrieved"):
            note_candidates("photo", [1, 2, 3])
            note_candidates("photo", [3, 4])
            note_candidates("region", [1])
            note_left_out([("dog.jpg", 0.2)], 0.45)
        with in_stage("looked"):
            for name in ("cat.jpg", "cat.jpg", "kite.jpg"):
                note_picture(name)
                note_model("reader")
    retrieved, looked, weighed = clock.read().stages
    assert (retrieved.among, retrieved.left_out, retrieved.needed) == (5, (("dog.jpg", 0.2),), 0.45)
    assert (looked.kept, looked.files, looked.by) == (2, ("cat.jpg", "kite.jpg"), ("reader",))
    assert weighed.by == ("passages",)


def test_of_questions_that_are_looked_up_together_no_file_is_named():
    """They may be of different people."""
    clock = StageClock()
    with clock.run("looked"), in_stage("retrieved"):
        note_picture("secret.jpg")
        note_candidates("photo", [1])
        note_left_out([("secret.jpg", 0.2)], 0.45)
    timeline = clock.read(together=2)
    assert timeline.together == 2
    assert "secret" not in str(timeline)
    assert [(stage.kept, stage.among) for stage in timeline.stages] == [(0, 0), (0, 0)]


def test_without_a_clock_and_in_other_threads_nothing_is_noted(passing):
    note_model("reader")
    with in_stage("looked"):
        note_picture("cat.jpg")
    clock = StageClock(passing)
    with clock.run("said"):
        thread = Thread(target=note_model, args=("reader",))
        thread.start()
        thread.join()
    assert clock.read().stages == (AnswerStage(name="said", seconds=0.0),)


def test_stages_that_are_entered_again_last_longer_and_later_ones_follow():
    first = AnswerTimeline(
        stages=(
            AnswerStage(name="understood", seconds=1, by=("a",)),
            AnswerStage(name="looked", seconds=2, kept=1, files=("x.jpg",)),
        )
    )
    second = AnswerTimeline(
        stages=(
            AnswerStage(name="understood", seconds=4, by=("a", "b")),
            AnswerStage(name="retrieved", seconds=8, among=3),
            AnswerStage(name="looked", seconds=16, kept=1, files=("y.jpg",)),
        ),
        together=2,
    )
    whole = first.followed_by(second)
    assert seconds(whole) == {"understood": 5, "retrieved": 8, "looked": 18}
    assert (whole.together, whole.stages[0].by, whole.find("looked").files) == (2, ("a", "b"), ("x.jpg", "y.jpg"))
    assert whole.find("looked").kept == 2
    assert whole.followed_by(second).find("looked").kept == 2  # the same pictures
    assert whole.find("said") is None


def test_a_timeline_survives_json():
    stage = AnswerStage(
        name="retrieved",
        seconds=0.5,
        kept=1,
        among=2,
        by=("a",),
        files=("b.jpg",),
        left_out=(("c.jpg", 0.1),),
        needed=0.4,
    )
    timeline = AnswerTimeline(stages=(stage,), together=3)
    assert AnswerTimeline.of_json(timeline.as_json()) == timeline
