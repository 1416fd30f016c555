"""What photos are looked through by: the months they were taken in, places, and the things that they show.

Every function uses the session given.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from index import queries
from index.region import Filter, GroupCount, LabelCount, MonthCount
from index.tables import LabelRow, RegionRow, SourceRow


def months(session: Session, where: Filter) -> list[MonthCount]:
    """The newest first, those without a date last."""
    month = func.strftime("%Y%m", SourceRow.date_us // 1_000_000, "unixepoch").label("month")
    query = queries.matching_sources(where).order_by(None).with_only_columns(month, func.count()).group_by(month)
    rows = session.execute(query.order_by(month.desc().nulls_last()))
    return [MonthCount(int(text[:-2]), int(text[-2:]), num) if text else MonthCount(0, 0, num) for text, num in rows]


def places(session: Session, where: Filter) -> list[GroupCount]:
    """Where they were taken, by name; the newest of a place stands for it."""
    own = queries.matching_sources(where).order_by(None).with_only_columns(SourceRow.id)
    columns = (RegionRow.text, func.count(RegionRow.source_id.distinct()), func.max(RegionRow.source_id))
    query = select(*columns).where(RegionRow.kind == "place", RegionRow.source_id.in_(own)).group_by(RegionRow.text)
    return [GroupCount(*row) for row in session.execute(query.order_by(RegionRow.text))]


def add_covers(session: Session, counted: list[LabelCount], where: Filter) -> list[GroupCount]:
    """Labels with the source that shows each most surely."""
    best = func.max(LabelRow.score)  # SQLite takes the other columns from the row that has it
    query = select(LabelRow.name, RegionRow.source_id, best).join(RegionRow, RegionRow.id == LabelRow.region_id)
    names = queries.select_values(each.name for each in counted)
    query = query.join(SourceRow, SourceRow.id == RegionRow.source_id).where(*queries.source_conditions(where))
    rows = session.execute(query.where(LabelRow.name.in_(names)).group_by(LabelRow.name))
    covers = {name: source_id for name, source_id, _ in rows}
    return [GroupCount(name, num, covers[name]) for name, num in counted if name in covers]
