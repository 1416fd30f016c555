"""Types of columns that come back as they went in: moments with their zone, and text that is not quite Unicode."""

from collections.abc import Callable
from datetime import UTC, datetime
from sqlite3 import DatabaseError
from typing import Any

from sqlalchemy import DateTime, Float, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from deepseek_mm.storage.files import parse_json


class Utc(TypeDecorator[datetime]):
    """A moment. SQLite keeps no zone, so it is stored in UTC and comes back as UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Python -> file."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """File -> Python."""
        return value and value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """File -> Python; what is no moment is damage, as SQLite would say it."""
        read = super().result_processor(dialect, coltype)

        def process(value: Any) -> datetime | None:
            try:
                return read(value) if read else value
            except (ValueError, TypeError) as error:
                raise DatabaseError(f"malformed moment {value!r:.80}") from error

        return process


def read_stored_json(text: str) -> Any:
    """A column's JSON; what is none is damage, as SQLite would say it."""
    try:
        return parse_json(text)
    except ValueError as error:
        raise DatabaseError(f"malformed JSON {text!r:.80} ({error})") from error


class AnyText(TypeDecorator[str]):
    """Text that may hold what UTF-8 cannot, as file names on Linux do: such a value is stored as bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Python -> file."""
        if value is None or _is_utf8(value):
            return value
        return value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """File -> Python."""
        return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


COLUMNS: dict[Any, Any] = {datetime: Utc, str: AnyText, float: Float}  # for a DeclarativeBase's type_annotation_map
