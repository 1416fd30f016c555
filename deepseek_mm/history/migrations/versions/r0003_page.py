"""What the page needs: pinned, branched and deleted conversations, several pictures, feedback, full-text search.

The two word indexes hold no text of their own (external content), only which trigrams stand where; so they serve any
script. Triggers keep them in step. A running answer grows five times a second: it is indexed when it is over.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

OVER = "CREATE VIEW turns_over AS SELECT id, question, text FROM turns WHERE state <> 'running'"
TURN_WORDS = """
CREATE VIRTUAL TABLE turn_words USING fts5(
  question, text, content='turns_over', content_rowid='id', tokenize='trigram', columnsize=0)
"""
TITLE_WORDS = """
CREATE VIRTUAL TABLE title_words USING fts5(
  title, content='conversations', content_rowid='id', tokenize='trigram', columnsize=0)
"""
FORGET_TURN = """
  INSERT INTO turn_words (turn_words, rowid, question, text)
    SELECT 'delete', old.id, old.question, old.text WHERE old.state <> 'running';
"""
LEARN_TURN = """
  INSERT INTO turn_words (rowid, question, text)
    SELECT new.id, new.question, new.text WHERE new.state <> 'running';
"""
FORGET_TITLE = "INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);"
LEARN_TITLE = "INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);"
TRIGGERS = {  # name and moment -> what happens then
    "turn_made AFTER INSERT ON turns": LEARN_TURN,
    "turn_changed AFTER UPDATE OF question, text, state ON turns": FORGET_TURN + LEARN_TURN,
    "turn_removed AFTER DELETE ON turns": FORGET_TURN,
    "title_made AFTER INSERT ON conversations": LEARN_TITLE,
    "title_changed AFTER UPDATE OF title ON conversations": FORGET_TITLE + LEARN_TITLE,
    "title_removed AFTER DELETE ON conversations": FORGET_TITLE,
}


def upgrade() -> None:
    """What was written before is not pinned, has no parent and no feedback, and can be found by its words."""
    _widen_conversations()
    op.add_column("turns", sa.Column("more", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("turns", sa.Column("rating", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_turns_rating", "turns", ["rating"])
    _create_corrections()
    for statement in (OVER, TURN_WORDS, TITLE_WORDS):
        op.execute(statement)
    for table in ("turn_words", "title_words"):
        op.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
    for moment, deed in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {moment} BEGIN {deed} END")


def _widen_conversations() -> None:
    op.add_column("conversations", sa.Column("pinned", sa.Boolean, nullable=False, server_default="0"))
    op.add_column("conversations", sa.Column("parent", sa.Integer, nullable=False, server_default="0"))
    op.add_column("conversations", sa.Column("deleted_at", sa.DateTime))
    op.create_index("ix_conversations_deleted_at", "conversations", ["deleted_at"])
    op.drop_index("ix_conversations_session_hash", "conversations")  # the next one begins with it
    op.create_index(
        "ix_conversations_listed",
        "conversations",
        ["session_hash", "pinned", "last_at", "id"],
        sqlite_where=sa.text("deleted_at IS NULL"),
    )


def _create_corrections() -> None:
    turn = sa.ForeignKey("turns.id", ondelete="CASCADE")
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("turn_id", sa.Integer, turn, nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(f"{edge}_px", sa.Integer, nullable=False) for edge in ("left", "top", "right", "bottom")),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
    )
