"""What a completion is worth: a little for being Python, most for passing tests, some for being new.

Nothing is paid for being new while a test fails, or nonsense would be: it is always new. Nothing depends on what the
program prints or says of itself.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

SYNTAX, LOGIC, NOVELTY = 0.3, 0.5, 0.2  # shares of a reward; together 1
MOST_KEPT = 48  # different samples of one puzzle that new ones are compared with
TOKEN = re.compile(r"\w+|[^\w\s]")


def compute_reward(*, parses: bool, share: float, novelty: float) -> float:
    """0 to 1. `share` of the tests that pass; `novelty` 0 to 1, which counts once all of them do."""
    return SYNTAX * parses + LOGIC * share * parses + NOVELTY * novelty * (parses and share == 1.0)


class NoveltyMemory:
    """How far a sample is from those that were seen of the same puzzle."""

    def __init__(self, seen: Mapping[str, Iterable[str]] | None = None) -> None:
        self.seen: dict[str, list[str]] = {name: list(texts) for name, texts in (seen or {}).items()}

    def distance(self, puzzle: str, text: str) -> float:
        """1 for the first of a puzzle, 0 for one that was there; else 1 minus the likeness to the nearest one.

        The likeness is Ratcliff and Obershelp's over words and signs. The sample is remembered.
        """
        words = TOKEN.findall(text)
        seen = self.seen.setdefault(puzzle, [])
        told = " ".join(words)
        if told in seen:
            return 0.0
        nearest = max((SequenceMatcher(None, words, each.split(" "), False).ratio() for each in seen), default=0.0)
        if len(seen) < MOST_KEPT:
            seen.append(told)
        return 1.0 - nearest
