"""A turn reads its act plainly, and what it says is hedged by its probability."""

from photo_turns import region, turn_of

from deepseek_mm.answering.skills.photo_turn import hedge


def test_the_wording_follows_the_probability() -> None:
    assert hedge("baseball", 0.9) == "It is baseball"
    assert hedge("baseball", 0.6) == "It is probably baseball"
    assert hedge("a cup", 0.2) == "Perhaps a cup, but I am not sure"
    assert hedge("on a bed", 0.9, lead="She is") == "She is on a bed"


def test_short_forms_are_written_out_and_marks_are_gone() -> None:
    assert turn_of("What\u2019s he  eating?!").text == "what is he eating"


def test_a_pronoun_names_nothing_and_a_phrase_its_thing() -> None:
    assert turn_of("x", subject="she").subjects == ()
    assert [thing.phrase for thing in turn_of("x", subject="the red car").subjects] == ["red car"]
    assert turn_of("x", subject="she").subject_phrase == "She"
    assert turn_of("x", subject="little boy").subject_phrase == "The little boy"


def test_a_refusal_is_marked_and_points_at_the_whole_photo() -> None:
    draft = turn_of("x", region("dog", (0, 0, 50, 50))).refuse("I cannot tell that", 0.8)
    assert (draft.refused, draft.chance, draft.claims[0].numbers) == (True, 0.8, (1,))


def test_the_look_that_is_kept_is_the_first_with_a_map_or_else_the_last() -> None:
    turn = turn_of("is it red?")
    assert turn.best_look is None
    turn.note_look("is it a car?", ["car"])
    turn.with_parts(turn.evidence).note_look("what is it?", [])
    assert (turn.best_look and turn.best_look.question) == "what is it?"
    turn.note_look("is the car red?", ["car"], ((0.5, 0.5),))
    turn.note_look("is it blue?", [], ((1.0, 0.0),))
    look = turn.best_look
    assert look is not None
    assert (look.question, look.things, look.path) == ("is the car red?", ("car",), "/photos/here.jpg")
