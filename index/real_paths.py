"""Recorded paths without links: for what an earlier version wrote down as a user had named it.

Only folders are resolved. A file that was itself a link is read by nobody any more, and stays known by its own name
until its folder is looked at again.
"""

import os
from collections.abc import Mapping

from sqlalchemy import Connection


def resolve_columns(connection: Connection, columns: Mapping[str, str]) -> None:
    """Rewrite the column of each table, but where a path of that table or of another one has that name already."""
    taken: set[str] = set()
    for table, column in columns.items():
        taken.update(str(path) for (path,) in connection.exec_driver_sql(f"SELECT {column} FROM {table}"))
    for table, column in columns.items():
        for path, new in resolved_paths(connection, table, column).items():
            if new not in taken:
                taken.add(new)
                connection.exec_driver_sql(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, path))


def resolved_paths(connection: Connection, table: str, column: str) -> dict[str, str]:
    """Recorded path -> the same one without links, of those that have some."""
    folders: dict[str, str] = {}
    found = {}
    for (path,) in connection.exec_driver_sql(f"SELECT DISTINCT {column} FROM {table}"):
        folder, _, name = path.rpartition(os.sep) if isinstance(path, str) else ("", "", "")
        if folder not in folders:
            folders[folder] = os.path.realpath(folder) if os.path.isabs(folder) else folder
        if folders[folder] != folder:
            found[path] = os.path.join(folders[folder], name)
    return found
