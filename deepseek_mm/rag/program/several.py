"""How words are meant when several pictures are at hand: "which one", "any of them", "the second picture".

They are put into the words that the grammar knows, "which pictures" and "this picture". Only a question that names the
library, or that asks for what looks like these, looks elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.rag.program.grammar import PIC
from deepseek_mm.rag.program.lexicon import COLOURS, UNCOUNTED
from deepseek_mm.rag.program.parse import Act, parse

ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8},
    **{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "7th": 7, "8th": 8},
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    "last": -1,
}
NTH = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|\dth|1st|2nd|3rd|last)"
NUMERAL = r"(?:#? ?\d{1,3}|one|two|three|four|five|six|seven|eight)"
AND = r"(?:\s*,\s*|\s+(?:and|or)\s+)"
PICKED = re.compile(
    rf"\b(?:the\s+)?(?P<nth>{NTH}(?:{AND}(?:the\s+)?{NTH})*)\s+(?:{PIC}s?|ones?)\b|"
    rf"\b{PIC}s?\s+(?:number\s+|no\.?\s*)?(?P<number>{NUMERAL}(?:{AND}{NUMERAL})*)\b(?!\s+{PIC})",
    re.IGNORECASE,
)
SOME = r"(?:two|three|four|five|six|seven|eight|\d)"
THEM = rf"(?:(?:these|those|them|the)\b(?:\s+{SOME})?(?:\s+{PIC}s?)?)"
SHOWS = r"(?:shows?|has|have|contains?|depicts?|includes?)"
SEEN_IN = r"(?:is|are|can|do|does) (?:there |you |we |i )?(?:see |find )?"  # "in which one can you see a cat"
TURNS = (  # what people say of several pictures -> what the grammar knows; in this order
    (rf"\b(?:do|does)(?: not|n['\u2019]t) (?={SHOWS}\b)", ""),  # `negated` reads it from the question itself
    (rf"\bin (which|what|how many) (?:ones?|{PIC}s?|of {THEM})(?: {PIC}s?)?,? {SEEN_IN}", r"\1 pictures show "),
    (rf"\b(which|how many)(?: ones?| {PIC}s?)? of {THEM}", r"\1 pictures"),
    (r"\b(which|similar|other) ones?\b", r"\1 pictures"),
    (rf"\b(which|how many) (?={SHOWS}\b)", r"\1 pictures "),
    (r"^which (?=(?:is|are) )", "which pictures "),
    (rf"^what (?:do|does) (?:they|{THEM}) (?:show|contain|depict)\b", "what is in these pictures"),
    (r"^what are they(?=\W*$)", "what are these"),
    (rf"\b(?:any|some|one|all|each|every|both|either|none)(?: one)? of {THEM}", "these pictures"),
    (rf"\b(?:each|every|both|any|all)(?: the)?(?: {SOME})? (?:{PIC}s?|ones?)\b", "these pictures"),
    (r"\b(in|on|at|of|from|about) (?:these|those|them|both|each|all)(?=\W*$)", r"\1 these pictures"),
    (r"\b(can|are|were) (they|these) (?:all|both)\b", r"\1 \2"),
    (rf"^(?:do|does) (?:they|{THEM})(?: all| both| each)? (?={SHOWS}\b)", "do these pictures "),
    (rf"^(?:do|does) (?:both|all|any|either|each|some) (?={SHOWS}\b)", "do these pictures "),
    (rf"^which (?!pictures\b)(\w+(?: \w+)?) (?:is|are) ({'|'.join(COLOURS)})(?=\W*$)", r"which pictures show \2 \1"),
    (rf"\bhow (big|large|heavy) are (?:they|{THEM})", r"how \1 is this picture"),
    (rf"\b(what|how) are (?:they|{THEM}) called", r"\1 is this file called"),
    (r"\bthe ones? (?=(?:with|of|where|showing)\b)", "the pictures "),
)
KNOWN = tuple((re.compile(pattern, re.IGNORECASE), known) for pattern, known in TURNS)
LIKE = re.compile(
    rf"\b(?:like|resembl\w+|similar to|close to)\s+(?:this|these|those|them|it|the\s+{NTH})\b|"
    rf"\b(?:other|another|similar|more)\s+(?:\w+\s+)?(?:{PIC}s?|ones?)\b",
    re.IGNORECASE,
)
LIBRARY = re.compile(
    r"\b(?:library|collection|album|gallery)\b|\bdo i (?:already )?have\b|\bhave i got\b", re.IGNORECASE
)
MINE = re.compile(
    rf"\b(?:my|our)\s+(?:own\s+)?{PIC}s\b|(?<!these )(?<!those )\b{PIC}s\s+of\s+(?:mine|ours)\b|"
    rf"^\W*(?:find|search|look)\b(?:\s+(?:me|for|all|any|some))*\s+{PIC}s\b",
    re.IGNORECASE,
)
AGAIN = re.compile(r"(?:and |but |or )?(?:(?:what|how) about |in |on )?this picture\W*", re.IGNORECASE)
JUDGES = re.compile(  # "which one is the prettiest", "which one is blurry": no thing of that name is looked for
    r"^which pictures (?:is|are|looks?) (?:the )?"
    r"(?:most|more|best|better|worst|worse|(?!(?:for|n|ch|v|gu)est\b)\w+est|(?:out|in)doors?|(?:in|out)side)\b|"
    rf"^which pictures is (?!(?:{'|'.join((*COLOURS, *UNCOUNTED))})\b)\w+\W*$",
    re.IGNORECASE,
)
SEARCHES = ("which", "exist", "count")  # kinds in which "my photos" are the library


@dataclass(frozen=True, slots=True)
class PictureSelection:
    """What a question asks of several pictures."""

    program: Act
    picks: tuple[int, ...]  # the pictures it speaks of, counted from 1, in order
    alike: bool  # it asks for photos of the library that look like them


def parse_several(text: str, names: Sequence[str], *, earlier: Sequence[str] = ()) -> PictureSelection:
    """The program of a question over pictures with these names; `earlier` are the conversation's questions."""
    picked, line = picked_in(text, len(names))
    before = [plain_words(picked_in(question, len(names))[1]) for question in earlier]
    line = before[-1] if before and AGAIN.fullmatch(line) else plain_words(line)
    program = parse(line, earlier=before)
    if JUDGES.search(line):
        program = replace(program, kind="other", things=(), subject="")
    if not picked and program.file:
        picked = [n for n, name in enumerate(names, start=1) if name.lower() == program.file.lower()]
    alike = bool(LIKE.search(line))
    elsewhere = alike or bool(LIBRARY.search(line)) or (program.kind in SEARCHES and bool(MINE.search(text)))
    absent = max((n for n in picked if n > len(names)), default=0)
    picks = () if absent else tuple(sorted(set(picked))) or tuple(range(1, len(names) + 1))
    given = len(names) if absent or (len(picks) > 1 and not elsewhere) else 0
    known = replace(program, text=text, library=elsewhere, file="", given=given, absent=absent)
    return PictureSelection(known, picks, alike)


def picked_in(text: str, count: int) -> tuple[list[int], str]:
    """Numbers of the pictures that are named by their place, from 1, and the text with "this picture" instead."""
    found = [match["nth"] or match["number"] for match in PICKED.finditer(text)]
    words = [word for part in found for word in re.findall(r"[a-z]+|\d+(?:st|nd|rd|th)?", part.lower())]
    numbers = [ORDINALS.get(word) or int(re.sub(r"\D", "", word) or 0) for word in words if word not in ("and", "or")]
    return [n if n > 0 else count for n in numbers], PICKED.sub("this picture", text)


def plain_words(text: str) -> str:
    """The question in words that the grammar knows."""
    for pattern, known in KNOWN:
        text = pattern.sub(known, text)
    return text
