"""The words of a question over a table: which of them a cell or a header says too, and which say nothing about rows.

English words are compared by their stems, Chinese by the letters that two texts share. Words for one thing are one
concept in both languages. The tables are table_words.toml.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from deepseek_mm.language.words import singular

PARTS = ("operations", "filters", "asks", "patterns")  # of the file, which hold patterns
FILE = Path(__file__).with_name("table_words.toml")
TOKEN = re.compile(
    r"[\u4e00-\u9fff]|\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?(?![^\W\d_])|[^\W_\u4e00-\u9fff]+(?:['-][^\W\d_]+)*"
)
PHRASAL = re.compile(r"\b(check|pick|drop|sign) (in|out|up|off)\b", re.IGNORECASE)  # one word with a hyphen
CHINESE = re.compile(r"[\u4e00-\u9fff]+")
SHARED_START, SHARED_SHARE = 5, 0.6  # letters that two words begin with alike, and their share of the longer one
LONG_ENOUGH = 4  # letters of a word that takes an ending
ENDINGS = frozenset(("th", "er", "or", "ing", "ed", "al", "ly", "ment", "ion", "ity", "fall", "ness", "ship"))
SHORTEST = 2  # Chinese letters that two texts have to share
IRREGULAR_VERBS = {
    **{"won": "win", "lost": "lose", "sold": "sell", "bought": "buy", "left": "leave", "drawn": "draw", "drew": "draw"},
    **{
        "ran": "run",
        "flew": "fly",
        "grew": "grow",
        "grown": "grow",
        "taught": "teach",
        "built": "build",
        "fell": "fall",
    },
    **{"spoke": "speak", "swam": "swim", "drove": "drive", "slept": "sleep", "wrote": "write", "met": "meet"},
}
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class WordTables:
    """What table_words.toml says."""

    operations: Mapping[str, re.Pattern[str]]
    filters: Mapping[str, re.Pattern[str]]
    asks: Mapping[str, re.Pattern[str]]
    patterns: Mapping[str, re.Pattern[str]]
    names: Mapping[str, frozenset[str]]  # a stem or Chinese word -> its concepts
    roles: Mapping[str, frozenset[str]]  # the same -> kinds of columns
    wider: Mapping[str, frozenset[str]]  # a concept -> those that it is a kind of: dinner is food
    free: frozenset[str]  # stems
    free_phrases: tuple[str, ...]  # Chinese, the longest first
    longest: int  # Chinese letters of a word


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A word or number, or one Chinese letter, and where it stands."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def is_chinese(self) -> bool:
        """Whether it is one Chinese letter."""
        return bool(CHINESE.fullmatch(self.text))


@cache
def word_tables() -> WordTables:
    """The file, read once."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    free = told["free"]
    patterns = {part: {name: re.compile(text, re.IGNORECASE) for name, text in told[part].items()} for part in PARTS}
    names, roles = group_words(told["concepts"]), group_words(told["roles"])
    return WordTables(
        operations=patterns["operations"],
        filters=patterns["filters"],
        asks=patterns["asks"],
        patterns=patterns["patterns"],
        names=names,
        roles=roles,
        wider=group_words(told["kinds"]),
        free=frozenset(map(stem, free["words"].split())),
        free_phrases=tuple(sorted({*free["phrases"].split(), *free["chars"]}, key=len, reverse=True)),
        longest=max(len(word) for word in (*names, *roles) if CHINESE.search(word)),
    )


def pattern(name: str) -> re.Pattern[str]:
    """One of the file's [patterns], in both languages; capitals do not matter."""
    return word_tables().patterns[name]


def group_words(groups: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Each word -> the groups that it stands in."""
    found: dict[str, set[str]] = {}
    for name, words in groups.items():
        for word in words.split():
            found.setdefault(stem(word), set()).add(name)
    return {word: frozenset(group) for word, group in found.items()}


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """One spelling of a word: Trains' -> train, 3rd -> 3."""
    plain = strip_accents(word.lower()).replace("\u2019", "'").removesuffix("'s").removesuffix("'")
    if plain[:1].isdigit():
        return re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", plain).replace(",", "")
    return IRREGULAR_VERBS.get(plain) or singular(plain)


@lru_cache(maxsize=20_000)
def tokens_of(text: str) -> tuple[Token, ...]:
    """Words, numbers and single Chinese letters, in order."""
    return tuple(
        Token(text=match[0], stem=stem(match[0]), start=match.start(), end=match.end())
        for match in TOKEN.finditer(PHRASAL.sub(r"\1-\2", text.replace("\u2019", "'")))
    )


def strip_accents(word: str) -> str:
    """Letters without their accents."""
    if word.isascii():
        return word
    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))


@lru_cache(maxsize=50_000)
def are_alike(one: str, other: str) -> bool:
    """Whether two stems are one word in other forms: plumber and plumbing, grow and growth, run and runner."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    if longer.startswith(shorter) and is_ending(shorter, longer[len(shorter) :]):
        return True
    if len(shorter) < LONG_ENOUGH or not one.isalpha() or not other.isalpha():
        return False
    if shorter[-1] == "e" and longer.startswith(shorter[:-1]) and longer[len(shorter) - 1 :] in ENDINGS:
        return True
    if len(shorter) < SHARED_START:
        return False
    shared = next((n for n, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    return shared >= SHARED_START and shared / len(longer) >= SHARED_SHARE


def is_ending(word: str, rest: str) -> bool:
    """Whether a word with this at its end is another form of it."""
    if len(word) >= LONG_ENOUGH and rest in ENDINGS:
        return True
    return len(word) >= LONG_ENOUGH - 1 and rest[:1] == word[-1:] and rest[1:] in ENDINGS


@lru_cache(maxsize=20_000)
def concept_spans(text: str, *, of_columns: bool = False) -> tuple[tuple[int, int, str], ...]:
    """Where a text names a concept, or a kind of column: first letter, the one after the last, its name."""
    tables = word_tables()
    known = tables.roles if of_columns else tables.names
    spans = [
        (token.start, token.end, name)
        for token in tokens_of(text)
        if not token.is_chinese
        for name in known.get(token.stem, NOTHING)
    ]
    for run in CHINESE.finditer(text):
        at = run.start()
        while at < run.end():
            ends = range(min(run.end(), at + tables.longest), at, -1)
            end = next((end for end in ends if text[at:end] in known), at + 1)
            spans += [(at, end, name) for name in known.get(text[at:end], NOTHING)]
            at = end
    return tuple(spans)


@lru_cache(maxsize=20_000)
def concepts_of(text: str, *, of_columns: bool = False) -> frozenset[str]:
    """The concepts, or kinds of columns, that a text names."""
    return frozenset(name for _, _, name in concept_spans(text, of_columns=of_columns))


def widen(names: frozenset[str]) -> frozenset[str]:
    """With what these are kinds of: who asks for food means dinner too, and not the other way round."""
    wider = word_tables().wider
    return names.union(*(wider.get(name, NOTHING) for name in names))


class AskedWords:
    """The words of a question, known by their places."""

    def __init__(self, text: str) -> None:
        """Places count tokens from 0."""
        self.text = text
        self.tokens = tokens_of(text)
        self.free = self._find_free()
        spans = concept_spans(text)
        self.concepts = {n: {name for a, b, name in spans if a <= t.start < b} for n, t in enumerate(self.tokens)}
        self._named = [(a, b) for a, b, _ in spans if b - a > 1]
        roles = concept_spans(text, of_columns=True)
        self.roles = {n: {name for a, b, name in roles if a <= t.start < b} for n, t in enumerate(self.tokens)}

    def _find_free(self) -> frozenset[int]:
        """Places of words that select nothing; Chinese ones by the longest that fits."""
        tables, found = word_tables(), set[int]()
        for n, token in enumerate(self.tokens):
            if not token.is_chinese and token.stem in tables.free:
                found.add(n)
        for run in CHINESE.finditer(self.text):
            at = run.start()
            while at < run.end():
                phrase = next((each for each in tables.free_phrases if self.text.startswith(each, at)), "")
                known = max(
                    (end for end in range(at + 1, run.end() + 1) if self.text[at:end] in tables.names), default=at
                )
                if known - at > max(1, len(phrase)):
                    at = known
                    continue
                found |= self.within(at, at + len(phrase))
                at += max(1, len(phrase))
        return frozenset(found)

    def within(self, start: int, end: int) -> set[int]:
        """Places of the tokens between two letters."""
        return {n for n, token in enumerate(self.tokens) if start <= token.start < end}

    def cover(self, phrase: str, *, as_column: bool = False, literal: bool = False) -> frozenset[int]:
        """Places that a phrase says too, in the same word or (unless `literal`) another one for the same thing."""
        said, named = tokens_of(phrase), NOTHING if literal else widen(concepts_of(phrase))
        stems = {token.stem for token in said if not token.is_chinese}
        found = {n for n, names in self.concepts.items() if names & named}
        if as_column:
            kinds = concepts_of(phrase, of_columns=True)
            found |= {n for n, roles in self.roles.items() if roles & kinds}
        for n, token in enumerate(self.tokens):
            if not token.is_chinese and any(are_alike(token.stem, other) for other in stems):
                found.add(n)
        return frozenset(found | self._shared_letters(phrase))

    def _shared_letters(self, phrase: str) -> set[int]:
        """Places of Chinese letters in runs that the phrase has too; one letter counts where it is the whole phrase."""
        runs = CHINESE.findall(phrase)
        found: set[int] = set()
        for asked in CHINESE.finditer(self.text) if runs else ():
            for start in range(asked.start(), asked.end()):
                parts = ((start, end) for end in range(asked.end(), start, -1))
                longest = next((part for part in parts if self._is_shared(*part, runs)), (0, 0))
                found |= self.within(*longest)
        return found

    def _is_shared(self, start: int, end: int, runs: Sequence[str]) -> bool:
        """Whether some run of Chinese letters holds this part of the question, which cuts no word in two."""
        part = self.text[start:end]
        cuts = any(a < end and start < b and not (start <= a and b <= end) for a, b in self._named)
        return not cuts and (end - start >= SHORTEST or part in runs) and any(part in run for run in runs)

    def text_of(self, places: Iterable[int]) -> str:
        """The words at these places, as they were written."""
        chosen = [self.tokens[n] for n in sorted(places)]
        joined = ""
        for before, token in zip([None, *chosen], chosen, strict=False):
            apart = before is not None and before.end != token.start
            joined += (" " if apart else "") + token.text
        return joined
