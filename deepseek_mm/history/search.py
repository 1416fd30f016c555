"""The list of conversations, and which of them hold certain words.

A word may stand anywhere, also in the middle of another one: Chinese has no spaces between words. SQLite's FTS5 keeps
for each trigram where it stands, so three letters or more are looked up. Shorter words are looked for in the text
itself (LIKE), and so are those of an answer that is still growing, since it is indexed when it is over.

What the user types is never a pattern: for FTS5 it is one quoted string, and LIKE's % and _ are escaped.
"""

from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, column, func, or_, select, table, union

from deepseek_mm.history.access import hash_of
from deepseek_mm.history.tables import ConversationRow, TurnRow

MAX_WORDS = 16  # of a search; further ones do not count
TRIGRAM = 3  # letters that the index needs at least
TURN_WORDS = table("turn_words", column("rowid"), column("turn_words"))
TITLE_WORDS = table("title_words", column("rowid"), column("title_words"))


def select_conversations(session: str, text: str, limit: int, offset: int) -> Select[Any]:
    """The session's conversations with every word of `text`, each with its number of turns; pinned, then newest."""
    num_turns = select(func.count()).where(TurnRow.conversation_id == ConversationRow.id).scalar_subquery()
    return (
        select(ConversationRow, num_turns)
        .where(*_conditions(session, text))
        .order_by(ConversationRow.pinned.desc(), ConversationRow.last_at.desc(), ConversationRow.id.desc())
        .limit(limit)
        .offset(offset)
    )


def count_conversations(session: str, text: str) -> Select[Any]:
    """How many there are."""
    return select(func.count(ConversationRow.id)).where(*_conditions(session, text))


def words_of(text: str) -> list[str]:
    """The words to look for, each once. What no text in the file can hold separates words as a space does."""
    clean = "".join(" " if letter == "\0" or "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return list(dict.fromkeys(clean.split()))[:MAX_WORDS]


def _conditions(session: str, text: str) -> list[ColumnElement[bool]]:
    mine = (ConversationRow.session_hash == hash_of(session)) & ConversationRow.deleted_at.is_(None)
    ids = select(ConversationRow.id).where(mine)
    return [mine, *(ConversationRow.id.in_(_holding(word, ids)) for word in words_of(text))]


def _holding(word: str, ids: Select[Any]) -> CompoundSelect[Any]:
    """Ids of conversations with `word` in the title, a question or an answer; at least all those among `ids`."""
    if len(word) < TRIGRAM:
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
    """LIKE takes a for A, but not o-umlaut for O-umlaut: such a word is tried small, large and with a large initial."""
    forms = {word} if word.isascii() else {word.lower(), word.upper(), word.capitalize()}
    return or_(*(column.contains(form, autoescape=True) for column in columns for form in sorted(forms)))
