"""The review of near duplicates, as HTML and handlers."""

import re
from types import SimpleNamespace

import pytest
from page_caller import ActingAs
from PIL import Image

from deepseek_mm import Twins
from deepseek_mm.services.library_service import LibraryService
from index import Source
from ui.library.duplicates import SHOWN, DuplicateHandlers, parse_keep, review
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH


def source(number: int, name: str = "a.jpg") -> Source:
    return Source(id=number, path=f"/p/{number}/{name}", width_px=40, height_px=30, size_bytes=1000, digest=f"{number}")


class Shelves:
    """Remembers what was done."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []
        self.jobs = None

    def twins(self, keep):
        return [Twins(sources=(source(1), source(2), source(3))), Twins(sources=(source(4), source(5)))]

    def tell_apart(self, ids):
        self.done.append(("apart", list(ids)))
        return 1

    def take_out(self, paths):
        self.done.append(("out", list(paths)))
        return SimpleNamespace(num_sources=len(paths))

    def duplicates(self):
        return SimpleNamespace(kind="duplicates", payload={}, title="Look for near duplicates")


@pytest.fixture
def comparing() -> DuplicateHandlers:
    shelves = Shelves()
    store = SimpleNamespace(places_of=lambda ids: {n: (f"/p/{n}", f"/q/{n}") for n in ids})
    assistant = SimpleNamespace(library=shelves, store=store)
    services = SimpleNamespace(library=LibraryService(assistant=assistant, stop_answers=lambda: None))
    return ActingAs(DuplicateHandlers(services=services, words=ENGLISH))


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (40, 30)))


def test_photos_stand_side_by_side_and_the_one_to_keep_is_suggested(comparing, pictures):
    html = review(comparing.groups("largest"), pictures, ENGLISH, looked=True)
    assert "2 groups; all but one of each take 3.0 kB." in html
    assert re.findall(r'class="small( go)?" data-act="keep" data-what="([\d,]+)"', html)[:3] == [
        (" go", "1,2,3"),
        ("", "2,1,3"),
        ("", "3,1,2"),
    ]
    assert 'data-act="apart" data-what="1,2,3" aria-label="Not duplicates: Group 1, 3 photos"' in html
    assert "40 x 30" in html


def test_keeping_one_takes_out_every_place_of_the_others_of_its_group(comparing):
    said = comparing.settle("keep", "2,1,3", "largest")
    assert (said.wrong, said.shown) == (False, False)  # it stands with its undo
    assert comparing.assistant.library.done == [("out", ["/p/1", "/q/1", "/p/3", "/q/3"])]


def test_keeping_all_that_are_suggested_takes_out_the_rest_of_every_group(comparing):
    comparing.settle("keep_all", "", "oldest")
    assert comparing.assistant.library.done == [("out", [f"/{f}/{n}" for n in (2, 3, 5) for f in "pq"])]


def test_a_group_that_is_told_apart_is_remembered_and_said(comparing):
    assert comparing.settle("apart", "4,5", "largest").text == "These are no duplicates; that is remembered."
    assert comparing.assistant.library.done == [("apart", [4, 5])]


@pytest.mark.parametrize(
    ("act", "what"), [("keep", "7"), ("keep", "x,y"), ("drop", "1,2"), ("", ""), ("keep", "9" * 30)]
)
def test_a_press_that_makes_no_sense_changes_nothing_and_is_told_so(comparing, act, what):
    assert comparing.settle(act, what, "largest").wrong
    assert comparing.assistant.library.done == []


def test_looking_is_long_work_that_is_begun(comparing):
    assert comparing.look().text == "Begun: Look for near duplicates."


def test_before_a_look_and_after_one_that_found_nothing_the_page_says_which(pictures):
    assert "Near duplicates were not looked for yet." in review([], pictures, ENGLISH, looked=False)
    assert "None, as far" in review([], pictures, ENGLISH, looked=True)
    assert "尚未查找相似照片" in review([], pictures, CHINESE, looked=False)


def test_many_groups_come_a_few_at_a_time_and_names_stay_text(pictures):
    groups = [Twins(sources=(source(n, "<b>.jpg"), source(n + 500))) for n in range(1, SHOWN + 4)]
    html = review(groups, pictures, ENGLISH, looked=True)
    assert html.count('<section class="twin-group"') == SHOWN
    assert "3 more groups" in html
    assert "<b>.jpg" not in html


def test_which_to_keep_is_one_of_three_whatever_the_browser_says():
    assert [parse_keep(each) for each in ("oldest", "x", None, 3)] == ["oldest", "largest", "largest", "largest"]
