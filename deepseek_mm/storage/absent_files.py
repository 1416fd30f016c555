"""Files that a path names and this machine does not have: libraries that can bring them are asked.

The library knows a file by its path, and some thirty places open it by that. A library whose files lie in a store says
here, while it is open, that it can bring them; without one nothing is ever asked.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class AbsentFile:
    """What a file was like when the library read it."""

    digest: str  # SHA-256 of its bytes, hexadecimal
    size_bytes: int
    modified_ns: int  # nanoseconds since 1970

    @property
    def status(self) -> tuple[int, int]:
        """As `stat_file` tells it."""
        return self.size_bytes, self.modified_ns


class FileBringer(Protocol):
    """A library that knows files of other machines."""

    def find(self, path: str) -> str:
        """Where a copy with the bytes of this path lies here; "" if the path is unknown. TransientError."""

    def describe(self, path: str) -> AbsentFile | None:
        """What is known of the file; None if nothing is."""


_BRINGERS: list[FileBringer] = []


def add_bringer(bringer: FileBringer) -> None:
    """Ask this library as well from now on."""
    _BRINGERS.append(bringer)


def remove_bringer(bringer: FileBringer) -> None:
    """Ask it no more; one that was never added is passed over."""
    if bringer in _BRINGERS:
        _BRINGERS.remove(bringer)


def find_copy(path: str) -> str:
    """Where a copy of a file lies that this machine does not have; "" if nobody knows the path."""
    return next(filter(None, (bringer.find(path) for bringer in tuple(_BRINGERS))), "")


def stat_absent(path: str) -> tuple[int, int] | None:
    """Size in bytes and time of the last change in nanoseconds of such a file; None if nobody knows the path."""
    found = next(filter(None, (bringer.describe(path) for bringer in tuple(_BRINGERS))), None)
    return None if found is None else found.status
