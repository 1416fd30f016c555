"""Acts in other languages for those who look in English: the same act with an English subject and an English question.

What was understood of a request is the same in every language; only its subject is in foreign words. Chinese ones are
looked up in the dictionary; others become the nearest name of the vocabulary in the shared space, where words of all
languages lie by their meaning. A colour that was said stands in front. The question is then asked anew in English.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepseek_mm.embeddings.dictionary import ChineseGlosser
from deepseek_mm.embeddings.space import Encode, Floats, unit
from deepseek_mm.language.detection import CODES, foreign_sentences, language_of
from deepseek_mm.language.own_sentences import GERMAN_ARTICLE, name_in_english, read_chinese
from deepseek_mm.language.photo_questions import ABOUT_PHOTOS
from deepseek_mm.language.request_network import LANGUAGES
from deepseek_mm.language.typed_filters import take_out_traits
from deepseek_mm.language.words import plural, with_article
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.types import Act, ActFilters, ActForm, ActKind

FORMS = Path(__file__).with_name("chinese_questions.toml")
WHO = (("\u5979", "she"), ("\u4ed6", "he"), ("\u5b83", "it"))
SIMPLER = str.maketrans(
    "\u9019\u9ebc\u8457\u88e1\u5011\u8eca\u9d61\u99ac\u9ce5\u6a39\u500b\u93e1\u5e36",
    "\u8fd9\u4e48\u7740\u91cc\u4eec\u8f66\u9e21\u9a6c\u9e1f\u6811\u4e2a\u955c\u5e26",
)
LEAST = 0.95  # sum of both cosines below which a name is not taken for the translation
COMMON = {  # words whose mean stands for a language
    "zh": "\u72d7 \u732b \u4eba \u8f66 \u82b1 \u6811 \u6c34 \u5c71 \u623f\u5b50 \u684c\u5b50 \u9e1f \u9c7c "
    "\u82f9\u679c \u978b\u5b50 \u5e3d\u5b50 \u8863\u670d \u5b69\u5b50 \u6d77\u6ee9 \u8857\u9053 \u98df\u7269",
    "de": "Hund Katze Mensch Auto Blume Baum Wasser Berg Haus Tisch Vogel Fisch Apfel Schuh Hut Kleid Kind Strand Brot",
}
COLOUR_WORDS = {  # Chinese and German, as they begin or stand in a phrase -> ours
    **{"\u7ea2": "red", "\u84dd": "blue", "\u7eff": "green", "\u9ec4": "yellow", "\u9ed1": "black"},
    **{"\u767d": "white", "\u7070": "grey", "\u7d2b": "purple", "\u7c89": "pink", "\u68d5": "brown"},
    **{"\u6a59": "orange", "\u6a58": "orange", "\u8910": "brown", "\u91d1\u8272": "yellow", "\u94f6\u8272": "grey"},
    **{"rot": "red", "blau": "blue", "gr\u00fcn": "green", "gelb": "yellow", "schwarz": "black", "wei\u00df": "white"},
    **{"grau": "grey", "lila": "purple", "rosa": "pink", "braun": "brown"},
}
PARTICLES = "\u8272\u7684"  # letters that follow a colour: "-coloured", "of"
QUESTIONS = {  # attribute of a look -> the question in English
    **{
        "colour": "what colour is the {one}?",
        "kind": "what kind of {one} is it?",
        "activity": "what is the {one} doing?",
    },
    **{"person": "who is this?", "time": "is it day or night?", "date": "when was this photo taken?"},
    **{"place": "where was this photo taken?", "weather": "what is the weather like?", "season": "which season is it?"},
    **{"material": "what is the {one} made of?", "shape": "what shape is the {one}?", "age": "how old is the {one}?"},
    **{"reason": "why is that so?", "position": "where is the {one}?", "number": "how many {many} are there?"},
    **{"text": "what does it say?", "price": "what is the price?", "file": "what is this photo called?"},
    **{"size": "how big is this photo?"},
}
KINDS = {
    "find": "{one}",
    "count": "how many {many} are there?",
    "locate": "where is the {one}?",
    "read": "what does it say?",
    "describe": "what is in this photo?",
}
ANYTHING = "photos"  # what is looked for where nothing is named
WORD = re.compile(r"[^\W_]+")
NOBODY = "thing"  # what is asked about where nothing is named


class WordComparer:
    """Likeness of words in any language to English names: in the shared space, and by the meaning of sentences.

    Sentence vectors of one language lie together, so the mean of its common words is taken away first.
    """

    def __init__(self, names_LD: Floats, names_LW: Floats, *, embed: Encode, encode: Encode) -> None:
        """`embed` gives vectors of the space, `encode` those of sentences; both of the names as well."""
        self.names_LD, self._embed, self._encode = names_LD, embed, encode
        self._mean_W = np.asarray(names_LW.mean(axis=0), np.float32)
        self.names_LW = unit(names_LW - self._mean_W)
        self._means: dict[str, Floats] = {}

    def compare(self, words: str, language: str) -> Floats:
        """(L,): the sum of both cosines, -2 to 2."""
        told_W = unit(self._encode([words]) - self._mean_of(language))[0]
        likeness_L: Floats = self.names_LD @ self._embed([words])[0] + self.names_LW @ told_W
        return likeness_L

    def _mean_of(self, language: str) -> Floats:
        if language not in COMMON:
            return self._mean_W
        if language not in self._means:
            self._means[language] = np.asarray(self._encode(COMMON[language].split()).mean(axis=0), np.float32)
        return self._means[language]


class ActTranslator:
    """Finds English names for foreign words."""

    def __init__(
        self, names: Sequence[str], open_comparer: Callable[[], WordComparer], glosser: ChineseGlosser | None = None
    ) -> None:
        """The comparer is opened when the first foreign word comes that the `glosser` does not know."""
        self.names, self._open, self.glosser = dict.fromkeys(names), open_comparer, glosser

    def translate(self, act: Act, language: str) -> Act:
        """The act for those who look; one in English, or one that only searches, as it is."""
        if language == "en":
            return act
        whole = act.scope == "library"
        if language == "zh" and (asked := ask_by_form(act)):
            return asked
        subject, traits = mark_subject(act) if whole and language == "zh" else (act.subject, ())
        if language != "zh":
            now = datetime.now()
            traits, subject = take_out_traits(act.text, now)[1], take_out_traits(subject, now)[0]
        subject, other = (self.translate_words(words, language, whole=whole) for words in (subject, act.other))
        asked = replace(act, subject=subject, other=other)
        place = name_in_english(act.filters.place, language)
        if place and place != subject:
            asked, traits = replace(asked, filters=replace(act.filters, place=place)), (*traits, f"in {place}")
        return replace(asked, text=" ".join((ask_in_english(asked), *traits)))

    def translate_words(self, words: str, language: str, *, whole: bool = False) -> str:
        """The name that a table has; or one behind a colour that is said, of the dictionary, else the nearest; or the
        words.

        With `whole` the dictionary's name has with it what else is said, as a search wants it.
        """
        if name := name_in_english(words, language):
            return name
        if self.glosser is not None and language == "zh":
            told = (self.glosser.describe if whole else self.glosser.name)(words, self.names)
            if told:
                return told
        colour, bare = split_colour(GERMAN_ARTICLE.sub("", words) if language == "de" else words)
        name = name_in_english(bare, language) or self._find_nearest(bare, language) if bare else ""
        return f"{colour} {name}".strip()

    def _find_nearest(self, words: str, language: str) -> str:
        likeness_L = self._open().compare(words, language)
        best = int(np.argmax(likeness_L))
        return list(self.names)[best] if likeness_L[best] >= LEAST else words


def mark_subject(act: Act) -> tuple[str, tuple[str, ...]]:
    """What a Chinese act over the library looks for, and the words that say how photos were taken: the filters read
    them as they are. Where nothing was marked, it is all but the period
    and the type of file.
    """
    now = datetime.now()
    rest, traits = take_out_traits(act.text.replace(act.filters.date, "").replace(act.filters.kind, ""), now)
    if act.subject:
        return take_out_traits(act.subject, now)[0], traits
    return "" if act.reference or act.kind != "find" else rest, traits


def tell_foreign(case: QuestionContext, language: str) -> QuestionContext:
    """For whoever asks in a language that no answer is written in: where its words meant nothing that is told in that
    language, with what works; else once a conversation that the answers come in English.

    What was not found in a language that the network was not trained on may have been misread: both is told.
    """
    sentences = foreign_sentences().get(language)
    if sentences is None or (language in LANGUAGES and CODES.get(language_of(case.question.text), "") != language):
        return case
    if is_unread(case):
        return replace(case, said=sentences["unread"])
    if case.refused and not case.claims and language not in LANGUAGES and act_of(case).kind in ABOUT_PHOTOS:
        return replace(case, said=f"{sentences['unread']} {case.said}")
    if was_answered_in(case, language):
        return case
    note = sentences["english"]
    if not case.claims:
        return replace(case, said=f"{note} {case.said}") if case.said else case
    first, *others = case.claims
    return replace(case, claims=(replace(first, text=f"{note} {first.text}", shape="", draft=""), *others))


def is_unread(case: QuestionContext) -> bool:
    """Whether nothing was found, and what was looked for is the words as they were said: none was known in English."""
    act, said = act_of(case), " ".join(words_in(case.said))
    asked = (" ".join(words_in(words)) for words in (act.subject, act.text))
    return case.refused and not case.claims and any(words and words in said for words in asked)


def words_in(text: str) -> list[str]:
    """Its words in small letters."""
    return WORD.findall(text.lower())


def was_answered_in(case: QuestionContext, language: str) -> bool:
    """Whether this conversation was answered in the language before, or an earlier part of this turn is."""
    before = any(turn.answer.request and turn.answer.request.language == language for turn in case.turns)
    parts = case.request.acts if case.request else ()
    return before or (len(parts) > 1 and act_of(case).text != parts[0].text)


class ChineseForm(NamedTuple):
    """How Chinese asks something of photos, and how English does."""

    found: re.Pattern[str]
    asked: str
    form: ActForm | None = None
    kind: ActKind | None = None
    attribute: str = ""
    over: bool = False  # counts though another subject was marked
    library: bool = False  # asks of all photos

    def fits(self, act: Act) -> bool:
        """Whether it may be what an act asks."""
        open_one = "name" not in self.found.groupindex or self.over or not act.subject
        if self.library:
            return act.scope not in ("picture", "pictures") and open_one and act.filters == ActFilters()
        return act.scope != "library" and open_one


@cache
def read_forms() -> tuple[ChineseForm, ...]:
    """The table of chinese_questions.toml; a name stands for any that is known, longer ones first."""
    names = "|".join(map(re.escape, sorted(read_chinese(), key=len, reverse=True)))
    colours = "|".join(word for word in COLOUR_WORDS if not word.isascii() and not word[0].islower())
    groups = {"{name}": f"(?P<name>{names})", "{second}": f"(?P<second>{names})", "{colour}": f"(?P<colour>{colours})"}
    rows = tomllib.loads(FORMS.read_text(encoding="utf-8"))["form"]
    return tuple(ChineseForm(**row | {"found": compile_form(row["found"], groups)}) for row in rows)


def compile_form(pattern: str, groups: Mapping[str, str]) -> re.Pattern[str]:
    """With what stands in brackets written out."""
    for mark, group in groups.items():
        pattern = pattern.replace(mark, group, 1)
    return re.compile(pattern)


def ask_by_form(act: Act) -> Act | None:
    """A Chinese question about photos, asked in English as the table has it; None where no form fits, or it would name
    what was marked as its subject anew.
    """
    text = act.text.translate(SIMPLER)
    for row in read_forms():
        if row.fits(act) and (found := row.found.search(text)):
            parts = found.groupdict()
            name, second = (name_in_english(parts.get(each) or "", "zh") for each in ("name", "second"))
            asked = row.asked.format(
                one=name,
                many=plural(name) if name else "",
                others=plural(second) if second else "",
                tint=COLOUR_WORDS.get(parts.get("colour") or "", ""),
                who=who_is_meant(act, text),
            )
            kind, attribute = row.kind or act.kind, row.attribute or act.attribute
            form = row.form or act.form
            return replace(act, text=asked, subject=name, other=second, form=form, kind=kind, attribute=attribute)
    return None


def who_is_meant(act: Act, text: str) -> str:
    """Whom a Chinese question about somebody means, in English."""
    if subject := name_in_english(act.subject, "zh") if act.subject else "":
        return f"the {subject}"
    return next((english for chinese, english in WHO if chinese in text), "the person")


def split_colour(words: str) -> tuple[str, str]:
    """A colour in English and the rest: of a red cap "red" and the cap in its own language."""
    lowered = words.lower()
    for foreign, colour in COLOUR_WORDS.items():
        if foreign.isascii() or foreign[0].islower():
            found = next((word for word in lowered.split() if word.startswith(foreign)), "")
            if found:
                return colour, " ".join(word for word in words.split() if word.lower() != found)
        elif foreign in words:
            rest = words.replace(foreign, "", 1).strip()
            return colour, rest.lstrip(PARTICLES).strip()
    return "", words


def ask_in_english(act: Act) -> str:
    """A plain question that asks the same."""
    one = act.subject or (ANYTHING if act.kind == "find" else NOBODY)
    if act.form == "yes_no" and act.subject:
        return f"is there {with_article(one)}?"
    form = KINDS.get(act.kind) or QUESTIONS.get(act.attribute) or KINDS["describe"]
    return form.format(one=one, many=plural(one))
