"""How many rows there should be, and how many writes there were."""

from alembic import op

from deepseek_mm.storage.counters import make_counters

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Count what is there."""
    make_counters(op.get_bind(), ("jobs",))
