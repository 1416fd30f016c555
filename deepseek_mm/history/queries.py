"""Queries of the history: conversations of one session, words in them, saved searches, ratings and corrections.

Only a hash of the session's secret is kept. A deleted conversation does not exist either, except to be brought back.

A word may stand anywhere, also in the middle of another one: Chinese has no spaces between words. SQLite's FTS5 keeps
for each trigram where it stands, so three letters or more are looked up. Shorter words are looked for in the text
itself (LIKE), and so are those of an answer that is still growing, since it is indexed when it is over.

What the user types is never a pattern: for FTS5 it is one quoted string, and LIKE's % and _ are escaped.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    cast,
    column,
    delete,
    func,
    or_,
    select,
    table,
    text,
    union,
)
from sqlalchemy.orm import Session

from deepseek_mm.errors import BadFeedback, BadQuestion, NothingThere
from deepseek_mm.history.records import RATINGS, Corrected, Rating, Saved, correction_row
from deepseek_mm.history.tables import CitationRow, ConversationRow, CorrectionRow, SavedRow, TurnRow
from deepseek_mm.storage.portable_sql import limit_of
from deepseek_mm.storage.schema import convert
from index.region import UPLOADS, MovedFile


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


MAX_WORDS = 16  # of a search; further ones do not count
TRIGRAM = 3  # letters that the index needs at least
TURN_WORDS = table("turn_words", column("rowid"), column("turn_words"))
TITLE_WORDS = table("title_words", column("rowid"), column("title_words"))


def select_conversations(session: str, text: str, limit: int, offset: int, *, indexed: bool) -> Select[Any]:
    """The session's conversations with every word of `text`, each with its number of turns; pinned, then newest.

    `indexed`: the words stand in FTS5's indexes; else they are looked for in the text, which a server speeds up itself.
    """
    num_turns = select(func.count()).where(TurnRow.conversation_id == ConversationRow.id).scalar_subquery()
    return (
        select(ConversationRow, num_turns)
        .where(*_conditions(session, text, indexed=indexed))
        .order_by(ConversationRow.pinned.desc(), ConversationRow.last_at.desc(), ConversationRow.id.desc())
        .limit(limit_of(limit))
        .offset(offset)
    )


def count_conversations(session: str, text: str, *, indexed: bool) -> Select[Any]:
    """How many there are."""
    return select(func.count(ConversationRow.id)).where(*_conditions(session, text, indexed=indexed))


def words_of(text: str) -> list[str]:
    """The words to look for, each once. What no text in the file can hold separates words as a space does."""
    clean = "".join(" " if letter == "\0" or "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return list(dict.fromkeys(clean.split()))[:MAX_WORDS]


def _conditions(session: str, text: str, *, indexed: bool) -> list[ColumnElement[bool]]:
    mine = (ConversationRow.session_hash == hash_of(session)) & ConversationRow.deleted_at.is_(None)
    ids = select(ConversationRow.id).where(mine)
    return [mine, *(ConversationRow.id.in_(_holding(word, ids, indexed=indexed)) for word in words_of(text))]


def _holding(word: str, ids: Select[Any], *, indexed: bool) -> CompoundSelect[Any]:
    """Ids of conversations with `word` in the title, a question or an answer; at least all those among `ids`."""
    if len(word) < TRIGRAM or not indexed:
        turns = TurnRow.conversation_id.in_(ids) & _in(word, TurnRow.question, TurnRow.text)
        titles = ConversationRow.id.in_(ids) & _in(word, ConversationRow.title)
        return union(select(TurnRow.conversation_id).where(turns), select(ConversationRow.id).where(titles))
    phrase = '"' + word.replace('"', '""') + '"'
    found = select(TURN_WORDS.c.rowid).where(TURN_WORDS.c.turn_words.op("MATCH")(phrase))
    return union(
        select(TurnRow.conversation_id).where(TurnRow.id.in_(found)),
        select(TurnRow.conversation_id).where(TurnRow.state == "running", _in(word, TurnRow.question, TurnRow.text)),
        select(TITLE_WORDS.c.rowid).where(TITLE_WORDS.c.title_words.op("MATCH")(phrase)),
    )


def _in(word: str, *columns: Any) -> ColumnElement[bool]:
    """SQLite takes a for A, but not o-umlaut for O-umlaut: such a word is tried small, large and capitalised."""
    forms = {word} if word.isascii() else {word.lower(), word.upper(), word.capitalize()}
    return or_(*(column.icontains(form, autoescape=True) for column in columns for form in sorted(forms)))


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
    return convert(row, Saved, filters=tuple(sorted(row.filters.items())))


MOST_RIGHT = 80  # characters of a right answer


def rate(turn: TurnRow, rating: Rating) -> None:
    """Keep a thumb in place of the one before; an empty one takes it back. BadFeedback if it is no rating."""
    if rating not in RATINGS:
        raise BadFeedback(f"{rating!r} is no rating. Say 'up' or 'down', or '' to take it back")
    turn.rating = rating


def put_right(turn: TurnRow, right: str) -> None:
    """Keep what the answer should have been, in few words; empty words take it back. BadFeedback if it is long."""
    words = " ".join(right.split())
    if len(words) > MOST_RIGHT:
        raise BadFeedback(
            f"the right answer has {len(words)} characters, and {MOST_RIGHT} are the most. "
            "Say it in a few words, for example: blue"
        )
    turn.right = words


def correct(turn: TurnRow, corrected: Corrected) -> None:
    """Keep a box beside the earlier ones. BadFeedback if the turn has no such citation, or the box no area."""
    cited = sorted({row.number for row in turn.citations})
    if corrected.number not in cited:
        named = ", ".join(f"[{number}]" for number in cited) or "nothing"
        raise BadFeedback(f"answer {turn.id} cites {named}, not [{corrected.number}]. Correct a box that it cites")
    left, top, right, bottom = corrected.box_px
    if not (0 <= left < right and 0 <= top < bottom):
        raise BadFeedback(f"the box {corrected.box_px} has no area within the picture. Draw it from corner to corner")
    turn.corrections.append(correction_row(corrected))


def select_judged(limit: int) -> Select[Any]:
    """Every turn with a rating, a right answer, a corrected box or request, oldest first; a negative limit is none."""
    rated = select(TurnRow.id).where(TurnRow.rating.in_(("up", "down")))
    told = select(TurnRow.id).where(TurnRow.right > "")  # as an index can say it
    meant = select(TurnRow.id).where(TurnRow.meant.is_not(None))
    hidden = select(ConversationRow.id).where(ConversationRow.deleted_at.is_not(None))
    return (
        select(TurnRow)
        .where(
            TurnRow.id.in_(union(rated, told, meant, select(CorrectionRow.turn_id))),
            TurnRow.conversation_id.not_in(hidden),
        )
        .order_by(TurnRow.id)
        .limit(limit_of(limit))
    )


MOVED = {  # by dialect
    "sqlite": """
        SELECT json_extract(value, '$[0]') AS old, json_extract(value, '$[1]') AS new,
            json_extract(value, '$[2]') AS digest
        FROM json_each(:moves)""",
    "postgresql": """
        SELECT value ->> 0 AS old, value ->> 1 AS new, value ->> 2 AS digest
        FROM json_array_elements(CAST(:moves AS json))""",
}
MOVE_CITED = """
    WITH moves AS MATERIALIZED ({moves})
    UPDATE citations SET path = moves.new FROM moves
    WHERE citations.path = moves.old AND citations.digest = moves.digest AND citations.collection <> :uploads
"""
MOVE_ASKED = """
    WITH moves AS MATERIALIZED ({moves})
    UPDATE turns SET image_path = moves.new FROM moves WHERE turns.image_path = moves.old
"""


def uploads_of(session: Session, conversations: Select[Any] | None = None) -> set[str]:
    """The path of every upload that a turn names, of all or of these conversations."""
    turns = select(TurnRow.id) if conversations is None else turns_of(conversations)
    named = select(TurnRow.image_path).where(TurnRow.image_path != "", TurnRow.id.in_(turns))
    cited = select(CitationRow.path).where(CitationRow.collection == UPLOADS, CitationRow.turn_id.in_(turns))
    further = session.scalars(select(TurnRow.more).where(cast(TurnRow.more, Text) != "[]", TurnRow.id.in_(turns)))
    paths = {path for pictures in further for _, path in pictures if path}
    return paths | set(session.scalars(named)) | set(session.scalars(cited))


def own_questions(session: Session, conversations: Select[Any]) -> list[str]:
    """Questions that were asked in these conversations and in no other, the longest first."""
    mine = turns_of(conversations)
    others = select(TurnRow.question).where(TurnRow.conversation_id.not_in(conversations))
    query = select(TurnRow.question).where(TurnRow.id.in_(mine), TurnRow.question.not_in(others)).distinct()
    return [*session.scalars(query.order_by(func.length(TurnRow.question).desc()))]


def turns_of(conversations: Select[Any]) -> Select[Any]:
    """Ids of the turns of these conversations."""
    return select(TurnRow.id).where(TurnRow.conversation_id.in_(conversations))


def move_files(session: Session, moves: Sequence[MovedFile]) -> None:
    """As `History.move_files`; the new paths of all are written at once, since files may have exchanged theirs."""
    told = json.dumps([[each.old, each.new, each.digest] for each in moves])
    listed = MOVED[session.get_bind().dialect.name]
    session.execute(text(MOVE_CITED.format(moves=listed)), {"moves": told, "uploads": UPLOADS})
    session.execute(text(MOVE_ASKED.format(moves=listed)), {"moves": told})
    new = {each.old: each.new for each in moves}
    for turn in session.scalars(select(TurnRow).where(cast(TurnRow.more, Text) != "[]")):
        further = [[name, new.get(path, path)] for name, path in turn.more]
        if further != turn.more:
            turn.more = further
