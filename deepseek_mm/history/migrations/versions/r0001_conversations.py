"""Conversations, turns, citations, checks.

Written out by hand and never changed again: a file of the first release must look the same for ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """An empty file gets the first tables."""
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("session_hash", sa.Text, nullable=False, index=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("last_at", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    _create_turns()
    _create_citations()
    op.create_table(
        "checks",
        sa.Column("id", sa.Integer, primary_key=True),
        _turn_id(),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("numbers", sa.JSON, nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _turn_id() -> sa.Column[int]:
    return sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), nullable=False, index=True)


def _create_turns() -> None:
    conversation = sa.ForeignKey("conversations.id", ondelete="CASCADE")
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("conversation_id", sa.Integer, conversation, nullable=False, index=True),
        sa.Column("asked_at", sa.DateTime, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("image_name", sa.Text, nullable=False),
        sa.Column("image_path", sa.Text, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_started", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("found", sa.Boolean, nullable=False),
        sa.Column("confidence", sa.Float),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_citations() -> None:
    op.create_table(
        "citations",
        sa.Column("id", sa.Integer, primary_key=True),
        _turn_id(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("region_id", sa.Integer, nullable=False),
        sa.Column("region_kind", sa.Text, nullable=False),
        *(sa.Column(f"{edge}_px", sa.Integer, nullable=False) for edge in ("left", "top", "right", "bottom")),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("colours", sa.JSON, nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("path", "source_kind", "collection", "digest")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("size_bytes", "modified_ns")),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("taken_at", sa.DateTime),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
    )
