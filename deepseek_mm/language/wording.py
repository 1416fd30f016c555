"""What the program says of itself and of its work, in the language of whoever asks: a table of texts in wording.toml.

A text has a key ("chat.greeting"), a language, and {names} that are filled in.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".toml")
LOCALES = ("en", "zh", "de")  # that have texts; every text is there in the first two


@cache
def read_wording() -> dict[str, dict[str, str]]:
    """Key -> language -> text."""
    groups = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {f"{group}.{name}": texts for group, table in groups.items() for name, texts in table.items()}


def choose_locale(language: str) -> str:
    """The language to answer in, for one that was asked in (ISO 639-1, perhaps with a region): English for others."""
    short = language.lower()[:2]
    return short if short in LOCALES else "en"


def say(key: str, language: str, **values: object) -> str:
    """The text, filled in; in English where the language lacks it. KeyError for a key that is not in the table."""
    texts = read_wording()[key]
    return texts.get(choose_locale(language), texts["en"]).format(**values)


def count_noun_in(noun: str, count: int, language: str) -> str:
    """A number with its noun, one or many: "1 photo", "12 photos"; `noun` is a key for one."""
    return say(noun if count == 1 else f"{noun}s", language, n=count)


def quote_in(text: str, language: str) -> str:
    """Between the quotation marks of the language."""
    return say("count.quoted", language, text=text)


def join_in(words: Sequence[str], language: str) -> str:
    """a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return say("count.and", language).join([say("count.comma", language).join(words[:-1]), words[-1]])
