"""How much of a prompt may be read at once while others wait for their next token: as much as a given time allows.

Machines differ by a hundred times, and a token deep in a long prompt costs more than its first ones. So nobody is asked
for a number of tokens: it follows from how long the last bites took.
"""

import time
from collections.abc import Callable


class ChunkSizer:
    """Measures bites. One at a time: `start`, then `stop`."""

    def __init__(
        self,
        *,
        target_s: float = 0.12,  # of one bite: with a step of all answers beside it nobody waits for 0.25
        unit: int = 32,  # tokens; a bite is whole units, the size that the kernels like
        most: int = 512,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._target_s, self._unit, self._most, self._clock = target_s, unit, most, clock
        self._began = 0.0
        self.chunk = unit  # tokens; careful until the first is measured

    def start(self) -> None:
        """A bite begins."""
        self._began = self._clock()

    def stop(self, tokens: int) -> None:
        """So many tokens were read. The next bite is at most twice as long."""
        seconds = self._clock() - self._began
        if tokens < self.chunk and seconds < self._target_s:
            return  # the end of a prompt: says nothing about a whole bite
        possible = int(self._target_s * tokens / max(seconds, 1e-9))
        self.chunk = max(self._unit, min(possible, 2 * self.chunk, self._most) // self._unit * self._unit)
