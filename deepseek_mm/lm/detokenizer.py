"""Tokens become text piece by piece: whole characters only, and nothing that may become a stop text.

A byte-level tokenizer spells one emoji with up to four tokens; decoded alone, each of them is U+FFFD, the mark of a
broken character. And some tokenizers drop the space before the first token they decode. So a token is decoded together
with the few before it, and only what it adds is given out.

The stop text "END." may arrive as "E", "ND", ".". What has arrived is therefore shown only as far as it can no longer
become a stop text; the rest is held back. What is shown does not depend on how the answer was cut into pieces.
"""

from collections.abc import Sequence
from typing import Any

BROKEN = "\ufffd"


class IncrementalDetokenizer:
    """Turns tokens into text, one at a time. Joined, the pieces are the decoded whole, less an unfinished character."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []  # tokens already given out that the next ones are decoded with
        self._held: list[int] = []  # tokens since then

    def add(self, token: int) -> str:
        """The text that `token` completes; empty while a character is unfinished."""
        self._held.append(token)
        known, text = self._decode(self._before), self._decode(self._before + self._held)
        if text.endswith(BROKEN) or len(text) <= len(known):
            return ""
        self._before, self._held = self._held, []
        return text[len(known) :]

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class StopWatcher:
    """Watches one answer. The stop text that is complete first ends it; of several the longest, and it is not shown."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)
        self._held = ""  # the start of a stop text, perhaps

    def feed(self, piece: str) -> tuple[str, bool]:
        """What may be shown now that `piece` has arrived, and whether the answer ends here."""
        text, self._held = self._held + piece, ""
        if (cut := find_first_stop(text, self._texts)) is not None:
            return text[:cut], True
        safe = len(text) - count_unfinished(text, self._texts)
        self._held = text[safe:]
        return text[:safe], False

    def rest(self) -> str:
        """What was held back and became no stop text, now that the answer has ended."""
        text, self._held = self._held, ""
        return text


def find_first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the stop text begins that is complete first in `text`; None if there is none."""
    found = [(start + len(stop), start) for stop in stops if (start := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def count_unfinished(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of `text` could be the start of a stop text."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(len(stop) > length and stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0
