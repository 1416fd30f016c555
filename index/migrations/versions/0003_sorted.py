"""Sources sorted by name, time and size, a page at a time; what lists are bounded by stands in the same indexes."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SOURCES = sa.table(
    "sources",
    sa.column("id", sa.Integer),
    sa.column("path", sa.String),
    sa.column("taken_at", sa.DateTime),
    sa.column("modified_ns", sa.Integer),
    sa.column("sort_name", sa.String),
    sa.column("dated_us", sa.Integer),
)
BOUNDED_BY = ("collection", "kind", "format")


def upgrade() -> None:
    """Add two columns, fill them for what is there, and index them."""
    op.add_column("sources", sa.Column("sort_name", sa.String, nullable=False, server_default=""))
    op.add_column("sources", sa.Column("dated_us", sa.Integer, nullable=False, server_default="0"))
    rows = op.get_bind().execute(sa.select(*(SOURCES.c[name] for name in ("id", "path", "taken_at", "modified_ns"))))
    keys = [_keys(row) for row in rows]
    if keys:
        fresh = SOURCES.update().where(SOURCES.c.id == sa.bindparam("row"))
        op.get_bind().execute(fresh, keys)
    op.drop_index("sources_by_collection", "sources")
    op.create_index("sources_by_collection", "sources", BOUNDED_BY)
    for key in ("sort_name", "dated_us", "size_bytes"):
        op.create_index(f"sources_by_{key}", "sources", [key, "id", *BOUNDED_BY])


def _keys(row: Sequence[Any]) -> dict[str, Any]:
    """As index.tables.sort_keys wrote them when this version was made."""
    source_id, path, taken_at, modified_ns = row
    name = re.sub(r"\d+", lambda number: number[0].zfill(12), PurePath(path).name.casefold())
    taken_us = None if taken_at is None else (taken_at - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return {"row": source_id, "sort_name": name, "dated_us": modified_ns // 1000 if taken_us is None else taken_us}
