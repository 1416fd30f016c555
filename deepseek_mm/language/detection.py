"""Is a search in English? The packaged towers read English only: other words find what is near by chance.

Letters of another script tell at once. Between languages in Latin letters small words tell, and the names of what is
photographed most; what English has as well says nothing. It is asked of a few words, so a language model of letters
would guess: here a search is English until a word speaks against it.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

OTHERS = 0.3  # share of letters of another script from which a search is in it
SCRIPTS = {  # how Unicode names their letters -> what is said of them
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CJK": "Chinese",
    "CYRILLIC": "Cyrillic letters",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "GREEK": "Greek",
    "THAI": "Thai",
    "DEVANAGARI": "Hindi",
}
LETTERS = re.compile(r"[^\W\d_]+")
SMALL_WORDS = """a an and are as at be behind by for from has have her his i in into is it its near no not of off on
    one or out over that the their there this to two under up was where while who with without"""
SHARED = """a am as auto chat de des do die em e en es hat homme in is kind la las le les lo los man mar no nos o on os
    pain rode se son sous strand sur un us van wit y des den dem do da hound"""  # English has these letters as well
ENGLISH = frozenset(SMALL_WORDS.split())
NEUTRAL = ENGLISH | frozenset(SHARED.split())  # they speak for no language
FILE = Path(__file__).with_name("languages.txt")


@cache
def languages() -> dict[str, frozenset[str]]:
    """Language -> its words in the file."""
    paragraphs = FILE.read_text(encoding="utf-8").split("\n\n")[1:]
    pairs = (paragraph.split(":", 1) for paragraph in paragraphs)
    return {name: frozenset(words.split()) for name, words in pairs}


def language_of(text: str) -> str:
    """What a search seems to be written in, where that is not English; empty where it may well be English."""
    letters = [letter for letter in unicodedata.normalize("NFC", text) if letter.isalpha()]
    found = [said for letter in letters if (said := _script(letter))]
    if letters and len(found) >= OTHERS * len(letters):
        return "Japanese" if "Japanese" in found else max(found, key=found.count)
    words = LETTERS.findall(unicodedata.normalize("NFC", text).lower())
    english = sum(word in ENGLISH for word in words)
    speaks = {name: [word for word in words if word in own] for name, own in languages().items()}
    votes = {name: sum(word not in NEUTRAL for word in own) for name, own in speaks.items()}
    first = max(votes, key=lambda name: (votes[name], len(speaks[name])))  # between equals all words decide
    return first if votes[first] > english else ""


def _script(letter: str) -> str:
    """What a letter beyond Latin speaks for."""
    name = unicodedata.name(letter, "").split(" ", 1)[0]
    return SCRIPTS.get(name.partition("-")[0], "")
