"""The Settings tab as its visitors use it: every control once, and what it changes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import grave
from browsing import Visitor
from chat_server import chat_server
from fakes import picture
from model_servers import model_server
from playwright.sync_api import Locator, expect
from serving import Served, serving

from ui.words import CHINESE, ENGLISH

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LIBRARY = Path(__file__).parent / "library_app.py"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    library = tmp_path_factory.mktemp("served") / "library"
    with (
        model_server("ollama") as ollama,
        serving(library, script=LIBRARY, SECONDS="0", OLLAMA_PORT=str(ollama.server_port)) as server,
    ):
        yield server


@pytest.fixture
def visitor(chromium, served) -> Iterator[Visitor]:
    visitor = Visitor(chromium, served.url, photos=None, permissions=["clipboard-read", "clipboard-write"])
    visitor.tab(ENGLISH.settings)
    expect(shown(visitor, ".facts-of-it dl.facts")).to_be_visible()
    yield visitor
    assert visitor.errors == []
    visitor.context.close()


def shown(visitor: Visitor, selector: str) -> Locator:
    return visitor.page.locator(selector).locator("visible=true")


def number(visitor: Visitor, label: str) -> Locator:
    """The number beside a slider."""
    return visitor.page.get_by_role("spinbutton", name=label)


def told(visitor: Visitor, text: str) -> None:
    expect(shown(visitor, "[role=status], [role=alert]").filter(has_text=text).first).to_be_visible()


def kept(served: Served) -> str:
    return (served.data / "config.toml").read_text()


def test_sliders_say_what_they_mean_and_are_kept(visitor, served):
    number(visitor, ENGLISH.set_regions).fill("9")
    number(visitor, ENGLISH.set_certainty).fill("0.35")
    told(visitor, "At 0.35:")
    slider = visitor.page.get_by_role("slider", name=ENGLISH.set_presence)
    slider.focus()
    slider.press("ArrowRight")
    told(visitor, "From 0.61 an answer says")
    visitor.page.get_by_label(ENGLISH.set_phrasing_none).check()
    visitor.press(ENGLISH.set_save)
    told(visitor, ENGLISH.set_saved)
    assert set(re.findall(r"\w+ = .*", kept(served))) == {
        "num_regions = 9", "min_certainty = 0.35", "min_presence = 0.61", 'phrasing = "none"'
    }  # fmt: skip
    visitor.open(served.url)  # a reload shows what is kept
    visitor.tab(ENGLISH.settings)
    expect(number(visitor, ENGLISH.set_regions)).to_have_value("9")
    visitor.press(ENGLISH.set_defaults)
    told(visitor, ENGLISH.set_reset)
    expect(number(visitor, ENGLISH.set_regions)).to_have_value("6")
    assert "num_regions" not in kept(served)


def test_a_server_is_tried_kept_for_the_next_start_and_given_up_again(visitor, served):
    visitor.page.get_by_label(ENGLISH.set_lm_server).check()
    address = visitor.page.get_by_label(ENGLISH.set_url)
    address.fill("http://127.0.0.1:9/v1")
    visitor.press(ENGLISH.set_try)
    told(visitor, "Start one there")
    with chat_server(models=("kite-7b",)) as server:
        address.fill(server.url)
        visitor.page.get_by_label(ENGLISH.set_model).fill("kite-7b")
        visitor.page.get_by_label(ENGLISH.set_sees).check()
        visitor.press(ENGLISH.set_try)
        told(visitor, "It answers, and offers: kite-7b.")
        visitor.press(ENGLISH.set_save_models)
        told(visitor, f"At the next start: language model at {server.url}.")
    assert 'name = "kite-7b"' in kept(served)
    visitor.page.get_by_label(ENGLISH.set_lm_sees).check()
    visitor.page.get_by_label(ENGLISH.set_model).fill("some/eyes")
    visitor.press(ENGLISH.set_save_models)
    told(visitor, "language model some/eyes. It looks at the photos")
    assert 'vlm = "some/eyes"' in kept(served)
    visitor.page.get_by_label(ENGLISH.set_lm_none).check()
    visitor.press(ENGLISH.set_save_models)
    told(visitor, "language model none.")
    visitor.page.get_by_label(ENGLISH.set_lm_packaged).check()
    visitor.press(ENGLISH.set_save_models)
    told(visitor, ENGLISH.set_kept)
    expect(visitor.page.get_by_text("At the next start:")).to_have_count(0)
    assert 'name = "none"' not in kept(served)


@pytest.mark.campaign(times=1, only=True)
def test_a_checkpoint_is_checked_before_it_is_kept(visitor, served):
    visitor.page.get_by_label(ENGLISH.set_lm_own).check()
    visitor.page.get_by_label(ENGLISH.set_model).fill("/no/such/model")
    visitor.press(ENGLISH.set_save_models)
    told(visitor, "No folder at /no/such/model.")
    visitor.page.get_by_label(ENGLISH.set_lm_packaged).check()
    visitor.page.get_by_label(ENGLISH.set_encoder_own).check()
    visitor.page.get_by_label(ENGLISH.set_checkpoint).fill("some/clip")
    visitor.press(ENGLISH.set_save_models)
    told(visitor, "encoder some/clip. It has a space and an index of its own")
    visitor.page.get_by_label(ENGLISH.set_encoder_default).check()
    expect(visitor.page.get_by_label(ENGLISH.set_checkpoint)).to_be_hidden()  # the choice has come
    visitor.press(ENGLISH.set_save_models)
    expect(visitor.page.get_by_text("At the next start:")).to_have_count(0)  # "saved" stands there since the first
    assert "some/clip" not in kept(served)


def test_another_preset_holds_at_once_and_the_page_measures_all_of_them(visitor, served):
    fast = visitor.page.get_by_label("Fast: 0.11 s an answer here, 70 % of 99 questions right")
    fast.check()
    told(visitor, ENGLISH.set_saved)
    assert 'dial = "fast"' in kept(served)
    visitor.page.get_by_label("Balanced: 0.16 s").check()
    told(visitor, ENGLISH.set_saved)
    expect(visitor.page.get_by_text("At the next start:")).to_have_count(0)
    expect(shown(visitor, ".facts-of-it dl.facts")).to_contain_text("balanced: pictures torch")
    visitor.press(ENGLISH.dial_measure)
    visitor.press(ENGLISH.stop)
    expect(visitor.page.get_by_role("button", name=ENGLISH.dial_measure)).to_be_visible()


@pytest.mark.campaign(times=1, only=True)
def test_theme_language_and_a_report_without_private_things(visitor, served):
    looks = visitor.page.locator(".looks")
    looks.get_by_role("button", name=ENGLISH.theme_dark).click()
    expect(visitor.page.locator("body.dark")).to_be_attached()
    visitor.press(ENGLISH.set_copy)
    expect(visitor.page.get_by_role("button", name=ENGLISH.copied)).to_be_visible()
    report = visitor.page.evaluate("navigator.clipboard.readText()")
    assert "versions: DeepSeek-MM" in report
    assert str(served.data) not in report
    expect(shown(visitor, ".facts-of-it dl.facts")).to_contain_text(str(served.data))
    looks.get_by_role("button", name="中文").click()
    expect(visitor.page.get_by_role("tab", name=CHINESE.settings)).to_be_visible()


@pytest.mark.parametrize(
    ("scheme", "width"),
    [pytest.param("light", 1280, marks=pytest.mark.campaign(times=1, only=True)), ("dark", 390)],
)
def test_the_tab_has_no_serious_barrier_and_fits_the_window(chromium, served, scheme, width):
    visitor = Visitor(chromium, served.url, width=width, photos=None, color_scheme=scheme, bypass_csp=True)
    visitor.tab(ENGLISH.settings)
    expect(shown(visitor, ".facts-of-it dl.facts")).to_be_visible()
    visitor.page.get_by_label(ENGLISH.set_lm_server).check()
    expect(visitor.page.get_by_label(ENGLISH.set_url)).to_be_visible()
    visitor.page.get_by_role("button", name=ENGLISH.empty_all).first.click()
    assert grave(visitor.page) == []
    assert visitor.no_sideways()
    visitor.context.close()


def test_everything_is_deleted_after_the_words_were_typed(visitor, served, tmp_path):
    picture("red").save(tmp_path / "red.png")
    visitor.tab(ENGLISH.library)
    visitor.page.get_by_label(ENGLISH.add_path).fill(str(tmp_path / "red.png"))
    visitor.page.get_by_label(ENGLISH.add_path).press("Enter")
    expect(visitor.page.locator("header.head")).to_contain_text("1 file")
    visitor.tab(ENGLISH.settings)
    visitor.press(ENGLISH.empty_all, exact=False)  # opens the fold
    word = visitor.page.get_by_label(ENGLISH.empty_sure)
    word.fill("yes")
    delete = shown(visitor, "button.stop").filter(has_text=ENGLISH.empty_all)
    delete.click()
    told(visitor, "Nothing was deleted.")
    word.fill(ENGLISH.empty_word)
    delete.click()
    told(visitor, ENGLISH.emptied)
    expect(visitor.page.locator("header.head")).to_contain_text("0 files")
    assert (tmp_path / "red.png").exists()


@pytest.mark.campaign(times=1, only=True)
def test_what_the_environment_fixes_is_disabled_and_says_how_to_change_it(chromium, tmp_path):
    server = Served(tmp_path / "library", script=LIBRARY, DEEPSEEK_MM_RAG__NUM_REGIONS="3")
    try:
        visitor = Visitor(chromium, server.url, photos=None)
        visitor.tab(ENGLISH.settings)
        expect(visitor.page.get_by_text("DEEPSEEK_MM_RAG__NUM_REGIONS")).to_be_visible()
        expect(number(visitor, ENGLISH.set_regions)).to_be_disabled()
        expect(number(visitor, ENGLISH.set_certainty)).to_be_enabled()
    finally:
        server.process.kill()
        server.process.wait()


def test_a_model_of_a_server_that_is_found_here_is_tried_and_chosen_by_a_click_each(visitor, served):
    visitor.press(f"{ENGLISH.server_try}: llava:7b")
    told(visitor, "Pictures: works")
    visitor.press(f"{ENGLISH.server_use}: llava:7b")
    card = visitor.page.get_by_role("article", name="llava:7b")
    expect(card.get_by_text(ENGLISH.server_in_use)).to_be_visible()
    assert 'name = "llava:7b"' in kept(served)
    assert re.search(r"^sees = true", kept(served), re.MULTILINE)
    expect(visitor.page.get_by_role("article", name="gpt-oss:120b-cloud").get_by_role("button")).to_have_count(0)
    visitor.page.set_viewport_size({"width": 390, "height": 800})
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
