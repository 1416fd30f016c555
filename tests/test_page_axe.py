"""axe-core finds nothing serious on any tab, light or dark, in either language, wide or narrow."""

import pytest
from axe import grave
from browsing import Visitor
from playwright.sync_api import Browser, expect

from ui.words import UiTexts, in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TABS = ("ask", "code_tab", "search", "library", "history", "settings")


def filled(chromium: Browser, url: str, language: str, scheme: str, width: int) -> tuple[Visitor, UiTexts]:
    """A page on which everything shows something."""
    words = in_language(language)
    visitor = Visitor(chromium, f"{url}/{language}/", color_scheme=scheme, width=width, bypass_csp=True)
    box = visitor.page.get_by_role("textbox", name=words.question)
    box.fill("Is it red green?")
    box.press("Enter")
    expect(visitor.page.locator(".answered .foot")).to_be_visible()
    return visitor, words


def open_tab(visitor: Visitor, name: str) -> None:
    tab = visitor.page.get_by_role("tab", name=name)
    if not tab.is_visible():  # a narrow window keeps some tabs behind a button
        visitor.page.locator(".overflow-menu > button").click()
    tab.click()


LONG = pytest.mark.campaign(only=True)


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [
        ("en", "light", 1280),
        pytest.param("zh", "dark", 390, marks=LONG),
        *(
            pytest.param(*each, marks=LONG)
            for each in [("en", "dark", 1280), ("zh", "light", 1280), ("zh", "dark", 1280)]
        ),
        *(
            pytest.param(*each, marks=LONG)
            for each in [("en", "light", 390), ("en", "dark", 390), ("zh", "light", 390)]
        ),
    ],
)
def test_nothing_serious_is_found_on_any_tab(chromium, served, language, scheme, width):
    visitor, words = filled(chromium, served.url, language, scheme, width)
    visitor.page.get_by_text(words.why).click()
    found = {"ask": grave(visitor.page)}
    visitor.page.locator("button.cite").click()
    expect(visitor.page.get_by_role("dialog")).to_be_visible()
    found["dialog"] = grave(visitor.page)
    visitor.page.keyboard.press("Escape")
    for name in TABS[1:]:
        open_tab(visitor, getattr(words, name))
        if name == "search":
            box = visitor.page.get_by_role("textbox", name=words.search_label)
            box.fill("red green")
            box.press("Enter")
            expect(visitor.page.locator(".grid .caption").first).to_be_visible()
        visitor.page.wait_for_timeout(500)  # what a tab fetches when it is opened
        found[name] = grave(visitor.page)
        assert visitor.no_sideways(), name
    assert {name: issues for name, issues in found.items() if issues} == {}


def test_axe_would_find_what_is_wrong(chromium, served):
    visitor = Visitor(chromium, served.url, bypass_csp=True)
    visitor.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button></button><img src=x>')")
    assert {line.split(" ")[0] for line in grave(visitor.page)} >= {"button-name", "image-alt"}
