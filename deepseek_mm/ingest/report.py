"""What became of the files that were taken in, and who is told while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal, get_args

from deepseek_mm.parse.repository import LeftOut, Reason, in_words
from index.region import MovedFile

Outcome = Literal["added", "replaced", "unchanged", "copies", "moved"]
Failure = tuple[str, str]  # a path, and a sentence that says why it was not read


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """Who is told what while it goes on, and who may end it. Called from two threads."""

    progress: Callable[[int, int, str], None] = lambda done, total, path: None  # files, of how many, the one just done
    failed: Callable[[str, str], None] = lambda path, reason: None  # as soon as it is known
    stopping: Callable[[], bool] = lambda: False  # asked before every file


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What became of the files."""

    added: int = 0
    replaced: int = 0  # known before, and changed since
    unchanged: int = 0
    copies: int = 0  # the same bytes as a file that is known: the new place was noted
    moved: int = 0  # the same bytes as a file that was known and is gone: all that was known of it stays
    moves: tuple[MovedFile, ...] = ()  # what is known by which path from now on
    failed: tuple[Failure, ...] = ()  # in the order they were met; a reason is a whole sentence
    left_out: tuple[LeftOut, ...] = ()  # files and whole folders that are not worth reading, or must not be read;
    #                                     last those of kinds that are not read
    vanished: tuple[str, ...] = ()  # known files below the folders given that are not there any more, sorted
    stopped: bool = False  # before all files were read
    seconds: float = 0.0

    def counts(self) -> dict[str, int]:
        """What became of how many files."""
        return {name: getattr(self, name) for name in ("added", "replaced", "unchanged", "copies", "moved")}

    def sentence(self) -> str:
        """One line for people."""
        some = [
            (self.moved, "moved or renamed"),
            (self.copies, "copies of known files"),
            (len(self.failed), "not read"),
            (len(self.vanished), "no longer there"),
        ]
        more = "".join(f", {count} {what}" for count, what in some if count)
        left = f", left out: {in_words(self.left_out)}" if self.left_out else ""
        cut = ", stopped before the end" if self.stopped else ""
        return f"{self.added} added, {self.replaced} replaced, {self.unchanged} unchanged{more}{left}{cut}"


@dataclass(kw_only=True, slots=True)
class IntakeProgress:
    """Counts, and tells the hooks."""

    total: int
    hooks: Hooks
    counts: dict[Outcome, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def note(self, path: str, outcome: Outcome) -> None:
        """One file is done."""
        with self.lock:
            self.counts[outcome] = self.counts.get(outcome, 0) + 1
        self._tell(path)

    def fail(self, path: str, reason: str) -> None:
        """One file could not be read."""
        with self.lock:
            self.failures.append((path, reason))
        self.hooks.failed(path, reason)
        self._tell(path)

    def leave(self, path: str, reason: Reason) -> None:
        """One file is left out, by what is in it."""
        with self.lock:
            self.left_out.append((path, reason))
        self._tell(path)

    def add(self, report: Report) -> None:
        """Count what others have taken in, and told of already."""
        with self.lock:
            counts = report.counts()
            self.counts = {name: self.counts.get(name, 0) + counts[name] for name in get_args(Outcome)}
            self.failures.extend(report.failed)
            self.left_out.extend(report.left_out)

    @property
    def num_done(self) -> int:
        """Files of which it is known what became of them."""
        return sum(self.counts.values()) + len(self.failures) + len(self.left_out)

    def report(self) -> Report:
        """What was counted."""
        counts: dict[str, Any] = {str(outcome): count for outcome, count in self.counts.items()}
        return Report(**counts, failed=tuple(self.failures), left_out=tuple(self.left_out))

    def _tell(self, path: str) -> None:
        self.hooks.progress(self.num_done, self.total, path)
