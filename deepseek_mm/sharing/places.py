"""Where a cited region lies on this machine: looked up in the library's own tables, never by opening a path.

A path in an imported file is a stranger's word. It only counts where the library knows a file of the same digest.
"""

from collections.abc import Callable
from dataclasses import replace

from deepseek_mm.parse.files import stat_file
from index import Region, Source
from index.store import RegionStore

Here = Callable[[Region], Region | None]


def nowhere(region: Region) -> Region | None:
    """For a machine without a library."""
    return None


def here_in(store: RegionStore) -> Here:
    """The same region as this store knows it: under the same path, or wherever the same bytes lie."""

    def here(region: Region) -> Region | None:
        source = same_source(store, region.source)
        if source is None:
            return None
        known = store.regions_of([source.id]).get(source.id, ())
        same = next((each.id for each in known if same_place(each, region)), 0)
        return replace(region, id=same, source=source)

    return here


def same_source(store: RegionStore, source: Source) -> Source | None:
    """What has the same bytes, if its file is still there."""
    if not source.digest:
        return None
    known = store.source_at(source.path)
    if known is None or known.digest != source.digest:
        known = store.source_with(source.digest)
    return known if known is not None and stat_file(known.path) is not None else None


def same_place(one: Region, other: Region) -> bool:
    """The same rectangle, page and lines, of the same kind."""
    return (one.kind, one.box_px, one.page, one.lines) == (other.kind, other.box_px, other.page, other.lines)
