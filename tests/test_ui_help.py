"""The help on the page: every entry of docs/help.md below its tab, in the page's language."""

import re

import pytest

from deepseek_mm.answering.skills.help import read_help
from ui.help import TABS, render_help, with_code
from ui.html import heading
from ui.words import CHINESE, ENGLISH


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_every_entry_is_shown_once_with_its_answer(words):
    html, entries = render_help(words), read_help(words.language)
    assert len(entries) > 40
    assert html.count("<details>") == len(entries) == len(re.findall(r"<summary>(.+?)</summary><p>(.+?)</p>", html))


def test_entries_stand_below_the_tab_that_they_are_about_in_the_order_of_the_tabs():
    html = render_help(ENGLISH)
    assert re.findall(r'data-open-tab="(\w+)"', html) == [tab for tab in TABS if f"<h2>{tab.title()}" in html]
    assert {entry.tab for entry in read_help("en")} <= set(TABS)
    add = html.index("How do I add a folder?")
    assert html.index(heading(ENGLISH.library)) < add < html.index(heading(ENGLISH.history))


def test_commands_are_shown_as_code_and_nothing_becomes_markup():
    assert with_code("press <b> or type `index FOLDER`.") == "press &lt;b&gt; or type <code>index FOLDER</code>."
