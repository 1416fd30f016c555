"""Owning up, scored: the two rates by hand, and a whole run over painted photos."""

import json
from pathlib import Path

import pytest
from fakes import ColourSpace, picture

from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.abstain import (
    AbstainReport,
    SearchedThing,
    SearchOutcome,
    count_mentions,
    evaluate_abstain,
    read_things,
)
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.vision.pipeline import VisionPipeline


def outcome(name, *, there, found, num_said=0):
    return SearchOutcome(thing=SearchedThing(name=name, there=there), found=found, num_said=num_said)


REPORT = AbstainReport(
    outcomes=(
        outcome("dog", there=True, found=True, num_said=20),
        outcome("kite", there=True, found=False, num_said=1),
        outcome("cup", there=True, found=True, num_said=1),
        outcome("harp", there=False, found=True),
        *(outcome(name, there=False, found=False) for name in ("yak", "loom", "dice")),
    )
)


def test_each_rate_is_a_share_of_its_own_kind_of_thing():
    assert REPORT.false_answers == 25.0
    assert REPORT.false_refusals == pytest.approx(33.33)
    assert json.loads(REPORT.json()) == {"false_answers": 25.0, "false_refusals": 33.33, "n": 7}


def test_the_table_tells_refusals_by_how_many_photos_say_the_thing():
    table = REPORT.table()
    assert "said of 1 photo             50.0 % of 2" in table.replace("  said", "said", 1)
    assert "called found: harp" in table
    assert "refused: kite" in table


def test_no_thing_of_a_kind_is_no_error_rate():
    assert AbstainReport(outcomes=REPORT.outcomes[:3]).false_answers == 0.0


def test_a_thing_is_said_of_each_photo_once_in_singular_or_plural():
    rows = [
        CaptionRow(image="a", captions=("Two dogs .", "A dog .")),
        CaptionRow(image="b", captions=("A hotdog .",)),
        CaptionRow(image="c", captions=("The Dog",)),
    ]
    assert count_mentions("dog", rows) == 2


def test_the_list_that_is_shipped_has_two_hundred_things_of_each_kind_and_none_twice():
    things = read_things()
    assert [sum(thing.there is there for thing in things) for there in (True, False)] == [200, 200]
    assert len({thing.name for thing in things}) == 400


def test_the_bundled_photos_have_fifty_things_with_their_photos_and_fifty_that_are_nowhere():
    examples = Path(__file__).parent.parent / "examples"
    things = read_things(examples / "things.jsonl")
    assert [sum(thing.there is there for thing in things) for there in (True, False)] == [50, 50]
    assert len({thing.name for thing in things}) == 100
    assert all((examples / "photos" / image).is_file() for thing in things for image in thing.images)


def test_a_find_that_begins_with_a_photo_that_does_not_show_the_thing_is_told():
    cup = SearchedThing(name="cup", there=True, images=frozenset(["cup.jpg"]))
    outcomes = [SearchOutcome(thing=cup, found=True, num_said=0, first=first) for first in ("cup.jpg", "cat.jpg")]
    report = AbstainReport(outcomes=(*outcomes, outcome("dog", there=True, found=False)))
    assert json.loads(report.json())["wrong_first"] == 50.0
    assert "found, in a wrong photo       50.0 %" in report.table()


def test_a_list_that_is_absent_or_of_another_shape_is_named(tmp_path):
    with pytest.raises(NothingThere, match="--things"):
        read_things(tmp_path / "absent.jsonl")
    (tmp_path / "odd.jsonl").write_text('{"thing": "dog", "there": true}\n{"word": "cat"}\n')
    with pytest.raises(NothingThere, match="line 2"):
        read_things(tmp_path / "odd.jsonl")


def test_photos_become_a_library_that_is_asked_for_each_thing(tmp_path):
    for colour in ("red", "green"):
        picture(colour).save(tmp_path / f"{colour}.png")
    rows = [CaptionRow(image=f"{colour}.png", captions=(f"a {colour} kite",)) for colour in ("red", "green")]
    things = [SearchedThing(name="red", there=True), SearchedThing(name="zebra", there=False)]
    eyes = VisionPipeline(ColourSpace(), Config().see)
    report = evaluate_abstain(eyes, rows, tmp_path, things, Config())
    assert [(o.thing.name, o.num_said) for o in report.outcomes] == [("red", 1), ("zebra", 0)]
    assert [o.found for o in report.outcomes] == [True, False]
    assert (report.false_answers, report.false_refusals) == (0.0, 0.0)
