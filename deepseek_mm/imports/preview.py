"""What an import would do, before it is done: nothing is written, and few files are opened.

A photo is there already if its path is known with its size and time, or its bytes are: only a file of a size that the
library knows is read to compare these.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.imports.records import ImportPlan, LeftOutFile
from deepseek_mm.parse.document import open_file, stat_file
from index.store import RegionStore

MOST_TOLD = 100  # files that are listed by name


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportPreview:
    """The numbers of a plan, and what is not taken of it."""

    kind: str
    files: int  # photos and videos
    new: int
    known: int  # of them, whose bytes the library has
    unmatched: int  # of which nothing is said
    dates: int
    places: int
    favourites: int
    rated: int  # with stars
    described: int  # with a title, a description or keywords
    named: int  # with people
    albums: dict[str, int]  # name -> photos
    new_albums: tuple[str, ...]  # that there are none of yet
    left_out: tuple[LeftOutFile, ...]  # the first of them, with why
    num_left_out: int
    without_facts: tuple[str, ...]  # the first photos of which nothing is said

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def preview_import(
    plan: ImportPlan, store: RegionStore, config: ParseConfig, *, stopping: Callable[[], bool] = lambda: False
) -> ImportPreview:
    """Compare a plan with what is known. Once `stopping` says so, files that were not compared count as new."""
    facts = [photo.facts for photo in plan.photos]
    albums = Counter(name for each in facts for name in each.albums)
    known = count_known(plan, store, config, stopping)
    there = {name.casefold() for name in store.curation.name_albums()}
    return ImportPreview(
        kind=plan.kind,
        files=len(facts),
        new=len(facts) - known,
        known=known,
        unmatched=len(plan.silent_photos),
        dates=sum(each.taken_at is not None for each in facts),
        places=sum(each.latitude is not None for each in facts),
        favourites=sum(each.is_favourite for each in facts),
        rated=sum(each.stars > 0 for each in facts),
        described=sum(bool(each.title or each.description or each.keywords) for each in facts),
        named=sum(bool(each.names) for each in facts),
        albums=dict(sorted(albums.items())),
        new_albums=tuple(sorted(name for name in albums if name.casefold() not in there)),
        left_out=plan.left_out[:MOST_TOLD],
        num_left_out=len(plan.left_out),
        without_facts=plan.silent_photos[:MOST_TOLD],
    )


def count_known(plan: ImportPlan, store: RegionStore, config: ParseConfig, stopping: Callable[[], bool]) -> int:
    """How many of its photos the library has."""
    stamps = store.stamps()
    sizes = {stamp.size_bytes for stamp in stamps.values()}
    digests = {stamp.digest for stamp in stamps.values()}
    count = 0
    for photo in plan.photos:
        status, stamp = stat_file(photo.path), stamps.get(photo.path)
        if stamp is not None and status == (stamp.size_bytes, stamp.modified_ns):
            count += 1
        elif status is not None and status[0] in sizes and not stopping():
            count += digest_at(photo.path, config) in digests
    return count


def digest_at(path: str, config: ParseConfig) -> str:
    """SHA-256 of a file; "" where it cannot be read."""
    try:
        return open_file(path, config).digest
    except (BadFile, NothingThere):
        return ""
