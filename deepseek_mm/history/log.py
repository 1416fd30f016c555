"""The history: a turn is written down before its first word, and again whenever it has grown.

So a kill between the question and the last word loses nothing that had arrived. When a history is opened or read,
turns that are "running" while their process is gone become "stopped" and keep their text.

A conversation belongs to the session that began it. Only a hash of the session's secret is kept, and to everyone else
the conversation does not exist. The empty session is the command line; a page must never hand it on for a browser.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, selectinload

from deepseek_mm.errors import NothingThere
from deepseek_mm.history.freeze import freeze, thaw
from deepseek_mm.history.nouns import Conversation, Turn
from deepseek_mm.history.tables import ConversationRow, TurnRow
from deepseek_mm.records import Answer, Question
from deepseek_mm.sqlite.file import File, Kind
from deepseek_mm.sqlite.owner import Owner, this_process

FILE = Kind(noun="history", migrations=Path(__file__).parent / "migrations")
TITLE_CHARS = 60


class History:
    """Conversations in one SQLite file that many threads and processes may use at once."""

    def __init__(self, path: Path) -> None:
        self._file = File(path, FILE)
        self._owner = this_process()
        self._stop_orphans()

    def begin(
        self, question: Question, *, image_path: str, settings: Mapping[str, Any], fingerprint: str
    ) -> tuple[int, int]:
        """Write the question down as a running turn: (conversation, turn). NothingThere if it is not the session's."""
        now = datetime.now(UTC)
        turn = TurnRow(
            asked_at=now,
            question=question.text,
            image_name=question.image_name,
            image_path=image_path,
            settings=json.loads(json.dumps(dict(settings), default=str)),  # paths become text
            fingerprint=fingerprint,
            state="running",
            owner_pid=self._owner.pid,
            owner_started=self._owner.started,
        )
        with self._file.session(writes=True) as session:
            thread = self._thread(session, question, now)
            thread.last_at = now
            turn.conversation_id = thread.id
            session.add(turn)
            session.flush()
            return thread.id, turn.id

    def progress(self, turn: int, text: str) -> None:
        """Keep the answer's text so far (all of it, not the new piece). Nothing happens once the turn is over."""
        with self._file.session(writes=True, hasty=True) as session:
            running = (TurnRow.id == turn) & (TurnRow.state == "running")
            session.execute(update(TurnRow).where(running).values(text=text))

    def finish(self, turn: int, answer: Answer) -> None:
        """Keep the answer whole. Nothing happens if the conversation was deleted meanwhile."""
        assert answer.state != "running", "a finished answer is done, stopped or failed"
        with self._file.session(writes=True) as session:
            row = session.get(TurnRow, turn)
            if row is not None:
                freeze(row, answer)

    def conversations(self, *, session: str, limit: int, offset: int = 0) -> list[Conversation]:
        """The session's conversations, newest first: by their last question."""
        count = select(func.count()).where(TurnRow.conversation_id == ConversationRow.id).scalar_subquery()
        query = (
            select(ConversationRow, count)
            .where(ConversationRow.session_hash == hash_of(session))
            .order_by(ConversationRow.last_at.desc(), ConversationRow.id.desc())
            .limit(limit)
            .offset(offset)
        )
        with self._file.session() as reading:
            return [
                Conversation(
                    id=row.id, title=row.title, started_at=row.started_at, last_at=row.last_at, num_turns=num_turns
                )
                for row, num_turns in reading.execute(query)
            ]

    def turns(self, conversation: int, *, session: str) -> list[Turn]:
        """The conversation's turns, oldest first. NothingThere if it is not the session's."""
        self._stop_orphans()
        query = (
            select(TurnRow)
            .where(TurnRow.conversation_id == conversation)
            .order_by(TurnRow.id)
            .options(selectinload(TurnRow.citations), selectinload(TurnRow.checks))
        )
        with self._file.session() as reading:
            _owned(reading, conversation, session)
            return [_turn(row) for row in reading.scalars(query)]

    def delete(self, conversation: int, *, session: str) -> None:
        """Remove the conversation with its turns, citations and checks. NothingThere if it is not the session's."""
        with self._file.session(writes=True) as writing:
            writing.execute(
                delete(ConversationRow).where(ConversationRow.id == _owned(writing, conversation, session).id)
            )

    def copy_to(self, file: Path) -> None:
        """The whole history as of this moment, as a new file."""
        self._file.copy_to(file)

    def exchange(self, file: Path) -> None:
        """Take over the history of a file that `copy_to` made; what was here is gone."""
        self._file.exchange(file)

    def clear(self) -> None:
        """Forget every conversation, so that no byte of them remains."""
        self._file.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _thread(self, session: Session, question: Question, now: datetime) -> ConversationRow:
        """The conversation that the question goes on with, or a new one."""
        if question.conversation is not None:
            return _owned(session, question.conversation, question.session)
        title = title_of(question.text or question.image_name)
        thread = ConversationRow(session_hash=hash_of(question.session), title=title, started_at=now, last_at=now)
        session.add(thread)
        session.flush()
        return thread

    def _stop_orphans(self) -> None:
        """Running turns whose process is gone become stopped."""
        query = select(TurnRow.owner_pid, TurnRow.owner_started).where(TurnRow.state == "running").distinct()
        with self._file.session() as session:
            owners = [Owner(pid=pid, started=started) for pid, started in session.execute(query)]
        gone = [owner for owner in owners if owner != self._owner and not owner.lives]
        for owner in gone:
            theirs = (TurnRow.owner_pid == owner.pid) & (TurnRow.owner_started == owner.started)
            with self._file.session(writes=True) as session:
                session.execute(update(TurnRow).where(theirs, TurnRow.state == "running").values(state="stopped"))


def title_of(question: str) -> str:
    """The question on one line, cut at a word when it is longer than TITLE_CHARS."""
    line = " ".join(question.split())
    if len(line) <= TITLE_CHARS:
        return line
    head = line[: TITLE_CHARS - 3]
    words = head.rpartition(" ")[0]
    return (words if len(words) > TITLE_CHARS // 2 else head).rstrip(" ,.;:") + "..."


def hash_of(session: str) -> str:
    """What is kept of a session's secret. The secret is long and random, so that plain SHA-256 serves."""
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()


def _owned(session: Session, conversation: int, secret: str) -> ConversationRow:
    row = session.get(ConversationRow, conversation)
    if row is None or row.session_hash != hash_of(secret):
        raise NothingThere(f"no conversation {conversation} here. Begin a new one, or choose one from the history")
    return row


def _turn(row: TurnRow) -> Turn:
    return Turn(
        id=row.id,
        conversation=row.conversation_id,
        asked_at=row.asked_at,
        question=row.question,
        image_name=row.image_name,
        image_path=row.image_path,
        answer=thaw(row),
        settings=row.settings,
        fingerprint=row.fingerprint,
    )
