"""Requests that users corrected are read for training as far as a person said what is right."""

import json

import pytest

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.learning.request_examples import RequestCorrection
from deepseek_mm.training.requests.corrections import REPEATED, read_correction, read_corrections
from deepseek_mm.types import Act, Request, Situation


def correct(text: str, *acts: Act) -> RequestCorrection:
    request = Request(acts=acts, language="zh", by="person")
    return RequestCorrection(turn=3, text=text, situation=Situation(cited_photos=2, before="find"), request=request)


def test_kind_and_scope_are_learned_and_nothing_that_nobody_said():
    made = read_correction(
        correct("the red ones", Act(kind="count", text="the red ones", scope="found", form="number"))
    )
    (labels,) = made.acts
    assert (labels.kind, labels.scope, labels.form, labels.attribute) == ("count", "found", None, None)
    assert (made.starts, made.spans, made.language, made.situation.before) == ((0,), None, "zh", "find")


def test_acts_begin_where_their_words_stand_and_what_is_between_joins_them():
    made = read_correction(
        correct("find dogs, and how many?", Act(kind="find", text="find dogs"), Act(kind="count", text="how many?"))
    )
    assert made.starts == (0, len("find dogs, and "))
    assert "".join(made.text[span.start : span.end] for span in made.joiners) == ",and"


def test_the_same_words_twice_are_two_acts_one_after_the_other():
    made = read_correction(correct("dogs dogs", Act(kind="find", text="dogs"), Act(kind="count", text="dogs")))
    assert made.starts == (0, 5)


@pytest.mark.parametrize("texts", [("find dogs", "cats"), ("find dogs how many", "find dogs how many")])
def test_acts_whose_words_are_not_found_are_left_out(texts):
    acts = [Act(kind="find", text=text) for text in texts]
    assert read_correction(correct("find dogs how many", *acts)) is None


def test_a_file_of_corrections_counts_each_often_and_no_file_nothing(tmp_path):
    file = tmp_path / "corrections.jsonl"
    good, bad = correct("dogs", Act(kind="find", text="dogs")), correct("dogs", Act(kind="find", text="cats"))
    file.write_text("".join(json.dumps(each.as_json()) + "\n" for each in (good, bad)))
    assert [example.text for example in read_corrections(file)] == ["dogs"] * REPEATED
    assert read_corrections(None) == []


@pytest.mark.parametrize("line", ["no json", '{"text": "dogs"}', "[1]"])
def test_a_file_of_another_kind_is_refused_with_the_command_that_makes_one(tmp_path, line):
    file = tmp_path / "corrections.jsonl"
    file.write_text(line)
    with pytest.raises(BadFile, match="python -m deepseek_mm learning requests"):
        read_corrections(file)
    with pytest.raises(NothingThere, match="no file at"):
        read_corrections(tmp_path / "other.jsonl")
