"""The JSON file: what is damaged, foreign, too new or too large is refused with a next step."""

import json
import re
from dataclasses import replace

import pytest
from sharing_help import Home, changed, comparable, keep

from deepseek_mm.errors import BadFile
from deepseek_mm.sharing.files import ExportLimits
from deepseek_mm.sharing.parcel import read


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def data(home):
    return home.export(keep(home))


def head(data: bytes, **more) -> bytes:
    return json.dumps(json.loads(data) | more).encode()


def refusal(data: bytes, **limits) -> str:
    with pytest.raises(BadFile) as refused:
        read(data, limits=ExportLimits(**limits))
    assert len(str(refused.value)) < 500
    return str(refused.value)


def test_the_same_conversation_is_the_same_bytes_but_for_the_moment(home, data):
    conversation = home.history.conversations(session="s", limit=1)[0].id
    assert home.export(conversation) == data
    later = replace(home.door, clock=lambda: home.door.clock().replace(year=2030))
    other = later.export(conversation, "json", session="s").data
    assert other != data
    assert comparable(other) == comparable(data)


def test_a_file_that_was_indented_and_sorted_anew_is_read_all_the_same(data):
    anew = json.dumps(json.loads(data), indent=4, sort_keys=True).encode()
    assert read(anew, limits=ExportLimits()) == read(data, limits=ExportLimits())


def test_one_changed_letter_is_noticed_by_the_sum(data):
    assert b"A red kite" in data
    told = refusal(data.replace(b"A red kite", b"A rad kite", 1))
    assert "damaged or was changed" in told
    assert "export it anew" in told


def test_a_file_that_is_cut_short_is_no_whole_json(data):
    assert "no whole JSON" in refusal(data[: len(data) // 2])


def test_a_newer_version_says_how_to_update(data):
    told = refusal(head(data, version=4))
    assert "newer version" in told
    assert "pip install -U deepseek-mm" in told


def test_a_file_of_the_first_version_which_knew_nothing_of_code_is_read_all_the_same(data):
    def forget(payload: dict) -> None:
        for turn in payload["turns"]:
            del turn["about"]
            for citation in turn["answer"]["citations"]:
                del citation["symbol"]

    first, second = read(head(changed(data, forget), version=1), limits=ExportLimits()).turns
    assert (first.about, second.about) == ("photos", "photos")
    assert [each.symbol for each in first.answer.citations] == [None, None]


def test_a_file_of_the_second_version_which_knew_nothing_of_requests_is_read_all_the_same(data):
    def forget(payload: dict) -> None:
        for turn in payload["turns"]:
            del turn["meant"], turn["answer"]["request"]

    first, _ = read(head(changed(data, forget), version=2), limits=ExportLimits()).turns
    assert (first.meant, first.answer.request) == (None, None)


def test_a_request_of_an_unknown_kind_is_refused(data):
    def spoil(payload: dict) -> None:
        payload["turns"][0]["answer"]["request"]["acts"][0]["kind"] = "explode"

    assert "what no export writes" in refusal(changed(data, spoil))


@pytest.mark.parametrize("version", [0, -1, True, "1", None, 1.0])
def test_a_version_that_is_none_is_refused(data, version):
    assert "which is no number of one" in refusal(head(data, version=version))


@pytest.mark.parametrize("other", [b"", b"[]", b"null", b'{"format": "other"}', b"\xff\xfe", b"NaN", b"PK\x03\x04"])
def test_a_file_of_another_kind_is_refused_with_the_kind_that_is_wanted(other):
    assert "exported as JSON" in refusal(other)


def test_a_file_nested_ten_thousand_deep_is_refused_and_breaks_nothing():
    assert "no whole JSON" in refusal(b'{"format":' * 10_000 + b"1" + b"}" * 10_000)


def test_a_file_beyond_the_limit_is_not_even_parsed(data):
    assert "at most 1,000 are read" in refusal(data, max_bytes=1000)


def test_an_export_that_could_not_be_read_again_is_not_written(home):
    small = replace(home.door, limits=ExportLimits(max_bytes=1000))
    with pytest.raises(BadFile, match="Export it as HTML"):
        small.export(keep(home), "json", session="s")


def test_a_field_beside_the_head_or_one_missing_is_named(data):
    assert ": extra" in refusal(head(data, extra=1))
    whole = json.loads(data)
    del whole["program"]
    assert ": program" in refusal(json.dumps(whole).encode())


CHANGES = {
    "title": lambda p: p.update(title=7),
    "pinned": lambda p: p.update(pinned="yes"),
    "payload": lambda p: p.update(admin=True) or p.pop("title"),
    "turns": lambda p: p.update(turns=[]),
    "turns.0.question": lambda p: p["turns"][0].update(question=["<b>"]),
    "turns.0.asked_at": lambda p: p["turns"][0].update(asked_at="yesterday"),
    "turns.1.asked_at": lambda p: p["turns"][1].update(asked_at="2026-11-25T12:00:00"),  # without a zone
    "turns.0.rating": lambda p: p["turns"][0].update(rating="great"),
    "turns.0.settings.rag": lambda p: p["turns"][0]["settings"].update(rag={"deep": {"deeper": {}}}),
    "turns.0.answer.state": lambda p: p["turns"][0]["answer"].update(state="running"),
    "turns.0.answer.seconds": lambda p: p["turns"][0]["answer"].update(seconds="1.5"),
    "turns.0.answer.citations.0.box_px": lambda p: p["turns"][0]["answer"]["citations"][0].update(box_px=[1, 2, 3]),
    "turns.0.answer.citations.0.box_px.2": lambda p: p["turns"][0]["answer"]["citations"][0].update(
        box_px=[1, 2, 10**30, 4]
    ),
    "turns.0.answer.citations.0.number": lambda p: p["turns"][0]["answer"]["citations"][0].update(number=-1),
    "turns.0.answer.citations.0.kind": lambda p: p["turns"][0]["answer"]["citations"][0].update(kind="script"),
    "turns.0.answer.citations.0.source.digest": lambda p: p["turns"][0]["answer"]["citations"][0]["source"].update(
        digest="../../../etc/passwd"
    ),
    "turns.0.answer.citations.0.photo.of_px.0": lambda p: p["turns"][0]["answer"]["citations"][0]["photo"].update(
        of_px=[0, 5]
    ),
    "turns.1.picture.sha256": lambda p: p["turns"][1]["picture"].update(sha256="ab/../cd"),
    "turns.1.picture.name": lambda p: p["turns"][1]["picture"].update(name="x" * 5000),
    "files": lambda p: p["files"].update({"../x": "QUJD"}),
}


@pytest.mark.parametrize("place", CHANGES)
def test_a_field_of_another_type_or_out_of_bounds_is_named_even_if_the_sum_fits(data, place):
    told = refusal(changed(data, CHANGES[place]))
    assert re.search(rf"no export writes: {re.escape('' if place == 'payload' else place)}", told), told


def test_a_number_of_ten_thousand_digits_is_refused_and_breaks_nothing(data):
    huge = data.replace(b'"seconds": 1.5', b'"seconds": ' + b"9" * 10_000)
    assert huge != data
    assert "this file" in refusal(huge)
