"""What `train languages` learns from: captions in two languages, and texts whose place in the space is known.

A caption belongs to a photo. Its English original, where it has one, says where it should lie; so does English of every
kind (questions, instructions, commands, names), which keeps words that no caption speaks of in their places. The names
of emoji are the same in fourteen languages (Unicode's annotations, out of the package `emoji`); every tenth is held
out.

Shape key:  N texts
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from deepseek_mm.embeddings.towers import package_folder
from deepseek_mm.evaluation.retrieval import CaptionRow, read_rows
from deepseek_mm.vision.vocabulary import read_names

ENGLISH, CHINESE, TRANSLATED, BROAD, NAMES = KINDS = ("english", "chinese", "translated", "broad", "names")
NOWHERE = -1  # photo of a text that is no caption
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "orange")
ENDS = " .\u3002"  # that people leave out when they search
TONES, FLAGS, JOINERS = range(0x1F3FB, 0x1F400), range(0x1F1E6, 0x1F200), range(0xFE0F, 0xFE10)  # letters of emoji


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedText:
    """A text, and what it belongs to."""

    text: str
    kind: str  # one of KINDS
    photo: int = NOWHERE
    original: str = ""  # English whose vector is where it should lie; empty where only the photo says it


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCounts:
    """How many texts of each kind are read."""

    english_each: int = 2  # captions of a photo
    chinese_each: int = 3
    translated_each: int = 2
    broad: int = 3_000  # of each source of English


@dataclass(frozen=True, kw_only=True, slots=True)
class ChineseRow:
    """One photo and what is said of it in Chinese, by people and by a machine that translated the English captions."""

    image: str
    captions: tuple[str, ...]
    translated: tuple[str, ...]


def read_chinese_rows(file: Path, *, split: str) -> list[ChineseRow]:
    """Rows `{image, captions, translated}` of a JSONL file. Raises what `read_rows` raises."""
    return read_rows(
        file,
        lambda row: ChineseRow(
            image=row["image"], captions=tuple(row["captions"]), translated=tuple(row.get("translated", ()))
        ),
        shape="{image, captions, translated}",
        split=split,
    )


def place_captions(
    english: Sequence[CaptionRow], chinese: Sequence[ChineseRow], counts: TextCounts
) -> Iterator[PlacedText]:
    """Captions of both languages; every second one without capitals and full stop, as people search."""
    by_image = {row.image: row for row in chinese}
    for photo, row in enumerate(english):
        other = by_image[row.image]
        for number, text in enumerate(row.captions[: counts.english_each]):
            text = type_plainly(text) if (photo + number) % 2 else text
            yield PlacedText(text=text, kind=ENGLISH, photo=photo, original=text)
        for number, text in enumerate(other.captions[: counts.chinese_each]):
            text = type_plainly(text) if (photo + number) % 2 else text
            yield PlacedText(text=text, kind=CHINESE, photo=photo)
        pairs = zip(row.captions, other.translated, strict=False)
        for number, (text, translated) in enumerate(islice(pairs, counts.translated_each)):
            translated = type_plainly(translated) if (photo + number) % 2 else translated
            yield PlacedText(text=translated, kind=TRANSLATED, photo=photo, original=text)


def type_plainly(text: str) -> str:
    """Without capitals and the full stop."""
    return text.lower().strip(ENDS)


def place_broad(questions: Path, texts: Path, reading: Path, *, most: int) -> Iterator[PlacedText]:
    """English of every kind, at most so many of a source: questions on photos, instructions, commands, passages."""
    sources = (
        [row["question"] for row in read_lines(questions) if row["split"] == "train"],
        [row["instruction"] for row in read_lines(texts / "dolly_nocontext.jsonl")],
        [row["description"] for row in read_lines(texts / "tldr_en.jsonl")],
        [row["question"] for row in read_lines(reading / "squad2_en_train.jsonl")],
        [row["context"] for row in read_lines(reading / "squad2_en_train.jsonl")],
        [*phrase_names(read_names())],
    )
    for source in sources:
        unique = list(dict.fromkeys(source))
        Random(len(unique)).shuffle(unique)
        for text in unique[:most]:
            yield PlacedText(text=text, kind=BROAD, original=text)


def phrase_names(names: Sequence[str]) -> Iterator[str]:
    """Each by itself, in a photo, and in a colour."""
    for number, name in enumerate(names):
        yield from (name, f"a photo of a {name}", f"{COLOURS[number % len(COLOURS)]} {name}")


def read_lines(file: Path) -> list[dict[str, str]]:
    """Rows of a JSONL file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def place_names(*, held_out: bool = False) -> Iterator[PlacedText]:
    """Names of emoji in fourteen languages, each where the English one lies."""
    folder = package_folder("emoji", distribution="emoji", needed_for="names of things in many languages")
    english = json.loads((folder / "unicode_codes" / "emoji.json").read_text(encoding="utf-8"))
    files = sorted((folder / "unicode_codes").glob("emoji_*.json"))
    languages = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    for emoji in filter(is_thing, english):
        if is_held_out(emoji) is held_out:
            original = plain_name(english[emoji]["en"])
            for name in dict.fromkeys([original, *(plain_name(own.get(emoji, "")) for own in languages)]):
                if name:
                    yield PlacedText(text=name, kind=NAMES, original=original)


def is_thing(emoji: str) -> bool:
    """Whether it is a picture of its own: no flag, no other skin or hair of another one."""
    return not any(ord(letter) in other for letter in emoji for other in (TONES, FLAGS, JOINERS))


def is_held_out(emoji: str) -> bool:
    """Every tenth, by its digest."""
    return hashlib.sha256(emoji.encode()).digest()[0] % 10 == 0


def plain_name(name: str) -> str:
    """ ":mountain_with_snow:" as words."""
    return name.strip(":").replace("_", " ").replace("-", " ")
