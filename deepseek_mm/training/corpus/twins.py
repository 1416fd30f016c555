"""Near duplicates across the split: what is held out must not have been learned in other clothes.

A text is known by its runs of eight words. A run is kept if its checksum is divisible by four, which is decided by the
run itself, so that two texts keep the same ones; a text that shares too many with what is trained on is no test of it.
"""

import re
import zlib

RUN = 8  # words
KEPT = 4  # one run in so many
MOST_SHARED = 0.25  # of a held-out text's runs


class NearDuplicates:
    """The runs of words that were seen."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def add(self, text: str) -> None:
        """What is trained on."""
        self._seen |= hash_runs(text)

    def contains(self, text: str) -> bool:
        """Is a held-out text too much like it?"""
        runs = hash_runs(text)
        return bool(runs) and len(runs & self._seen) > MOST_SHARED * len(runs)


def hash_runs(text: str) -> set[int]:
    """Checksums of every run of eight words that is kept."""
    words = re.findall(r"\w+", text.lower())
    sums = (zlib.crc32(" ".join(words[n : n + RUN]).encode()) for n in range(max(1, len(words) - RUN + 1)))
    return {value for value in sums if value % KEPT == 0}
