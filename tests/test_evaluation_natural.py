"""Questions as people type them: what counts as right, honest, wrong and nonsense."""

import json
from pathlib import Path

import pytest

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.natural import (
    NaturalAnswer,
    NaturalReport,
    NaturalTurn,
    TurnScore,
    area_under_curve,
    ask_cases,
    read_cases,
    score_answer,
)


def turn(ask: str = "what is on the table?", group: str = "library", **checks: object) -> NaturalTurn:
    return NaturalTurn(id="t", group=group, ask=ask, **{"right": (r"\bcup\b",), **checks})  # type: ignore[arg-type]


def scored(text: str, asked: NaturalTurn, *files: str) -> str:
    return score_answer(asked, NaturalAnswer(text=text, files=files)).name


def test_an_answer_that_has_what_is_wanted_is_right_with_or_without_marks() -> None:
    assert scored("A cup is on the table [1][2].", turn()) == "right"
    assert scored("A plate is on the table [1].", turn()) == "wrong"


def test_a_right_answer_as_the_runner_up_is_half_right() -> None:
    assert scored("Probably a plate, or else a cup.", turn()) == "partly"


def test_what_must_not_be_claimed_spoils_an_answer_and_another_file_halves_it() -> None:
    assert scored("A cup and a snake.", turn(never=("snake",))) == "wrong"
    assert scored("A cup [1].", turn(cites=frozenset(["a.jpg"])), "b.jpg") == "partly"
    assert scored("A cup in b.jpg.", turn(only_cites=frozenset(["a.jpg"]))) == "partly"


def test_saying_that_one_does_not_know_is_honest_and_where_nothing_is_there_right() -> None:
    assert scored("I cannot tell what is on the table.", turn()) == "honest"
    nowhere = turn("do i have an elephant photo?", right=(), honest=True)
    assert scored("I found no photo of an elephant.", nowhere) == "right"
    assert scored("Yes, a.jpg shows an elephant.", nowhere) == "wrong"


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        ("hi", "I found no photo that shows a hi."),
        ("why do birds sing?", "Yes, that is so."),
        ("what does it show", "{things} are there."),
        ("is it warm", ""),
        ("why is the dog wet?", "Probably dog in the photo."),
    ],
)
def test_answers_that_show_no_understanding_are_nonsense(ask: str, answer: str) -> None:
    assert scored(answer, turn(ask)) == "nonsense"


def test_a_chat_that_speaks_of_a_photo_nobody_showed_is_nonsense() -> None:
    assert scored("This photo shows a cup.", turn(group="chat")) == "nonsense"


def test_the_report_counts_by_group_and_tells_whether_confidence_means_anything() -> None:
    rows = [("right", 0.9), ("wrong", 0.85), ("right", 0.7), ("nonsense", 0.1)]
    made = [(turn(), NaturalAnswer(text="x", confidence=c, seconds=0.5), TurnScore(name)) for name, c in rows]
    told = json.loads(NaturalReport(rows=tuple(made)).json())
    assert (told["right"], told["n"], told["right_library"], told["right_photo"]) == (2, 4, 50.0, None)
    assert (told["confident_wrong"], told["confident_n"]) == (50.0, 2)
    assert told["auroc"] == 0.75


def test_the_area_under_the_curve_is_worked_by_hand() -> None:
    assert area_under_curve([(0.9, True), (0.5, True), (0.5, False), (0.1, False)]) == 0.875
    assert area_under_curve([(0.9, True)]) is None


def test_turns_of_a_conversation_are_asked_in_order_and_those_without_checks_are_not_scored(tmp_path: Path) -> None:
    row = {"id": "a", "group": "chat", "turns": [{"ask": "hi"}, {"ask": "bye", "right": ["bye"]}]}
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps(row) + "\n")
    seen: list[tuple[str, int | None]] = []

    def ask(one: NaturalTurn, conversation: int | None) -> tuple[NaturalAnswer, int | None]:
        seen.append((one.ask, conversation))
        return NaturalAnswer(text="Bye!"), 7

    rows = ask_cases(read_cases(file), ask)
    assert seen == [("hi", None), ("bye", 7)]
    assert [(each.id, score.name) for each, _, score in rows] == [("a.2", "right")]


def test_a_row_of_another_shape_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"id": "a", "group": "poems", "turns": [{"ask": "x"}]}\n')
    with pytest.raises(ConfigError, match="line 1"):
        read_cases(tmp_path / "set.jsonl")
