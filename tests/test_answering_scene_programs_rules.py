"""Rules over the photos of a library: every photo once, whatever happens meanwhile, and the boxes of what holds."""

import numpy as np
import pytest
from rag_house import build
from rules_help import CUP, FAR_CUP, LAPTOP, fill, put_photo

from deepseek_mm.answering import scene_programs
from deepseek_mm.answering.scene_programs import keep_rules, kept_rules
from deepseek_mm.errors import BadProgram, LibraryError, NothingThere
from deepseek_mm.logic.rules import rules_of
from index import Region, Source
from index.region import UPLOADS

RULES = rules_of(
    [
        'near(cup, laptop) -> warn "careful"',
        'count(cup) > 1 -> note "two cups"',
        'not exist(dog) and exist(laptop) -> note "no dog"',
    ]
)


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "library")
    gone = put_photo(assistant.store, tmp_path / "photos" / "gone.png", CUP)  # so that numbers do not begin with 1
    fill(assistant, tmp_path / "photos")
    assistant.store.remove([gone.id])
    yield assistant
    assistant.close()


def told(checked) -> dict:
    """Name of a photo -> what holds there, and the boxes of it."""
    return {
        each.photo.source.name: [(held.rule.text, [region.box_px for region in held.regions]) for held in each.held]
        for each in checked
    }


CUPS = ("two cups", [CUP[1], FAR_CUP[1]])
EXPECTED = {
    "desk.png": [("careful", [CUP[1], LAPTOP[1]]), CUPS, ("no dog", [LAPTOP[1]])],
    "bare.png": [],
    "dog.png": [],
    "cups.png": [CUPS],
}


@pytest.mark.parametrize("batch", [1, 3, 256])
def test_every_photo_comes_once_with_what_holds_and_its_boxes_however_many_are_looked_at_together(
    house, monkeypatch, batch
):
    monkeypatch.setattr(scene_programs, "BATCH", batch)
    checked = list(house.check_rules(RULES))
    assert told(checked) == EXPECTED
    assert len(checked) == len(EXPECTED)
    assert [each.photo.kind for each in checked] == ["whole"] * 4


def test_a_box_that_is_not_likely_enough_is_none(house):
    rules = rules_of(['exist(dog) -> warn "dog"', 'not exist(dog) -> note "none"'])
    assert told(house.check_rules(rules))["dog.png"] == [("none", [])]


def test_only_photos_of_the_collection_are_checked(house):
    assert told(house.check_rules(RULES, collection="Trip")) == {"cups.png": [CUPS]}


def test_photos_that_come_and_go_meanwhile_disturb_no_other(house, tmp_path, monkeypatch):
    monkeypatch.setattr(scene_programs, "BATCH", 1)
    every = house.check_rules(RULES)
    first = next(every)
    (third,) = (source for source in house.store.sources(limit=9) if source.name == "dog.png")
    house.store.remove([first.photo.source.id, third.id])
    put_photo(house.store, tmp_path / "photos" / "late.png", LAPTOP)
    assert told(every) == {"bare.png": [], "cups.png": [CUPS], "late.png": [("no dog", [LAPTOP[1]])]}


def test_a_photo_that_goes_between_two_looks_is_left_out(house, monkeypatch):
    regions_of = house.store.regions_of

    def too_late(source_ids):
        house.store.remove(source_ids[:1])
        return regions_of(source_ids)

    monkeypatch.setattr(house.store, "regions_of", too_late)
    assert told(house.check_rules(RULES)) == {name: held for name, held in EXPECTED.items() if name != "desk.png"}


def test_what_is_no_photo_has_no_boxes_and_is_not_checked(house, tmp_path):
    notes = Source(path=str(tmp_path / "notes.md"), kind="document")
    vector_1D = np.ones((1, house.retriever.space.dim), np.float32)
    house.store.add(notes, [Region(source=notes, kind="text", box_px=(0, 0, 0, 0))], vector_1D)
    assert house.store.counts().sources == 5
    assert set(told(house.check_rules(RULES))) == set(EXPECTED)


@pytest.mark.parametrize(
    ("collection", "said"),
    [
        ("Nope", "no collection is called 'Nope'. Those there are: Trip"),
        (UPLOADS, "no collection is called 'uploads'"),
    ],
)
def test_an_unknown_collection_is_named_before_anything_is_checked(house, collection, said):
    with pytest.raises(NothingThere, match=said):
        house.check_rules(RULES, collection=collection)


def test_nothing_to_check_says_what_to_do(house, tmp_path):
    with pytest.raises(BadProgram, match="no rule to check. Write one a line"):
        house.check_rules([])
    house.library.forget([tmp_path / "photos"])
    with pytest.raises(NothingThere, match="no photos to check. Add some first"):
        house.check_rules(RULES)


def test_rules_are_kept_in_the_library_s_folder_letter_by_letter(tmp_path):
    assert kept_rules(tmp_path) == ""
    keep_rules(tmp_path, 'exist(caf\u00e9) -> note "\u676f"\n# end')
    assert kept_rules(tmp_path) == 'exist(caf\u00e9) -> note "\u676f"\n# end'
    (tmp_path / "rules.txt").write_bytes(b"\xff\xfe")
    assert kept_rules(tmp_path) != ""
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError, match="cannot write"):
        keep_rules(tmp_path / "file", "")
