"""The Models part as its visitors use it, over a hub on loopback: offered, downloaded, paused, chosen, removed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import grave
from browsing import Visitor
from hub_server import Fault, HubServer, hub_server
from orders import PHOTOS
from playwright.sync_api import Locator, expect
from rag_house import paint
from serving import Served, serving

from ui.words import CHINESE, ENGLISH

pytestmark = [pytest.mark.browser, pytest.mark.slow]
APP = Path(__file__).parent / "models_app.py"
SMALL, TITLE = "HuggingFaceTB/SmolVLM-256M-Instruct", "SmolVLM 256M"
FINDER = "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M"
WEIGHTS = bytes(range(256)) * 8_192  # 2 MB, as far as a hub knows


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        for name in (SMALL, FINDER):
            server.put(name, {"config.json": b"{}", "model.safetensors": WEIGHTS, "evil.bin": b"pickle"})
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory, hub) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    environ = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(folder / "hub"), "HF_HUB_OFFLINE": "0"}
    with serving(folder / "library", script=APP, cold=True, **environ) as server:
        yield server


@pytest.fixture
def starter(chromium, served) -> Iterator[Visitor]:
    """Whoever has opened the page and pressed nothing."""
    visitor = Visitor(chromium, served.url, photos=None)
    yield visitor
    assert visitor.errors == []
    visitor.context.close()


@pytest.fixture
def visitor(starter) -> Visitor:
    starter.tab(ENGLISH.settings)
    expect(card(starter)).to_be_visible()
    return starter


def offer(visitor: Visitor) -> Locator:
    """Above the first question."""
    return visitor.page.locator("aside.better")


def card(visitor: Visitor, title: str = TITLE) -> Locator:
    return visitor.page.get_by_role("article", name=title)


def act(visitor: Visitor, text: str, title: str = TITLE) -> Locator:
    """A button of a card; "Use" is no part of "Pause"."""
    return card(visitor, title).get_by_role("button", name=f"{text}: {title}", exact=True)


def press(visitor: Visitor, text: str, title: str = TITLE) -> None:
    act(visitor, text, title).click()


def kept(served: Served) -> str:
    file = served.data / "config.toml"
    return file.read_text() if file.exists() else ""


def test_nothing_is_asked_of_a_hub_by_looking_at_the_models_and_at_the_offer(starter, hub, served):
    expect(offer(starter)).to_contain_text("Better answers: 518 MB")
    visitor = starter
    visitor.tab(ENGLISH.settings)
    expect(card(visitor)).to_contain_text(ENGLISH.model_not_run)
    expect(card(visitor).get_by_role("link", name="Apache-2.0")).to_have_attribute("rel", "noopener noreferrer")
    visitor.press(ENGLISH.models_space)
    expect(card(visitor, "SigLIP 2 base")).to_contain_text("78.2")
    assert hub.asked == []
    assert visitor.hosts() == {served.url.split("/")[2]}


def test_from_the_first_start_the_offer_leads_to_a_better_model_that_answers_and_back(starter, hub, served, tmp_path):
    hub.forget()
    hub.faults.append(Fault(on="/cdn/", chunk_s=0.15, times=1))
    offer(starter).get_by_role("button", name=f"{ENGLISH.model_download}: {TITLE}").click()
    expect(offer(starter).get_by_role("progressbar")).to_be_visible()
    expect(offer(starter)).to_contain_text(re.compile(r"[1-9]\d* \wB of 2\.1 MB"))
    assert "allowed = true" in kept(served)
    starter.ask("What colour is the bowl?", paint(tmp_path, "one.png", "red"))
    starter.done()  # the model that comes with it goes on to answer
    expect(starter.said()).not_to_contain_text("Red")
    pause_and_resume(starter, hub)
    starter.tab(ENGLISH.ask)
    offer(starter).get_by_role("button", name=ENGLISH.offer_more).wait_for(state="hidden")  # a conversation comes first
    starter.press(ENGLISH.new)
    offer(starter).get_by_role("button", name=f"{ENGLISH.model_use}: {TITLE}").click()
    expect(offer(starter)).to_contain_text(ENGLISH.offer_done.format(title=TITLE))
    assert f'vlm = "{SMALL}"' in kept(served)
    starter.ask("What colour is the bowl?", PHOTOS / "fig-red-bowl.jpg")
    starter.done()
    expect(starter.said()).to_contain_text("Red")
    starter.tab(ENGLISH.settings)
    expect(card(starter)).to_contain_text(ENGLISH.model_in_use)
    press(starter, ENGLISH.model_back)
    press(starter, ENGLISH.model_try)
    expect(card(starter).get_by_role("table")).to_contain_text(re.compile(r"Right\s*\d+ of 20\s*\d+ of 20"))
    expect(act(starter, ENGLISH.model_use)).to_be_visible()
    assert SMALL not in kept(served)


def pause_and_resume(visitor: Visitor, hub: HubServer) -> None:
    """In the Settings, where the same download stands on its card."""
    visitor.tab(ENGLISH.settings)
    press(visitor, ENGLISH.model_pause)
    expect(card(visitor)).to_contain_text(re.compile(r"Paused at [1-9]\d* kB of 2\.1 MB|Paused at 1\.\d MB of 2\.1 MB"))
    press(visitor, ENGLISH.model_resume)
    expect(act(visitor, ENGLISH.model_use)).to_be_visible()
    assert hub.starts("model.safetensors")[-1] > 0  # it went on where it was
    assert hub.num_asked("evil.bin") == 0


@pytest.mark.campaign(times=1, only=True)
def test_the_keyboard_downloads_and_removes_and_a_removal_is_pressed_twice(visitor, hub, served):
    visitor.press(ENGLISH.models_space)
    title = "TinyCLIP 8M"
    card(visitor, title).get_by_role("button").first.focus()
    visitor.page.keyboard.press("Enter")
    remove = act(visitor, ENGLISH.model_remove, title)
    expect(remove).to_be_visible()
    remove.focus()
    visitor.page.keyboard.press("Enter")
    sure = act(visitor, ENGLISH.model_remove_sure, title)
    expect(sure).to_be_focused()  # so that a second press of the same key removes it
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("status").filter(has_text="was removed").first).to_be_visible()
    expect(act(visitor, ENGLISH.model_download, title)).to_be_visible()
    assert list((served.data.parent / "hub").glob("models--wkcn*")) == []


@pytest.mark.campaign(times=1, only=True)
def test_a_hub_that_does_not_have_a_model_says_so_on_its_card(visitor):
    title = "SmolVLM 500M"
    press(visitor, ENGLISH.model_download, title)
    expect(card(visitor, title).get_by_role("alert")).to_be_visible()
    expect(act(visitor, ENGLISH.model_again, title)).to_be_visible()


@pytest.mark.parametrize(
    "words", [pytest.param(ENGLISH, marks=pytest.mark.campaign(times=1, only=True)), CHINESE], ids=["en", "zh"]
)
def test_a_phone_shows_every_card_without_scrolling_sideways(chromium, served, words):
    visitor = Visitor(chromium, served.url, width=390, height=844, photos=None, bypass_csp=True)
    if words is CHINESE:
        visitor.page.locator("[data-language-choice=zh]").first.click()
        expect(visitor.page.get_by_role("tab", name=CHINESE.settings)).to_be_visible()
    expect(offer(visitor)).to_contain_text(words.offer_not_now)
    assert visitor.no_sideways()
    visitor.tab(words.settings)
    expect(card(visitor)).to_contain_text(words.model_not_run)
    for kind in (words.models_lm, words.models_space, words.models_order):
        visitor.press(kind)
        expect(visitor.page.get_by_role("button", name=kind)).to_have_attribute("aria-pressed", "true")
        assert visitor.no_sideways()
    assert grave(visitor.page) == []
    assert visitor.errors == []
    visitor.context.close()


@pytest.mark.campaign(times=1, only=True)
def test_an_offer_that_is_put_off_comes_back_at_no_later_visit(starter, served):
    offer(starter).get_by_role("button", name=ENGLISH.offer_not_now).click()
    expect(offer(starter)).to_have_count(0)
    assert "offer = false" in kept(served)
    starter.tab(ENGLISH.settings)
    expect(card(starter)).to_be_visible()
    starter.tab(ENGLISH.ask)
    expect(starter.page.locator(".talk.fresh").first).to_be_visible()
    expect(offer(starter)).to_have_count(0)
