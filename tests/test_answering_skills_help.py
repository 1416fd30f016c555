"""The help is true of the page and of the command line, and the same in every language."""

import re
import shlex
from pathlib import Path

import pytest
from talk_house import case

from deepseek_mm.answering.intents import Intent
from deepseek_mm.answering.skills.help import FILES, answer_help, help_examples, read_help
from deepseek_mm.cli.parser import build_parser, list_commands
from ui.words import UiTexts

ROOT = Path(__file__).parent.parent
ENTRIES = [(language, entry) for language in FILES for entry in read_help(language)]
BUTTON = re.compile(r'"([A-Z][^"]+)"|“([^”]+)”')
SPOKEN = re.compile(r"[?？…。,.]|^[a-z]")  # in quotation marks, but an example of what can be asked
NAMES = {"ask": "ask", "code": "code_tab", "photos": "photos_tab"} | {
    name: name for name in ("search", "library", "history", "learning", "settings")
}


def page_in(language: str) -> UiTexts:
    """The page, which is English for whoever speaks neither that nor Chinese."""
    return UiTexts("zh" if language == "zh" else "en")


def shown_on_page(language: str) -> str:
    """Every text of the page."""
    words = page_in(language)
    texts = [getattr(words, name) for name in dir(words) if not name.startswith("_")]
    said = [text if isinstance(text, str) else "\n".join(map(str, text)) for text in texts if not callable(text)]
    return "\n".join(filter(None, said))


PARSER = build_parser(list_commands())
PAGE = {language: shown_on_page(language) for language in FILES}


def test_all_languages_have_the_same_entries_in_the_same_order():
    english, *others = ([(e.key, e.tab) for e in read_help(language)] for language in FILES)
    assert others == [english] * 2
    assert len(dict(english)) == len(english) >= 60


@pytest.mark.parametrize("language", FILES)
def test_every_heading_is_read_as_an_entry(language):
    text = (ROOT / "docs" / FILES[language]).read_text()
    assert len(read_help(language)) == text.count("\n## ")


@pytest.mark.parametrize("language", FILES)
def test_tabs_are_called_as_on_the_page(language):
    words, text = page_in(language), (ROOT / "docs" / FILES[language]).read_text()
    shown = re.findall(r"\n[(（](?:tab: |Tab: |标签页：)(.+)[)）]\n", text)
    assert shown == [getattr(words, NAMES[entry.tab]) for entry in read_help(language)]


@pytest.mark.parametrize(("language", "entry"), ENTRIES, ids=lambda each: getattr(each, "key", each))
def test_an_entry_is_short_has_paraphrases_and_names_buttons_that_are_there(language, entry):
    assert 1 <= len(re.findall(r"[.!?。!?](?:\s|$|(?<=[。!?]))", entry.text)) <= 5
    assert len(entry.also) >= (1 if language == "de" else 3)
    for found in BUTTON.findall(entry.text):
        text = found[0] or found[1]
        if not SPOKEN.search(text) and text not in ("write a test for NAME", "exact words"):
            assert text in PAGE[language], text


@pytest.mark.parametrize(("language", "entry"), ENTRIES, ids=lambda each: getattr(each, "key", each))
def test_commands_of_an_entry_can_be_typed(language, entry):
    for command in re.findall(r"`python -m deepseek_mm ([^`]+)`", entry.text):
        PARSER.parse_args(shlex.split(command))


def test_an_answer_is_the_entrys_text_with_a_button_for_its_tab():
    intent = Intent(kind="help", name="take-out", chance=0.9)
    draft = answer_help(intent, case("how do I delete a photo", "help"))
    assert "Take out" in draft.text
    assert [(o.action, o.targets, o.text) for o in draft.offers] == [("open", ("library",), "Open Library")]
    chinese = answer_help(intent, case("怎么删除照片", "help", locale="zh"))
    assert "移除" in chinese.text
    assert "zehn Minuten" in answer_help(intent, case("wie lösche ich ein Foto", "help", locale="de")).text
    assert answer_help(intent, case("comment effacer", "help", locale="fr")).text == draft.text


def test_what_the_help_does_not_know_is_said_so():
    draft = answer_help(None, case("how do I fly", "help"))
    assert draft.refused
    assert draft.chance < 0.5


def test_without_the_files_nothing_is_known(tmp_path):
    assert read_help("en", tmp_path) == ()
    assert help_examples(tmp_path) == {}
