"""A cited file as it lies there, to be read around the lines that are cited.

Only what the library knows is opened: a path in a conversation that was imported is a stranger's word.
"""

from dataclasses import dataclass
from typing import Literal

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.files import open_file
from deepseek_mm.parse.text import decode_text
from index import Region
from index.store import RegionStore

State = Literal["", "changed", "gone"]  # as it was read; written to since; not there, or not known here


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Lines of a file."""

    lines: tuple[str, ...]
    first: int = 1  # number of the first one
    total: int = 0  # in the file
    state: State = ""


def listing_of(region: Region, store: RegionStore, config: ParseConfig, *, around: int) -> Listing:
    """The lines of its file, at most `around` before and behind those of the region; of a file that is not there the
    region's own text.
    """
    first, last = region.lines
    known = store.source_at(region.source.path)
    try:
        file = open_file(known.path, config) if known is not None else None
        lines = decode_text(file.data, name=file.path).split("\n") if file else []
    except (DeepSeekMMError, OSError):  # moved or deleted since
        lines = []
    if not lines or known is None or file is None:
        kept = tuple(region.text.split("\n"))
        return Listing(lines=kept, first=first or 1, total=len(kept), state="gone")
    start = max(0, first - 1 - around)
    state: State = "" if file.digest == known.digest == (region.source.digest or known.digest) else "changed"
    return Listing(lines=tuple(lines[start : last + around]), first=start + 1, total=len(lines), state=state)
