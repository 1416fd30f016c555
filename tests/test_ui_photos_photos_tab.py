"""The Photos tab without a browser: views, groups, albums, and tiles as its script fetches them."""

import json
from types import SimpleNamespace

import gradio as gr
import pytest
from page_caller import services_of
from rag_house import build, paint, put
from starlette.requests import Request

from deepseek_mm import LOCAL as OWNER
from deepseek_mm.errors import NothingThere
from index import Region, Source
from ui.gateway.events import EventSequence
from ui.photos.photo_tiles import PhotoTiles
from ui.photos.photo_views import PhotosView
from ui.photos.photos_tab import PhotosHandlers, PhotosTab
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

COLOURS = ("red", "green", "blue")


@pytest.fixture
def house(tmp_path):
    with build(tmp_path / "library") as assistant:
        put(assistant, *(paint(tmp_path, f"{n}.png", colour) for n, colour in enumerate(COLOURS, 1)))
        yield SimpleNamespace(services=services_of(assistant), pictures=PagePictures(tmp_path, assistant.picture))


@pytest.fixture
def tab(house):
    return make_tab(house.services, house.pictures, ENGLISH)


def make_tab(services, pictures, words) -> PhotosHandlers:
    return PhotosHandlers.over(services, words, pictures)


def press(act: str, what: object = "", text: str = "", sent_ms: float | None = None) -> SimpleNamespace:
    return SimpleNamespace(act=act, what=str(what), text=text, sent_ms=sent_ms)


def test_the_view_that_was_asked_for_last_is_shown_whichever_is_ready_first(tab):
    shown = []

    class Slow(PhotosTab):
        """A view takes until the next was asked for and shown."""

        def render(self, caller, view, said):
            if view.kind == "favourites":
                shown.append(self.show(OWNER, press("view", "places", sent_ms=2.0), PhotosView(), sequence))
            return super().render(caller, view, said)

    with gr.Blocks():
        page, sequence = Slow.place(tab, viewer=None), EventSequence()
    late = page.show(OWNER, press("view", "favourites", sent_ms=1.0), PhotosView(), sequence)
    assert [updates[page.view].kind for updates in shown] == ["places"]
    assert page.view not in late
    assert page.html not in late
    later = page.show(OWNER, press("view", "albums", sent_ms=3.0), PhotosView(), sequence)
    assert later[page.view].kind == "albums"


def tiles(house, query: str, words=ENGLISH) -> tuple[int, dict]:
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    told = PhotoTiles(services=house.services, words=words, pictures=house.pictures)
    answer = told.answer(request, SimpleNamespace(caller=OWNER))
    return answer.status_code, json.loads(answer.body)


def test_tiles_come_in_parts_with_what_was_said_of_them(house):
    house.services.photos.rate(OWNER, [2], is_favourite=True, stars=3)
    status, told = tiles(house, "view=&order=newest&start=1&count=2")
    assert status == 200
    assert [(item["id"], item["name"], item["favourite"], item["stars"]) for item in told["items"]] == [
        (2, "2.png", True, 3),
        (1, "1.png", False, 0),
    ]
    assert all(item["src"].startswith("/picture/") for item in told["items"])
    assert tiles(house, "view=is:favourite&count=9&only=ids") == (200, {"ids": [2]})


@pytest.mark.parametrize("query", ["start=x", "view=nosuch:1&count=2", "view=dogs&count=2"])
def test_what_cannot_be_shown_is_refused_with_a_sentence(house, query):
    status, told = tiles(house, query)
    assert (status, bool(told["error"])) == (400, True)


def test_the_timeline_carries_its_months_and_the_first_tiles(tab):
    html = tab.render(OWNER, PhotosView())
    assert html.count("&quot;src&quot;") == 3
    assert 'data-months="[[0, 0, 3]]"' in html
    assert "3 photos" in html
    assert "<img" not in html


def test_an_empty_library_says_where_photos_come_from(tmp_path):
    with build(tmp_path / "library") as assistant:
        pictures = PagePictures(tmp_path, assistant.picture)
        tab = make_tab(services_of(assistant), pictures, CHINESE)
        assert CHINESE.photos_none in tab.render(OWNER, PhotosView())
        for kind in ("albums", "places", "things"):
            view = tab.turn(OWNER, PhotosView(), "view", kind)
            assert getattr(CHINESE, f"photos_{kind}_none") in tab.render(OWNER, view)


def test_chosen_photos_go_into_an_album_which_is_opened_renamed_and_deleted_when_pressed_twice(tab):
    said, view = tab.change(OWNER, PhotosView(), press("put", "3,1", "My <trip>"))
    assert said.text == "My <trip> has 2 photos now."
    cards = tab.turn(OWNER, view, "view", "albums")
    assert "<b>My &lt;trip&gt;</b>" in tab.render(OWNER, cards)
    opened = tab.turn(OWNER, cards, "group", "1")
    assert (opened.order, opened.album) == ("album", 1)
    assert 'data-months="[[0, 0, 2]]"' in tab.render(OWNER, opened)
    regions, at = tab.list_around(OWNER, opened, 1)
    assert ([region.source.name for region in regions], at) == (["3.png", "1.png"], 1)
    assert tab.change(OWNER, opened, press("first", "1"))[0].text == "1 photo put first."
    assert tab.change(OWNER, opened, press("cover", "1"))[0].text == "The album has a new cover."
    assert tab.change(OWNER, opened, press("cover", "1,3"))[0].wrong
    said, renamed = tab.change(OWNER, opened, press("rename", "", "Pisa"))
    assert (said.wrong, renamed.title, renamed.operators) == (False, "Pisa", "album:Pisa")
    said, sure = tab.change(OWNER, renamed, press("delete"))
    assert (said.text, sure.sure) == (ENGLISH.photos_album_sure, True)
    said, after = tab.change(OWNER, sure, press("delete"))
    assert (said.text, after.kind, after.title) == (ENGLISH.photos_album_deleted, "albums", "")
    assert tab.services.photos.list_albums(OWNER) == []


def test_what_went_wrong_keeps_what_is_chosen(tab):
    view = PhotosView()
    for event in (press("put", "1", " "), press("favourite", "99"), press("stars", "1", "9"), press("nonsense", "1")):
        said, after = tab.change(OWNER, view, event)
        assert (said.wrong, bool(said.text), after) == (True, True, view)


def test_favourites_are_a_view_of_their_own(tab):
    said, _ = tab.change(OWNER, PhotosView(), press("favourite", "2,3"))
    assert said.text == "Kept for 2 photos."
    view = tab.turn(OWNER, PhotosView(), "view", "favourites")
    assert "2 photos" in tab.render(OWNER, view)
    tab.change(OWNER, view, press("unfavourite", "2,3"))
    assert ENGLISH.photos_favourites_none in tab.render(OWNER, view)


def test_videos_are_a_view_of_their_own_and_counted_as_videos(tab, house):
    view = tab.turn(OWNER, PhotosView(), "view", "videos")
    assert ENGLISH.photos_videos_none in tab.render(OWNER, view)
    clip = Source(path="/clips/a.webm", format="webm", digest="d" * 64, width_px=9, height_px=9)
    whole = Region(source=clip, kind="whole", box_px=(0, 0, 9, 9))
    assistant = house.services.library.assistant
    assistant.store.add(clip, [whole], assistant.retriever.space.embed_texts(["a clip"]))
    html = tab.render(OWNER, tab.turn(OWNER, PhotosView(), "view", "videos"))
    assert "1 video<" in html
    assert "1 photo<" not in html


def test_an_album_that_was_deleted_meanwhile_is_said_to_be_gone(tab):
    view = tab.turn(OWNER, PhotosView(), "view", "albums")
    with pytest.raises(NothingThere, match="no album 7"):
        tab.turn(OWNER, view, "group", "7")
