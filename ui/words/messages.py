"""What comes from below in English, errors and what jobs say, in the language of the page: a table of forms.

An error keeps its English message wherever it is raised, logged or kept; only the page says it otherwise. Each form
stands in messages.txt with its Chinese, and with what an English page says where the message names a command or a flag.
What fills it stays as it is, unless that is a form of the table itself. A text
that has no form is tried sentence by sentence; what is left stays English.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from ui.words.translation import Language

FILE, LABELS = (Path(__file__).with_name(name) for name in ("messages.txt", "labels.txt"))
SLOT = re.compile(r"\{(\w+)\}")
NUMBER = re.compile(r"n\d?")  # names of slots that numbers fill
COUNT, ANY = r"[\d.,]+", r".+?"  # what fills those, and what fills others
NAMED = "kind"  # how slots begin whose single word is looked up as well; elsewhere a single word is somebody's name
HAN = re.compile(r"[\u3400-\u9fff]")
SENTENCES = re.compile(r"(?<=[.!?]) (?=[A-Z])")
JOINTS = ((SENTENCES, "", "\u3002"), (re.compile(r"; "), "\uff1b", ""))  # then its Chinese
MOST_CHARS = 2_000  # of a text that is looked at
KNOWN = 4_096  # texts that are remembered: a list of failures is shown again and again


class MessageForm(NamedTuple):
    """A message with what fills it, and what is said for it."""

    pattern: re.Pattern[str]
    said: str


def say_message(text: str, language: Language) -> str:
    """The message in this language, as far as it is known."""
    if len(text) > MOST_CHARS:
        return text
    return _say_in_english(text) if language == "en" else _say(text)


@lru_cache(KNOWN)
def _say_in_english(text: str) -> str:
    """Without commands and flags, which nobody on a page can type; any other text as it is."""
    bare = text.removesuffix(".")
    end = text[len(bare) :]
    for form in read_page_forms():
        if found := form.pattern.fullmatch(bare):
            return form.said.format(**{name: _say_in_english(part) for name, part in found.groupdict().items()}) + end
    parts = SENTENCES.split(text)
    return " ".join(map(_say_in_english, parts)) if len(parts) > 1 else text


@lru_cache(KNOWN)
def _say(text: str) -> str:
    """In Chinese: as one of the forms, else part by part."""
    bare = text.removesuffix(".")
    if (filled := _fill(bare)) is not None:
        return filled if bare == text or filled.endswith("\u3002") else f"{filled}\u3002"
    for joint, between, end in JOINTS:
        if len(parts := joint.split(text)) > 1:
            said = [_say(part) for part in parts]
            if any(map(_is_said, said, parts)):
                return between.join(part if part.endswith((end, ".")) else part + end for part in said)
    return text


def _fill(text: str) -> str | None:
    """The first form that says something of it, filled; None where none does."""
    for form in read_forms():
        if found := form.pattern.fullmatch(text):
            parts = {name: _part(name, part) for name, part in found.groupdict().items()}
            filled = form.said.format(**parts)
            if _is_said(filled, text):
                return filled
    return None


def _part(name: str, text: str) -> str:
    """What fills a slot: another message without its full stop, or what it is."""
    return _say(text).removesuffix("\u3002") if " " in text or name.startswith(NAMED) else text


def _is_said(said: str, text: str) -> bool:
    """Whether it is Chinese in more than what somebody named."""
    return len(HAN.findall(said)) > len(HAN.findall(text))


@cache
def read_forms() -> tuple[MessageForm, ...]:
    """The forms with their Chinese, those with most letters of their own first."""
    return _compile_forms({english: row.chinese for english, row in read_rows().items()})


@cache
def read_page_forms() -> tuple[MessageForm, ...]:
    """The forms that an English page says otherwise, in the same order."""
    return _compile_forms({english: row.page for english, row in read_rows().items() if row.page})


def _compile_forms(said: Mapping[str, str]) -> tuple[MessageForm, ...]:
    rows = sorted(said.items(), key=lambda row: -len(SLOT.sub("", row[0])))
    return tuple(MessageForm(compile_form(english), text) for english, text in rows)


@cache
def read_labels() -> Mapping[str, str]:
    """English label of a photo -> Chinese, of those that no other table has."""
    lines = LABELS.read_text(encoding="utf-8").splitlines()[1:]
    return dict(line.split(": ") for line in lines)


class MessageRow(NamedTuple):
    """What a page says for a message."""

    chinese: str
    page: str = ""  # in English, where that is not the message itself


def read_rows() -> Mapping[str, MessageRow]:
    """The table: English form -> what is said for it."""
    paragraphs = FILE.read_text(encoding="utf-8").strip().split("\n\n")[1:]
    lines = ([line.replace(r"\n", "\n") for line in paragraph.split("\n")] for paragraph in paragraphs)
    return {english: MessageRow(*said) for english, *said in lines}


def compile_form(english: str) -> re.Pattern[str]:
    """The pattern of a form: its slots are groups, and one that comes again is the same again."""
    seen: set[str] = set()
    pattern = ""
    for n, part in enumerate(SLOT.split(english)):
        if n % 2 == 0:
            pattern += re.escape(part)
        else:
            filling = COUNT if NUMBER.fullmatch(part) else ANY
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{filling})"
            seen.add(part)
    return re.compile(pattern, re.DOTALL)
