"""Citations of documents: file type, note, text, page and lines."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A citation written before is of a photo: it has no text, no page, no lines."""
    for name in ("format", "note", "region_text"):
        op.add_column("citations", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("page", "first_line", "last_line"):
        op.add_column("citations", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
