"""How fast a job goes: over the last seconds, because an average since the start stays wrong long after a pause."""

from collections import deque

WINDOW_S = 10.0  # what counts as "now"
APART_S = 0.2  # nearer reports say nothing about speed


class Speed:
    """Items a second. It is told the time by a clock that never jumps (`time.monotonic`)."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()  # (seconds, done); in the window, or else the last one before
        self._per_second = 0.0

    def note(self, done: int, at_s: float) -> float:
        """`done` items at the time `at_s`: the speed by then, 0 while there is nothing to compare with."""
        if self._marks and done < self._marks[-1][1]:  # a new count began
            self._marks.clear()
            self._per_second = 0.0
        while len(self._marks) > 1 and self._marks[0][0] < at_s - WINDOW_S:
            self._marks.popleft()
        if not self._marks or at_s - self._marks[-1][0] >= APART_S:
            self._measure(done, at_s)
            self._marks.append((at_s, done))
        return self._per_second

    def _measure(self, done: int, at_s: float) -> None:
        if self._marks:
            since_s, before = self._marks[0]
            self._per_second = (done - before) / (at_s - since_s)
