"""How many rows there should be and how many writes there were; and paths without links, as files are read from now on.

A folder on the way to a file may have been named through a link. What a link itself led to keeps its path, and is not
read any more. See `storage.counters` and `index.real_paths`.
"""

from alembic import op

from deepseek_mm.storage.counters import make_counters
from index.real_paths import resolve_columns

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Count what is there; a path that would then be known twice stays as it is."""
    resolve_columns(op.get_bind(), {"sources": "path", "places": "path"})
    make_counters(op.get_bind(), ("sources", "regions"))
