"""Passages of documents and text in photos: which one carries the words of a question, and quotations from it.

Vectors tell what a passage is about. Thirty pages of one book are all about the same; a name that stands on one of
them tells them apart. So a word counts the more, the fewer of the passages have it (Spärck Jones 1972).
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import clean, content, quote_title
from deepseek_mm.retrieval.photo_evidence import MAX_NAME
from deepseek_mm.types import Evidence
from index import Region

Words = frozenset[str]  # that claim something
SENTENCE = re.compile(r"(?<=[.!?])[\"')]*\s+|(?<=[\u3002\uff01\uff1f])")
PARAGRAPH = re.compile(r"\n\s*\n")
ENOUGH = 100  # letters, from which a quotation can stand alone
STANDS_OUT = 0.6  # share of the question's weight that one sentence carries, before it is quoted without the others
LEAST_WORDS = 2  # of a question, before a sentence that has them all is taken for its answer


def weigh(question: str, had: Sequence[Words]) -> dict[str, float]:
    """Each word of the question that claims something and that any of these texts has, with its weight among them."""
    counts = {word: sum(word in words for words in had) for word in content(question)}
    return {word: math.log1p(len(had) / count) for word, count in counts.items() if count}


def share(words: Words, weights: Mapping[str, float]) -> float:
    """How much of the weight these words carry, 0 to 1."""
    whole = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in words) / whole if whole else 0.0


def worths(passages: Sequence[Region], question: str) -> list[float]:
    """How much of the question's words each passage carries, 0 to 1, half of it for what stands in one sentence."""
    wholes = [frozenset[str]().union(*words_of(passage.text, passage.kind)) for passage in passages]
    weights = weigh(question, wholes)
    return [
        (share(whole, weights) + max((share(w, weights) for w in words_of(each.text, each.kind)), default=0.0)) / 2
        for whole, each in zip(wholes, passages, strict=True)
    ]


def pieces(text: str, kind: str) -> list[str]:
    """The sentences of a passage, each on one line; of code, its lines. A sentence ends where its paragraph does."""
    blocks = [re.sub(r"\s+", " ", block) for block in PARAGRAPH.split(text)]
    lines = text.splitlines() if kind == "code" else [line for block in blocks for line in SENTENCE.split(block)]
    return [line.strip() for line in lines if line.strip()]


@lru_cache(maxsize=1_000)
def words_of(text: str, kind: str) -> tuple[Words, ...]:
    """Of each of its pieces; a question looks through a hundred passages, and the next one through much the same."""
    return tuple(frozenset(content(piece)) for piece in pieces(text, kind))


def excerpt(passage: Region, question: str, most: int, *, whole: bool = False) -> str:
    """The sentence that carries most of the question's words, and what follows while that is short: `most` letters.

    The passage from its beginning, where no sentence has any of the words, or where all of it fits and none stands out,
    or it is wanted `whole`. What stands beside an answer was not asked for, and may say anything.
    """
    parts, words = pieces(passage.text, passage.kind), words_of(passage.text, passage.kind)
    weights = weigh(question, words)
    shares = [share(each, weights) for each in words]
    stands_out = not whole and len(weights) >= LEAST_WORDS and max(shares, default=0.0) >= STANDS_OUT
    if not any(shares) or (len(passage.text) <= most and not stands_out):
        return passage.text
    first = max(range(len(parts)), key=shares.__getitem__)
    chosen = parts[first]
    for part in parts[first + 1 :]:
        if len(chosen) >= ENOUGH or len(chosen) + 1 + len(part) > most:
            break
        chosen += f" {part}"
    return chosen


def answers(passage: Region, question: str) -> bool:
    """Has one sentence every word of the question that claims something, and are those more than one?"""
    wanted = set(content(question))
    return len(wanted) >= LEAST_WORDS and any(wanted <= words for words in words_of(passage.text, passage.kind))


WRITTEN = ("text", "code")  # kinds of regions
MAX_QUOTE = 300  # characters of one quotation
MAX_QUOTED = 3  # passages of one answer
SEEN = ("describe", "exist", "which", "count")  # kinds of questions that photos answer first


def is_written(entry: Evidence) -> bool:
    """Is it a passage rather than something to look at?"""
    return entry.region.kind in WRITTEN


def quote_passages(
    entries: Sequence[Evidence], *, named: bool, question: str = "", whole: bool = False
) -> tuple[Claim, ...]:
    """One claim a passage, in the order given: where it stands, unless the question has `named` that, and its words.

    Those that the question asks for; all of them where it wants to read the `whole`, as far as that is short enough.
    """
    return tuple(
        Claim(
            f'{place(entry.region, named=named)} says: "{quote(entry.region, question, whole=whole)}"',
            (entry.number,),
            1.0,
        )
        for entry in entries[:MAX_QUOTED]
    )


def is_told(program: Act, entry: Evidence) -> bool:
    """Does this passage answer the question in one sentence, so that no photo needs to be looked at?"""
    return program.kind not in SEEN and answers(entry.region, program.text)


def place(region: Region, *, named: bool) -> str:
    """notes.md, lines 3 to 9; report.pdf, page 2; in a photo that is at hand just "It"."""
    if named and not region.page and region.source.kind == "photo":
        return "It"
    name = quote_title(region.source.name, MAX_NAME)
    if region.page:
        return f"{name}, page {region.page},"
    first, last = region.lines
    return f"{name}, lines {first} to {last}," if last else name


def quote(region: Region, question: str = "", *, whole: bool = False) -> str:
    """The passage, or a part of it, on one line, cut where it is long; its own quotation marks are single ones."""
    return clean(excerpt(region, question, MAX_QUOTE, whole=whole), MAX_QUOTE).replace('"', "'")


def unread(number: int) -> Claim:
    """What to say of a picture without text."""
    return Claim("I find no text in it", (number,), 1.0)
