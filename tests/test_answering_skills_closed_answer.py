"""Questions with few answers: yes or no, counts, colours, positions and alternatives, each in its own words."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from photo_turns import region, turn_of

from deepseek_mm.answering.skills.closed_answer import ClosedSkill, alternatives, join_colours, weigh_colours
from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.types import Draft, Evidence, Verdict


class SettledDecider:
    """Settles every question with one verdict, and keeps what it was asked."""

    def __init__(self, answer: str, chance: float, runner_up: str = "") -> None:
        self.verdict = Verdict(
            answer=answer, chance=chance, outcome="sure", runner_up=runner_up, runner_chance=(1 - chance) / 2
        )
        self.asked: list[PhotoQuestion] = []

    def decide_many(self, asked: Sequence[tuple[PhotoQuestion, object]]) -> list[Verdict]:
        self.asked += [program for program, _ in asked]
        return [self.verdict for _ in asked]


class StillGrounder:
    """Points at nothing new."""

    def point(self, case: object, picture: object, evidence: Sequence[Evidence]) -> list[Evidence]:
        return list(evidence)

    def weigh_boxes(self, thing: object, picture: object, verdict: Verdict) -> Verdict:
        return verdict


class LikelyOptions:
    """Finds the first option likelier."""

    def weigh_options(self, turn: PhotoTurn, options: Sequence[str]) -> dict[str, float]:
        return dict(zip(options, (0.7, 0.3), strict=True))


def skill(answer: str, chance: float, runner_up: str = "") -> ClosedSkill:
    return ClosedSkill(SettledDecider(answer, chance, runner_up), StillGrounder())  # type: ignore[arg-type]


def ask(one: ClosedSkill, turn: PhotoTurn) -> Draft | None:
    return one.answer(turn, LikelyOptions())  # type: ignore[arg-type]


def say(one: ClosedSkill, turn: PhotoTurn) -> str:
    draft = ask(one, turn)
    assert draft is not None
    return draft.claims[0].text


def test_whether_a_thing_is_there_is_answered_with_yes_or_no() -> None:
    turn = turn_of("is there a dog?", subject="a dog", form="yes_no")
    assert say(skill("yes", 0.9), turn) == "Yes, there is a dog in this photo"
    assert say(skill("no", 0.65), turn) == "No, there is probably no dog in this photo"


def test_other_closed_questions_get_yes_or_no_however_doubtful() -> None:
    turn = turn_of("is this meal vegetarian?", subject="this meal", form="yes_no")
    assert say(skill("no", 0.9), turn) == "No, this meal is not vegetarian"
    assert say(skill("yes", 0.7), turn) == "Yes, this meal is probably vegetarian"
    told = "No, I would guess that this meal is not vegetarian, but I am not sure"
    assert say(skill("no", 0.52), turn) == told


def test_an_adjective_is_weighed_against_its_opposite() -> None:
    turn = turn_of("is the door open?", subject="the door", form="yes_no")  # LikelyOptions finds it rather open
    doubted = "No, I would guess that the door is not open, but I am not sure"
    assert say(skill("no", 0.66), turn) == doubted
    assert say(skill("no", 0.55), turn) == "Yes, I would guess that the door is open, but I am not sure"


def test_colours_of_a_part_are_weighed_with_what_the_witnesses_say() -> None:
    verdict = Verdict(answer="red", chance=0.3, outcome="unsure", runner_up="blue", runner_chance=0.2)
    assert weigh_colours(verdict, {"green": 0.6, "red": 0.1, "white": 0.0}, many=False)[0] == "green"
    assert weigh_colours(verdict, {"green": 0.2, "red": 0.15, "white": 0.0}, many=False)[0] == "red"
    assert weigh_colours(verdict, {"green": 0.5, "white": 0.4, "red": 0.0}, many=True)[0] == "green and white"


def test_a_count_is_a_number_even_where_the_witnesses_say_many() -> None:
    turn = turn_of("count the sheep please", subject="the sheep", kind="count", form="number")
    assert say(skill("4", 0.8), turn) == "I count 4 sheep"
    assert say(skill("many", 0.4, "8"), turn) == "Perhaps 8 sheep, but I am not sure"
    assert say(skill("no sheep", 0.9), turn) == "I see no sheep in this photo"


def test_a_count_is_asked_of_the_witnesses_as_how_many() -> None:
    one = skill("2", 0.6)
    say(one, turn_of("count the dogs", subject="the dogs", kind="count"))
    assert one.decider.asked[0].text == "how many dogs are there?"  # type: ignore[attr-defined]


def test_where_the_reader_looked_is_noted_with_the_question_as_it_was_asked() -> None:
    one, turn = skill("2", 0.6), turn_of("count the dogs", subject="the dogs", kind="count")
    say(one, turn)
    assert turn.looks == []  # without a map nobody looked
    one.decider.verdict = replace(one.decider.verdict, heat=((0.25, 0.75),))  # type: ignore[attr-defined]
    say(one, turn)
    assert [(look.question, look.heat) for look in turn.looks] == [("how many dogs are there?", ((0.25, 0.75),))]


SHEEP = [region("sheep", (left, 120, left + 20, 140)) for left in (10, 80, 150)]


def test_boxes_are_counted_and_every_one_is_cited() -> None:
    turn = turn_of("how many sheep are there?", *SHEEP, subject="sheep", kind="count")
    draft = skill("many", 0.4).count(turn)
    assert (draft.claims[0].text, draft.claims[0].numbers) == ("I think I see 3 sheep", (2, 3, 4))
    assert draft.verdict is not None
    assert (draft.verdict.answer, draft.verdict.runner_up, draft.verdict.runner_chance) == ("3", "many", 0.4)
    assert draft.worked is not None
    assert (draft.worked.answer, draft.worked.agrees) == ("3", "agrees")  # with what is told
    assert say(skill("3", 0.9), turn) == "I count 3 sheep"


def test_boxes_that_lie_so_to_another_thing_are_counted_alone() -> None:
    tree = region("tree", (100, 0, 130, 180))
    text = "how many sheep are to the left of the tree?"
    turn = turn_of(text, *SHEEP, tree, subject="sheep", other="the tree", kind="count")
    assert say(skill("many", 0.4), turn) == "I think I see 2 sheep"


def test_those_on_one_side_of_the_photo_are_counted_alone() -> None:
    turn = turn_of("how many sheep are on the left?", *SHEEP, subject="sheep", other="the left", kind="count")
    draft = skill("many", 0.4).count(turn)
    assert (draft.claims[0].text, draft.claims[0].numbers) == ("I count 1 sheep", (2,))


def test_many_boxes_are_counted_with_the_doubt_that_some_are_missing() -> None:
    flock = [region("sheep", (left, 120, left + 10, 130)) for left in range(10, 180, 20)]
    turn = turn_of("how many sheep are there?", *flock, subject="sheep", kind="count")
    assert say(skill("many", 0.4), turn) == "I count 9 sheep, perhaps not all of them"


def test_a_picture_that_shows_none_is_not_counted_in() -> None:
    turn = turn_of("how many sheep are there?", *SHEEP, subject="sheep", kind="count")
    assert say(skill("no sheep", 0.9), turn) == "I see no sheep in this photo"


def test_whether_something_is_there_asks_for_what_the_question_names() -> None:
    turn = turn_of("is there a solar panel in the photo?", subject="panel", form="yes_no")
    assert say(skill("yes", 0.9), turn) == "Yes, there is a solar panel in this photo"


def test_a_colour_is_told_of_its_thing() -> None:
    car = region("car", (50, 50, 150, 150))
    turn = turn_of("what colour is the car", car, subject="the car", attribute="colour")
    assert say(skill("red", 0.8), turn) == "The car is red"
    assert skill("red", 0.8).answer(turn, LikelyOptions()).claims[0].numbers == (2,)  # type: ignore[union-attr, arg-type]


def test_it_means_the_surest_thing_of_the_photo_where_nothing_was_spoken_of() -> None:
    cap = region("cap", (50, 50, 150, 150))
    turn = turn_of("what colour is it?", cap, subject="it", attribute="colour")
    assert say(skill("yellow", 0.8), turn) == "The cap is yellow"
    bare = turn_of("what colour is it?", subject="it", attribute="colour")
    assert say(skill("yellow", 0.8), bare) == "The main colours in this photo are red"


def test_several_colours_come_from_what_is_measured() -> None:
    verdict = Verdict(answer="red", chance=0.3, outcome="unsure")
    assert join_colours(verdict, ["green", "white"], many=True)[0] == "green and white"
    assert join_colours(verdict, ["green"], many=False)[0] == "green"
    assert join_colours(verdict, [], many=True) == ("red", 0.3)


def test_two_boxes_say_how_their_things_lie() -> None:
    parts = (region("elephant", (120, 50, 180, 150)), region("tree", (10, 20, 60, 180)))
    turn = turn_of("is the elephant left or right of the tree", *parts, subject="the elephant", other="the tree")
    draft = skill("yes", 0.5).relate(turn)
    assert draft is not None
    assert draft.claims[0].text == "The elephant is to the right of the tree"
    assert draft.claims[0].numbers == (2, 3)


def test_of_left_and_right_one_is_told_however_little_it_is() -> None:
    parts = (region("elephant", (90, 50, 130, 150)), region("tree", (80, 20, 120, 180)))
    names = ("the elephant", "the tree")
    either = skill("yes", 0.5).relate(
        turn_of("is the elephant left or right of the tree", *parts, subject=names[0], other=names[1])
    )
    one = skill("yes", 0.5).relate(
        turn_of("is the elephant left of the tree", *parts, form="yes_no", subject=names[0], other=names[1])
    )
    assert either is not None
    assert one is not None
    assert either.claims[0].text == "The elephant is to the right of the tree"
    assert one.claims[0].text.startswith("Neither")


def test_a_single_box_is_not_all_where_the_witnesses_see_several() -> None:
    turn = turn_of("how many dogs", region("dog", (50, 50, 150, 150)), subject="the dogs", kind="count", form="number")
    assert say(skill("2", 0.5), turn) == "I think I see 2 dogs"
    assert say(skill("2", 0.2), turn) == "I count 1 dog"


def test_a_thing_without_a_box_is_named_as_missing() -> None:
    turn = turn_of(
        "is the cat left of the tree", region("tree", (10, 20, 60, 180)), subject="the cat", other="the tree"
    )
    draft = skill("yes", 0.5).relate(turn)
    assert draft is not None
    assert draft.refused
    assert "cat" in draft.claims[0].text


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("would i find this at home or on a plane", ["at home", "on a plane"]),
        ("left or right: which way does he look", ["left", "right"]),
        ("is it day or night there", ["day", "night"]),
        ("is the man sitting or lying down", ["sitting", "lying down"]),
        ("is this a cat or a dog", ["a cat", "a dog"]),
        ("passenger train or goods train", ["passenger train", "goods train"]),
        ("is it raining or not", []),
        ("is it raining", []),
    ],
)
def test_alternatives_are_those_that_were_said(question: str, options: list[str]) -> None:
    assert alternatives(question) == options


def test_a_side_says_which_one_is_meant_and_is_no_thing() -> None:
    man = region("man", (120, 50, 180, 150))
    turn = turn_of("what is the man on the right wearing", man, subject="the man", other="the right")
    assert skill("yes", 0.5).relate(turn) is None


def test_of_two_alternatives_one_is_chosen_and_nothing_else_said() -> None:
    draft = skill("yes", 0.5).choose(turn_of("is it day or night?"), LikelyOptions())  # type: ignore[arg-type]
    assert draft is not None
    assert draft.claims[0].text == "Day, probably"
