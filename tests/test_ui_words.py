"""The table of words: whole in every language, and used."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from deepseek_mm.types import ActKind, ActScope
from ui.words import CHINESE, ENGLISH, LANGUAGES, TextsOfCode, Translation, UiTexts, in_language
from ui.words.ask import OfCode

UI = Path(__file__).parent.parent / "ui"
VOCABULARY = UI.parent / "deepseek_mm" / "vision" / "labels.txt"
TABLE = {name: word for table in UiTexts.__mro__ for name, word in vars(table).items() if isinstance(word, Translation)}
TABLE |= {f"{name} of code": word for name, word in vars(OfCode).items() if isinstance(word, Translation)}
# Asked of the model, or the same everywhere:
ALIKE = {
    "picture_alone of code",
    "title",
    "folder_hint",
    "import_hint",
    "path_hint",
    "set_url_hint",
}


def texts(word: Translation) -> dict:
    return {
        language: "\n".join(text) if isinstance(text, tuple) else text for language, text in word.in_language.items()
    }


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", TABLE)
def test_a_word_is_there_in_every_language_with_the_same_places_to_fill(name):
    said = texts(TABLE[name])
    assert set(said) == set(LANGUAGES)
    assert all(text.strip() for text in said.values())
    assert placeholders(said["en"]) == placeholders(said["zh"])


@pytest.mark.parametrize("name", sorted(set(TABLE) - ALIKE))
def test_a_chinese_word_is_chinese_and_an_english_one_is_not(name):
    said = texts(TABLE[name])
    assert re.search(r"[\u4e00-\u9fff]", said["zh"]), said["zh"]
    if name != "language_own":
        assert not re.search(r"[\u4e00-\u9fff]", said["en"])


def test_no_word_stands_in_two_tables():
    names = [name for table in UiTexts.__mro__ for name, word in vars(table).items() if isinstance(word, Translation)]
    assert sorted(names) == sorted(set(names))


def test_every_word_is_used_somewhere_on_the_page():
    source = " ".join(path.read_text() for path in UI.rglob("*.py") if path.parent.name != "words")
    indirect = {"done", "running", "stopped", "failed"}  # named by an answer's state
    indirect |= {"is_sure", "is_unsure", "is_unknown", "yes", "no"}  # by a verdict
    indirect |= {name for name in TABLE if name.startswith("part_") and name.count("_") == 1}  # by a folder's part
    indirect |= {name for name in TABLE if name.startswith("asked_")}  # by a report's set of questions
    indirect |= {name for name in TABLE if name.startswith(("act_", "scope_"))}  # by an act
    witnesses = [
        "reader",
        "likeness",
        "labels",
        "notice",
        "detector",
        "glance",
        "colours",
        "model",
        "program",
        "network",
        "text",
        "captioner",
        "pointer",
        "passages",
    ]
    indirect |= {f"by_{name}" for name in witnesses}
    indirect |= {name for name in TABLE if name.endswith(" of code")}  # by that of photos
    assert [name for name in TABLE if not re.search(rf"\.{name}\b", source) and name not in indirect] == []


def test_what_is_said_otherwise_of_code_is_said_of_photos_too():
    assert {name.removesuffix(" of code") for name in TABLE if name.endswith(" of code")} <= set(TABLE)
    assert TextsOfCode("en").welcome_title != ENGLISH.welcome_title
    assert TextsOfCode("zh").stop == CHINESE.stop


def test_every_kind_and_scope_of_an_act_has_words_and_no_other():
    for prefix, known in (("act_", get_args(ActKind)), ("scope_", get_args(ActScope))):
        assert {name.removeprefix(prefix) for name in TABLE if name.startswith(prefix)} == set(known)


def test_every_label_that_photos_may_have_is_named_in_chinese():
    labels = VOCABULARY.read_text().splitlines()
    named = [label for label in labels if label and not label.startswith("#")]
    assert len(named) > 300
    assert [label for label in named if CHINESE.name(label) == label] == []
    assert (CHINESE.name("yes"), CHINESE.name("qwertz"), ENGLISH.name("dog")) == ("\u662f", "qwertz", "dog")


def test_a_table_speaks_its_own_language():
    assert (ENGLISH.stop, CHINESE.stop) == ("Stop", "停止")
    assert in_language("zh") is CHINESE
    assert in_language("en") is ENGLISH
