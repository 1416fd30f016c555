"""What a press on a card does: downloads are begun and steered, a model is chosen for the next start, or removed."""

from dataclasses import replace

import pytest
from model_states import CARD, FakeCatalogue, FakeExchange, FakeTrial, loading, standing
from page_caller import ActingAs, holder_of, services_of
from rag_house import build

from deepseek_mm import LOCAL, ExchangeState
from ui.model_handlers import ModelHandlers
from ui.words import ENGLISH


@pytest.fixture
def services(tmp_path):
    house = build(tmp_path / "library")
    yield services_of(house)
    house.close()


@pytest.fixture
def handlers(services):
    """Handlers over a catalogue of a test's own: `handlers(state, ..., downloads=(...))`."""

    def make(*states, **given) -> ModelHandlers:
        catalogue = FakeCatalogue(*(states or (standing(),)), **given)
        given_services = replace(services, catalogue=catalogue, exchange=FakeExchange(), trial=FakeTrial())
        return ModelHandlers(services=given_services, words=ENGLISH)

    return make


def test_a_download_is_begun_by_its_name(handlers):
    mine = handlers()
    said = mine.press(LOCAL, "download", CARD.id)
    assert (said.text, said.wrong) == ("The download of Seer <1B> has begun.", False)
    assert mine.services.catalogue.done == [("start", CARD.id)]
    assert mine.look(LOCAL).is_busy


def test_a_licence_that_has_to_be_accepted_is_so_by_its_own_button(handlers):
    mine = handlers(standing(asks_acceptance=True))
    assert not mine.press(LOCAL, "accept", CARD.id).wrong
    assert mine.services.catalogue.done == [("accept", CARD.id)]


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_a_download_is_steered_by_its_job(handlers, act):
    mine = handlers(downloads=(loading("running", "another/model"), loading("paused")))
    assert not mine.press(LOCAL, act, CARD.id).wrong
    assert mine.services.catalogue.done == [(act, 7)]


def test_a_press_on_a_download_that_is_over_does_nothing(handlers):
    mine = handlers()
    assert not mine.press(LOCAL, "pause", CARD.id).wrong
    assert mine.services.catalogue.done == []


def test_a_language_model_is_opened_beside_the_one_that_answers(handlers):
    mine = handlers(standing(installed=True))
    assert mine.press(LOCAL, "use", CARD.id).text == "Seer <1B> is being opened."
    assert mine.services.exchange.done == [CARD.id]
    assert mine.look(LOCAL).is_busy


def test_an_exchange_that_ends_while_one_looks_is_seen_with_what_it_came_to(handlers, monkeypatch):
    mine = handlers(standing(installed=True))
    house = mine.assistant

    def end_now(*_):
        house.config = replace(house.config, lm=replace(house.config.lm, vlm=CARD.id))
        return ExchangeState(name=CARD.id, step="done")

    monkeypatch.setattr(FakeExchange, "find_state", end_now)
    view = mine.look(LOCAL)
    assert (view.is_busy, CARD.id in view.in_use) == (False, True)


def test_a_model_is_tried_once_at_a_time_and_a_second_press_says_why_not(handlers):
    mine = handlers(standing(installed=True), standing(installed=True, id="a/b"))
    assert "is being tried beside the model that answers now" in mine.press(LOCAL, "try", CARD.id).text
    assert mine.look(LOCAL).is_busy
    second = mine.press(LOCAL, "try", "a/b")
    assert (second.wrong, second.text) == (True, f"{CARD.id} is being tried. Wait until that has ended, or stop it")
    assert mine.press(LOCAL, "try_stop", CARD.id).text == "The trial of Seer <1B> is being stopped."
    assert mine.look(LOCAL).trial.step == "stopped"


def test_the_packaged_model_is_taken_again_by_its_own_name(handlers):
    mine = handlers(standing(installed=True))
    assert not mine.press(LOCAL, "packaged", CARD.id).wrong
    assert mine.services.exchange.done == ["deepseek-mm"]


def test_in_a_space_all_files_are_indexed_beside_the_one_that_is_searched(handlers):
    mine = handlers(standing(installed=True, kind="space", id="owner/finder"))
    assert "All files are being indexed with" in mine.press(LOCAL, "use", "owner/finder").text
    (job,) = mine.assistant.library.jobs.find(kinds=("change space",), limit=9)
    assert (job.payload, job.state) == ({"space": "owner/finder"}, "waiting")
    assert mine.services.exchange.done == []
    view = mine.look(LOCAL)
    assert (view.is_busy, list(view.indexing)) == (True, ["owner/finder"])
    assert mine.look(holder_of("page", "settings")).indexing == {}
    assert "then searches use it" in mine.press(LOCAL, "packaged", "owner/finder").text
    (back, _) = mine.assistant.library.jobs.find(kinds=("change space",), limit=9)
    assert back.payload == {"space": "default"}


def test_a_caller_from_elsewhere_may_not_choose_a_model_and_is_told_why(handlers):
    mine = handlers(standing(installed=True))
    said = mine.press(holder_of("ask", "page", "settings"), "use", CARD.id)
    assert said.wrong
    assert "only a caller on this machine may" in said.text


def test_a_removal_says_how_much_is_free_again(handlers):
    mine = handlers(standing(installed=True))
    assert mine.press(LOCAL, "remove", CARD.id).text == "Seer <1B> was removed: 518 MB are free again."


def test_a_name_that_a_browser_makes_up_is_refused_and_an_act_too(handlers):
    mine = handlers()
    assert mine.press(LOCAL, "download", "made/up").wrong
    assert mine.press(LOCAL, "made up", CARD.id).text == ""
    assert mine.services.catalogue.done == []


def test_models_that_order_are_a_choice_of_their_own_and_a_choice_that_a_browser_makes_up_is_the_first(handlers):
    mine = handlers(standing(), standing(id="a/b", kind="reranker"))
    assert [state.card.id for state in mine.look(LOCAL, "order").cards] == [CARD.id, "a/b"]
    assert mine.look(LOCAL, "order").kind == "order"
    assert mine.look(LOCAL, "reranker").kind == "vlm"


@pytest.mark.parametrize(
    ("kind", "setting", "packaged"),
    [
        ("reranker", "reranker", "packaged-order"),
        ("text", "reranker", "packaged-order"),
        ("code", "code_reranker", "packaged-code-order"),
    ],
)
def test_a_model_that_orders_is_in_use_where_its_setting_says_so_and_gives_way_to_the_packaged_order(
    handlers, kind, setting, packaged
):
    mine = handlers(standing(installed=True, kind=kind))
    config = mine.assistant.config
    mine.assistant.config = replace(config, rag=replace(config.rag, **{setting: f"{CARD.id}@abc"}))
    assert CARD.id in mine.look(LOCAL).in_use
    assert mine.press(LOCAL, "packaged", CARD.id).text == "What is found stands in the packaged order again."
    assert mine.services.exchange.done == [packaged]


def test_the_mirror_that_is_asked_is_named(handlers, monkeypatch):
    assert handlers().host == "huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://hf-mirror.example:8443/")
    assert handlers().host == "hf-mirror.example:8443"


def test_the_part_without_its_right_shows_a_sentence_in_the_place_of_cards(services):
    asker = ActingAs(ModelHandlers(services=services, words=ENGLISH), holder_of("ask", "page"))
    assert asker.press("download", CARD.id).wrong
