"""A progress line on standard error: rewritten in place on a terminal, a line every few seconds anywhere else."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TextIO

from deepseek_mm.ingest import Progress

EVERY_S = {True: 0.1, False: 5.0}  # on a terminal, elsewhere


def sentence(progress: Progress) -> str:
    """How far, how fast, how long still, and the file just finished."""
    left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
    pace = f"{progress.per_second:.1f} photos/s{left}" if progress.per_second else "looking for changes"
    return f"{progress.done}/{progress.total}  {pace}  {PurePath(progress.path).name}"


@dataclass(kw_only=True, slots=True)
class Meter:
    """Shows Progress, not more often than a reader can follow; `close` leaves the cursor on a fresh line."""

    err: TextIO
    clock: Callable[[], float] = time.monotonic
    shown_at: float = float("-inf")
    open_line: bool = False

    def __call__(self, progress: Progress) -> None:
        """Show it, or let it pass; the last of all is always shown."""
        terminal, now = self.err.isatty(), self.clock()
        if now - self.shown_at < EVERY_S[terminal] and progress.done < progress.total:
            return
        self.shown_at, self.open_line = now, terminal
        text = printable(sentence(progress))
        width = shutil.get_terminal_size().columns - 1
        self.err.write(f"\r{text[:width]:<{width}}" if terminal else f"{text}\n")
        self.err.flush()

    def close(self) -> None:
        """End a line that is still open."""
        if self.open_line:
            self.err.write("\n")
            self.err.flush()
            self.open_line = False


def printable(text: str) -> str:
    """A file's name may hold control characters; a terminal must not obey them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
