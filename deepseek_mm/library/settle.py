"""Changes of files are told when they have come to rest: a copy in the making is many changes, and one in the end.

All wait for each other, and what lies below a folder that is told itself is told with it. More than a thousand paths
become the whole folder: looking at everything is then cheaper, and surer, since the system drops notices in a storm.
"""

import os
from collections.abc import Iterable, Iterator

from deepseek_mm.parse.formats import named_format

QUIET_S = 1.0  # without a further change, a path is at rest
CODE_QUIET_S = 0.4  # the same of code, which an editor saves at once and no program adds to all the time
BATCH_S = 10.0  # while other paths still change, those at rest wait this long for company
PATIENCE_S = 60.0  # a path that never comes to rest is told nevertheless
STORM = 1_000  # paths


class SettlingPaths:
    """Paths that changed below `folder` and were not told yet. Times are of a clock that never jumps."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._times: dict[str, tuple[float, float]] = {}  # path -> when it changed first and last

    def note(self, paths: Iterable[str], at_s: float) -> None:
        """These have changed."""
        for path in paths:
            first_s, _ = self._times.get(path, (at_s, at_s))
            self._times[path] = (first_s, at_s)
        if len(self._times) > STORM:
            self._times = {self._folder: (min(first for first, _ in self._times.values()), at_s)}

    def take_settled(self, at_s: float) -> tuple[str, ...]:
        """Those to be told now, sorted and without what lies below another of them; they are forgotten here."""
        rest = {path for path, (_, last_s) in self._times.items() if at_s - last_s >= quiet_s(path)}
        late = {path for path, (first_s, _) in self._times.items() if at_s - first_s >= PATIENCE_S}
        waited_s = max((at_s - first_s for first_s, _ in self._times.values()), default=0.0)
        if len(rest) < len(self._times) and waited_s < BATCH_S:
            return ()
        told = rest | late
        self._times = {path: times for path, times in self._times.items() if path not in told}
        return tuple(sorted(path for path in told if told.isdisjoint(ancestors(path))))


def quiet_s(path: str) -> float:
    """How long a path is left alone."""
    named = named_format(path)
    return min(QUIET_S, CODE_QUIET_S) if named is not None and named.kind == "code" else QUIET_S


def ancestors(path: str) -> Iterator[str]:
    """The folders that hold `path`, from its own to the root."""
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above
