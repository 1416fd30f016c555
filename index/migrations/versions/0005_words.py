"""An index of the words in the regions' texts, kept in step by triggers; see index.words, which knows `words_of`."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLE = """CREATE VIRTUAL TABLE words USING fts5(
    body, content='', tokenize="porter unicode61 remove_diacritics 2 tokenchars '_'")"""
ADDED = """CREATE TRIGGER words_added AFTER INSERT ON regions WHEN new.text != '' BEGIN
    INSERT INTO words (rowid, body) VALUES (new.id, words_of(new.text)); END"""
REMOVED = """CREATE TRIGGER words_removed AFTER DELETE ON regions WHEN old.text != '' BEGIN
    INSERT INTO words (words, rowid, body) VALUES ('delete', old.id, words_of(old.text)); END"""
FILL = "INSERT INTO words (rowid, body) SELECT id, words_of(text) FROM regions WHERE text != ''"


def upgrade() -> None:
    """Make the index, and fill it with what is there."""
    for statement in (TABLE, ADDED, REMOVED, FILL):
        op.execute(statement)
