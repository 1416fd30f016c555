"""The view of people without a browser: consent first, cards with faces, names, merging, telling apart, deletion."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from page_caller import services_of
from rag_house import build, paint, put

from deepseek_mm import LOCAL as OWNER
from index.people import NewFace
from ui.photos.photo_views import PhotosView
from ui.photos.photos_tab import CHANGING, OF_PEOPLE, PhotosHandlers
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

PEOPLE = PhotosView(kind="people")


@pytest.fixture
def house(tmp_path):
    """Two photos of one person, two of another."""
    with build(tmp_path / "library") as assistant:
        colours = ("red", "green", "blue", "yellow")
        put(assistant, *(paint(tmp_path, f"{n}.png", colour) for n, colour in enumerate(colours, 1)))
        yield SimpleNamespace(services=services_of(assistant), pictures=PagePictures(tmp_path, assistant.picture))


@pytest.fixture
def tab(house):
    return PhotosHandlers.over(house.services, ENGLISH, house.pictures)


def find_faces(house) -> None:
    store = house.services.people.assistant.store
    for source in range(1, 5):
        vector = np.eye(2, 4, dtype=np.float32)[(source - 1) // 2]
        store.people.add(source, [NewFace(box=(0.25, 0.25, 0.75, 0.75), score=0.9, vector_D=vector)])
    store.people.group(0.5)


def press(act: str, what: object = "", text: str = "") -> SimpleNamespace:
    return SimpleNamespace(act=act, what=str(what), text=text)


def cards(shown: str) -> list[str]:
    return re.findall(r'data-act="group" data-what="(\d+)"', shown)


def test_nothing_is_looked_for_before_the_page_has_said_what_it_means_and_somebody_pressed(tab, house):
    shown = tab.render(OWNER, PEOPLE)
    for said in ("nothing is sent anywhere", "in this library", "delete all of it here", "people_on"):
        assert said in shown
    assert cards(shown) == []
    said, view = tab.change(OWNER, PEOPLE, press("people_on"))
    assert said.text == "Looking for faces now; this goes on in the background."
    assert "Faces are still being looked for: 4 photos to go." in tab.render(OWNER, view)
    assert house.services.people.assistant.config.people.enabled


def test_people_are_shown_by_a_face_cut_out_of_the_photos_copy(tab, house):
    find_faces(house)
    shown = tab.render(OWNER, PEOPLE)
    assert len(cards(shown)) == 2
    assert shown.count("Who is this?") == 2
    assert "2 photos" in shown
    # the face is 32 by 24 px of 64 by 48: with 0.35 around it a square of 54.4 px around the middle
    assert 'viewBox="5 -3 54 54"' in shown
    assert '<image href="/picture/' in shown
    assert 'width="64" height="48"' in shown


def test_somebody_is_opened_named_merged_and_told_apart(tab, house):
    find_faces(house)
    first, second = cards(tab.render(OWNER, PEOPLE))
    view = tab.turn(OWNER, PEOPLE, "group", first)
    shown = tab.render(OWNER, view)
    assert (view.title, view.person) == ("Who is this?", int(first))
    assert 'data-months="[[0, 0, 2]]"' in shown
    assert "not_person" in shown
    said, view = tab.change(OWNER, view, press("name_person", text="Anna <A>"))
    assert (said.text, view.title) == ("Anna <A> is in 2 photos now.", "Anna <A>")
    assert "Anna &lt;A&gt;" in tab.render(OWNER, view)
    other = tab.turn(OWNER, PEOPLE, "group", second)
    said, same = tab.change(OWNER, other, press("merge_person", text="nobody"))
    assert said.text == "Type the name of somebody whom you have named. nobody is not one of them."
    assert same == other
    said, view = tab.change(OWNER, other, press("merge_person", text="anna <a>"))
    assert said.text == "Anna <A> is in 4 photos now."
    said, view = tab.change(OWNER, view, press("not_person", "3,4"))
    assert (said.text, view.title) == ("2 photos told apart.", "")
    assert len(cards(tab.render(OWNER, view))) == 2


def test_a_name_that_somebody_has_is_refused_in_the_language_of_the_page(tab, house):
    find_faces(house)
    first, second = cards(tab.render(OWNER, PEOPLE))
    tab.change(OWNER, tab.turn(OWNER, PEOPLE, "group", first), press("name_person", text="Anna"))
    chinese = PhotosHandlers.over(house.services, CHINESE, house.pictures)
    said, _ = chinese.change(OWNER, tab.turn(OWNER, PEOPLE, "group", second), press("name_person", text="Anna"))
    assert said.text == "已有名为 Anna 的人物。请合并两者，或换一个姓名"


@pytest.mark.parametrize(
    ("act", "told", "left"), [("remove_person", "This person is deleted", 1), ("people_off", "All faces and names", 0)]
)
def test_a_deletion_is_asked_for_twice(tab, house, act, told, left):
    find_faces(house)
    first, _ = cards(tab.render(OWNER, PEOPLE))
    view = tab.turn(OWNER, PEOPLE, "group", first) if act == "remove_person" else PEOPLE
    said, view = tab.change(OWNER, view, press(act))
    assert "Press again" in said.text
    assert "Press again" in tab.render(OWNER, view)
    said, view = tab.change(OWNER, view, press(act))
    assert said.text.startswith(told)
    assert len(cards(tab.render(OWNER, view))) == left


def test_switching_people_on_and_off_is_for_whoever_may_change_settings():
    assert {CHANGING[act] for act in OF_PEOPLE if act.startswith("people_")} == {"settings"}
    assert {CHANGING[act] for act in OF_PEOPLE if not act.startswith("people_")} == {"library"}
