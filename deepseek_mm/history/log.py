"""The history: a turn is written down before its first word, and again whenever it has grown.

So a kill between the question and the last word loses nothing that had arrived. When a history is opened or read,
turns that are "running" while their process is gone become "stopped" and keep their text.

A conversation belongs to the session that began it; for everyone else, and once it is deleted, each method below raises
NothingThere. The empty session is the command line; a page must never hand it on for a browser.

Deleting can be undone for a while: until then the rows are there and nobody sees them. Then they are overwritten.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from deepseek_mm.dates import Ages
from deepseek_mm.history import queries, records
from deepseek_mm.history.queries import hash_of, owned_conversation, owned_turn
from deepseek_mm.history.records import Conversation, Corrected, ErasedHistory, Rating, Saved, Turn, answer_to_rows
from deepseek_mm.history.tables import (
    COUNTED,
    CitationRow,
    ConversationRow,
    HistoryBase,
    SavedRow,
    TurnRow,
    add_inside,
    add_moments,
    add_requests,
    create_tables,
)
from deepseek_mm.storage.database import DatabaseOwner
from deepseek_mm.storage.owner import Owner
from deepseek_mm.storage.places import Place, open_database
from deepseek_mm.storage.portable_sql import is_file
from deepseek_mm.storage.schema import LibraryErrors, Migration, Schema, convert
from deepseek_mm.types import Answer, Question, Request
from index.region import UPLOADS, MovedFile

HISTORY = Schema(
    create=create_tables,
    metadata=HistoryBase.metadata,
    on_server=True,
    oldest="0008",
    errors=LibraryErrors(noun="history"),
    migrations=(
        Migration(revision="0009", apply=add_requests),
        Migration(revision="0010", apply=add_inside),
        Migration(revision="0011", apply=add_moments),
    ),
    counted=COUNTED,
    writable=False,
)
UNDO_S = 600.0  # how long a deleted conversation can be brought back


class History(DatabaseOwner):
    """Conversations in one SQLite file that many threads and processes may use at once."""

    def __init__(self, place: Place, *, ages: Ages | None = None) -> None:
        super().__init__(open_database(place, HISTORY, noted=True))
        self._ages = ages or Ages()
        self._stop_orphans()
        self.purge()

    def begin(
        self,
        question: Question,
        *,
        image_path: str,
        settings: Mapping[str, Any],
        fingerprint: str,
        more: Sequence[tuple[str, str]] = (),
    ) -> tuple[int, int]:
        """Write the question down as a running turn: (conversation, turn). `more`: further pictures, (name, path).

        A turn that the same task began before, in a process that died perhaps, is taken up again. The disk has it for
        certain with the turn's end: who loses the machine's power before may have to ask again.
        """
        now, me = datetime.now(UTC), self._database.owner
        turn = {
            "asked_at": now,
            "question": question.text,
            "image_name": question.image_name,
            "image_path": image_path,
            "settings": json.loads(json.dumps(dict(settings), default=str)),  # paths become text
            "fingerprint": fingerprint,
            "state": "running",
            "owner_pid": me.pid,
            "owner_started": me.started,
            "more": [list(picture) for picture in more],
            "task": question.task,
            "about": question.about,
        }
        with self._database.writing(synced=False) as session:
            if (known := records.begun_before(session, turn)) is not None:
                return known
            thread = self._thread(session, question, now)
            return thread, records.insert_row(session, TurnRow, turn | {"conversation_id": thread})

    def progress(self, turn: int, text: str) -> None:
        """Keep the answer's text so far (all of it, not the new piece). Nothing happens once the turn is over."""
        with self._database.writing(synced=False) as session:
            running = (TurnRow.id == turn) & (TurnRow.state == "running")
            session.execute(update(TurnRow).where(running).values(text=text))

    def finish(self, turn: int, answer: Answer) -> None:
        """Keep the answer whole. Nothing happens if the turn is gone meanwhile."""
        assert answer.state != "running", "a finished answer is done, stopped or failed"
        self._database.write(records.store_answer, turn, answer_to_rows(answer))

    def conversations(self, *, session: str, limit: int, offset: int = 0, text: str = "") -> list[Conversation]:
        """The session's conversations: pinned ones first, then newest first, by their last question.

        With `text`, those with every word of it (up to search.MAX_WORDS) somewhere in title, questions or answers.
        """
        with self._database.reading() as reading:
            rows = reading.execute(queries.select_conversations(session, text, limit, offset, indexed=is_file(reading)))
            return [convert(row, Conversation, num_turns=num_turns) for row, num_turns in rows]

    def conversation(self, conversation: int, *, session: str) -> Conversation:
        """One row of that list."""
        with self._database.reading() as reading:
            row = owned_conversation(reading, conversation, session)
            num_turns = select(func.count(TurnRow.id)).where(TurnRow.conversation_id == row.id)
            return convert(row, Conversation, num_turns=reading.scalars(num_turns).one())

    def count(self, *, session: str, text: str = "") -> int:
        """How many conversations there are to list."""
        with self._database.reading() as reading:
            return int(reading.scalars(queries.count_conversations(session, text, indexed=is_file(reading))).one())

    def num_conversations(self) -> int:
        """How many conversations all sessions have together."""
        with self._database.reading() as reading:
            here = select(func.count(ConversationRow.id)).where(ConversationRow.deleted_at.is_(None))
            return int(reading.scalars(here).one())

    def turns(
        self, conversation: int, *, session: str, last: int | None = None, before: int | None = None
    ) -> list[Turn]:
        """The conversation's turns, oldest first: of those with an id below `before`, the `last` newest."""
        self._stop_orphans()
        with self._database.reading() as reading:
            owned_conversation(reading, conversation, session)
            return records.read(reading, records.page(conversation, last, before))[::-1]

    def num_turns(self, conversation: int, *, session: str) -> int:
        """How many turns the conversation has."""
        with self._database.reading() as reading:
            mine = owned_conversation(reading, conversation, session).id
            return reading.scalars(select(func.count(TurnRow.id)).where(TurnRow.conversation_id == mine)).one()

    def rename(self, conversation: int, title: str, *, session: str) -> None:
        """Give the conversation another title, on one line; an empty one leaves it as it is."""
        with self._database.writing() as writing:
            row = owned_conversation(writing, conversation, session)
            row.title = records.title_of(title, records.NAME_CHARS) or row.title

    def pin(self, conversation: int, pinned: bool, *, session: str) -> None:
        """Let the conversation stand above the others, or no longer."""
        with self._database.writing() as writing:
            owned_conversation(writing, conversation, session).pinned = bool(pinned)

    def delete(self, conversation: int, *, session: str) -> None:
        """Hide the conversation; after UNDO_S seconds it goes for good, with all that hangs on it."""
        self.purge()
        with self._database.writing() as writing:
            owned_conversation(writing, conversation, session).deleted_at = datetime.now(UTC)

    def undelete(self, conversation: int, *, session: str) -> None:
        """Bring a deleted conversation back as it was. NothingThere when its time is over."""
        self.purge()
        with self._database.writing() as writing:
            owned_conversation(writing, conversation, session, deleted=True).deleted_at = None

    def purge(self, older_s: float = UNDO_S) -> None:
        """Remove for good what was deleted at least `older_s` seconds ago, so that no byte of it remains."""
        hidden = select(ConversationRow.id, ConversationRow.deleted_at).where(ConversationRow.deleted_at.is_not(None))
        with self._database.reading() as reading:
            rows = [(each, at) for each, at in reading.execute(hidden) if at is not None]
        found = [(each, at) for each, at in rows if self._ages.ago_s(at.timestamp()) >= older_s]
        if not found:
            return
        with self._database.writing() as writing:
            for each, at in found:  # unless it was brought back meanwhile
                writing.execute(
                    delete(ConversationRow).where(ConversationRow.id == each, ConversationRow.deleted_at == at)
                )
            forget_words(writing)
        self._database.cut_log()

    def erase(self, session: str) -> ErasedHistory:
        """Delete everything of this session for good, at once, so that no byte of it remains; what that was."""
        digest = hash_of(session)
        mine = select(ConversationRow.id).where(ConversationRow.session_hash == digest)
        with self._database.writing() as writing:
            uploads, questions = queries.uploads_of(writing, mine), queries.own_questions(writing, mine)
            turns = writing.scalar(select(func.count(TurnRow.id)).where(TurnRow.conversation_id.in_(mine))) or 0
            gone = delete(ConversationRow).where(ConversationRow.session_hash == digest).returning(ConversationRow.id)
            conversations = len(writing.scalars(gone).all())
            saved = delete(SavedRow).where(SavedRow.session_hash == digest).returning(SavedRow.id)
            searches = len(writing.scalars(saved).all())
            forget_words(writing)
        self._database.cut_log()
        return ErasedHistory(
            session_hash=digest, conversations=conversations, turns=turns, searches=searches,
            uploads=frozenset(uploads), questions=tuple(questions),
        )  # fmt: skip

    def branch(self, conversation: int, *, before: int, session: str) -> int | None:
        """A new conversation with copies of the turns whose id is below `before`, or None if there is none.

        Feedback stays with the original. A turn that still runs is copied as far as it came, as stopped.
        """
        now = datetime.now(UTC)
        with self._database.writing() as writing:
            old = owned_conversation(writing, conversation, session)
            turns = records.read(writing, records.page(conversation, None, before))[::-1]
            if not turns:
                return None
            new = ConversationRow(
                session_hash=old.session_hash, title=old.title, started_at=now, last_at=now, parent=old.id
            )
            return records.write(
                writing, new, (replace(turn, rating="", boxes=(), right="", meant=None) for turn in turns)
            )

    def drop_last(self, conversation: int, turn: int, *, session: str) -> bool:
        """Remove this turn if it is the conversation's last one, so that a retry takes its place: whether it was."""
        with self._database.writing() as writing:
            mine = owned_conversation(writing, conversation, session).id
            last = select(func.max(TurnRow.id)).where(TurnRow.conversation_id == mine)
            if writing.scalar(last) != turn:
                return False
            writing.execute(delete(TurnRow).where(TurnRow.id == turn))
            return True

    def rate(self, turn: int, rating: Rating, *, session: str) -> None:
        """Keep a thumb "up" or "down"; "" takes it back. BadFeedback for anything else."""
        with self._database.writing() as writing:
            queries.rate(owned_turn(writing, turn, session), rating)

    def correct(self, turn: int, corrected: Corrected, *, session: str) -> None:
        """Keep a box that the user drew right. BadFeedback if the turn has no such citation, or the box no area."""
        with self._database.writing() as writing:
            queries.correct(owned_turn(writing, turn, session), corrected)

    def put_right(self, turn: int, right: str, *, session: str) -> None:
        """Keep what the answer should have been, in few words; "" takes it back. BadFeedback if it is long."""
        with self._database.writing() as writing:
            queries.put_right(owned_turn(writing, turn, session), right)

    def correct_request(self, turn: int, meant: Request | None, *, session: str) -> None:
        """Keep as what the question should have been understood; None takes it back."""
        with self._database.writing() as writing:
            row = owned_turn(writing, turn, session)
            row.meant = records.request_values(meant and meant.with_words(row.question))

    def feedback(self, limit: int = -1) -> list[Turn]:
        """Every turn of every session with a rating, a right answer, a corrected box or a corrected request, oldest
        first; a negative limit is none.
        """
        return self._database.read(records.read, queries.select_judged(limit))

    def owners_of(self, turns: Collection[int]) -> set[str]:
        """`hash_of` the sessions to which these turns belong."""
        query = select(ConversationRow.session_hash).join(TurnRow, TurnRow.conversation_id == ConversationRow.id)
        with self._database.reading() as session:
            return set(session.scalars(query.where(TurnRow.id.in_(turns))))

    def turns_before(self, turn: Turn, *, last: int) -> list[Turn]:
        """The `last` turns that came before one, whose session does not matter: for what is learned from feedback."""
        return self._database.read(records.read, records.page(turn.conversation, last, turn.id))[::-1]

    def save_search(self, name: str, text: str, filters: Mapping[str, str], *, session: str) -> Saved:
        """Keep a search under this name, in place of the one of that name. BadQuestion says why it cannot be."""
        return self._database.write(queries.save, session, name, text, filters)

    def saved_searches(self, *, session: str) -> list[Saved]:
        """Those that the session saved, by name."""
        return self._database.read(queries.saved_searches, session)

    def forget_search(self, number: int, *, session: str) -> None:
        """Forget one. NothingThere."""
        self._database.write(queries.forget, session, number)

    def adopt(self, turns: Sequence[Turn], *, title: str, pinned: bool = False, session: str) -> int:
        """Take in a conversation that came out of an export, feedback too, under new ids: the conversation's."""
        moments = [turn.asked_at for turn in turns] or [datetime.now(UTC)]
        thread = ConversationRow(
            session_hash=hash_of(session),
            title=records.title_of(title, records.NAME_CHARS),
            started_at=min(moments),
            last_at=max(moments),
            pinned=bool(pinned),
        )
        foreign = [replace(turn, settings={**turn.settings, records.IMPORTED: True}) for turn in turns]
        return self._database.write(records.write, thread, foreign)

    def move_files(self, moves: Sequence[MovedFile]) -> None:
        """What is cited, or was asked about, lies elsewhere now; citations of other bytes stay what they were."""
        self._database.write(queries.move_files, moves)

    def uploads(self) -> set[str]:
        """The path of every upload that a turn still names; one of a conversation that can be brought back counts."""
        with self._database.reading() as reading:
            return queries.uploads_of(reading)

    def has_upload(self, path: str, *, session: str) -> bool:
        """Whether a picture came with a question of this session, or is cited by an answer to one."""
        cited = select(CitationRow.turn_id).where(CitationRow.path == path, CitationRow.collection == UPLOADS)
        mine = (
            select(TurnRow.id)
            .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
            .where(ConversationRow.session_hash == hash_of(session), ConversationRow.deleted_at.is_(None))
            .where(or_(TurnRow.image_path == path, TurnRow.id.in_(cited)))
        )
        with self._database.reading() as reading:
            return reading.scalars(mine.limit(1)).first() is not None

    def _thread(self, session: Session, question: Question, now: datetime) -> int:
        """The conversation that the question goes on with, or a new one."""
        if question.conversation is not None:
            row = owned_conversation(session, question.conversation, question.session)
            row.last_at = now
            return row.id
        title = records.title_of(question.text or question.image_name)
        new = {"session_hash": hash_of(question.session), "title": title, "started_at": now, "last_at": now}
        return records.insert_row(session, ConversationRow, new)

    def _stop_orphans(self) -> None:
        """Running turns whose process is gone become stopped."""
        query = select(TurnRow.owner_pid, TurnRow.owner_started).where(TurnRow.state == "running").distinct()
        with self._database.reading() as session:
            owners = [Owner(pid=pid, started=started) for pid, started in session.execute(query)]
        for owner in self._database.find_gone(owners):
            theirs = (TurnRow.owner_pid == owner.pid) & (TurnRow.owner_started == owner.started)
            with self._database.writing() as session:
                session.execute(update(TurnRow).where(theirs, TurnRow.state == "running").values(state="stopped"))


def forget_words(session: Session) -> None:
    """Let the index of words forget what was deleted: FTS5 keeps removed words until it merges its parts."""
    for words in ("turn_words", "title_words") if is_file(session) else ():
        session.execute(text(f"INSERT INTO {words} ({words}) VALUES ('optimize')"))
