"""The store: every source, region and vector of one space, in one SQLite file. It is the truth; FAISS follows it.

Writing is one transaction for a few files. What only reads rows is in `reader`.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from deepseek_mm.storage.counters import LOST, check_counters, read_counters
from deepseek_mm.storage.database import Database
from deepseek_mm.storage.errors import StoreBusy
from deepseek_mm.storage.places import ServerPlace, open_readable
from deepseek_mm.storage.portable_sql import insert_into, is_file
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from index import curation, health, moves, places, queries, statements, trash, words
from index.curation import Curation
from index.database import STORE, BadFileName, SpaceMismatch, StoreReadOnly
from index.finder import ANYTHING, Finder, Sought
from index.health import StoreHealth, StoreProblem
from index.people import People
from index.reader import StoreReader
from index.region import EVERYTHING, Filter, FoundFile, Hit, MovedFile, Region, Source, limit_to_viewer
from index.server import row_ids
from index.server.server_finder import ServerFinder, create_vector_index
from index.server.server_words import word_index
from index.statements import Statements
from index.tables import COUNTED, LibraryRow, MarkRow, SourceRow
from index.vectors import Floats, Ints, SearchConfig, unit_rows

Near = tuple[Floats, Ints]  # scores and ids, (Q, k)
MARK = insert(MarkRow)
ID_DISTANCE = 10**7  # ids that a store may still give while another one takes its place


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSource:
    """A file that was looked at, row n of the vectors (N, D) belonging to regions[n]."""

    source: Source
    regions: Sequence[Region]
    vectors_ND: Floats
    marks: Sequence[str] = ()  # passes that need not be made over it


class RegionStore(StoreReader):
    """Regions and vectors of one space in one folder; any number of threads and processes may use it at once."""

    def __init__(
        self,
        folder: Path,
        *,
        space_name: str,
        fingerprint: str,
        dim: int,
        config: SearchConfig,
        place: ServerPlace | None = None,
    ) -> None:
        """Opens or makes `folder`/store.db, or the schema at `place`; beside it lies what is only kept for speed.

        An IndexProblem, or on a server a LibraryError, says why it cannot be used; then nothing was changed.
        """
        super().__init__(open_readable(place or folder / "store.db", STORE, noted=True), dim=dim)
        self.folder = folder
        self._named_space = LibraryRow(space_name=space_name, fingerprint=fingerprint, dim=dim)
        try:
            _claim(self._database, self._named_space)
        except BaseException:
            self._database.close()
            raise
        self.curation = Curation(self._database)
        self.people = People(self._database)
        self.statements = Statements(self._database)
        self._rarity = words.Rarity()
        self._finder: Finder | ServerFinder = (
            ServerFinder(dim=dim)
            if place
            else Finder(folder / "vectors.faiss", dim=dim, config=config, writes=not self.read_only)
        )

    @classmethod
    def open_known(cls, folder: Path, config: SearchConfig, *, place: ServerPlace | None = None) -> Self:
        """The store that is there, whichever space its vectors are of. IndexProblem."""
        database = open_readable(place or folder / "store.db", STORE, noted=True)
        with closing(database), database.reading() as session:
            row = session.get_one(LibraryRow, 1)
            name, fingerprint, dim = row.space_name, row.fingerprint, row.dim
        return cls(folder, space_name=name, fingerprint=fingerprint, dim=dim, config=config, place=place)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed: the file or its folder cannot be written."""
        return self._database.read_only

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(
        self, source: Source, regions: Sequence[Region], vectors_ND: NDArray[Any], *, marks: Sequence[str] = ()
    ) -> Source:
        """Store a file's regions, row n of the vectors belonging to regions[n]; replaces what was at the same path.

        `marks` are passes that need not be made over it. Of a source with the same bytes it takes over every place, so
        that bytes are stored once in a collection. Returns the source with its id. One transaction: after a crash all
        of it is there or nothing.
        """
        return self.add_many([NewSource(source=source, regions=regions, vectors_ND=vectors_ND, marks=marks)])[0]

    def add_many(self, files: Sequence[NewSource]) -> list[Source]:
        """The same of several files, no two at one path or with the same bytes, in one transaction."""
        for each in files:
            _check_text(each.source.path)
        fitting = [replace(each, vectors_ND=self._fitting(each.regions, each.vectors_ND)) for each in files]
        return self._database.write(_add_many, fitting) if fitting else []

    def begin_ids_above(self, other: "RegionStore") -> None:
        """Give no id that the other store has given or may give soon, unless something was stored here already.

        Whoever still holds an id of the other one then finds nothing here, instead of another file.
        """
        with other._database.reading() as session:
            last = row_ids.last_ids(session)
        with self._database.writing() as session:
            row_ids.begin_ids(session, {name: value + ID_DISTANCE for name, value in last.items()})

    def extend(self, source_id: int, regions: Sequence[Region], vectors_ND: NDArray[Any], *, mark: str) -> bool:
        """Add regions that a later pass found, and note in the same transaction that the pass `mark` is done.

        False if the source is gone, or if the pass was done already; then nothing is added.
        """
        vectors_ND = self._fitting(regions, vectors_ND)
        with self._database.writing() as session:
            gone = session.get(SourceRow, source_id) is None
            if gone or session.get(MarkRow, (source_id, mark)) is not None:
                return False
            session.add(MarkRow(source_id=source_id, name=mark))
            queries.add_regions(session, source_id, regions, vectors_ND)
        return True

    def exchange_regions(
        self,
        source_id: int,
        regions: Sequence[Region],
        vectors_ND: NDArray[Any],
        *,
        mark: str,
        without: Sequence[str] = (),
    ) -> bool:
        """Put these regions in the place of all others of their kinds, and of the kinds in `without`, that the source
        has, and note that the pass is done. False if the source is gone.
        """
        vectors_ND = self._fitting(regions, vectors_ND)
        return self._database.write(places.exchange_regions, source_id, regions, vectors_ND, mark, tuple(without))

    def exchange_of_many(
        self,
        source_ids: Sequence[int],
        regions: Sequence[Region],
        vectors_ND: NDArray[Any],
        *,
        mark: str,
        kinds: Sequence[str],
    ) -> None:
        """Put these regions, each of one of the sources, in the place of all of these kinds that the sources have, and
        note that the pass is done over them. Those that are gone are passed over.
        """
        vectors_ND = self._fitting(regions, vectors_ND)
        self._database.write(places.exchange_of_many, source_ids, regions, vectors_ND, mark, tuple(kinds))

    def touch(self, path: str, *, modified_ns: int) -> None:
        """Note that the file at this path has a new time and the same bytes."""
        self._database.write(places.touch, path, modified_ns)

    def problems(self) -> list[StoreProblem]:
        """What does not fit together in the store, the gravest first. StoreDamaged if it cannot even be read."""
        with self._database.reading() as session:
            lost = check_counters(session.connection(), COUNTED) if is_file(session) else []
            return [*health.problems(session, self._dim), *(StoreProblem(path="", detail=detail) for detail in lost)]

    def num_lost(self) -> int:
        """Writes that were acknowledged and are not there any more."""
        with self._database.reading() as session:
            return read_counters(session.connection())[LOST] if is_file(session) else 0

    def accept(self) -> None:
        """What is there now is what should be there: no loss is told of any more."""
        self._database.accept()

    def cache_fault(self) -> str:
        """Where the cache file does not agree with the store, a sentence; empty if it does or there is none."""
        return self._database.read(self._finder.fault)

    def health(self) -> StoreHealth:
        """How much of what is nearest a search finds, and what is left of deleted things. Reads every vector."""
        with suppress(StoreBusy, StoreReadOnly):
            self._database.empty_log()
        with self._database.reading() as session:
            num = queries.count_of(session, queries.matching_regions(ANYTHING))  # nobody writes into the file any more
            find = partial(self._finder.find, session, where=ANYTHING)
            share, sampled = health.recall(session, lambda queries_QD, k: find(queries_QD, k=k), self._dim)
            left = health.traces(session, self._database.place, self._finder.cached_ids(session))
            return StoreHealth(recall=share, sampled=sampled, regions=num, traces=left)

    def note_found(
        self, files: Sequence[FoundFile], *, gone: Collection[str], stale: Mapping[str, str]
    ) -> Sequence[MovedFile]:
        """Note where bytes that are known lie now, all at once, so that files may exchange their names.

        Of their sources the paths in `gone` are forgotten; `stale` names passes that depend on the name of a file, and
        the mark that each leaves where that changes. A file whose bytes are not known any more is passed over.
        """
        for each in files:
            _check_text(each.path)
        return self._database.write(moves.note_found, files, gone, stale)

    def remove_places(self, paths: Sequence[str]) -> int:
        """Forget these paths, and with its last path a source; returns how many of them were known."""
        return self._database.write(places.forget, paths)

    def take_out(self, paths: Sequence[str], file: Path) -> int:
        """Like `remove_places`, but `put` can bring it back from the new `file`; returns the number of sources.

        The file is whole before anything is forgotten: after a kill all of it is here, or all of it is there.
        """
        with self._database.writing() as session:
            count = trash.write(session, paths, file)
            places.forget(session, paths)
        return count

    def restore(self, file: Path) -> int:
        """Bring back what `take` wrote into this file, which stays; returns the number of sources that came.

        What is known by now wins. OtherStore if the content of this store was exchanged since.
        """
        taken = SqliteDatabase(file, STORE)
        try:
            with taken.reading() as session_of_file, self._database.writing(synced=True) as session:
                return trash.restore(session, session_of_file, file)
        finally:
            taken.close()

    def remove(self, source_ids: Sequence[int]) -> int:
        """Forget these sources with all their regions, at once; returns how many there were."""
        return self._database.write(places.remove, source_ids)

    def search_many(self, vectors_QD: NDArray[Any], *, k: int, where: Filter = EVERYTHING) -> list[list[Hit]]:
        """The k nearest regions of each query that `where` allows, best first; fewer only if fewer exist."""
        return self.search_each([(vectors_QD, k, where)])[0]

    def search_each(self, asked: Sequence[Sought]) -> list[list[list[Hit]]]:
        """Several `search_many` in one snapshot, each with its vectors, k and filter; rows are fetched once for all."""
        with self.snapshot():
            return self.hits(self.near_each(asked))

    def near_each(self, asked: Sequence[Sought]) -> list[Near]:
        """What `search_each` finds, in numbers alone: of each search scores and ids, (Q, at most k), best first."""
        for _, k, _ in asked:
            if k < 1:
                raise ValueError(f"k={k} must be at least 1")
        with self._database.reading() as session:
            sought = [(unit_rows(x, self._dim), k, limit_to_viewer(where)) for x, k, where in asked]
            return self._finder.find_each(session, sought)

    def hits(self, near: Sequence[Near]) -> list[list[list[Hit]]]:
        """The same with its regions; within one `snapshot` all of them are still there."""
        ids = {region_id for _, ids_Qk in near for region_id in ids_Qk.ravel().tolist()}
        with self._database.reading() as session:
            regions = queries.regions_by_id(session, sorted(ids))
        return [
            [
                [Hit(region=regions[n], score=s) for s, n in zip(*row, strict=True) if n in regions]
                for row in zip(scores_Qk.tolist(), ids_Qk.tolist(), strict=True)
            ]
            for scores_Qk, ids_Qk in near
        ]

    def search_words(self, query: str, *, k: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The k regions whose texts best fit any words of the query, best first; the score is BM25, above 0.

        Identifiers are split (`index.words.split_words`). Where there are very many regions that have the words, the
        rarest of these choose. Only regions that have one of them are found.
        """
        if k < 1:
            raise ValueError(f"k={k} must be at least 1")
        with self._database.reading() as session:
            seen = limit_to_viewer(where)
            allowed = partial(self._finder.allowed_ids, session, seen)
            ids = queries.matching_regions(seen)
            scores_k, ids_k = word_index(session).rank(
                session, query, k=k, ids=ids, allowed=allowed, rarity=self._rarity
            )
            regions = queries.regions_by_id(session, ids_k.tolist())
        pairs = zip(scores_k.tolist(), ids_k.tolist(), strict=True)
        return [Hit(region=regions[n], score=s) for s, n in pairs]

    def collect(self, paths: Sequence[str], collection: str) -> int:
        """Put what lies at these paths into a collection of this name; returns how many sources were elsewhere."""
        return self._database.write(places.collect, paths, collection)

    def rename_collection(self, old: str, new: str) -> int:
        """Give a collection another name, or join it to the one of that name; returns how many sources it had."""
        return self._database.write(places.rename_collection, old, new)

    def copy_to(self, file: Path) -> None:
        """The whole content as of this moment, as a new file; other work goes on meanwhile."""
        self._database.copy_to(file)

    def exchange(self, file: Path) -> None:
        """Take over the content of a file that `copy_to` made, at once for every process; what was here is gone.

        SpaceMismatch, StoreTooNew or StoreDamaged say why not; then nothing was changed.
        """
        self._database.exchange(file, adapt=self._adopt)
        self.renew_cache()

    def clear(self) -> None:
        """Forget everything, so that no byte of it remains in the store's files."""
        self._database.exchange(None, adapt=self._adopt)
        self.renew_cache()

    def _adopt(self, content: Database) -> None:
        """Content that is to come gets a new identity: what others remember of the old one is void."""
        _claim(content, self._named_space)
        with content.writing() as session:
            session.execute(update(LibraryRow).values(identity=uuid.uuid4().hex))

    def _fitting(self, regions: Sequence[Region], vectors_ND: NDArray[Any]) -> Floats:
        vectors_ND = unit_rows(vectors_ND, self._dim)
        if len(vectors_ND) != len(regions):
            raise ValueError(f"{len(regions)} regions need as many vectors, got {len(vectors_ND)}")
        return vectors_ND

    def renew_cache(self) -> None:
        """Leave no copy of what was removed: not in memory, not among the words, not in the log, unless somebody reads
        it for long, and not in the cache file, which is made anew when it pays.
        """
        with self._database.reading() as session:
            self._finder.renew(session)
        with suppress(StoreBusy):
            with self._database.writing() as session:
                word_index(session).tidy(session)
            self._database.empty_log()

    def settle(self) -> None:
        """Wait for the cache file that is being written in the background, if any."""
        self._finder.settle()

    def close(self) -> None:
        """Let go of the database, once a cache file that is being written is whole."""
        self._finder.settle()
        self._database.close()


def _claim(database: Database, wanted: LibraryRow) -> None:
    """Enter the space into a new database, or compare it with the one there."""
    with database.reading() as session:
        new = session.get(LibraryRow, 1) is None
    if new:
        with database.writing() as session:
            space = {"space_name": wanted.space_name, "fingerprint": wanted.fingerprint, "dim": wanted.dim}
            first = insert_into(session, LibraryRow).values(id=1, identity=uuid.uuid4().hex, removals=0, **space)
            session.execute(first.on_conflict_do_nothing())  # another process may have been faster
            if not is_file(session):
                create_vector_index(session.connection(), wanted.dim)
    with database.reading() as session:
        row = session.get_one(LibraryRow, 1)
    if (row.fingerprint, row.dim) != (wanted.fingerprint, wanted.dim):
        raise SpaceMismatch(database.place, stored=_describe_space(row), given=_describe_space(wanted))


def _describe_space(row: LibraryRow) -> str:
    return f'"{row.space_name}" (fingerprint {row.fingerprint[:8]}, {row.dim} wide)'


def _check_text(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise BadFileName(path) from error


def _add_many(session: Session, files: Sequence[NewSource]) -> list[Source]:
    """As `RegionStore.add_many`; the sources with their ids. Nobody else may write meanwhile."""
    sources = [each.source for each in files]
    if places.is_any_known(session, [source.path for source in sources]):
        if len(files) > 1:  # one after the other: what was at one path may come again at the next
            return [_add_many(session, [each])[0] for each in files]
        _replace(session, sources[0])
    stored = queries.add_sources(session, statements.adapt_many(session, sources))
    owned = list(zip(stored, files, strict=True))
    marks = [{"source_id": source.id, "name": mark} for source, each in owned for mark in each.marks]
    if marks:
        session.connection().execute(MARK, marks)
    regions = [region for each in files for region in each.regions]
    vectors_ND = np.concatenate([each.vectors_ND for each in files])
    queries.add_regions_of(session, [source.id for source, each in owned for _ in each.regions], regions, vectors_ND)
    return places.inherit_many(session, stored)


def _replace(session: Session, source: Source) -> None:
    """Forget what lies at its path; what was said of it holds for what comes."""
    before = places.source_at(session, source.path)
    places.forget(session, [source.path])
    if before is not None:
        curation.carry_over(session, before.digest, source.digest)
