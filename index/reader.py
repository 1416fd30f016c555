"""What a store can be asked, rows only: no vectors are compared and nothing is written.

Each call reads one snapshot, so an answer never mixes two moments.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import AbstractContextManager

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from deepseek_mm.storage.database import Database
from deepseek_mm.storage.portable_sql import limit_of
from index import groups, places, queries, symbols
from index.database import NotStored
from index.filter_cache import Answer, CountCache
from index.membership import visible_to
from index.region import (
    EVERYTHING,
    Counts,
    Filter,
    GroupCount,
    LabelCount,
    MonthCount,
    Order,
    Region,
    Source,
    Stamp,
    current_viewer,
    limit_to_viewer,
)
from index.server.server_words import word_index
from index.tables import SourceRow
from index.vectors import Floats


class StoreReader:
    """The reading half of `index.store.RegionStore`."""

    def __init__(self, database: Database, *, dim: int) -> None:
        self._database, self._dim = database, dim
        self._tallies = CountCache()

    def snapshot(self) -> AbstractContextManager[None]:
        """All that this thread reads inside belongs to one moment, and costs less; what is written is not seen."""
        return self._database.snapshot()

    def sources_without_mark(
        self, mark: str, *, where: Filter = EVERYTHING, limit: int, after: int = 0
    ) -> list[Source]:
        """Sources with an id above `after` over which the pass `mark` was not made, by rising id."""
        where = limit_to_viewer(where)
        return self._database.read(queries.rising, queries.without_mark(where, mark), limit=limit, after=after)

    def walk(self, where: Filter = EVERYTHING, *, limit: int, after: int = 0) -> list[Source]:
        """Sources with an id above `after`, by rising id; whoever goes on after the last one misses none."""
        where = limit_to_viewer(where)
        return self._database.read(queries.rising, queries.matching_sources(where), limit=limit, after=after)

    def stamps(self, *, collection: str = "library", within: Sequence[str] | None = None) -> dict[str, Stamp]:
        """Every known path of the collection, with what its file was like when it was read.

        `within` bounds it to some absolute paths and what lies below them, in folders and archives.
        """
        return self._database.read(places.stamps, collection, within)

    def count_phrase(self, phrase: str) -> int:
        """How many entries of the index of words have these words one after the other."""
        with self._database.reading() as session:
            return int(word_index(session).num_with(session, phrase))

    def num_without_mark(self, mark: str, *, where: Filter = EVERYTHING) -> int:
        """How many sources `unmarked` would give in all."""
        where = limit_to_viewer(where)
        return self._database.read(queries.count_of, queries.without_mark(where, mark))

    def source_at(self, path: str) -> Source | None:
        """What is known of the file at this absolute path, which the source returned carries."""
        found = self._database.read(places.source_at, path)
        return found if found is not None and _is_visible(found) else None

    def is_hidden(self, path: str) -> bool:
        """Whether there is a file at this absolute path that the current viewer may not see."""
        found = self._database.read(places.source_at, path) if current_viewer().hidden else None
        return found is not None and not _is_visible(found)

    def source_with(self, digest: str, *, collection: str = "library") -> Source | None:
        """The source that has these bytes, wherever they lie: of the uploads, or of the library with all its parts."""
        group = queries.of_collection(queries.group_of(collection))
        seen = visible_to(current_viewer())
        same = select(*queries.SOURCE_COLUMNS).where(SourceRow.digest == digest, group, *seen)
        with self._database.reading() as session:
            row = session.connection().execute(same.order_by(SourceRow.id).limit(1)).first()
            return queries.source_of(row) if row else None

    def places_of(self, source_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """Source id -> every path with its bytes, its own first; () where the source is gone."""
        with self._database.reading() as session:
            found = places.paths_of(session, queries.list_visible(session, source_ids))
        return {source_id: found.get(source_id, ()) for source_id in source_ids}

    def sources(
        self, where: Filter = EVERYTHING, *, order: Order = "added", limit: int, offset: int = 0
    ) -> list[Source]:
        """One page of the sources that `where` allows.

        "added" is the latest added first, "newest" and "oldest" go by the time that a photo was taken, or else that of
        the file's last change, "name" by the file's name, "size" is the largest first.
        """
        query = queries.matching_sources(limit_to_viewer(where), order).limit(limit_of(limit)).offset(offset)
        return self._database.read(queries.sources_in_order, query)

    def regions_of(self, source_ids: Sequence[int]) -> dict[int, tuple[Region, ...]]:
        """Source id -> its regions, the whole picture first; an empty tuple where the source is gone."""
        found: dict[int, list[Region]] = {source_id: [] for source_id in source_ids}
        with self._database.reading() as session:
            for region in queries.regions_by_source(session, source_ids):
                if _is_visible(region.source):
                    found[region.source.id].append(region)
        return {source_id: tuple(regions) for source_id, regions in found.items()}

    def leading(self, source_ids: Sequence[int], *, kinds: Collection[str] = ()) -> dict[int, Region]:
        """Source id -> the region that stands for it: the whole picture, or what was added first; only where one is.

        Where kinds are named regions of others are passed over.
        """
        with self._database.reading() as session:
            leading = queries.leading_regions(session, source_ids, kinds)
        return {region.source.id: region for region in leading if _is_visible(region.source)}

    def openings(self, source_ids: Sequence[int]) -> dict[int, str]:
        """Source id -> the first text of it; only where it has one."""
        with self._database.reading() as session:
            return queries.opening_texts(session, queries.list_visible(session, source_ids))

    def companions(self, source_ids: Sequence[int]) -> dict[int, tuple[Source, ...]]:
        """Source id -> the other files that belong to it, the one that leads them first; only where there are any."""
        with self._database.reading() as session:
            found = groups.companions_of(session, queries.list_visible(session, source_ids))
        visible = {source_id: tuple(filter(_is_visible, others)) for source_id, others in found.items()}
        return {source_id: others for source_id, others in visible.items() if others}

    def vectors_of(self, region_ids: Sequence[int]) -> Floats:
        """(N, D), row n belonging to region_ids[n]; NotStored names the first that is gone."""
        with self._database.reading() as session:
            vectors = queries.vectors_by_id(session, region_ids, self._dim)
        for region_id in region_ids:
            if region_id not in vectors:
                raise NotStored(region_id)
        return np.array([vectors[n] for n in region_ids], np.float32).reshape(-1, self._dim)

    def counts(self, *, where: Filter = EVERYTHING) -> Counts:
        """How many sources and regions `where` allows."""
        where = limit_to_viewer(where)
        return self._tally(("counts", where), lambda session: groups.counts(session, where))

    def has_sources(self, where: Filter = EVERYTHING) -> bool:
        """Whether `where` allows any source, which is sooner known than how many."""
        where = limit_to_viewer(where)
        found = queries.matching_sources(where)
        return self._tally(("any sources", where), lambda session: queries.has_any(session, found))

    def has_regions(self, where: Filter = EVERYTHING) -> bool:
        """Whether `where` allows any region, which is sooner known than how many."""
        where = limit_to_viewer(where)
        found = queries.matching_regions(where)
        return self._tally(("any regions", where), lambda session: queries.has_any(session, found))

    def latest(self, *, where: Filter = EVERYTHING) -> int:
        """Id of the source that was added last among those that `where` allows; 0 where there is none."""
        where = limit_to_viewer(where)

        def look(session: Session) -> int:
            found = queries.matching_sources(where).with_only_columns(SourceRow.id)
            return session.scalar(found.limit(1)) or 0

        return self._tally(("latest", where), look)

    def labels(self, limit: int, *, where: Filter = EVERYTHING) -> list[LabelCount]:
        """The commonest labels and how many sources carry each, commonest first."""
        where = limit_to_viewer(where)
        key = ("labels", where, limit)
        return list(self._tally(key, lambda session: groups.commonest_labels(session, where, limit)))

    def months(self, *, where: Filter = EVERYTHING) -> list[MonthCount]:
        """The months that sources are of, the newest first; those without a date come last, as month 0."""
        where = limit_to_viewer(where)
        return list(self._tally(("months", where), lambda session: groups.months(session, where)))

    def places(self, *, where: Filter = EVERYTHING) -> list[GroupCount]:
        """The places where photos were taken, by name; the newest photo of each stands for it."""
        where = limit_to_viewer(where)
        return list(self._tally(("places", where), lambda session: groups.places(session, where)))

    def things(self, limit: int, *, where: Filter = EVERYTHING) -> list[GroupCount]:
        """The commonest labels, commonest first; the photo that shows it most surely stands for each."""
        where = limit_to_viewer(where)

        def look(session: Session) -> list[GroupCount]:
            return groups.add_covers(session, groups.commonest_labels(session, where, limit), where)

        return list(self._tally(("things", where, limit), look))

    def collections(self) -> dict[str, int]:
        """Name of a part of the library -> how many sources are in it, by name."""
        counted = self._tally("collections", groups.collections)
        return {name: count for name, count in counted.items() if name not in current_viewer().hidden}

    def kinds(self, *, where: Filter = EVERYTHING) -> dict[str, int]:
        """Kind -> how many sources of it `where` allows, commonest first."""
        where = limit_to_viewer(where)
        return dict(self._tally(("kinds", where), lambda session: groups.numbers(session, SourceRow.kind, where)))

    def formats(self, *, where: Filter = EVERYTHING) -> dict[str, int]:
        """File type -> how many sources of it `where` allows, commonest first."""
        where = limit_to_viewer(where)
        return dict(self._tally(("formats", where), lambda session: groups.numbers(session, SourceRow.format, where)))

    def symbols(self, name: str, *, where: Filter = EVERYTHING) -> list[Region]:
        """Where `name` is defined: "ask_many", or with as much before it as the caller knows: "Assistant.ask_many",
        "rag.assistant.Assistant.ask_many". By path and line; empty if it is defined nowhere.
        """
        return self._database.read(symbols.definitions, name, limit_to_viewer(where))

    def callers(self, name: str, *, where: Filter = EVERYTHING) -> list[Region]:
        """The pieces of code that call something of this name, by path and line; only the last part of `name` counts,
        for a call does not say to what its object belongs.
        """
        return self._database.read(symbols.callers, name, limit_to_viewer(where))

    def at_line(self, file: str, line: int, *, where: Filter = EVERYTHING) -> list[Region]:
        """The regions that hold this line (from 1) of files of this name, the shortest first."""
        where = limit_to_viewer(where)
        return self._database.read(symbols.at_line, file, line, where)

    def symbol_names(self, prefix: str, *, limit: int, where: Filter = EVERYTHING) -> list[str]:
        """Names of functions, methods, classes and modules that begin so, whatever the capitals, in their order.

        After a dot the members of what stands before it: "Assistant.as" gives "Assistant.ask".
        """
        return self._database.read(symbols.names, prefix, limit_to_viewer(where), limit)

    def busiest(self, *, limit: int, where: Filter = EVERYTHING) -> list[Region]:
        """Functions, methods and classes that are called most often, of those whose name is defined once."""
        where = limit_to_viewer(where)
        return self._database.read(symbols.busiest, where, limit)

    def _tally(self, key: Hashable, count: Callable[[Session], Answer]) -> Answer:
        return self._database.read(self._tallies.of, key, count)


def _is_visible(source: Source) -> bool:
    return source.collection not in current_viewer().hidden
