"""What photos are looked through by: months, places, things that they show, collections; and what belongs together.

Every function uses the session given.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Session

from deepseek_mm.storage.portable_sql import MonthOf, is_file
from index import queries
from index.region import LIBRARY, Counts, Filter, GroupCount, LabelCount, MonthCount, Source
from index.tables import LabelRow, RegionRow, SourceRow


def counts(session: Session, where: Filter) -> Counts:
    """How many sources and regions `where` allows."""
    sources, regions = queries.matching_sources(where), queries.matching_regions(where)
    return Counts(sources=queries.count_of(session, sources), regions=queries.count_of(session, regions))


def numbers(session: Session, column: InstrumentedAttribute[str], where: Filter) -> dict[str, int]:
    """What stands in this column with the number of sources that have it, commonest first, equals by name."""
    sources = func.count()
    query = queries.matching_sources(where).order_by(None).with_only_columns(column, sources).group_by(column)
    return {name: count for name, count in session.execute(query.order_by(sources.desc(), column)) if name}


def months(session: Session, where: Filter) -> list[MonthCount]:
    """The newest first, those without a date last."""
    month = MonthOf(SourceRow.date_us).label("month")
    query = queries.matching_sources(where).order_by(None).with_only_columns(month, func.count()).group_by(month)
    rows = session.execute(query.order_by(month.desc().nulls_last()))
    return [MonthCount(int(text[:-2]), int(text[-2:]), num) if text else MonthCount(0, 0, num) for text, num in rows]


def places(session: Session, where: Filter) -> list[GroupCount]:
    """Where they were taken, by name; the newest of a place stands for it."""
    alone = replace(where, grouped=False)
    own = queries.matching_sources(alone).order_by(None).with_only_columns(SourceRow.id)
    which = queries.group_of_source() if where.grouped else SourceRow.id
    query = select(RegionRow.text, func.count(which.distinct()), func.max(RegionRow.source_id))
    query = query.join(SourceRow, SourceRow.id == RegionRow.source_id).where(SourceRow.id.in_(own))
    query = query.where(RegionRow.kind == "place").group_by(RegionRow.text)
    return [GroupCount(*row) for row in session.execute(query.order_by(RegionRow.text))]


def add_covers(session: Session, counted: list[LabelCount], where: Filter) -> list[GroupCount]:
    """Labels with the source that shows each most surely."""
    query = select(LabelRow.name, RegionRow.source_id).join(RegionRow, RegionRow.id == LabelRow.region_id)
    alone = replace(where, grouped=False)
    query = query.join(SourceRow, SourceRow.id == RegionRow.source_id).where(*queries.source_conditions(alone))
    query = query.where(queries.is_one_of(LabelRow.name, (each.name for each in counted)))
    if is_file(session):  # SQLite takes the other columns from the row that has the highest score
        query = query.add_columns(func.max(LabelRow.score)).group_by(LabelRow.name)
    else:
        first = (LabelRow.name, LabelRow.score.desc(), RegionRow.source_id)
        query = query.ext(distinct_on(LabelRow.name)).order_by(*first)
    covers = {row[0]: row[1] for row in session.execute(query)}
    return [GroupCount(name, num, covers[name]) for name, num in counted if name in covers]


def commonest_labels(session: Session, where: Filter, limit: int) -> list[LabelCount]:
    """Labels with the number of sources that carry them, commonest first, equals by name."""
    sources = func.count((queries.group_of_source() if where.grouped else RegionRow.source_id).distinct())
    query = select(LabelRow.name, sources).join(RegionRow, RegionRow.id == LabelRow.region_id)
    if where.grouped:
        query = query.join(SourceRow, SourceRow.id == RegionRow.source_id)
    query = (
        query.where(RegionRow.id.in_(queries.matching_regions(replace(where, grouped=False))))
        .group_by(LabelRow.name)
        .order_by(sources.desc(), LabelRow.name)
        .limit(limit)
    )
    return [LabelCount(name, count) for name, count in session.execute(query)]


def collections(session: Session) -> dict[str, int]:
    """Name -> how many sources of the library are in it, by name."""
    query = select(SourceRow.collection, func.count()).where(queries.of_collection(LIBRARY))
    rows = session.execute(query.group_by(SourceRow.collection).order_by(SourceRow.collection))
    return {name: count for name, count in rows}


def companions_of(session: Session, source_ids: Sequence[int]) -> dict[int, tuple[Source, ...]]:
    """Source id -> the others that belong to it, the leader first; only where there are any."""
    own = select(SourceRow.id, queries.group_of_source()).where(queries.among(SourceRow.id, source_ids))
    homes = {source_id: home for source_id, home in session.execute(own)}
    led = select(SourceRow.leader).where(SourceRow.leader != 0, queries.among(SourceRow.leader, homes.values()))
    leading = set(session.scalars(led.distinct()))
    homes = {source_id: home for source_id, home in homes.items() if home in leading}
    beside = and_(SourceRow.leader != 0, queries.among(SourceRow.leader, homes.values()))
    group = or_(queries.among(SourceRow.id, homes.values()), beside)
    order = (SourceRow.group_rank, SourceRow.sort_name, SourceRow.id)
    groups: dict[int, list[Source]] = {}
    for row in session.scalars(select(SourceRow).where(group).order_by(*order)) if homes else ():
        groups.setdefault(row.leader or row.id, []).append(queries.to_source(row))
    return {each: tuple(one for one in groups[home] if one.id != each) for each, home in homes.items()}
