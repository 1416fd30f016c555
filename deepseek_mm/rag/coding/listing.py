"""A cited file as it lies there, to be read around the lines that are cited.

Only what the library knows is opened: a path in a conversation that was imported is a stranger's word.
"""

from dataclasses import dataclass
from typing import Literal

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.files import open_file
from deepseek_mm.parse.workers.client import read_letters
from index import Region, Source
from index.store import RegionStore

State = Literal["", "changed", "gone"]  # as it was read; written to since; not there, or not known here


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Lines of a file."""

    lines: tuple[str, ...]
    cited: tuple[int, int]  # the first and the last of those that are meant
    first: int = 1  # number of the first one
    total: int = 0  # in the file
    state: State = ""


def listing_of(region: Region, store: RegionStore, config: ParseConfig, *, around: int) -> Listing:
    """The lines of its file, at most `around` before and behind those of the region; of a file that is not there the
    region's own text. Where the file was read again since, what has the region's name there is meant.
    """
    known = store.source_at(region.source.path)
    if known is None or (read := read_source_lines(known, config)) is None:
        kept = tuple(region.text.split("\n"))
        return Listing(lines=kept, cited=region.lines, first=region.lines[0] or 1, total=len(kept), state="gone")
    digest, lines = read
    now = region if known.digest == region.source.digest else find_moved(region, known, store)
    state: State = "" if now and digest == known.digest else "changed"
    first, last = (now or region).lines
    start = max(0, min(first, len(lines)) - 1 - around)
    shown = tuple(lines[start : last + around])
    return Listing(lines=shown, cited=(first, last), first=start + 1, total=len(lines), state=state)


def read_source_lines(source: Source, config: ParseConfig) -> tuple[str, list[str]] | None:
    """Its digest and its lines; None where it is gone or cannot be read any more."""
    try:
        file = open_file(source.path, config)
        return file.digest, read_letters(file, config).split("\n")
    except (DeepSeekMMError, OSError):
        return None


def find_moved(region: Region, now: Source, store: RegionStore) -> Region | None:
    """The piece of this name in the file as it was read last; None where there is none, or several are."""
    if region.symbol is None:
        return None
    there = store.regions_of([now.id]).get(now.id, ())
    name = region.symbol.path, region.symbol.kind
    same = [each for each in there if each.symbol and (each.symbol.path, each.symbol.kind) == name]
    return same[0] if len(same) == 1 else None
