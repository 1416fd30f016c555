"""Values out of the files of other programs, whatever these hold: texts in one line, lists of names, places."""

import math
from typing import Any

NEAR = 1e-9  # degrees: what is nearer to 0, 0 is no place
MOST_LETTERS, MOST_DESCRIPTION = 100, 2_000  # of a name; of a description
MOST_NAMES = 200  # of one list


def one_line(value: Any, most: int = MOST_LETTERS) -> str:
    """A text in one line; "" for anything else."""
    return " ".join(value.split())[:most] if isinstance(value, str) else ""


def list_names(value: Any, keys: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names in a list of texts, or of objects that have them under the first of these keys that is there."""
    rows = value if isinstance(value, list) else []
    names = (next((row[key] for key in keys if key in row), "") if isinstance(row, dict) else row for row in rows)
    return tuple(dict.fromkeys(filter(None, map(one_line, names))))[:MOST_NAMES]


def read_place(told: Any) -> tuple[float, float] | None:
    """Latitude and longitude of an object; None where they are missing, 0 and 0, or not on the globe."""
    pair = (told.get("latitude"), told.get("longitude")) if isinstance(told, dict) else (None, None)
    latitude, longitude = (float(n) if isinstance(n, int | float) and math.isfinite(n) else 0.0 for n in pair)
    is_somewhere = max(abs(latitude), abs(longitude)) > NEAR
    return (latitude, longitude) if is_somewhere and abs(latitude) <= 90 and abs(longitude) <= 180 else None
