"""The offer of a better model above the first question: who sees it, what it says, and what a press on it does."""

from dataclasses import replace

import gradio as gr
import pytest
from model_states import CARD, FakeCatalogue, FakeExchange, loading, standing
from page_caller import ActingAs, holder_of, services_of
from rag_house import build

from deepseek_mm import LOCAL, ExchangeState
from ui.ask.model_offer import ModelOffer
from ui.gateway.events import Press
from ui.model_handlers import ModelHandlers
from ui.words import CHINESE, ENGLISH

BEST = standing(recommended=True)


@pytest.fixture
def house(tmp_path):
    with build(tmp_path / "library") as house:
        yield house


@pytest.fixture
def place(house):
    """Places the offer over a catalogue of a test's own."""

    def put(*states, downloads=(), exchange=None, caller=LOCAL, words=ENGLISH) -> ActingAs:
        catalogue, fake = FakeCatalogue(*(states or (BEST,)), downloads=downloads), FakeExchange(exchange)
        services = replace(services_of(house), catalogue=catalogue, exchange=fake)
        with gr.Blocks():
            offer = ModelOffer.place(ModelHandlers(services=services, words=words))
        return ActingAs(offer, caller)

    return put


def look(offer: ActingAs) -> str:
    updates = offer._show()
    html = updates[offer.html]
    assert html.visible == bool(html.value)
    return html.value


def press(offer: ActingAs, act: str, what: str = CARD.id) -> str:
    return offer._press(Press(None, {"act": act, "what": what}))[offer.html].value


def set_lm(house, **fields) -> None:
    house.config = replace(house.config, lm=replace(house.config.lm, **fields))


def test_the_recommended_model_is_offered_with_its_size_and_where_it_would_come_from(place):
    html = look(place(standing(id="a/b"), BEST))
    for part in ("Better answers: 518 MB", "Seer &lt;1B&gt;: Describes photos", "from huggingface.co", "Not now"):
        assert part in html
    assert f'data-act="download" data-what="{CARD.id}"' in html


@pytest.mark.parametrize("caller", [holder_of("ask", "page", "settings"), replace(LOCAL, rights=frozenset(["page"]))])
def test_whoever_is_elsewhere_or_may_not_change_settings_is_offered_nothing(place, caller):
    assert look(place(caller=caller)) == ""


def test_a_machine_for_which_none_is_recommended_and_one_with_another_model_is_offered_nothing(place):
    assert look(place(standing())) == ""
    assert look(place(BEST, standing(id="a/b", kind="lm", installed=True))) == ""
    assert look(place(BEST, standing(id="a/finder", kind="space", installed=True))) != ""


@pytest.mark.parametrize("fields", [{"vlm": "a/b"}, {"name": "a/b"}, {"name": "x", "url": "http://127.0.0.1:1"}])
def test_where_a_model_from_outside_answers_none_is_offered(place, house, fields):
    set_lm(house, **fields)
    assert look(place()) == ""


def test_not_now_is_kept_for_the_library_over_starts(place, house):
    offer = place()
    assert press(offer, "dismiss") == ""
    assert look(place()) == ""
    assert services_of(house).settings.read(LOCAL).config.hub.offer is False
    assert "hub.offer" not in services_of(house).settings.list_pending(LOCAL, services_of(house).settings.read(LOCAL))


def test_two_presses_lead_to_its_answers_and_it_tells_how_far_it_is(place, house):
    offer = place()
    assert "<progress" in press(offer, "download")
    assert offer._follow()[offer.timer].active is True
    offer.handlers.services.catalogue.states = (replace(BEST, installed=True),)
    offer.handlers.services.catalogue.downloads = []
    assert ENGLISH.offer_ready.format(title="Seer &lt;1B&gt;") in look(offer)
    assert ENGLISH.model_opening in press(offer, "use")
    set_lm(house, vlm=CARD.id)
    offer.handlers.services.exchange.state = ExchangeState(name=CARD.id, step="done")
    ended = offer._follow()
    assert "answers from the next question on" in ended[offer.html].value
    assert (ended[offer.timer].active, look(offer)) == (False, "")


def test_what_is_under_way_stays_in_sight_while_questions_are_asked(place):
    assert '<aside class="better idle"' in look(place())
    assert '<aside class="better"' in look(place(downloads=(loading("running"),)))


def test_an_exchange_that_has_written_the_settings_and_is_not_through_is_shown(place, house):
    services_of(house).settings.change(LOCAL, {"lm.vlm": CARD.id})
    offer = place(replace(BEST, installed=True), exchange=ExchangeState(name=CARD.id, step="trying"))
    assert ENGLISH.model_trying in look(offer)


def test_a_download_that_failed_says_why_and_is_tried_again_or_left(place):
    html = look(place(downloads=(loading("failed", message="no route to the <hub>"),)))
    assert '<p role="alert" class="notice">no route to the &lt;hub&gt;</p>' in html
    assert [act in html for act in ('data-act="download"', 'data-act="dismiss"')] == [True, True]


def test_a_download_that_is_under_way_can_be_cancelled_and_a_paused_one_resumed(place):
    assert 'data-act="cancel"' in look(place(downloads=(loading("running"),)))
    assert 'data-act="resume"' in look(place(downloads=(loading("paused"),)))


def test_a_model_under_terms_leads_to_its_card_in_the_settings(place):
    html = look(place(standing(recommended=True, asks_acceptance=True)))
    assert f'data-open-tab="settings">{ENGLISH.offer_license}<' in html
    assert 'data-act="download"' not in html


def test_a_model_that_could_not_be_opened_says_why(place):
    offer = place(replace(BEST, installed=True), exchange=ExchangeState(name=CARD.id, step="failed", message="broken"))
    assert '<p role="alert" class="notice">broken</p>' in look(offer)


def test_an_act_that_a_browser_makes_up_does_nothing(place):
    offer = place()
    press(offer, "remove")
    assert offer.handlers.services.catalogue.done == []
    assert 'role="alert"' in press(offer, "download", "made/up")


def test_settings_that_cannot_be_read_leave_the_page_without_an_offer(place, monkeypatch):
    offer = place()
    monkeypatch.setattr(FakeCatalogue, "list_cards", lambda *_: 1 / 0)
    assert look(offer) == ""


def test_it_is_said_in_chinese(place):
    html = look(place(words=CHINESE))
    assert "更好的回答：518 MB" in html
    assert "以后再说" in html
