"""Texts that end an answer, wherever the borders of its tokens fall.

The stop text "END." may arrive as "E", "ND", ".". What has arrived is therefore shown only as far as it can no longer
become a stop text; the rest is held back. What is shown does not depend on how the answer was cut into pieces.
"""

from collections.abc import Sequence


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
