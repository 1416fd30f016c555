"""The help: questions about the program with short answers, as the chat answers them, too."""

import re
from html import escape
from itertools import groupby

from deepseek_mm import HelpEntry, read_help
from ui.html import heading
from ui.words import UiTexts

COMMAND = re.compile(r"`([^`]+)`")
TABS = ("ask", "code", "search", "photos", "library", "history", "learning", "settings")


def render_help(words: UiTexts) -> str:
    """Every entry behind its question, below the tab that it is about, with a button that leads there."""
    entries = sorted(read_help(words.language), key=lambda entry: TABS.index(entry.tab))
    return "".join(_part(tab, list(own), words) for tab, own in groupby(entries, key=lambda entry: entry.tab))


def with_code(text: str) -> str:
    """Text as HTML, commands in it as code."""
    return COMMAND.sub(r"<code>\1</code>", escape(text))


def _part(tab: str, entries: list[HelpEntry], words: UiTexts) -> str:
    names = {"code": words.code_tab, "photos": words.photos_tab}
    name = names.get(tab) or str(getattr(words, tab))
    lines = "".join(
        f"<details><summary>{escape(entry.question)}</summary><p>{with_code(entry.text)}</p></details>"
        for entry in entries
    )
    leads = escape(words.help_open.format(tab=name))
    to_tab = f'<button type="button" class="small" data-open-tab="{tab}">{leads}</button>'
    return f'<section class="help-part">{heading(name)}{lines}{to_tab}</section>'
