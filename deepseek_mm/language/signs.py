"""Words on signs: the language they are in, and what they mean; the table is signs.txt."""

import re
from functools import cache
from pathlib import Path

from deepseek_mm.language.detection import language_of

FILE = Path(__file__).with_name("signs.txt")
WORDS = re.compile(r"[^\W\d_]+")


@cache
def signs() -> dict[str, dict[str, str]]:
    """Word of a sign, in lower case -> language -> what it means; languages in the order of the file."""
    found: dict[str, dict[str, str]] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        language, _, pairs = line.partition(":")
        if not line.startswith("#"):
            for pair in pairs.split(";"):
                word, _, meaning = pair.partition("=")
                found.setdefault(word.strip(), {}).setdefault(language, meaning.strip())
    return found


def sign_languages(text: str) -> list[str]:
    """Languages that the words of a sign may be in, the likeliest first; empty where nothing speaks for any."""
    votes: dict[str, int] = {}
    for phrase in phrases_of(text):
        for language in signs().get(phrase, {}):
            votes[language] = votes.get(language, 0) + 1
    likely = [language for language, count in votes.items() if count == max(votes.values())]
    guess = language_of(text)
    return likely or ([guess] if guess else [])


def meanings(text: str) -> dict[str, str]:
    """Words of the text that the table knows, with what they mean; those that are English already are left out."""
    known = ((phrase, signs()[phrase]) for phrase in phrases_of(text) if phrase in signs())
    found = {phrase: next(iter(told.values())) for phrase, told in known}
    return {phrase: meaning for phrase, meaning in found.items() if meaning != phrase}


def phrases_of(text: str) -> list[str]:
    """Its runs of one to three words, in lower case."""
    words = WORDS.findall(text.lower())
    return [" ".join(words[n : n + size]) for size in (1, 2, 3) for n in range(len(words) - size + 1)]
