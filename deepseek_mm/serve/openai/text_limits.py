"""How much of a growing answer may be told: up to a stop text, and as many tokens as the caller allows."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

from deepseek_mm.lm.detokenizer import count_unfinished, find_first_stop

Reason = Literal["stop", "length"]


class LimitedText:
    """Gives out what is new in each state of a text. What was told cannot be taken back, so that a text which turns
    out otherwise is told once more at its end.
    """

    def __init__(self, stops: Sequence[str], most: int | None, count: Callable[[str], int]) -> None:
        self._stops, self._most, self._count = stops, most, count
        self.text = ""  # what was told
        self.reason: Reason = "stop"
        self.over = False

    def extend(self, text: str) -> str:
        """What `text`, the whole so far, adds."""
        whole = self._limit(text)
        if not self.over:
            whole = whole[: len(whole) - count_unfinished(whole, self._stops)]
        if not whole.startswith(self.text):
            return ""
        piece, self.text = whole[len(self.text) :], whole
        return piece

    def finish(self, text: str) -> str:
        """What the finished `text` adds to what was told."""
        told, whole = self.text, self._limit(text)
        self.text = whole
        return whole[len(told) :] if whole.startswith(told) else f"\n\n{whole}"

    def _limit(self, text: str) -> str:
        """As much of it as is allowed, and whether anything is left for later."""
        self.reason = "stop"
        if (cut := find_first_stop(text, self._stops)) is not None:
            text, self.over = text[:cut], True
        if self._most is not None and self._count(text) > self._most:
            text, self.reason, self.over = self._shorten(text, self._most), "length", True
        return text

    def _shorten(self, text: str, most: int) -> str:
        """Its first words, as many as fit; letters of the first word where even that is too long."""
        ends = [match.end() for match in re.finditer(r"\S+", text)]
        fitting = [end for end in (*range(ends[0]), *ends) if self._count(text[:end]) <= most]
        return text[: max(fitting, default=0)]
