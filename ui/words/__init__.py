"""Every text of the page, in one table with a column for each language; a file here for each tab.

What comes from files, labels, questions or the model never stands here, and is escaped where it meets HTML.
"""

from collections.abc import Iterable

from deepseek_mm import translate_name
from ui.words.accounts import AccountWords
from ui.words.ask import AskWords, CodeWords, OfCode, RequestWords
from ui.words.code_edits import CodeEditWords
from ui.words.inspection import InspectionWords
from ui.words.library import CareWords, HealthWords, LibraryWords, RulesWords
from ui.words.messages import read_labels, say_message
from ui.words.models import ModelWords
from ui.words.page import HistoryWords, PageWords
from ui.words.photos import PhotosWords
from ui.words.replay import ReplayWords
from ui.words.search import SearchWords
from ui.words.servers import ServerWords
from ui.words.settings import LearningWords, SettingsWords
from ui.words.timeline import TimelineWords
from ui.words.translation import LANGUAGES, Language, Translation, count_noun
from ui.words.viewer import ViewerWords

__all__ = [
    "CHINESE",
    "ENGLISH",
    "LANGUAGES",
    "Language",
    "Translation",
    "UiTexts",
    "TextsOfCode",
    "count_noun",
    "in_language",
]


class UiTexts(
    PageWords,
    AskWords,
    RequestWords,
    InspectionWords,
    TimelineWords,
    CodeWords,
    CodeEditWords,
    SearchWords,
    LibraryWords,
    RulesWords,
    CareWords,
    HealthWords,
    PhotosWords,
    HistoryWords,
    ReplayWords,
    LearningWords,
    SettingsWords,
    ModelWords,
    ServerWords,
    ViewerWords,
    AccountWords,
):
    """The table, read in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, message: str) -> str:
        """What comes from below in English, an error or what a job says, in this language."""
        return say_message(message, self.language)

    def join(self, parts: Iterable[str]) -> str:
        """Things one after the other."""
        return (", " if self.language == "en" else "\u3001").join(parts)

    def name(self, thing: str) -> str:
        """An answer, or an English name of what photos show, in this language; one that is not known stays as it is."""
        if self.language == "en":
            return thing
        said = {"yes": self.yes, "no": self.no, **read_labels()}
        return said.get(thing) or translate_name(thing, self.language)


class TextsOfCode(OfCode, UiTexts):
    """The same where it is about code."""


ENGLISH, CHINESE = UiTexts("en"), UiTexts("zh")


def in_language(language: Language) -> UiTexts:
    """The table in this language."""
    return CHINESE if language == "zh" else ENGLISH
