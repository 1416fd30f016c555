"""How many rows there should be, and how many writes there were; and paths of pictures without links on the way."""

from alembic import op

from deepseek_mm.storage.counters import make_counters
from index.real_paths import resolved_paths

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Count what is there."""
    connection = op.get_bind()
    for table, column in (("citations", "path"), ("turns", "image_path")):
        for path, new in resolved_paths(connection, table, column).items():
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, path))
    make_counters(connection, ("conversations", "turns"))
