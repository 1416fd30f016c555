"""Sentences that skills say in English, in the language of whoever asked: a table of the program's own sentences.

Skills that look at photos and documents put what they found into English sentences of a few forms. Each form stands in
own_sentences.txt with its Chinese and German; what fills it is a file's name or a quotation, which stays as it is, or a
name, of which names.txt knows the commonest. A sentence of no known form stays English, and so does an unknown name.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.wording import choose_locale, join_in, say
from deepseek_mm.language.words import COLOURS, join_sentences, singular

FOLDER = Path(__file__).parent
SENTENCES_FILE, NAMES_FILE = FOLDER / "own_sentences.txt", FOLDER / "names.txt"
MEASURES_FILE, ANY_MEASURE = FOLDER / "measure_words.txt", "\u4e2a"
BARE_NAME = r"(?:\"[^\"]+\"|[^\s\"]+)\.\w{1,8}\"?"  # of a file
FILE_NAME = rf"{BARE_NAME}(?: \(\"[^\"]*\"\))?"  # with what is noted of it
SLOTS = {
    "f": FILE_NAME,
    "g": FILE_NAME,
    "n": r"\d+",
    "m": r"\d+",
    "w": rf"in (?:this photo|this picture|{FILE_NAME})",
    "d": r"(?:probably |perhaps )?",
    "q": r".+?",
    "b": r".+?",
    "o": r"[^\"]+?",
    **dict.fromkeys("sxy", r"[^\"]+?"),
}
SLOT = re.compile(r"\{(\w)\}")
OPTIONAL = re.compile(r"\\\((\w+)\\\)")  # letters that another form has: "photo(s)"
NOTED = re.compile(rf"(?P<name>{BARE_NAME}) \(\"(?P<note>[^\"]*)\"\)")  # a file and its note
INSTEAD = {"are": "is", "in": "at", "this": "the"}  # a word in brackets that stands for the one before it
PIECES = re.compile(  # between sentences, not in a quotation
    r"(?<=[.!?]) (?=[A-Z])(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)(?![^\u201c]*\u201d)"
)
LEADS = re.compile(rf"({FILE_NAME}|[^\":.]{{1,40}}): (.+)", re.DOTALL)  # what is told first, and a sentence behind it
BOUNDS = re.compile(r" (?=(?:from|of type|in the (?:collection|folder)|tagged|without) )")  # between two of them
VERDICT = re.compile(r"(Yes|No), [^\"]+$")
DOUBTS = {"probably": {"zh": "很可能", "de": "wahrscheinlich "}, "perhaps": {"zh": "可能", "de": "vielleicht "}}
THIS_PHOTO = {"zh": "这张照片里", "de": "auf diesem Foto"}
PLACES = {  # words before a place -> around it in Chinese, before it in German
    "on": ("在{}上", "auf"),
    "in": ("在{}里", "in"),
    "at": ("在{}", "bei"),
    "near": ("在{}附近", "bei"),
    "under": ("在{}下面", "unter"),
    "behind": ("在{}后面", "hinter"),
    "beside": ("在{}旁边", "neben"),
    "next to": ("在{}旁边", "neben"),
    "in front of": ("在{}前面", "vor"),
}
PLACED = re.compile(rf"({'|'.join(sorted(PLACES, key=len, reverse=True))}) (.+)")
DATIVE = {"der": "dem", "die": "der", "das": "dem"}
GERMAN_ARTICLE = re.compile(
    r"^(?:d(?:er|ie|as|en|em|es)|(?:k?ein|mein|dein|ihr|sein)(?:e[nmrs]?)?|viele|alle)\s+", re.IGNORECASE
)
INDEFINITE = {"der": "ein", "die": "eine", "das": "ein"}


class SentenceForm(NamedTuple):
    """A sentence with what fills it, and what is said for it."""

    pattern: re.Pattern[str]
    said: Mapping[str, str]  # by language


class KnownName(NamedTuple):
    """A name in other languages."""

    zh: str
    de: str = ""  # without its article; empty where it is not known
    article: str = ""  # of the German noun
    many: str = ""  # German, of several
    also: tuple[str, ...] = ()  # other Chinese words for it


def translate_own(text: str, language: str, subject: str = "") -> str:
    """The sentences in this language, as far as they are known; `subject` is what was asked about, in its words."""
    locale = choose_locale(language)
    if locale == "en" or not text:
        return text
    return join_sentences(translate_sentence(piece, locale, subject) for piece in PIECES.split(text))


def translate_sentence(text: str, locale: str, subject: str = "") -> str:
    """One sentence, with or without its full stop."""
    bare = text.removesuffix(".")
    if locale == "zh" and (noted := NOTED.fullmatch(bare)):
        return f"{noted['name']}\uff08\u201c{noted['note']}\u201d\uff09" + ("\u3002" if bare != text else "")
    if (said := fill_form(bare, locale, subject)) is None:
        led = LEADS.fullmatch(bare)
        rest = fill_form(led[2], locale, subject) if led else None
        if (led is None or rest is None) and (verdict := shorten_verdict(bare)):
            return translate_sentence(verdict + text[len(bare) :], locale, subject)
        if led is None or rest is None:
            return translate_name(bare, locale) + text[len(bare) :]
        first = led[1] if re.fullmatch(FILE_NAME, led[1]) else translate_name(led[1], locale)
        said = f"{first}{say('count.colon', locale)}{rest}"
    return said + ("。" if locale == "zh" else ".") if bare != text else said


def shorten_verdict(text: str) -> str:
    """Whether something is so, without what: of "Yes, she is probably smiling" yes, probably; "" of other sentences."""
    found = VERDICT.match(text)
    if found is None:
        return ""
    plain = "Yes, that is so" if found[1] == "Yes" else "No, that is not so"
    likely = "Yes, probably" if found[1] == "Yes" else "No, probably not"
    guessed = f"{found[1]}, I would guess, but I am not sure"
    short = guessed if "I would guess" in text else likely if "probably" in text else plain
    return short if short != text else ""


def fill_form(text: str, locale: str, subject: str) -> str | None:
    """The first form that the sentence has, filled; None where it has none."""
    for form in read_forms():
        if found := form.pattern.fullmatch(text):
            parts = {slot: fill_slot(slot, part or "", locale, subject) for slot, part in found.groupdict().items()}
            said = form.said[locale].format(**parts)
            named = form.said[locale].startswith("{f}")  # a file is called as it is called
            return said[:1].upper() + said[1:] if locale == "de" and text[:1].isupper() and not named else said
    return None


def fill_slot(slot: str, part: str, locale: str, subject: str) -> str:
    """What a part of a sentence is in this language."""
    if slot == "d":
        return DOUBTS[part.strip()][locale] if part else ""
    if slot == "w":
        named = part.removeprefix("in ")
        return THIS_PHOTO[locale] if named.startswith("this ") else f"{named} 里" if locale == "zh" else f"in {named}"
    if slot == "b":
        told = [fill_form(bound, locale, "") or bound for bound in BOUNDS.split(part)]
        return say("count.comma", locale).join(told)
    if slot == "o" and subject:
        return subject
    known = translate_name(part, locale) if slot in "osxy" else part
    return subject if slot == "s" and subject and known == part else known


def translate_name(text: str, locale: str) -> str:
    """A name, several of them, a number of things, or a place; what is not known stays as it is."""
    if locale == "en":
        return text
    name = text if text in read_names() else text[:1].lower() + text[1:]
    if known := find_name(name, locale):
        return known.zh if locale == "zh" else known.de
    parts = re.split(r", | and ", text)
    if len(parts) > 1:
        told = [translate_name(part, locale) for part in parts]
        return join_in(told, locale) if all(a != b for a, b in zip(parts, told, strict=True)) else text
    if placed := PLACED.fullmatch(name):
        return translate_place(placed[1], placed[2], locale) or text
    first, _, rest = name.partition(" ")
    if known := find_name(rest, locale):
        if first.isdigit():
            return (
                f"{first}{find_measure(rest)}{known.zh}"
                if locale == "zh"
                else f"{first} {known.de if first == '1' else known.many or known.de}"
            )
        if first in ("a", "an", "the"):
            return known.zh if locale == "zh" else f"{with_german_article(first, known)}{known.de}"
    return text


def with_german_article(article: str, known: KnownName) -> str:
    """The German article and a space; none where the noun has none."""
    return f"{INDEFINITE[known.article] if article != 'the' else known.article} " if known.article else ""


def translate_place(before: str, name: str, locale: str) -> str:
    """ "on a table" as a place; empty where the name is not known."""
    first, _, rest = name.partition(" ")
    known = find_name(rest if first in ("a", "an", "the") else name, locale)
    if known is None:
        return ""
    around, german = PLACES[before]
    if locale == "zh":
        return around.format(known.zh)
    return f"{german} {f'{DATIVE[known.article]} ' if known.article else ''}{known.de}"


def find_name(name: str, locale: str) -> KnownName | None:
    """A name of the table that this language has, also of several; None of others."""
    names = read_names()
    known = names.get(name) or names.get(singular(name)) or names.get(name.title())  # a place in small letters
    if known is None and locale == "zh":
        return find_coloured(name)
    if known is None or not getattr(known, locale):
        return None
    return KnownName(known.zh, known.many or known.de) if name not in names and known.article else known


def find_coloured(name: str) -> KnownName | None:
    """Of "red car", in Chinese."""
    colour, _, thing = name.partition(" ")
    known = find_name(thing, "zh") if thing and colour in COLOURS and colour in read_names() else None
    return KnownName(f"{read_names()[colour].zh}\u7684{known.zh}") if known else None


@cache
def find_measure(name: str) -> str:
    """What Chinese counts these things with."""
    thing = singular(name)
    return next(
        (word for word, kinds in read_measures() if any(is_kind_of(thing, kind) for kind in kinds)), ANY_MEASURE
    )


@cache
def read_measures() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Measure words with the names and kinds of things that they count, the narrower first."""
    lines = (line for line in MEASURES_FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    parts = (line.split(": ") for line in lines)
    return tuple((word, tuple(kinds.split(", "))) for word, kinds in parts)


def name_in_english(words: str, language: str) -> str:
    """The name that these Chinese or German words mean: of several Chinese ones the first; of German ones that differ
    none, and none of words that the table does not have.
    """
    if language == "zh":
        return next(iter(names_in_english(words)), "")
    meant = read_german().get(GERMAN_ARTICLE.sub("", words.lower()), ()) if language == "de" else ()
    return meant[0] if len({read_names()[name][:2] for name in meant}) == 1 else ""


def names_in_english(words: str) -> tuple[str, ...]:
    """Every name that these Chinese words stand for, those that they are said for first; none of many of another."""
    meant = read_chinese().get(words, ())
    return tuple(name for name in meant if not {one_of(name)} & {*meant} - {name})


def one_of(name: str) -> str:
    """A single thing of this name, without its article."""
    return singular(re.sub("^(?:an?|the) ", "", name))


@cache
def read_chinese() -> Mapping[str, Sequence[str]]:
    """Chinese word -> English names, those first that are called so."""
    found: dict[str, list[str]] = {}
    for name, known in read_names().items():
        found.setdefault(known.zh, []).append(name)
    for name, known in read_names().items():
        for word in known.also:
            found.setdefault(word, []).append(name)
    return found


@cache
def read_german() -> Mapping[str, Sequence[str]]:
    """German word in small letters -> English names; of several things also as after "mit" (dative)."""
    found: dict[str, list[str]] = {}
    for name, known in read_names().items():
        several = (known.many, f"{known.many.removesuffix('n')}n") if known.many else ()
        for word in sorted({word.lower() for word in (known.de, *several) if word}):
            found.setdefault(word, []).append(name)
    return found


@cache
def read_forms() -> tuple[SentenceForm, ...]:
    """The forms of the table, in their order."""
    paragraphs = SENTENCES_FILE.read_text(encoding="utf-8").split("\n\n")[1:]
    rows = (paragraph.strip().split("\n") for paragraph in paragraphs)
    return tuple(SentenceForm(compile_form(english), {"zh": zh, "de": de}) for english, zh, de in rows)


def compile_form(english: str) -> re.Pattern[str]:
    """The pattern of a form: its slots are groups, what stands in brackets may be there, or stand instead."""
    pattern = re.escape(english).replace(r"\{", "{").replace(r"\}", "}").replace(r"\ ", " ")
    for word, first in INSTEAD.items():
        pattern = pattern.replace(rf"{first}\({word}\)", f"(?:{first}|{word})")
    pattern = OPTIONAL.sub(r"(?:\1)?", pattern)
    seen: set[str] = set()

    def group(slot: re.Match[str]) -> str:
        again = slot[1] in seen
        seen.add(slot[1])
        return f"(?P={slot[1]})" if again else f"(?P<{slot[1]}>{SLOTS[slot[1]]})"

    return re.compile(SLOT.sub(group, pattern), re.DOTALL)


@cache
def read_names() -> Mapping[str, KnownName]:
    """English name -> what it is called elsewhere."""
    lines = (line for line in NAMES_FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    return {name: read_name(said) for name, said in (line.split(": ", 1) for line in lines)}


def read_name(said: str) -> KnownName:
    """Of a line of the table."""
    chinese, _, german = said.partition("; ")
    first, *also = chinese.split(say("count.comma", "zh"))
    one, _, many = german.partition(", ")
    article, _, noun = one.partition(" ")
    known = KnownName(first, noun, article, many) if article in DATIVE and noun else KnownName(first, one)
    return known._replace(also=tuple(also))
