"""The rows of the table of jobs. What changes here needs a migration in `table.JOBS`.

Ids are never used again (AUTOINCREMENT) and order the jobs by their making; `ended_as` orders them by their end. No
clock is asked for either, so one that jumps mixes nothing up.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, ForeignKey, Index, UniqueConstraint, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from deepseek_mm.storage.columns import COLUMNS
from deepseek_mm.storage.counters import make_counters

COUNTED = ("jobs",)  # tables whose rows are counted with every write


class JobBase(DeclarativeBase):
    """Maps Python's types to columns, alike in every version of SQLAlchemy."""

    type_annotation_map = COLUMNS


class FailedRow(JobBase):
    """One item that a job could not do."""

    __tablename__ = "failed"
    __table_args__ = (UniqueConstraint("job_id", "item", name="once_a_job"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    item: Mapped[str]
    reason: Mapped[str]


class SetAsideRow(JobBase):
    """A file that is passed over; the columns are the fields of `records.SetAside`."""

    __tablename__ = "set_aside"

    path: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]
    limits: Mapped[str]
    reason: Mapped[str]


class JobRow(JobBase):
    """One piece of long work."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("once_asked", "asker", "key", unique=True, sqlite_where=text("key <> ''")),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str]  # of the payload, so that an equal job is found
    state: Mapped[str] = mapped_column(index=True, default="waiting")  # records.State
    cancelling: Mapped[bool] = mapped_column(default=False)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    per_second: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(default="")
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    attempts: Mapped[int] = mapped_column(default=0)  # how often it was claimed; also the number of the newest claim
    deaths: Mapped[int] = mapped_column(default=0)  # processes in a row that died without getting further
    furthest: Mapped[int] = mapped_column(default=-1)  # the highest `done` that a dead process left
    owner_pid: Mapped[int] = mapped_column(default=0)
    owner_started: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[int | None] = mapped_column(index=True)  # 1 for the first job that ended
    token: Mapped[str] = mapped_column(index=True, default="")
    asker: Mapped[str] = mapped_column(default="")
    key: Mapped[str] = mapped_column(default="")  # of the asker, for the same job once more
    bulk: Mapped[bool] = mapped_column(default=False)
    partial: Mapped[str] = mapped_column(default="")
    num_failed: Mapped[int] = column_property(
        select(func.count(FailedRow.id)).where(FailedRow.job_id == id).correlate_except(FailedRow).scalar_subquery()
    )


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty file."""
    JobBase.metadata.create_all(connection)
    make_counters(connection, COUNTED)
