"""What was done already: a line of JSON for each piece of work, so that a run that was cut off goes on where it was."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from deepseek_mm.errors import ConfigError

HOW = "how"  # key of the first line, which says under which settings the others were made
Row = dict[str, Any]


@dataclass(kw_only=True)
class ResultJournal:
    """Rows by name, in a file or, without one, only here. May be used from several threads."""

    rows: dict[str, Row] = field(default_factory=dict)
    file: Path | None = None
    lock: Lock = field(default_factory=Lock)

    def get(self, name: str) -> Row | None:
        """What was found out under this name; None: nothing yet."""
        with self.lock:
            return self.rows.get(name)

    def record(self, name: str, row: Row) -> Row:
        """Remember it; returns it."""
        with self.lock:
            self.rows[name] = row
            if self.file is not None:
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"name": name, **row}) + "\n")
        return row


def open_journal(file: Path | None, how: Row) -> ResultJournal:
    """What a file remembers. A last line that was cut off counts as not written.

    ConfigError: it was made under other settings.
    """
    if file is None:
        return ResultJournal()
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    rows = [row for row in map(read_row, lines) if row is not None]
    if not rows:
        file.write_text(json.dumps({HOW: how}) + "\n", encoding="utf-8")
        return ResultJournal(file=file)
    if rows[0].get(HOW) != how:
        raise ConfigError(f"{file} was made with {rows[0].get(HOW)}, and this run has {how}. Name another with --keep")
    return ResultJournal(file=file, rows={row.pop("name"): row for row in rows[1:] if "name" in row})


def read_row(line: str) -> Row | None:
    """A line's object; None if it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
