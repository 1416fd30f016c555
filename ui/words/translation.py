"""One row of the table of words: the same text in every language of the page.

A row is a class attribute of a table. Read through an instance of that table, which knows its language, it is plain
text: `words.stop` is "Stop" or the Chinese for it. So no language can lack a word, and a type checker sees a string.
"""

from typing import Generic, Literal, Protocol, TypeVar

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
Text = TypeVar("Text", str, tuple[str, ...])


class InOneLanguage(Protocol):
    """Whatever has words: an instance of a table."""

    language: Language


class Translation(Generic[Text]):
    """A text in English and in Chinese. Texts with {braces} are filled by `str.format` where they are shown."""

    def __init__(self, en: Text, zh: Text) -> None:
        self.in_language: dict[Language, Text] = {"en": en, "zh": zh}

    def __get__(self, words: InOneLanguage, table: type) -> Text:
        return self.in_language[words.language]


def count_noun(forms: tuple[str, ...], count: int) -> str:
    """The number with its noun, for one or for any other number: "1 file", "2,000 files"."""
    return forms[count != 1].format(count=f"{count:,}")
