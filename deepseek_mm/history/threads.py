"""A conversation as a thread of turns: a page of it read, a whole one written, a new title."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session, selectinload

from deepseek_mm.history.freeze import AnswerRows, row_to_turn, turn_row
from deepseek_mm.history.records import Conversation, Turn
from deepseek_mm.history.tables import CheckRow, CitationRow, ConversationRow, HistoryBase, TurnRow

TITLE_CHARS = 60  # of a question that becomes a title
NAME_CHARS = 200  # of a title that the user gives
STATE = select(TurnRow.state).where(TurnRow.id == bindparam("turn"))
ANSWERED = update(TurnRow).where(TurnRow.id == bindparam("turn"))
PARTS = (TurnRow.citations, TurnRow.checks, TurnRow.corrections)


def conversation(row: ConversationRow, num_turns: int) -> Conversation:
    """What the list shows of `row`."""
    return Conversation(
        id=row.id,
        title=row.title,
        started_at=row.started_at,
        last_at=row.last_at,
        num_turns=num_turns,
        pinned=row.pinned,
        parent=row.parent,
    )


def read(session: Session, query: Select[Any]) -> list[Turn]:
    """The turns that a query finds, whole: one more query for each kind of part, however many turns there are."""
    return [row_to_turn(row) for row in session.scalars(query.options(*(selectinload(part) for part in PARTS)))]


def page(conversation: int, last: int | None, before: int | None) -> Select[Any]:
    """The conversation's turns with an id below `before`, of these the `last` newest; newest first."""
    query = select(TurnRow).where(TurnRow.conversation_id == conversation).order_by(TurnRow.id.desc())
    return (query if before is None else query.where(TurnRow.id < before)).limit(last)


def write(session: Session, thread: ConversationRow, turns: Iterable[Turn]) -> int:
    """Keep a new conversation with copies of `turns`, which are over from now on: its id."""
    session.add(thread)
    session.flush()
    for turn in turns:
        over = replace(turn.answer, state="stopped") if turn.answer.state == "running" else turn.answer
        session.add(turn_row(replace(turn, answer=over), thread.id))
    return thread.id


def begun_before(session: Session, turn: Mapping[str, Any]) -> tuple[int, int] | None:
    """(conversation, turn) of the turn that the same task began earlier, empty and running again; None of none."""
    if not turn["task"]:
        return None
    row = session.scalar(select(TurnRow).where(TurnRow.task == turn["task"]))
    if row is None:
        return None
    row.state, row.text, row.citations, row.checks = turn["state"], "", [], []
    row.owner_pid, row.owner_started = turn["owner_pid"], turn["owner_started"]
    return row.conversation_id, row.id


def insert_row(session: Session, table: type[HistoryBase], values: Mapping[str, Any]) -> int:
    """Write a new row at once: its id. By the connection, as no row is kept track of that nobody changes any more."""
    return int(session.connection().execute(insert(table), dict(values)).lastrowid)


def store_answer(session: Session, turn: int, frozen: AnswerRows) -> None:
    """Keep the turn's answer in place of what was there; nothing happens if the turn is gone."""
    connection = session.connection()
    state = connection.execute(STATE, {"turn": turn}).scalar()
    if state is None:
        return
    connection.execute(ANSWERED, {"turn": turn} | frozen.turn)
    for table, values in ((CitationRow, frozen.citations), (CheckRow, frozen.checks)):
        if state != "running":  # a running one has none yet
            connection.execute(delete(table).where(table.turn_id == turn))
        if values:
            connection.execute(insert(table), [each | {"turn_id": turn} for each in values])


def title_of(question: str, chars: int = TITLE_CHARS) -> str:
    """The question on one line, cut at a word when it is longer than `chars`."""
    line = " ".join(question.split())
    if len(line) <= chars:
        return line
    head = line[: chars - 3]
    words = head.rpartition(" ")[0]
    return (words if len(words) > chars // 2 else head).rstrip(" ,.;:") + "..."
