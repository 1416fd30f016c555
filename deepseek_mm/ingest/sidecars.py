"""Which photos need their words again, because the file beside them that says something came, changed or went.

A sidecar is known by the size and the time that it had when it was read; its photo is neither opened nor looked at for
that. Of a photo that lies at several places the sidecar of its first place counts.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse import archive
from deepseek_mm.parse.document import in_archive, is_gone, stat_file
from deepseek_mm.parse.links import MARK
from deepseek_mm.parse.xmp.sidecars import ENDING, find_sidecar, is_sidecar
from index.statements import SIDECAR
from index.store import RegionStore

Stamps = dict[str, tuple[int, int]]  # path -> size in bytes, and time in nanoseconds


@dataclass(frozen=True, kw_only=True, slots=True)
class SidecarCheck:
    """Compares the sidecars that are there with those that one store knows."""

    store: RegionStore
    marks: Sequence[str]  # of the passes that read them

    def renew(self, files: Sequence[str], paths: Sequence[str | os.PathLike[str]]) -> int:
        """Have those beside these files, found below these paths, read again where need be; returns of how many."""
        there = list_sidecars(files)
        known = self.store.statements.read_files(SIDECAR, [os.path.abspath(path) for path in paths])
        gone = [path for path in known if path not in there and is_gone(path)]
        changed = [path for path, stamp in there.items() if known.get(path) != stamp]
        count = self.store.statements.withdraw(gone, stale=self.marks) if gone else 0
        photos = [photo for path in changed for photo in self._photos_of(path)]
        return count + (self.store.statements.mark_stale(photos, self.marks) if photos else 0)

    def _photos_of(self, path: str) -> list[str]:
        stem = path[: -len(ENDING)]
        own = [photo for photo in (stem, *self.store.statements.named_like(stem)) if self.store.source_at(photo)]
        return [photo for photo in own if (found := find_sidecar(photo)) is not None and found.path == path]


def list_sidecars(files: Sequence[str]) -> Stamps:
    """Every sidecar in the folders and archives that these files lie in."""
    homes = {archive_of(path) or os.path.dirname(path) for path in files}
    return {path: stamp for home in sorted(homes) for path in names_in(home) if (stamp := stat_file(path)) is not None}


def archive_of(path: str) -> str:
    """The archive that a file lies in; "" where it lies in none."""
    inside = in_archive(path) if MARK in path else None
    return inside[0] if inside else ""


def names_in(home: str) -> list[str]:
    """The sidecars directly in a folder, or anywhere in an archive; none where it cannot be looked into."""
    try:
        if os.path.isdir(home):
            with os.scandir(home) as entries:
                return sorted(entry.path for entry in entries if is_sidecar(entry.name))
        return sorted(home + MARK + name for name in archive.directory(home) if is_sidecar(name))
    except (OSError, BadFile, NothingThere):
        return []
