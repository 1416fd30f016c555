"""How two answers to one question differ: word by word, in what they cite, in how sure they are.

A word is what stands between spaces, its marks apart; of Chinese each sign is one. Spaces alone are no difference.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from deepseek_mm.sharing.files import Language
from deepseek_mm.sharing.renderers import WORDINGS, place
from deepseek_mm.types import Answer, Citation, Request

WordChange = Literal["same", "removed", "added"]
WORD = re.compile("(?:[\u3400-\u9fff]|\\[\\d+\\]|[^\\W\u3400-\u9fff]+(?:['\u2019.,:-][^\\W\u3400-\u9fff]+)*|\\S)\\s*")
LINE = re.compile(r"[^\n]+\n*")
MOST_WORDS = 3000  # that are compared one by one; longer texts are compared line by line


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerDifference:
    """What became of an answer when it was given again."""

    words: tuple[tuple[WordChange, str], ...]  # the text in pieces: same, gone with the second answer, new in it
    citations_added: tuple[str, ...] = ()  # names of files with the place in them
    citations_removed: tuple[str, ...] = ()
    confidence: tuple[float | None, float | None] = (None, None)  # before and after
    requests_differ: bool = False  # they were understood as something else

    @property
    def is_same(self) -> bool:
        """Whether text and citations are the same; how sure it is and how it was understood may differ."""
        changed = any(kind != "same" for kind, _ in self.words)
        return not (changed or self.citations_added or self.citations_removed)


def compare_answers(before: Answer, after: Answer, *, language: Language = "en") -> AnswerDifference:
    """The second answer against the first; `language` is that of places in files."""
    cited, cites = ([name_citation(one, language) for one in each.citations] for each in (before, after))
    return AnswerDifference(
        words=compare_texts(before.text, after.text),
        citations_added=leave_out(cites, cited),
        citations_removed=leave_out(cited, cites),
        confidence=(before.confidence, after.confidence),
        requests_differ=strip_chances(before.request) != strip_chances(after.request),
    )


def compare_texts(before: str, after: str) -> tuple[tuple[WordChange, str], ...]:
    """Runs of words that stayed, went and came, in reading order; what stayed has the wider spaces of both."""
    one, other = split_words(before), split_words(after)
    if max(len(one), len(other)) > MOST_WORDS:
        one, other = LINE.findall(before), LINE.findall(after)
    return tuple(_compare_runs(one, other))


def split_words(text: str) -> list[str]:
    """Words and marks, each with the spaces after it; a citation like [2] is one word."""
    return WORD.findall(text)


def name_citation(citation: Citation, language: Language = "en") -> str:
    """The file and where in it: "offer.pdf, page 3", "cat.jpg, box 4, 8, 120, 90"."""
    region, wording = citation.region, WORDINGS[language]
    where = place(region, wording)
    if not where and region.kind != "whole" and any(region.box_px):
        where = wording.box.format(box=", ".join(map(str, region.box_px)))
    return ", ".join(filter(None, (region.source.name, where)))


def leave_out(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Those that are not known, each once, in their order."""
    return tuple(name for name in dict.fromkeys(names) if name not in known)


def strip_chances(request: Request | None) -> Request | None:
    """The request without how sure anybody was of it, and of whom it is."""
    if request is None:
        return None
    return replace(request, acts=tuple(replace(act, chance=1.0) for act in request.acts), chance=1.0, by="model")


def _compare_runs(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[WordChange, str]]:
    bare, bare_other = [word.strip() for word in one], [word.strip() for word in other]
    for tag, start, end, begin, stop in SequenceMatcher(None, bare, bare_other, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "same", "".join(max(pair, key=len) for pair in zip(other[begin:stop], one[start:end], strict=True))
            continue
        if end > start:
            yield "removed", "".join(one[start:end])
        if stop > begin:
            yield "added", "".join(other[begin:stop])
