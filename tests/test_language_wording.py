"""Every text is there in English and Chinese with the same places to fill in, and is used."""

import re
from pathlib import Path
from string import Formatter

import pytest

from deepseek_mm.language.wording import LOCALES, choose_locale, count_noun_in, join_in, read_wording, say

ROOT = Path(__file__).parent.parent
CODE = "\n".join(path.read_text() for path in (ROOT / "deepseek_mm").rglob("*.py"))
CHINESE = re.compile("[\u4e00-\u9fff]")
HALF_WIDTH = re.compile(  # between two signs, or a sign and what is filled in
    "[\u4e00-\u9fff\uff09][,:!?;()] ?[\u4e00-\u9fff\u201c\uff08{]|[\u201d}][,:!?;()] ?[\u4e00-\u9fff\uff08]"
)
FOR_PROGRAMS = {
    "table_words.toml",
    "chinese_dates.toml",
    "document_words.toml",
    "chinese_questions.toml",
}  # regular expressions
SAME_EVERYWHERE = {  # signs, no words
    "count.and", "count.comma", "count.colon", "count.quoted", "compare.semicolon", "summary.label", "summary.turn",
}  # fmt: skip


def places_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize(("key", "texts"), read_wording().items())
def test_every_text_has_both_languages_and_the_same_places(key, texts):
    assert {"en", "zh"} <= set(texts) <= set(LOCALES)
    assert {frozenset(places_in(text)) for text in texts.values()} == {frozenset(places_in(texts["en"]))}
    assert CHINESE.search(texts["zh"]) or key in SAME_EVERYWHERE
    assert not CHINESE.search(texts["en"])


def test_every_key_that_code_names_is_there():
    named = set(re.findall(r'say\(\s*"([a-z_.]+)"', CODE))
    assert len(named) > 30
    assert named <= set(read_wording())


def test_every_text_is_used():
    """By its whole key, or by its last part where the first is put before it."""
    names = set(re.findall(r'"([a-z_]+)"', CODE)) | set(re.findall(r'"[a-z]+\.([a-z_]+)"', CODE))
    prefixes = set(re.findall(r'f"([a-z]+\.[a-z_]*)\{', CODE))
    unused = [
        key
        for key in read_wording()
        if key.split(".")[1] not in names
        and key.removesuffix("s").split(".")[1] not in names
        and not any(key.startswith(prefix) for prefix in prefixes)
    ]
    assert unused == []


def test_a_language_without_a_text_speaks_english():
    assert say("chat.thanks", "fr") == say("chat.thanks", "en") != say("chat.thanks", "de")
    assert [choose_locale(each) for each in ("zh-CN", "EN", "de", "it", "")] == ["zh", "en", "de", "en", "en"]


def test_one_and_many_are_counted_and_joined():
    held = [count_noun_in("count.photo", 1, "en"), count_noun_in("count.document", 3, "en")]
    assert join_in([*held, "x"], "en") == "1 photo, 3 documents and x"
    assert join_in(["甲", "乙", "丙"], "zh") == "甲、乙和丙"


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        say("chat.nonsense", "en")


def test_no_text_that_a_person_reads_has_half_width_marks_between_chinese_signs():
    tables = [path for ending in ("txt", "toml") for path in (ROOT / "deepseek_mm").rglob(f"*.{ending}")]
    read = [path for path in tables if "training" not in path.parts and path.name not in FOR_PROGRAMS]
    read += [ROOT / "docs" / "help.zh.md", ROOT / "deepseek_mm" / "api" / "login.py"]
    assert len(read) > 10
    texts = {path.name: re.sub("<!--.*-->", "", path.read_text("utf-8")) for path in read}
    found = {name: HALF_WIDTH.findall(text) for name, text in texts.items()}
    assert {name: marks for name, marks in found.items() if marks} == {}
