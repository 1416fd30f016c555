"""Questions about how this program is used, answered from docs/help.md, help.zh.md and help.de.md.

An entry of these files is a heading, which is the question; a comment with its key, the id of the tab that it belongs
to and other ways to ask it; up to four sentences; and the tab as the page calls it:

    ## How do I add a folder?
    <!-- add-folder, library: index a directory; put my pictures in -->
    Type its path on the Library tab and press Index.

    (tab: Library)
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_mm.answering.intents import Intent
from deepseek_mm.answering.talk_case import TalkCase
from deepseek_mm.bundled_files import find_bundled
from deepseek_mm.language.wording import say
from deepseek_mm.types import Draft, Offer

FOLDER = find_bundled("docs")
FILES = {"en": "help.md", "zh": "help.zh.md", "de": "help.de.md"}
ENTRY = re.compile(
    r"^## (?P<question>[^\n]+)\n<!-- (?P<key>[a-z-]+), (?P<tab>[a-z]+): (?P<also>[^\n]*?) -->\n(?P<text>.+?)\n\n"
    r"[(\uff08](?P<shown>[^\n]+)[)\uff09]$",
    re.MULTILINE | re.DOTALL,
)
UNKNOWN_CHANCE = 0.4  # that a question which the help has nothing near to is rightly left unanswered


@dataclass(frozen=True, kw_only=True, slots=True)
class HelpEntry:
    """One question and its answer."""

    key: str  # the same in every language
    question: str
    also: tuple[str, ...]  # other ways to ask it
    text: str  # the answer, on one line
    tab: str  # id of the tab of the page that it belongs to


@cache
def read_help(language: str = "en", folder: Path = FOLDER) -> tuple[HelpEntry, ...]:
    """The entries in a language, English where it has none, in the order of the file; none where there is no file."""
    file = folder / FILES.get(language, FILES["en"])
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return tuple(
        HelpEntry(
            key=found["key"],
            question=found["question"],
            also=tuple(part.strip() for part in found["also"].split(";") if part.strip()),
            text=" ".join(found["text"].split()),
            tab=found["tab"],
        )
        for found in ENTRY.finditer(text)
    )


def help_examples(folder: Path = FOLDER) -> dict[tuple[str, str], list[str]]:
    """The questions of every language, for an index of intents."""
    examples = dict[tuple[str, str], list[str]]()
    for language in FILES:
        for entry in read_help(language, folder):
            examples.setdefault(("help", entry.key), []).extend([entry.question, *entry.also])
    return examples


def answer_help(intent: Intent | None, case: TalkCase, folder: Path = FOLDER) -> Draft:
    """The entry's text, and a button that opens its tab."""
    entries = {entry.key: entry for entry in read_help(case.locale, folder)}
    if intent is None or intent.name not in entries:
        return Draft(text=say("help.unknown", case.locale), chance=UNKNOWN_CHANCE, grounds="said", refused=True)
    entry = entries[intent.name]
    return Draft(text=entry.text, chance=intent.chance, grounds="said", offers=(open_tab(entry.tab, case.locale),))


def open_tab(tab: str, locale: str) -> Offer:
    """A button that leads to a tab of the page."""
    return Offer(action="open", text=say(f"button.open_{tab}", locale), targets=(tab,))
