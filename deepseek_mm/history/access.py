"""Whose is it? A conversation is its session's alone; to everybody else it reads as if it did not exist.

Only a hash of the session's secret is kept. A deleted conversation does not exist either, except to be brought back.
"""

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from deepseek_mm.errors import NothingThere
from deepseek_mm.history.tables import ConversationRow, TurnRow


def hash_of(session: str) -> str:
    """What is kept of a session's secret. The secret is long and random, so that plain SHA-256 serves."""
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()


def owned_conversation(session: Session, conversation: int, secret: str, *, deleted: bool = False) -> ConversationRow:
    """The session's conversation; with `deleted` also one that waits to be removed. NothingThere if there is none."""
    row = session.get(ConversationRow, conversation)
    if row is None or row.session_hash != hash_of(secret) or (row.deleted_at is not None and not deleted):
        raise NothingThere(f"no conversation {conversation} here. Begin a new one, or choose one from the history")
    return row


def owned_turn(session: Session, turn: int, secret: str) -> TurnRow:
    """A turn of one of the session's conversations. NothingThere if there is none."""
    mine = (ConversationRow.session_hash == hash_of(secret)) & ConversationRow.deleted_at.is_(None)
    thread = ConversationRow.id == TurnRow.conversation_id
    row = session.scalar(select(TurnRow).join(ConversationRow, thread).where(TurnRow.id == turn, mine))
    if row is None:
        raise NothingThere(f"no answer {turn} here. It may be deleted; choose a conversation from the history")
    return row
