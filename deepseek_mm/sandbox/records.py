"""What is asked of the sandbox, and what it tells."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["python", "bash"]
EndedBy = Literal["", "time", "memory", "disk", "processes", "output", "stopped"]  # "": it ended by itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """One promise, whether it is kept on this machine, and by what; where it is not, why."""

    name: str
    holds: bool
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How a program ended."""

    stdout: str  # what is no UTF-8 is U+FFFD
    stderr: str
    exit: int  # its own code; of a program that a signal ended, minus the signal's number
    seconds: float  # on the wall, from the start of the program to its end
    ended_by: EndedBy  # the limit that ended it
    peak_mb: float  # memory of all its processes together, as seen while it ran
    protections: tuple[Protection, ...]

    @property
    def is_success(self) -> bool:
        """Whether it ended by itself and says that all is well."""
        return self.exit == 0 and not self.ended_by


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchOrder:
    """What the launcher is told, as JSON in one line."""

    argv: list[str]
    env: dict[str, str]
    folder: str  # fresh and empty: the program's own, or where its file system is put together
    home: str  # the program's own in that file system
    files: dict[str, str]  # name -> text, written into the program's folder
    reads: list[str]  # files and folders that it may read
    hides: list[str]  # never, also where they lie within one of those
    through: str  # the program that put up namespaces already; empty: the launcher does it
    avoid: list[str]  # walls that are not to be put up: for tests of what the others do without them
    seconds: float
    memory_mb: int
    disk_mb: int
    processes: int
    open_files: int
