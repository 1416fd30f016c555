"""Ids that were given, in a file and on a server: each once, rising, whatever was removed since."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from deepseek_mm.storage.portable_sql import is_file
from index.server import server_words

GIVEN_IN_FILE = "SELECT name, seq FROM sqlite_sequence"
GIVEN_ON_SERVER = """
    SELECT substring(sequencename FROM '(.*)_id_seq'), last_value FROM pg_sequences
    WHERE schemaname = current_schema() AND last_value IS NOT NULL"""
GIVE_AFTER = "SELECT setval(CAST(CAST(:name AS text) || '_id_seq' AS regclass), CAST(:last AS bigint))"


def last_region_ever(session: Session) -> int:
    """The highest id that was ever given."""
    return last_ids(session).get("regions", 0)


def last_ids(session: Session) -> dict[str, int]:
    """Table -> the last id that it has given, of tables that have given one."""
    told = session.execute(text(GIVEN_IN_FILE if is_file(session) else GIVEN_ON_SERVER))
    return {name: last for name, last in told}


def begin_ids(session: Session, last: Mapping[str, int]) -> None:
    """Have tables go on behind these ids; those that have given any go on behind their own."""
    begin = "INSERT INTO sqlite_sequence VALUES (:name, :last)" if is_file(session) else GIVE_AFTER
    for name in last.keys() - last_ids(session).keys():
        session.execute(text(begin), {"name": name, "last": last[name]})


def settle_ids(session: Session, *, first: int, last: int) -> None:
    """What a file does by itself when regions with these ids, above all that were given, were written: those that come
    next get higher ones, and their words are indexed.
    """
    if first <= last and not is_file(session):
        session.execute(text(GIVE_AFTER), {"name": "regions", "last": last})
        server_words.index_missing(session, after=first - 1)
