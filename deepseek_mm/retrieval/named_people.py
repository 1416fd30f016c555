"""People whom somebody has named, in what is asked: "photos of Anna and Ben at the beach", in any language.

Only names that somebody has given to faces are known; any other name goes the usual way. A name that is a word as well
("Rose") is the person where it is written as the name is, and the word in small letters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.language.own_sentences import read_names

AND = r"(?:\s*,\s*|\s+)(?:and|und|with|mit|&)\s+|\s*(?:,|\u3001|\u548c|\u4e0e|\u8ddf|\u53ca|&)\s*"
NOT = r"\b(?:without|but not|not|except|ohne|au\u00dfer|aber nicht)\s+|(?<!\u6709)\u6ca1\u6709|\u4e0d\u542b"
OF = r"(?:\b(?:of|with|showing|from|von|mit)\s+|(?:\u6709\u6ca1)?\u6709)?"
OWN = "(?:'s|\u2019s|s)?"  # whose it is, or several of them
LATIN = "A-Za-z0-9_\u00c0-\u024f"  # letters that a word in Latin script goes on with


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPeople:
    """Who is named in a text."""

    names: tuple[str, ...]  # as somebody has typed them
    absent: tuple[str, ...]  # who must not be there: "without Ben"
    words: str  # as the text says them, with what joins them to it
    rest: str  # of the text

    @property
    def phrases(self) -> tuple[str, ...]:
        """As an answer says it behind "photos": "of Anna and Ben", "without Zoe"."""
        sides = ((self.names, "of"), (self.absent, "without"))
        return tuple(f"{word} {' and '.join(people)}" for people, word in sides if people)


def find_named_people(text: str, known: Sequence[str]) -> NamedPeople | None:
    """The people of whom a text speaks; None where it names nobody who is known."""
    told: dict[bool, list[str]] = {False: [], True: []}  # whether they are said to be absent
    words, rest, pattern = [], text, _pattern(known)
    while pattern and (match := pattern.search(rest)):
        found = [_as_given(each, known) for each in re.split(AND, match["who"]) if each]
        told[bool(match["without"])] += [name for name in found if name]
        words.append(match[0].strip())
        rest = f"{rest[: match.start()]} {rest[match.end() :]}"
    if not words:
        return None
    names, absent = (tuple(dict.fromkeys(told[is_absent])) for is_absent in (False, True))
    return NamedPeople(names=names, absent=absent, words=" ".join(words), rest=" ".join(rest.split()))


def _pattern(known: Sequence[str]) -> re.Pattern[str] | None:
    """One or several of these names in a row; the longest first, so that "Anna Maria" is not Anna."""
    if not known:
        return None
    forms = sorted({form for name in known for form in _forms(name)}, key=lambda form: (-len(form), form))
    one = rf"(?<![{LATIN}])(?:{'|'.join(map(re.escape, forms))}){OWN}(?![{LATIN}])"
    return re.compile(rf"(?:(?P<without>{NOT})|{OF})(?P<who>{one}(?:(?:{AND}){one})*)")


def _forms(name: str) -> list[str]:
    """How it may be written: as it is, and in small letters unless that is the name of a thing."""
    small = name.lower()
    return [name] if small == name or small in read_names() else [name, small]


def _as_given(said: str, known: Sequence[str]) -> str:
    plain = re.sub(f"{OWN}$", "", said).casefold()
    return next((name for name in known if name.casefold() == plain), "")
