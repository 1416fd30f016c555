"""Prompt lookup: guess the next tokens from what was said before, and let the model check several at once.

An answer over evidence repeats it: a file's name, a phrase, a line of code. So the last tokens are looked for earlier
in prompt and answer, and what followed there is proposed (Saxena, "Prompt Lookup Decoding", 2023). Reading the proposed
tokens costs one pass, and the tokens up to the first wrong one are exactly those the model would have chosen one by one
(Leviathan et al., arXiv:2211.17192, greedy case): guessing changes the speed, never the answer. Integers only.
"""

from array import array
from collections.abc import Sequence

LONGEST = 4  # tokens that are looked for; fewer when these were not there before
SHORTEST = 2  # one token alone is followed by anything


def propose(tokens: Sequence[int], most: int) -> list[int]:
    """`most` tokens that may follow `tokens`, or none: those after the latest earlier place with the same last tokens.

    Where that place is so near that they run out, what is proposed goes on repeating itself, as the tokens just did.
    """
    known = array("i", tokens)
    for length in range(min(LONGEST, len(known) - 1), SHORTEST - 1, -1):
        if (start := _latest(known, known[-length:])) >= 0:
            following = known[start + length :]
            return [following[n % len(following)] for n in range(most)]
    return []


def accept(draft: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """The tokens that the answer goes on with: at least one, at most one more than were proposed.

    `chosen[n]` is what the model says after draft[:n]; it counts as long as everything before it was proposed right.
    """
    assert len(chosen) == len(draft) + 1, f"{len(draft)} proposed tokens have one choice each and one after them"
    right = 0
    while right < len(draft) and draft[right] == chosen[right]:
        right += 1
    return list(chosen[: right + 1])


class DraftLength:
    """How many tokens to propose, by how the last proposals went: guessing wrong costs time.

    All right: twice as many. None right: half as many, down to one, and after each such failure a pause that doubles.
    """

    def __init__(self, most: int, *, longest_pause: int = 32) -> None:
        self._most, self._longest_pause = most, longest_pause
        self._length, self._pause, self._left = min(4, most), 1, 0

    def length(self) -> int:
        """Tokens to propose in this step; 0 during a pause."""
        if self._left > 0:
            self._left -= 1
            return 0
        return self._length

    def record(self, proposed: int, right: int) -> None:
        """Learn from one proposal."""
        if right == proposed:
            self._length = min(2 * self._length, self._most)
        elif right == 0:
            self._length = max(self._length // 2, 1)
            self._left = self._pause
            self._pause = min(2 * self._pause, self._longest_pause)
            return
        self._pause = 1


def _latest(tokens: "array[int]", wanted: "array[int]") -> int:
    """Where `wanted` stands last in `tokens`, the very end left out; -1: nowhere. Compares bytes, which is fast."""
    data, needle, size = tokens.tobytes(), wanted.tobytes(), tokens.itemsize
    end = len(data) - size
    while (found := data.rfind(needle, 0, end)) >= 0:
        if found % size == 0:
            return found // size
        end = found + len(needle) - 1  # it began inside a token
    return -1
