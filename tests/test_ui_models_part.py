"""The Models part of the Settings tab: which updates its handlers become."""

from dataclasses import replace

import gradio as gr
import pytest
from model_states import CARD, FakeCatalogue, FakeExchange, loading, standing
from page_caller import ActingAs, holder_of, services_of
from rag_house import build

from ui.gateway.events import Press
from ui.model_handlers import ModelHandlers
from ui.models_part import ModelsPart
from ui.words import ENGLISH


@pytest.fixture
def place(tmp_path):
    """Places the part over a catalogue with one model; who acts may be said."""
    house = build(tmp_path / "library")

    def put(catalogue: FakeCatalogue, *, rights: tuple[str, ...] = ()) -> ActingAs:
        with gr.Blocks():
            services = replace(services_of(house), catalogue=catalogue, exchange=FakeExchange())
            part = ModelsPart.place(ModelHandlers(services=services, words=ENGLISH))
        return ActingAs(part, holder_of(*rights)) if rights else ActingAs(part)

    yield put
    house.close()


def pressed(act: str, what: str = CARD.id) -> Press:
    return Press(None, {"act": act, "what": what})


def test_a_part_that_is_opened_shows_its_cards_and_looks_no_further(place):
    part = place(FakeCatalogue(standing()))
    updates = part._show("vlm", "")
    assert "Seer" in updates[part.cards]
    assert updates[part.timer].active is False


def test_while_something_is_downloaded_it_looks_again(place):
    part = place(FakeCatalogue(standing(), downloads=(loading("running"),)))
    assert part._show("vlm", "")[part.timer].active is True


def test_a_press_does_what_it_says_and_shows_what_came_of_it(place):
    part = place(FakeCatalogue(standing()))
    updates = part._press("vlm", "", pressed("download"))
    assert "has begun" in updates[part.said].value
    assert updates[part.timer].active is True
    assert 'data-act="pause"' in updates[part.cards]


def test_the_choice_of_what_for_shows_others_and_says_nothing(place):
    part = place(FakeCatalogue(standing(), standing(id="a/speaker", kind="lm")))
    updates = part._press("vlm", "", pressed("kind", "lm"))
    assert ("a/speaker" in updates[part.cards], CARD.id in updates[part.cards]) == (True, False)
    assert (updates[part.kind], updates[part.said].visible) == ("lm", False)


def test_a_model_is_removed_by_the_second_press_on_the_same_card(place):
    catalogue = FakeCatalogue(standing(installed=True))
    part = place(catalogue)
    first = part._press("vlm", "", pressed("remove"))
    assert (catalogue.done, first[part.removing]) == ([], CARD.id)
    assert ENGLISH.model_remove_sure in first[part.cards]
    part._press("vlm", "another/model", pressed("remove"))
    assert catalogue.done == []
    second = part._press("vlm", CARD.id, pressed("remove"))
    assert catalogue.done == [("remove", CARD.id)]
    assert second[part.removing] == ""


def test_an_error_is_a_sentence_and_the_cards_stay(place):
    part = place(FakeCatalogue(standing()))
    updates = part._press("vlm", "", pressed("download", "made/up"))
    assert 'role="alert"' in updates[part.said].value
    assert "Seer" in updates[part.cards]


def test_a_catalogue_that_cannot_be_read_is_a_sentence_in_the_place_of_cards(place, monkeypatch):
    part = place(FakeCatalogue(standing()))
    monkeypatch.setattr(FakeCatalogue, "list_cards", lambda *_: 1 / 0)
    assert 'role="alert"' in part._show("vlm", "")[part.cards]
