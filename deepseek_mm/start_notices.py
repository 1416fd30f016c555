"""What the last start of the app could not open and did without, in DATA/notices.json, so that `doctor` can tell it."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from deepseek_mm.config import Notice
from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.files import atomic_write, read_json

FILE = "notices.json"
MODE = 0o600  # an error may name an address that others need not know


def keep_notices(data: Path, notices: Sequence[Notice]) -> None:
    """Write them down in the place of those of the start before; a folder that cannot be written keeps none."""
    with suppress(LibraryError, OSError):
        if notices:
            atomic_write(data / FILE, json.dumps([asdict(notice) for notice in notices]).encode(), mode=MODE)
        else:
            (data / FILE).unlink(missing_ok=True)


def read_notices(data: Path) -> list[Notice]:
    """Those of the last start; none where it could open everything, or the file cannot be read."""
    try:
        return [Notice(short=str(row["short"]), text=str(row["text"])) for row in read_json(data / FILE)]
    except (OSError, ValueError, LookupError, TypeError):
        return []
