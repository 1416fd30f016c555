"""What was understood, in the terms of those who answer: an Act about photos as a PhotoQuestion.

The kind of a question is decided where it is understood. Here the words of its subject become things, and the words of
relations, positions and colours find their one spelling.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from deepseek_mm.language.parser import (
    FILE,
    PhotoQuestion,
    PhotoQuestionKind,
    ThingPhrase,
    one_spelling,
    parse,
    things_in,
)
from deepseek_mm.language.questions import split_questions
from deepseek_mm.language.words import COLOURS, PLACES, RELATIONS, clean, singular
from deepseek_mm.types import Act, ActKind, Request, Situation

ABOUT_PHOTOS: tuple[ActKind, ...] = ("find", "count", "compare", "describe", "look", "locate", "read")
LOOKED: dict[str, PhotoQuestionKind] = {  # attribute of a look -> kind of the question
    **{"colour": "colour", "date": "when", "place": "place", "size": "size", "file": "name", "kind": "sort"},
    **{"position": "where", "number": "count", "text": "read", "price": "read"},
}
ASKED: dict[ActKind, PhotoQuestionKind] = {
    **{"find": "which", "count": "count", "compare": "compare", "describe": "describe", "locate": "where"},
    **{"read": "read"},
}
WORDS = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
PHOTOS = frozenset(["photo", "picture", "image", "pic", "shot", "screenshot", "photograph"])


def photo_question(act: Act) -> PhotoQuestion:
    """The same for those who answer from boxes and labels; `library` and the pictures at hand are filled in later."""
    line, things = clean(act.text, len(act.text) + 1), things_of(act)
    named = FILE.search(line)
    kind = kind_of(act, things)
    return PhotoQuestion(
        kind=kind,
        text=line,
        things=things,
        attribute=attribute_of(act, kind),
        any_of=bool(re.search(r"\bor\b", act.subject.lower())),
        file=act.filters.file or ((named[1] or named[2]) if named else ""),
        subject=act.subject,
    )


def kind_of(act: Act, things: tuple[ThingPhrase, ...]) -> PhotoQuestionKind:
    """Which question about photos it is."""
    if act.kind == "find":
        return {"yes_no": "exist", "number": "count"}.get(act.form, "which")  # type: ignore[return-value]
    if act.kind in ASKED:
        return "describe" if act.kind == "count" and not things else ASKED[act.kind]
    if act.form == "yes_no":
        return "colour" if act.attribute == "colour" and things else "exist" if things else "other"
    return LOOKED.get(act.attribute, "other")


def things_of(act: Act) -> tuple[ThingPhrase, ...]:
    """What is asked for, singular, each once; words of another script are one thing as they are."""
    found = [thing for words in (act.subject, act.other) for thing in things_in(words.lower())]
    return tuple(dict.fromkeys(found))


def attribute_of(act: Act, kind: PhotoQuestionKind) -> str:
    """The colour, position or relation that is asked about, in one spelling; "how many" for a count of photos."""
    if kind == "count":
        counted = {singular(word) for word in WORDS.findall(act.subject.lower())[:2]}
        return "how many" if act.kind == "find" or counted & PHOTOS else ""
    if kind == "colour" and act.form != "yes_no":
        return ""
    tables = {"colour": COLOURS, "compare": RELATIONS, "where": PLACES}
    known = tables.get(kind, {})
    words = [act.filters.colour, *WORDS.findall(act.text.lower())]
    return next((one_spelling(word) for word in words if word in known), "")


class RequestReader(Protocol):
    """Turns what somebody says into what is to be done."""

    def understand_many(self, turns: Sequence[tuple[str, Situation]]) -> list[Request]:
        """One for each text and its situation, in order."""


GRAMMAR: dict[PhotoQuestionKind, ActKind] = {  # kind of a pattern -> of the act
    **{"which": "find", "exist": "look", "count": "count", "compare": "compare", "describe": "describe"},
    **{"where": "locate", "read": "read"},
}


class RuleUnderstander:
    """By patterns of English alone: for tests, and where the trained model cannot be opened."""

    def understand_many(self, turns: Sequence[tuple[str, Situation]]) -> list[Request]:
        """One for each text; a text may hold several questions."""
        return [self._understand(text, code=situation.code) for text, situation in turns]

    def _understand(self, text: str, *, code: bool) -> Request:
        if code:
            return Request(acts=(Act(kind="code", text=text, scope="code"),), by="rules")
        acts = [Act(kind=GRAMMAR.get(parse(part).kind, "look"), text=part) for part in split_questions(text)]
        return Request(acts=tuple(acts), by="rules")
