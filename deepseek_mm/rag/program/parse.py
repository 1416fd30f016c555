"""What a question asks, read by a small grammar instead of a model: its kind, its things, and where to look.

The first pattern that fits decides. What fits none is a free question ("other"): it is still searched for and answered
with what is certain. A question that leans on the one before ("and what colour is it?") borrows its thing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.rag.program.grammar import ALL_PHOTOS, FILE, NEXT, PIC, PICS, PLACE_TAIL, POLITE, RULES, SHOW, Kind
from deepseek_mm.rag.program.lexicon import COLOURS, PLACES, PRONOUNS, RELATIONS
from deepseek_mm.rag.program.phrases import ThingPhrase, things_in
from deepseek_mm.rag.program.words import clean


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """A question, understood."""

    kind: Kind
    text: str  # the question on one line
    things: tuple[ThingPhrase, ...] = ()
    attribute: str = ""  # the colour, position or relation asked about; "how many" for a count of photos
    any_of: bool = False  # "cats or dogs": one of them is enough
    library: bool = False  # the words ask for all photos, even when one photo is at hand
    file: str = ""  # a file that the question names
    subject: str = ""  # the words to search with
    total: int = 0  # photos in the library, where a question counts them
    given: int = 0  # pictures that came with the question, where several are spoken of; 0 for one, or for the library
    places: tuple[int, ...] = ()  # which of them are spoken of, counted from 1, in order
    absent: int = 0  # the number of a picture that the question names, where there are not so many

    @property
    def thing_phrases(self) -> tuple[str, ...]:
        """The things as the eyes are asked for them."""
        return tuple(thing.phrase for thing in self.things)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is known without a language model, and the evidence it rests on."""

    text: str  # a sentence without its full stop and without its citation
    numbers: tuple[int, ...]
    certainty: float  # probability that it is true, 0 to 1
    shape: str = ""  # a key of `rag.prompt.SHAPES` if a small model may phrase it
    draft: str = ""  # what that model reads instead of the sentence
    block: str = ""  # a Python file that follows the sentence

    @property
    def sentence(self) -> str:
        """With its citation, as an answer shows it."""
        told = f"{self.text} {''.join(f'[{n}]' for n in self.numbers)}."
        return f"{told}\n\n```python\n{self.block}\n```\n" if self.block else told


SHORT = {"n't": " not", "n\u2019t": " not", "'re": " are", "\u2019re": " are", "i'm": "i am", "i'd": "i would"}
IS = re.compile(r"\b(what|who|where|how|there|that|it|when|here)['\u2019]?s (?=\w)")  # what's, whats
LEANS = frozenset(
    ["exist", "count", "colour", "where", "when", "place", "compare", "sort", "size"]
)  # kinds that may borrow a thing
ASKING = re.compile(r"\b(?:what|who|whose|why|how|when|where|which|is|are|was|do|does|did|can|could|will|should|you)\b")
MAX_PHRASE_WORDS = 8  # a longer line without a question word is no search phrase
SUBJECT_ENDS = re.compile(
    r"^(?:were|was|taken|at|me|all|any|some|the|a|an|my|\s)+\b|\b(?:are|is|there|taken|for me|do i have|\s)+$"
)


def parse(text: str, *, earlier: Sequence[str] = ()) -> Act:
    """The program of a question; `earlier` are the conversation's questions, oldest first."""
    line = clean(text, len(text) + 1)
    follow = NEXT.fullmatch(re.sub(r"\s+", " ", line.lower()).strip(" ?!.")) if earlier else None
    if follow:
        before = parse(earlier[-1], earlier=earlier[:-1])
        things = things_in(follow["t"] or follow["u"] or "")
        return replace(before, text=line, things=things, attribute="", subject=subject_of(things, ""))
    program = match_pattern(plainly(line), line)
    return borrow(program, plainly(line), earlier) if earlier else program


def plainly(line: str) -> str:
    """Lower case, short forms written out, polite words and end marks dropped."""
    plain = re.sub(r"\s+", " ", line.lower()).strip(" ?!.,;:")
    for short, long in SHORT.items():
        plain = plain.replace(short, long)
    plain = re.sub(rf"\b({PIC}s) of (?:mine|ours)\b", r"my \1", plain)
    return re.sub(r"[,\s]+please$", "", POLITE.sub("", IS.sub(r"\1 is ", plain)))


def match_pattern(plain: str, line: str) -> Act:
    """The first pattern that fits."""
    named = FILE.search(line)
    if named:
        plain = plain.replace(named[0].lower(), "this photo")
    kind, match = first_match(plain)
    parts = match.groupdict() if match else {"t": plain}
    asked = [value for key in ("t", "u", "v") if (value := parts.get(key))]
    things = things_of(kind, plain, asked)
    if (kind == "exist" and not things) or (kind == "which" and not things and not ALL_PHOTOS.search(plain)):
        kind = "describe" if kind == "which" else "other"
    return Act(
        kind=kind,
        text=line,
        things=things,
        attribute="how many" if parts.get("p") else one_spelling(parts.get("a") or ""),
        any_of=any(re.search(r"\bor\b", value) for value in asked),
        library=bool(ALL_PHOTOS.search(plain)),
        file=(named[1] or named[2]) if named else "",
        subject=subject_of(things, " ".join(asked) if kind == "which" else ""),
    )


def first_match(plain: str) -> tuple[Kind, re.Match[str] | None]:
    """The kind of a plain line; a few words that ask nothing are a search."""
    for kind, pattern in RULES:
        if match := pattern.fullmatch(plain):
            return kind, match
    is_phrase = len(plain.split()) <= MAX_PHRASE_WORDS and not ASKING.search(plain)
    return "which" if is_phrase else "other", None


def things_of(kind: Kind, plain: str, asked: Sequence[str]) -> tuple[ThingPhrase, ...]:
    """The things in the pieces of a question that name some."""
    if plain.startswith("who "):
        return (ThingPhrase("person", "person"),)
    if kind == "count":  # "how many cups are on the table" counts cups
        asked = [re.split(r"\b(?:is|are|do|does|did|can|in|on|at|with)\b", value)[0] for value in asked]
    return tuple(dict.fromkeys(thing for value in asked for thing in things_in(value)))


def one_spelling(word: str) -> str:
    """Of a colour, a relation or a position."""
    return COLOURS.get(word) or RELATIONS.get(word) or PLACES.get(word) or word


def subject_of(things: Sequence[ThingPhrase], phrase: str) -> str:
    """What to search with: the whole phrase where the question is one ("a dog on a beach"), else the things."""
    phrase = re.sub(rf"\b{PICS} {SHOW}\b", " ", PLACE_TAIL.sub(" ", phrase))
    phrase = SUBJECT_ENDS.sub("", re.sub(r"\s+", " ", phrase).strip()).strip()
    return phrase if phrase and things else " and ".join(thing.phrase for thing in things)


def borrow(program: Act, plain: str, earlier: Sequence[str]) -> Act:
    """A question without a thing of its own, or with "it", takes the thing of the question before."""
    words = set(plain.split())
    if program.kind not in LEANS or (program.things and (program.kind != "compare" or len(program.things) > 1)):
        return program
    if not program.things and not (words & PRONOUNS or len(words) <= 2):
        return program
    before = parse(earlier[-1], earlier=earlier[:-1])
    things = tuple(dict.fromkeys((*before.things[:1], *program.things)))
    return replace(program, things=things, file=program.file or before.file, subject=subject_of(things, ""))
