"""The language that a text is written in.

Letters of another script tell at once. Between languages in Latin letters small words tell, and the names of what is
photographed most; what English has as well says nothing. It is asked of a few words, so a language model of letters
would guess: here a text is English until a word speaks against it.
"""

import re
import tomllib
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

SURELY = 2  # words of a language in Latin letters from which a question is taken to be in it
OTHERS = 0.3  # share of letters of another script from which a text is in it
DENSE = {"Chinese": 3, "Japanese": 3, "Korean": 3}  # Latin letters that say as much as one of these
BEGINNING = 1_000  # characters that are looked at
SPECIAL = {  # letters that English does not borrow with a word, and a language that has them
    **dict.fromkeys("\u00df\u00e4\u00f6\u00fc", "German"),
    **dict.fromkeys("\u0105\u0119\u0142\u015b\u017a\u017c\u0107\u0144", "Polish"),
    **dict.fromkeys("\u0131\u011f\u015f", "Turkish"),
    **dict.fromkeys("\u00e5\u00f8\u00e6", "Scandinavian"),
    **dict.fromkeys("\u0159\u0161\u010d\u017e\u011b\u016f", "Czech"),
    **dict.fromkeys("\u0151\u0171", "Hungarian"),
    **dict.fromkeys("\u0103\u021b\u0219", "Romanian"),
    **dict.fromkeys("\u00e3\u00f5", "Portuguese"),
    **dict.fromkeys(("\u0111", "\u01b0", "\u01a1", *map(chr, range(0x1EA0, 0x1EFA))), "Vietnamese"),
}
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
    "BENGALI": "Bengali",
}
CODES = {  # what is said of a text -> ISO 639-1
    **{"German": "de", "French": "fr", "Spanish": "es", "Italian": "it", "Portuguese": "pt", "Dutch": "nl"},
    **{"Turkish": "tr", "Indonesian": "id", "Polish": "pl", "Swedish": "sv", "Finnish": "fi", "Danish": "da"},
    **{"Norwegian": "no", "Czech": "cs", "Hungarian": "hu", "Romanian": "ro", "Vietnamese": "vi", "Chinese": "zh"},
    **{"Japanese": "ja", "Korean": "ko", "Cyrillic letters": "ru", "Arabic": "ar", "Hebrew": "he", "Greek": "el"},
    **{"Thai": "th", "Hindi": "hi", "Bengali": "bn"},
}
OWN_LETTERS = {  # of languages that share a script with a larger one
    "ru": ("uk", frozenset("\u0456\u0457\u0454\u0491")),
    "ar": ("fa", frozenset("\u067e\u0686\u0698\u06af\u06a9\u06cc")),
}
FILE_NAME = re.compile(
    r"[\w-]+\.[a-z][a-z0-9]{1,4}\b", re.ASCII | re.IGNORECASE
)  # says nothing of the language around it
LETTERS = re.compile(r"[^\W\d_]+")
SMALL_WORDS = """a an and are as at be behind by for from has have her his i in into is it its near no not of off on
    one or out over that the their there this to two under up was where while who with without what which when why how
    did does show find my"""
# English, file names or commands have these letters as well.
SHARED = """
    a am as auto chat de des do die em e en es hat homme in is kind la las le les lo los man mar no nos o on os pain
    rode se son sous strand sur un us van wit y des den dem do da hound adam air barn bergen boom com con dan dos
    est ev ile im ini jest met op pod rot rower sans semester sin ve w witte yang z za hus bil kar
"""
ENGLISH = frozenset(SMALL_WORDS.split())
NEUTRAL = ENGLISH | frozenset(SHARED.split())  # they speak for no language
FILE, SENTENCES = (Path(__file__).with_name(name) for name in ("languages.txt", "foreign.toml"))


@cache
def languages() -> dict[str, frozenset[str]]:
    """Language -> its words in the file."""
    paragraphs = FILE.read_text(encoding="utf-8").split("\n\n")[1:]
    pairs = (paragraph.split(":", 1) for paragraph in paragraphs)
    return {name: frozenset(words.split()) for name, words in pairs}


def language_of(text: str) -> str:
    """What a text seems to be written in, where that is not English; empty where it may well be English."""
    text = _normalise(text)
    return _script_language(text) or _latin_language(text)


def code_of(text: str) -> str:
    """The same as ISO 639-1, where letters of a script or two words say so; empty where it may well be English."""
    text = _normalise(text)
    if name := _script_language(text):
        code = CODES.get(name, "")
        other, letters = OWN_LETTERS.get(code, (code, frozenset[str]()))
        return other if letters & set(text) else code
    name = _latin_language(text)
    known = languages().get(name, frozenset())
    own = [word for word in LETTERS.findall(text) if word in known - NEUTRAL or _has_letter_of(name, word)]
    return CODES.get(name, "") if len(own) >= SURELY else ""


@cache
def foreign_sentences() -> dict[str, dict[str, str]]:
    """What is said in languages that no answer is written in: ISO 639-1 -> "unread" and "english" -> sentence."""
    return tomllib.loads(SENTENCES.read_text(encoding="utf-8"))


def _normalise(text: str) -> str:
    """The beginning in small letters, without names of files."""
    return FILE_NAME.sub(" ", unicodedata.normalize("NFC", text[:BEGINNING]).lower())


def _script_language(text: str) -> str:
    """By letters of another script, if there are enough of them."""
    letters = [letter for letter in text if letter.isalpha()]
    found = [said for letter in letters if not letter.isascii() and (said := _script(letter))]
    weight = sum(DENSE.get(said, 1) for said in found)
    if not found or weight < OTHERS * (len(letters) - len(found) + weight):
        return ""
    return "Japanese" if "Japanese" in found else max(found, key=found.count)


def _latin_language(text: str) -> str:
    """By words and letters that English does not have, if they are more than its small words; where it has all of them,
    by a language that has most of them, too.
    """
    words = LETTERS.findall(text)
    english = sum(word in ENGLISH for word in words)
    votes, speaks = Counter[str](), Counter[str]()
    for word in words:
        own = [name for name, known in languages().items() if word in known]
        speaks.update(own)
        if word not in NEUTRAL:
            votes.update(own or {SPECIAL[letter] for letter in word if letter in SPECIAL})
    first = max(votes, key=lambda name: (votes[name], speaks[name]), default="")  # between equals all words decide
    if not votes and not english and len(words) > 1:
        first = max(speaks, key=lambda name: speaks[name], default="")
        return first if 2 * speaks[first] > len(words) else ""
    return first if votes[first] > english else ""


def _has_letter_of(name: str, word: str) -> bool:
    return any(SPECIAL.get(letter) == name for letter in word)


def _script(letter: str) -> str:
    """What a letter beyond Latin speaks for."""
    name = unicodedata.name(letter, "").split(" ", 1)[0]
    return SCRIPTS.get(name.partition("-")[0], "")
