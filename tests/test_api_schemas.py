"""What travels over HTTP has the names of the command line's --json, and is always valid JSON."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from deepseek_mm import shapes
from deepseek_mm.api.schemas import AnswerOut, FilterName, FoundOut, JobOut, Number, RegionOut, SourceOut, Typed
from deepseek_mm.api.task_schemas import UnderstoodIn
from deepseek_mm.jobs import Jobs
from deepseek_mm.stage_clock import AnswerStage, AnswerTimeline
from deepseek_mm.types import (
    Act,
    ActFilters,
    Answer,
    Check,
    Citation,
    Found,
    Match,
    Offer,
    Request,
    Said,
    Verdict,
    Worked,
)
from index import Label, Region, Source, Symbol

KITE = Source(id=7, path="/photos/kite.jpg", width_px=640, height_px=480, modified_ns=1_000_000_000)
PART = Region(id=31, source=KITE, box_px=(1, 2, 3, 4), labels=(Label(name="kite", score=0.93456),), colours=("red",))


def answer() -> Answer:
    said = (Said(by="reader", answer="yes", chance=0.9),)
    return Answer(
        text="A kite [1].",
        citations=(Citation(number=1, region=PART, score=0.31),),
        checks=(Check(claim="a kite", numbers=(1,), kept=True, reason="it is labelled so"),),
        confidence=0.9,
        verdict=Verdict(answer="yes", chance=0.9, outcome="sure", said=said, heat=((1.0,),)),
        worked=Worked(program="exist(all())", answer="yes", steps=(("all()", "1 thing"),), agrees="agrees"),
        request=Request(acts=(Act(kind="find", text="a kite", subject="kite", chance=0.93456),), chance=0.93456),
        timeline=AnswerTimeline(
            stages=(AnswerStage(name="retrieved", seconds=0.25, kept=1, among=70, left_out=(("dog.jpg", 0.31),)),)
        ),
        offers=(Offer(action="move", text="Put it into kites", targets=("/photos/kite.jpg",), value="kites"),),
    )


def subset(small, large):
    """Whether `large` says all that `small` says, in the same words."""
    if isinstance(small, dict):
        return all(subset(value, large[key]) for key, value in small.items())
    if isinstance(small, list):
        return len(small) == len(large) and all(map(subset, small, large))
    return small == large


def test_an_answer_says_at_least_what_the_command_line_says():
    assert subset(shapes.answer_shape(answer()), AnswerOut.of(answer()).model_dump())


def test_what_an_answer_says_as_understood_can_be_sent_back_and_is_then_without_doubt():
    told = AnswerOut.of(answer()).model_dump(mode="json")["understood"]
    assert (told["acts"][0]["chance"], told["by"]) == (0.9346, "model")
    assert UnderstoodIn.model_validate(told).request() == Request(
        acts=(Act(kind="find", text="a kite", subject="kite"),), by="person"
    )


def test_every_filter_of_an_act_has_a_name_in_the_api():
    assert get_args(FilterName) == tuple(field.name for field in fields(ActFilters))


@pytest.mark.parametrize(
    "wrong",
    [
        {"acts": []},
        {"acts": [{"kind": "fly"}]},
        {"acts": [{"kind": "find", "scope": "moon"}]},
        {"acts": [{"kind": "find", "filters": {"size": "large"}}]},
        {"acts": [{"kind": "find", "subject": "x" * 501}]},
        {"acts": [{"kind": "find", "sort": "by date"}]},
        {"acts": [{"kind": "find"}] * 13},
        {"acts": [{"kind": "find"}], "language": "English"},
    ],
)
def test_an_understanding_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        UnderstoodIn.model_validate(wrong)


def test_what_was_found_says_at_least_what_the_command_line_says():
    found = Found(matches=(Match(region=PART, score=0.4, why=("kite",), twins=(PART,)),), found=True, certainty=0.87)
    assert subset(shapes.found_shape(found), FoundOut.of(found).model_dump())


def test_a_job_says_at_least_what_the_command_line_says(tmp_path):
    jobs = Jobs(tmp_path / "jobs.db")
    job = jobs.add("index", {"paths": ["/a"]}, title="Index /a")
    jobs.close()
    assert subset(shapes.job_shape(job), JobOut.of(job).model_dump())


def test_a_region_names_the_picture_that_this_server_has_of_it():
    page = Region(source=Source(id=8, path="/a.pdf", kind="document"), box_px=(0, 0, 1, 1), page=3)
    gone = Region(source=Source(path="/b.jpg"), box_px=(0, 0, 1, 1))
    text = Region(source=Source(id=9, path="/c.py", kind="code"), box_px=(0, 0, 0, 0))
    asked = Region(source=Source(id=9, path="/u.png", collection="uploads"), box_px=(0, 0, 1, 1))
    assert [RegionOut.of(each).picture for each in (PART, page, gone, text, asked)] == [
        "/library/sources/7/picture",
        "/library/sources/8/picture?page=3",
        "",
        "",
        "",
    ]


def test_a_piece_of_code_tells_what_it_defines():
    symbol = Symbol(name="ask", parent="Assistant", kind="method", signature="def ask(self)", doc="Asks.", calls=("f",))
    piece = Region(source=Source(id=9, path="/c.py", kind="code"), kind="code", box_px=(0, 0, 0, 0), symbol=symbol)
    told = {"name": "ask", "parent": "Assistant", "kind": "method", "signature": "def ask(self)", "doc": "Asks."}
    assert RegionOut.of(piece).model_dump()["symbol"] == told
    assert RegionOut.of(PART).symbol is None


def test_the_worth_of_a_verdict_travels_without_its_map_of_looks():
    told = AnswerOut.of(answer()).verdict
    assert (told.answer, told.outcome, told.said[0].by) == ("yes", "sure", "reader")
    assert "heat" not in told.model_dump()


def test_a_source_tells_when_it_was_changed_and_no_nanoseconds():
    assert SourceOut.of(KITE).modified_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_name_that_is_no_unicode_still_travels_as_json():
    assert '"name":"?.jpg"' in SourceOut.of(Source(path="/a/\udce4.jpg")).model_dump_json()


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
def test_a_text_with_a_nul_or_half_a_character_is_refused(bad):
    class Sent(BaseModel):
        text: Typed

    with pytest.raises(ValidationError, match="Send it as UTF-8"):
        Sent(text=bad)
    assert Sent(text="gr\u00fc\u00dfe").text == "gr\u00fc\u00dfe"


def test_a_number_that_no_row_can_have_is_refused():
    class Sent(BaseModel):
        id: Number

    with pytest.raises(ValidationError):
        Sent(id=2**53)
    assert Sent(id=2**53 - 1).id == 2**53 - 1
