"""Plain searches are scored by the photos that somebody who looked at them called right."""

import json

import pytest
from fakes import picture

from deepseek_mm.evaluation.search import (
    SEARCHES_FILE,
    AnsweredSearch,
    SearchReport,
    SearchRow,
    copy_nameless,
    evaluate_search,
    list_photos,
    read_searches,
)
from deepseek_mm.types import Found, Match
from index import Region, Source


def answered(place: int, *, found: bool = True, images: tuple[str, ...] = ("right.jpg",)) -> AnsweredSearch:
    shown = tuple("right.jpg" if n == place else f"{n}.jpg" for n in range(1, 5))
    return AnsweredSearch(row=SearchRow(text="x", images=images), shown=shown, found=found, certainty=0.5)


def test_first_and_among_three_are_counted_over_what_is_there_and_declared_over_all():
    nowhere = answered(0, images=())
    told = SearchReport(answered=(answered(1), answered(3), answered(4, found=False), nowhere)).figures()
    assert (told["r1"], told["r3"]) == (pytest.approx(33.33, abs=0.01), pytest.approx(66.67, abs=0.01))
    assert told["declared"] == 50.0  # two that are there and found; the third is missed, what is nowhere is claimed
    assert (told["missed"], told["claimed"]) == (pytest.approx(33.33, abs=0.01), 100.0)


def test_any_of_the_right_photos_counts_by_the_best_place():
    row = SearchRow(text="milk", images=("2.jpg", "4.jpg"))
    search = AnsweredSearch(row=row, shown=("1.jpg", "2.jpg", "4.jpg"), found=True, certainty=0.9)
    assert search.place == 2


def test_a_photo_behind_its_near_duplicate_is_at_the_next_place_and_names_are_given_back():
    def region(name: str) -> Region:
        return Region(source=Source(path=f"/photos/{name}"), box_px=(0, 0, 9, 9))

    match = Match(region=region("IMG_0001.jpg"), score=0.3, twins=(region("IMG_0002.jpg"),), relevance=0.7)
    names = {"IMG_0001.jpg": "cat.jpg", "IMG_0002.jpg": "kitten.jpg"}
    row, found = SearchRow(text="a kitten", images=("kitten.jpg",)), Found(matches=(match,), found=True)
    report = evaluate_search(lambda query, k: found, [row], names)
    (search,) = report.answered
    assert (search.shown, search.place, search.relevances) == (("cat.jpg", "kitten.jpg"), 2, (0.7,))
    assert json.loads(next(report.lines()))["shown"] == ["cat.jpg", "kitten.jpg"]


def test_nameless_copies_hide_every_name_and_keep_the_bytes(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "copies").mkdir()
    for name, colour in (("cat.png", "red"), ("dog.png", "blue")):
        picture(colour).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "CREDITS.md").write_text("| cat.png | a cat |")
    names = copy_nameless(tmp_path / "photos", tmp_path / "copies")
    assert sorted(names.values()) == ["cat.png", "dog.png"]
    assert [path.name for path in list_photos(tmp_path / "copies")] == ["IMG_0001.png", "IMG_0002.png"]
    for new, old in names.items():
        assert (tmp_path / "copies" / new).read_bytes() == (tmp_path / "photos" / old).read_bytes()


def test_every_bundled_photo_is_asked_for_and_each_is_on_one_side_as_the_first_of_its_rows():
    photos = {path.name for path in list_photos(SEARCHES_FILE.parent / "photos")}
    sides = {split: read_searches(split=split) for split in ("teach", "score")}
    alone = {split: {row.images[0] for row in rows if len(row.images) == 1} for split, rows in sides.items()}
    assert alone["teach"] | alone["score"] == photos
    assert not alone["teach"] & alone["score"]
    assert all(sum(not row.images for row in rows) == 10 for rows in sides.values())
