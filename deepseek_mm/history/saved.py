"""Searches that are saved under a name, each for the session that saved it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.history.access import hash_of
from deepseek_mm.history.records import Saved
from deepseek_mm.history.tables import SavedRow

MOST = 200  # of one session
NAME_CHARS = 80
TEXT_CHARS = 20_000


def save(session: Session, secret: str, name: str, text: str, filters: Mapping[str, str]) -> Saved:
    """Keep it in place of the one of that name. BadQuestion if it has no name, says nothing, or is one too many."""
    name = " ".join(name.split())[:NAME_CHARS]
    filters = {key: value for key, value in filters.items() if value}
    if not name:
        raise BadQuestion("a saved search needs a name. Type one, for example: dogs on the beach")
    if not text.strip() and not filters:
        raise BadQuestion("there is nothing to save: no words and no filter. Search for something first")
    mine = SavedRow.session_hash == hash_of(secret)
    row = session.scalar(select(SavedRow).where(mine, SavedRow.name == name))
    if row is None:
        if (session.scalar(select(func.count(SavedRow.id)).where(mine)) or 0) >= MOST:
            raise BadQuestion(f"{MOST} searches are saved, and that is the most. Delete one that you do not need")
        row = SavedRow(session_hash=hash_of(secret), name=name)
        session.add(row)
    row.text, row.filters, row.saved_at = text[:TEXT_CHARS], filters, datetime.now(UTC)
    session.flush()
    return to_saved(row)


def saved_searches(session: Session, secret: str) -> list[Saved]:
    """Those of the session, by name."""
    rows = session.scalars(select(SavedRow).where(SavedRow.session_hash == hash_of(secret)))
    return sorted(map(to_saved, rows), key=lambda each: (each.name.casefold(), each.id))


def forget(session: Session, secret: str, saved: int) -> None:
    """NothingThere if the session has none of that id."""
    mine = (SavedRow.session_hash == hash_of(secret)) & (SavedRow.id == saved)
    if session.scalar(delete(SavedRow).where(mine).returning(SavedRow.id)) is None:
        raise NothingThere(f"no saved search {saved} here. See which there are: GET /search/saved")


def to_saved(row: SavedRow) -> Saved:
    """The record that `row` holds."""
    return Saved(id=row.id, name=row.name, text=row.text, filters=tuple(sorted(row.filters.items())))
