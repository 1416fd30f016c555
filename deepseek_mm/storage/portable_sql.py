"""What SQLite and PostgreSQL write differently, said once: each class here is a function that both can compute.

Many values travel as one parameter, a JSON array, however many they are.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Integer, String, cast, column, func, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Insert = sqlite.Insert | postgresql.Insert


def is_file(session: Session) -> bool:
    """Whether the session is one of a SQLite file, not of a server."""
    return session.get_bind().dialect.name == "sqlite"


def insert_into(session: Session, table: Any) -> Insert:
    """An INSERT that can be told what to do where such a row is there already."""
    return sqlite.insert(table) if is_file(session) else postgresql.insert(table)


def limit_of(number: int) -> int | None:
    """A limit for a query; a negative number is none."""
    return number if number >= 0 else None


def as_array(values: Iterable[int | str]) -> str:
    """What `IsListed` and `IsNumbered` look in."""
    return json.dumps(list(values))


def list_texts(session: Session, texts: Iterable[str]) -> ColumnElement[str]:
    """A column of these texts, however many, to be joined with."""
    listed = literal(as_array(texts), String)
    rows = func.json_each(listed) if is_file(session) else func.json_array_elements_text(cast(listed, postgresql.JSON))
    return rows.table_valued(column("value", String)).c.value


class SqlCondition(FunctionElement[bool]):
    """Stands in WHERE as it is.

    Behind what is no comparison SQLAlchemy writes "= 1", and SQLite then reads every row.
    """

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """Itself, whatever it is joined with."""
        return self


class IsListed(SqlCondition):
    """(column, array): a text is one of the array's."""

    inherit_cache = True


class IsNumbered(SqlCondition):
    """(column, array): a whole number is one of the array's."""

    inherit_cache = True


class HasItem(SqlCondition):
    """(array, text): a column of JSON has this text in it."""

    inherit_cache = True


class PlaceIn(FunctionElement[int]):
    """(text, part): where the part begins, counted from 1; 0 if it is not there."""

    type = Integer()
    inherit_cache = True


class ArrayOf(FunctionElement[str]):
    """(column): all its rows as one JSON array, as text.

    For each row sqlite3 lets the interpreter's lock go, and with others that compute it takes up to 5 ms until it has
    it again.
    """

    type = String()
    inherit_cache = True


class MonthOf(FunctionElement[str]):
    """(microseconds since 1970): the month, as "202611"; null of null."""

    type = String()
    inherit_cache = True


WRITTEN: dict[type[FunctionElement[Any]], tuple[str, str]] = {  # class -> how SQLite and PostgreSQL write it
    IsListed: (
        "({0} IN (SELECT value FROM json_each({1})))",
        "({0} = ANY (ARRAY(SELECT json_array_elements_text(CAST({1} AS json)))))",
    ),
    IsNumbered: (
        "({0} IN (SELECT value FROM json_each({1})))",
        "({0} = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST({1} AS json)) AS bigint))))",
    ),
    HasItem: (
        "(EXISTS (SELECT 1 FROM json_each({0}) WHERE value = {1}))",
        "(EXISTS (SELECT 1 FROM json_array_elements_text({0}) AS item WHERE item = {1}))",
    ),
    PlaceIn: ("instr({0}, {1})", "strpos({0}, {1})"),
    ArrayOf: ("json_group_array({0})", "CAST(coalesce(json_agg({0}), '[]') AS text)"),
    MonthOf: (
        "strftime('%Y%m', {0} / 1000000, 'unixepoch')",
        "to_char(to_timestamp(floor({0} / 1000000.0)) AT TIME ZONE 'UTC', 'YYYYMM')",
    ),
}


def write_as(element: type[FunctionElement[Any]], in_file: str, on_server: str) -> None:
    """Say how SQLite and PostgreSQL write a function; {0} and {1} are what it is given."""

    def follow(pattern: str) -> Any:
        def compile_element(each: FunctionElement[Any], compiler: SQLCompiler, **how: Any) -> str:
            return pattern.format(*(compiler.process(part, **how) for part in each.clauses))

        return compile_element

    compiles(element, "sqlite")(follow(in_file))
    compiles(element, "postgresql")(follow(on_server))


for _element, _forms in WRITTEN.items():
    write_as(_element, *_forms)
