"""Nearest regions on a server: pgvector's index (HNSW; Malkov and Yashunin, 2016) beside the filter, in one query.

Such an index gives the nearest it knows, and a filter may leave few of them. So it is scanned on until there are
enough (pgvector's iterative scan). Where a filter leaves few, or the scan gives up before, the filter's regions are
compared one by one. What a search finds is therefore never fewer than there are.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from cachetools import TTLCache
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CollectionAggregate,
    Connection,
    Double,
    Label,
    Select,
    SQLColumnExpression,
    String,
    any_,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from index import queries
from index.region import Filter
from index.server.column_types import HALF, STORED, HalfVector, write_vector
from index.tables import RegionRow, SourceRow, VectorRow
from index.vectors import Floats, Ints

Sought = tuple[Floats, int, Filter]  # vectors (Q, D), how many are wanted, and where
LINKS, BUILD_WIDTH = 16, 64  # of each vector in the index; candidates while it is built
WIDTH, MOST_WIDTH = 100, 1_000  # candidates while it is searched, and how many pgvector allows
MOST_SCANNED = 40_000  # vectors that one search looks at before it gives up
SCAN = {"hnsw.iterative_scan": "strict_order", "hnsw.max_scan_tuples": str(MOST_SCANNED)}
INDEX = "vectors_by_nearness"
FEW = 20_000  # regions that are compared one by one sooner than the index is scanned for them
GOOD_S = 5.0  # that it is good to know whether a filter leaves few; it only decides how they are found
MOST_KNOWN = 256  # filters of which that is known
NODE_BYTES = 600  # of a vector in the index while it is built, beside its numbers
LEAST_MB, MOST_MB = 64, 2_000  # of memory that a server may take to build it
NO_ROOM = ("53000", "53100", "53200")  # PostgreSQL's codes of too little memory that is shared, or none


def create_vector_index(connection: Connection, dim: int) -> None:
    """Make the index for vectors of this width, unless it is there."""
    connection.exec_driver_sql(
        f"CREATE INDEX IF NOT EXISTS {INDEX} ON vectors USING hnsw ((data::public.halfvec({dim})) "
        f"public.halfvec_ip_ops) WITH (m = {LINKS}, ef_construction = {BUILD_WIDTH})"
    )


def build_vector_index(connection: Connection, dim: int) -> None:
    """Make it over many vectors: with memory for all of them, by several processes of the server where it has room to
    share memory.
    """
    rows = int(connection.exec_driver_sql("SELECT count(*) FROM vectors").scalar_one())
    needed_mb = min(MOST_MB, max(LEAST_MB, rows * (HALF.itemsize * dim + NODE_BYTES) // 10**6))
    connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{needed_mb}MB'")
    try:
        with connection.begin_nested():
            create_vector_index(connection, dim)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") not in NO_ROOM:
            raise
        connection.exec_driver_sql("SET LOCAL max_parallel_maintenance_workers = 0")
        create_vector_index(connection, dim)


class Selectivity(NamedTuple):
    """Whether a filter lets at most FEW regions through, and what it says of sources at most FEW of these."""

    few_regions: bool
    few_sources: bool


class ServerFinder:
    """Searches a store that lies on a server. What `Finder` keeps in memory and in a file is not needed here."""

    def __init__(self, *, dim: int) -> None:
        self._dim = dim
        self._known: TTLCache[Filter, Selectivity] = TTLCache(MOST_KNOWN, GOOD_S)
        self._lock = Lock()

    def find(self, session: Session, queries_QD: Floats, *, k: int, where: Filter) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, at most k), best first: of the regions in the session's snapshot that `where` allows."""
        return self.find_each(session, [(queries_QD, k, where)])[0]

    def find_each(self, session: Session, asked: Sequence[Sought]) -> list[tuple[Floats, Ints]]:
        """The same for several, one after the other."""
        return [self._find_many(session, x_QD, k, where) for x_QD, k, where in asked]

    def allowed_ids(self, session: Session, where: Filter) -> Ints:
        """Ids of the regions in the session's snapshot that `where` allows, rising."""
        return queries.matching_ids(session, where)

    def renew(self, session: Session) -> None:
        """Nothing is kept that could be of the past."""

    def fault(self, session: Session) -> str:
        """There is no cache file."""
        return ""

    def cached_ids(self, session: Session) -> Ints:
        """There is no cache file."""
        return np.zeros(0, np.int64)

    def settle(self) -> None:
        """Nothing goes on in the background."""

    def _find_many(self, session: Session, x_QD: Floats, k: int, where: Filter) -> tuple[Floats, Ints]:
        _set(session, SCAN | {"hnsw.ef_search": str(min(MOST_WIDTH, max(WIDTH, 2 * k)))})
        selectivity = self._measure(session, where)
        rows = [self._find_one(session, x_D, k, where, selectivity) for x_D in x_QD]
        width = max((len(ids) for _, ids in rows), default=0)
        assert all(len(ids) == width for _, ids in rows), "every query has as many regions to choose from"
        scores_Qk = np.array([scores for scores, _ in rows], np.float32).reshape(len(rows), width)
        return scores_Qk, np.array([ids for _, ids in rows], np.int64).reshape(len(rows), width)

    def _measure(self, session: Session, where: Filter) -> Selectivity:
        """Without a filter nothing is few."""
        of_sources, of_regions = queries.source_conditions(where), queries.region_conditions(where)
        if not (of_sources or of_regions):
            return Selectivity(few_regions=False, few_sources=False)
        with self._lock:
            known = self._known.get(where)
        if known is None:
            few_regions = _is_few(session, queries.matching_regions(where))
            few_sources = few_regions and bool(of_sources)
            few_sources = few_sources and _is_few(session, select(SourceRow.id).where(*of_sources))
            known = Selectivity(few_regions=few_regions, few_sources=few_sources)
            with self._lock:
                self._known[where] = known
        return known

    def _find_one(
        self, session: Session, x_D: Floats, k: int, where: Filter, selectivity: Selectivity
    ) -> tuple[list[float], list[int]]:
        connection = session.connection()
        if selectivity.few_regions:
            rows = connection.execute(self._of_few(x_D, k, where, by_sources=selectivity.few_sources)).all()
        else:
            rows = connection.execute(self._nearest(x_D, k, where, by_index=True)).all()
            if len(rows) < k:  # the index gave up, or there are no more
                rows = connection.execute(self._nearest(x_D, k, where, by_index=False)).all()
        ordered = sorted(((-far, region_id) for region_id, far in rows), key=lambda row: (-row[0], row[1]))
        return [score for score, _ in ordered], [region_id for _, region_id in ordered]

    def _nearest(self, x_D: Floats, k: int, where: Filter, *, by_index: bool) -> Select[int, float]:
        """Ids with the negative product; in an order by a sum the index of vectors has no part."""
        far = self._distance_to(x_D, VectorRow.data)
        found = select(VectorRow.region_id, far).select_from(VectorRow)
        of_sources, of_regions = queries.source_conditions(where), queries.region_conditions(where)
        if of_sources or of_regions:
            found = found.join(RegionRow, RegionRow.id == VectorRow.region_id).where(*of_regions)
        if of_sources:
            found = found.join(SourceRow, SourceRow.id == RegionRow.source_id).where(*of_sources)
        return found.order_by(far if by_index else far.element + 0).limit(k)

    def _of_few(self, x_D: Floats, k: int, where: Filter, *, by_sources: bool) -> Select[int, float]:
        """The same where few fit: ids of regions, and of sources where these are few as well, are gathered first and
        looked up in their order, which reads a third of what a join does.
        """
        some: Select[int] = queries.matching_regions(where)
        if by_sources:
            sources = _any_of(select(SourceRow.id).where(*queries.source_conditions(where)), SourceRow.id)
            some = select(RegionRow.id).where(*queries.region_conditions(where), RegionRow.source_id == sources)
        far = self._distance_to(x_D, VectorRow.data)
        found = select(VectorRow.region_id, far).where(VectorRow.region_id == _any_of(some, RegionRow.id))
        return found.order_by(far.element + 0).limit(k)

    def _distance_to(self, x_D: Floats, data: SQLColumnExpression[Any]) -> Label[float]:
        wide = HalfVector(self._dim)
        sought = cast(literal(write_vector(np.asarray(x_D, STORED).tobytes()), String), wide)
        return cast(cast(data, wide).op("OPERATOR(public.<#>)")(sought), Double).label("far")


def _is_few(session: Session, some: Select[int]) -> bool:
    """Whether it has at most FEW rows."""
    return (session.scalar(select(func.count()).select_from(some.limit(FEW + 1).subquery())) or 0) <= FEW


def _any_of(ids: Select[int], order: SQLColumnExpression[int]) -> CollectionAggregate[Any]:
    """To be compared with: any of these ids, which are gathered first, rising."""
    return any_(func.array(ids.order_by(order).scalar_subquery(), type_=ARRAY(BigInteger)))


def _set(session: Session, settings: dict[str, str]) -> None:
    """Settings of this transaction alone."""
    calls = [func.set_config(name, value, True) for name, value in settings.items()]
    session.connection().execute(select(*calls)).all()
