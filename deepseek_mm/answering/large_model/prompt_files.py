"""What larger models are told, one file for each thing that they are asked to do: `prompts/NAME.toml`."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from deepseek_mm.storage.files import read_toml

FOLDER = Path(__file__).parent / "prompts"
GAP = re.compile(r"\{(\w+)\}")  # in a template: the name of what belongs there
PromptName = Literal["look", "why", "describe", "chat", "code"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LargePrompt:
    """What one task is asked with."""

    system: str  # rules, for the whole conversation
    user: str  # the question and what comes along, with names in braces
    most_tokens: int  # of the answer, where the settings do not allow more
    words: str = ""  # a pattern of questions that it is for; empty where something else says so

    def fill(self, **values: str) -> str:
        """The question with its values; braces inside a value stay what they are."""
        return GAP.sub(lambda gap: values[gap[1]], self.user)

    def is_meant(self, text: str) -> bool:
        """Whether a question has the words that it is for."""
        return bool(self.words) and re.search(self.words, text, re.IGNORECASE) is not None


@cache
def read_prompt(name: PromptName) -> LargePrompt:
    """The prompt of this name."""
    return LargePrompt(**read_toml(FOLDER / f"{name}.toml"))


@cache
def rude_pattern() -> re.Pattern[str]:
    """Finds words of insult: those in Latin letters as whole words, others anywhere."""
    words = [line for line in (FOLDER / "rude_words.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    latin = [word for word in words if word.isascii() or word[0].isascii()]
    whole = rf"\b(?:{'|'.join(map(re.escape, latin))})\b"
    others = "|".join(re.escape(word) for word in words if word not in latin)
    return re.compile(f"{whole}|{others}", re.IGNORECASE)


def is_rude(sentence: str) -> bool:
    """Whether it insults somebody."""
    return rude_pattern().search(sentence) is not None
