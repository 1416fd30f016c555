"""The words of questions about whole documents: what is asked, which kind of document, and what is left as the topic.

The tables are document_words.toml. English words are compared by their stems, Chinese by pairs of signs.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_mm.answering.table_programs.words import are_alike, stem
from deepseek_mm.language.words import content

FILE = Path(__file__).with_name("document_words.toml")
HAN = re.compile(r"[\u3400-\u9fff]+")
WIDE = 0.25  # share of Chinese signs among the letters of a text, from which it is one
SMALL = {name: n for n, names in enumerate(["one first erste", "two second zweite zwei", "three third dritte drei", "four fourth vierte vier", "five fifth fünf", "six sixth sechs", "seven seventh", "eight eighth", "nine ninth", "ten tenth"], 1) for name in names.split()}  # fmt: skip # noqa: E501
HAN_DIGITS = {sign: n for n, sign in enumerate("\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d", 1)} | {"\u4e24": 2}  # fmt: skip # noqa: E501
PATTERNS = ("nobody", "negated", "reason", "i_speak", "other_ones")  # of people
TEN = "\u5341"


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentWords:
    """What document_words.toml says."""

    asks: Mapping[str, re.Pattern[str]]
    stances: Mapping[str, re.Pattern[str]]
    points: Mapping[str, re.Pattern[str]]  # what speaks for a sentence that stands for others, or against it
    nouns: Mapping[str, str]  # "objection": the verb of it
    facts: Mapping[str, re.Pattern[str]]
    kinds: Mapping[str, re.Pattern[str]]
    names: Mapping[str, str]  # the words of each kind
    plurals: re.Pattern[str]  # kinds of documents, where several are named
    formats: Mapping[str, frozenset[str]]
    free: frozenset[str]  # stems
    nothing: re.Pattern[str]  # Chinese words and signs that say nothing
    people: Mapping[str, re.Pattern[str]]  # how people are spoken of
    surnames: str  # Chinese
    titles: tuple[str, ...]  # behind a Chinese name
    bodies: frozenset[str]  # that speak in English: "the board"
    groups: tuple[str, ...]  # that speak in Chinese
    not_names: frozenset[str]  # words in capitals that are nobody's name
    not_people: frozenset[str]  # the same of Chinese


@cache
def document_words() -> DocumentWords:
    """The file, read once."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    patterns = {
        part: {name: re.compile(text, re.IGNORECASE) for name, text in told[part].items()}
        for part in ("asks", "stances", "facts", "points")
    }
    words = [word for line in told["kinds"].values() for word in line.split()]
    several = [word for word in words if word.isascii() and word.endswith("s") and word not in ("minutes", "slides")]
    free, people = told["free"], told["people"]
    phrases = sorted([*free["phrases"].split(), *free["chars"]], key=len, reverse=True)
    return DocumentWords(
        kinds={name: match_any(line.split()) for name, line in told["kinds"].items()},
        nouns=told["nouns"],
        names=told["kinds"],
        plurals=match_any(several),
        formats={name: frozenset(line.split()) for name, line in told["formats"].items()},
        free=frozenset(map(stem, free["words"].split())),
        nothing=re.compile("|".join(map(re.escape, phrases))),
        people={name: re.compile(text) for name, text in people.items() if name in PATTERNS},
        surnames=people["surnames"],
        titles=tuple(people["titles"].split()),
        bodies=frozenset(people["bodies"].split()),
        groups=tuple(people["groups"].split()),
        not_names=frozenset(people["not_names"].split()),
        not_people=frozenset(people["not_people"].split()),
        **patterns,
    )


def match_any(words: list[str]) -> re.Pattern[str]:
    """Any of these words, the longest first; Chinese ones wherever they stand."""
    ordered = sorted(words, key=len, reverse=True)
    parts = [re.escape(word) if HAN.search(word) else rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" for word in ordered]
    return re.compile("|".join(parts), re.IGNORECASE)


def asks(name: str, text: str) -> bool:
    """Whether a text asks so: "compare", "who", "summary", ..."""
    return document_words().asks[name].search(text) is not None


def kinds_in(text: str) -> list[str]:
    """Kinds of documents that a text names; "document" stands for any and comes last."""
    return [name for name, pattern in document_words().kinds.items() if pattern.search(text)]


def stances_in(text: str) -> list[str]:
    """How somebody speaks, by the words of a text."""
    return [name for name, pattern in document_words().stances.items() if pattern.search(text)]


def is_wide(text: str) -> bool:
    """Whether it is written in Chinese."""
    letters = sum(map(str.isalpha, text))
    return sum(map(len, HAN.findall(text))) > WIDE * letters


def topic_words(text: str) -> frozenset[str]:
    """What a text is about: stems of English words and pairs of Chinese signs, without those that only ask."""
    words = document_words()
    plain = HAN.sub(" ", text).replace("_", " ")
    english = {stem(word) for word in content(plain)} - words.free
    return frozenset({word for word in english if len(word) > 1} | pairs_in(words.nothing.sub(" ", text)))


def pairs_in(text: str) -> set[str]:
    """Pairs of Chinese signs."""
    return {run[n : n + 2] for run in HAN.findall(text) for n in range(len(run) - 1)}


def without(text: str, *patterns: re.Pattern[str]) -> str:
    """A text without what these patterns find."""
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return text


def share_said(topic: frozenset[str], text: str) -> float:
    """The share of the topic's words that a text says, 0 to 1; 0 of no topic."""
    if not topic:
        return 0.0
    said = {stem(word) for word in content(HAN.sub(" ", re.sub(r"[-_.]+", " ", text)))}
    pairs = pairs_in(text)
    found = [word for word in topic if word in pairs or any(are_alike(word, other) for other in said)]
    return len(found) / len(topic)


def read_count(word: str) -> int:
    """A small number in figures, as a word, or in Chinese; 0 where it is none."""
    digits = re.match(r"\d+", word)
    if digits:
        return int(digits[0])
    if TEN in word:
        tens, _, ones = word.partition(TEN)
        return 10 * HAN_DIGITS.get(tens, 1) + HAN_DIGITS.get(ones, 0)
    return HAN_DIGITS.get(word, 0) or SMALL.get(word.lower(), 0)
