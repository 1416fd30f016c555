"""Citations that point at what was asked for, and what programs add to answers about places and numbers."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import picture

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.pointing_game import (
    ALL,
    APART,
    CitedBox,
    PointRow,
    box_iou,
    clustered_error,
    evaluate_placement,
    evaluate_pointing,
    make_placement_questions,
    make_questions,
    read_point_rows,
    score_boxes,
    summarize_gain,
)
from deepseek_mm.types import Answer, Citation, Question, Verdict, Worked
from index import Region, Source

EXAMPLES = Path(__file__).parent.parent / "examples"
ROW = PointRow(image="a.png", thing="cup", boxes=((0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.9, 0.9)))


def at(*box: float, text: str = "The cup is there [2].", row: PointRow = ROW) -> CitedBox:
    return CitedBox(row=row, question="Where is the cup?", text=text, box=box)


def test_the_middle_of_the_cited_box_must_lie_in_one_of_the_drawn_boxes():
    assert at(0.05, 0.05, 0.3, 0.3).hit
    assert at(0.6, 0.6, 1.0, 1.0).hit
    assert not at(0.3, 0.3, 0.5, 0.5).hit


def test_nearly_the_whole_photo_is_a_hit_only_where_the_thing_is_as_large():
    assert not at(0.0, 0.0, 1.0, 1.0, row=PointRow(image="a", thing="cup", boxes=((0.1, 0.1, 0.9, 0.9),))).hit
    assert at(0.0, 0.0, 1.0, 1.0, row=PointRow(image="a", thing="cup", boxes=((0.0, 0.0, 1.0, 0.9),))).hit


@pytest.mark.parametrize("text", ["I see no cup in this photo [1].", "No, I probably see no cup in this photo [1]."])
def test_an_answer_that_denies_the_thing_does_not_point_at_it(text):
    denying = at(0.5, 0.5, 0.9, 0.9, text=text)
    assert (denying.is_denial, denying.hit, denying.close) == (True, False, False)


def test_a_no_in_a_later_sentence_denies_nothing():
    assert not at(0, 0, 1, 1, text="There is a cup [1]. My witnesses disagree: labels says no (82%) [1].").is_denial


def test_overlap_asks_for_the_size_as_well():
    assert box_iou((0, 0, 1, 1), (0, 0, 1, 0.25)) == pytest.approx(0.25)
    assert at(0.5, 0.5, 0.9, 0.7).close
    assert not at(0.6, 0.6, 0.7, 0.7).close  # a hit all the same


def test_the_error_counts_a_photo_as_one_draw():
    independent = clustered_error([(str(n), n % 2 == 0) for n in range(100)])
    assert independent == pytest.approx(0.05)
    assert clustered_error([(str(n // 2), n // 2 % 2 == 0) for n in range(100)]) == pytest.approx(0.05 * 2**0.5)


def test_a_report_tells_hits_of_both_wordings_and_what_was_missed():
    there = CitedBox(row=ROW, question="Is there a cup in the photo?", text="No, I see no cup [1].", box=ALL)
    report = score_boxes([at(0.5, 0.5, 0.9, 0.9), there])
    told = json.loads(report.json())
    assert (told["pointing"], told["where"], told["there"], told["denied"]) == (50, 100, 0, 50)
    assert (told["overlap"], told["centre_baseline"], told["n"], told["photos"]) == (50, 100, 2, 1)
    assert "missed" not in told
    assert report.table().startswith("a.png: Is there a cup in the photo? [0.00 0.00 1.00 1.00] No, I see")


def test_questions_speak_of_scissors_as_many():
    assert make_questions("cup") == ("Where is the cup?", "Is there a cup in the photo?")
    assert make_questions("scissors") == ("Where are the scissors?", "Are there scissors in the photo?")


class Pointing:
    """Cites the left half of every picture, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def ask_many(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked = list(questions)
        region = Region(source=Source(path="/a.png", width_px=64, height_px=48), box_px=(0, 0, 32, 48))
        return [Answer(text="Here [1].", citations=(Citation(number=1, region=region, score=1.0),)) for _ in questions]


def test_every_row_is_asked_in_both_ways_with_its_photo_and_without_its_name(tmp_path):
    picture("red").save(tmp_path / "a.png")
    product, row = Pointing(), PointRow(image="a.png", thing="cup", boxes=((0.1, 0.1, 0.4, 0.9),))
    report = evaluate_pointing(product, [row], tmp_path)
    assert [question.text for question in product.asked] == list(make_questions("cup"))
    assert all(question.image is not None and not question.image_name for question in product.asked)
    assert (report.pointing, report.centre_baseline, report.overlap) == (100, 0, 100)


def test_a_row_of_another_shape_is_named_by_its_line(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"image": "a.png", "thing": "cup", "boxes": [[0, 0, 1, 1]], "split": "dev"}\n{"image": "b.png"}')
    with pytest.raises(NothingThere, match="line 2 is no row"):
        read_point_rows(file)
    assert [row.thing for row in read_point_rows(file, split="dev")] == ["cup"]


def test_the_bundled_labels_are_of_sixty_photos_and_more_that_are_there():
    rows = read_point_rows(EXAMPLES / "pointing.jsonl")
    images = {row.image for row in rows}
    assert len(images) >= 60
    assert all((EXAMPLES / "photos" / image).is_file() for image in images)
    assert len({(row.image, row.thing) for row in rows}) == len(rows)


LEFT = PointRow(image="a.png", thing="cup", boxes=((0.0, 0.4, 0.2, 0.6),))
RIGHT = PointRow(image="a.png", thing="lamp", boxes=((0.8, 0.4, 1.0, 0.6),))
MANY = PointRow(image="b.png", thing="coin", boxes=((0.1, 0.1, 0.2, 0.2),) * 3)
CROWD = PointRow(image="b.png", thing="seed", boxes=((0.1, 0.1, 0.2, 0.2),) * 11)


class House:
    """Always says yes by looking; a program of it knows better, where it has one."""

    def __init__(self, programs):
        self.programs = programs

    def decide_many(self, asked):
        return [Verdict(answer="yes", chance=0.6, outcome="unsure") for _ in asked]

    def ask_many(self, questions):
        return [self.answer(question.text) for question in questions]

    def answer(self, text):
        told = self.programs.get(text)
        worked = Worked(program="...", answer=told[0], steps=(), agrees=told[1]) if told else None
        return Answer(text="Yes.", worked=worked)


def test_both_things_are_asked_about_both_ways_where_their_places_differ():
    asked = [(one.text, one.right) for one in make_placement_questions([LEFT, RIGHT]) if one.kind == "spatial"]
    assert asked == [
        ("Is the cup to the left of the lamp?", "yes"),
        ("Is the cup to the right of the lamp?", "no"),
        ("Is the lamp to the left of the cup?", "no"),
        ("Is the lamp to the right of the cup?", "yes"),
    ]
    close = PointRow(image="a.png", thing="lamp", boxes=((APART - 0.01, 0.4, APART + 0.19, 0.6),))
    assert not [one for one in make_placement_questions([LEFT, close]) if one.kind == "spatial"]


def test_what_can_be_counted_is_counted():
    asked = [(one.text, one.right) for one in make_placement_questions([MANY, CROWD])]
    assert asked == [("How many coins are there?", "3")]


def test_a_programs_answer_counts_where_it_applies_and_the_readers_elsewhere(tmp_path):
    for name in ("a.png", "b.png"):
        picture("red").save(tmp_path / name)
    programs = {
        "Is the cup to the right of the lamp?": ("no", "contradicts"),
        "Is the lamp to the left of the cup?": ("no", "not covered"),
        "How many coins are there?": ("3", "contradicts"),
    }
    report = evaluate_placement(House(programs), [LEFT, RIGHT, MANY], tmp_path)
    told = json.loads(report.json())
    assert told["spatial"]["without_programs"] == 50
    assert told["spatial"]["with_programs"] == 75
    assert told["spatial"]["by_program"] == 25
    assert (told["count"]["with_programs"], told["count"]["n"]) == (33.33, 3)
    assert report.wrong[0] == "a.png: Is the lamp to the left of the cup? yes for no"
    assert "spatial" in report.table()


def test_the_error_of_the_difference_counts_a_photo_as_one_draw():
    one, other = (
        make_placement_questions([MANY])[0],
        make_placement_questions([PointRow(image="c.png", thing="coin", boxes=MANY.boxes)])[0],
    )
    same = summarize_gain([(one, False, True, True)] * 2 + [(other, False, False, False)] * 2)
    assert same.gain == 50
    assert same.error == pytest.approx(100 * (2 * 1.0**2) ** 0.5 / 4, abs=0.01)
