"""The index of words also holds what a piece of code is called, with what encloses it; see queries.called."""

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMN = "ALTER TABLE regions ADD COLUMN called VARCHAR NOT NULL DEFAULT ''"
PATH = "CASE parent WHEN '' THEN '' ELSE parent || '.' END || name"
CALLED = f"""UPDATE regions SET called = (SELECT {PATH} || ' ' || {PATH} FROM symbols WHERE region_id = regions.id)
    WHERE id IN (SELECT region_id FROM symbols)"""
ADDED = """CREATE TRIGGER words_added AFTER INSERT ON regions WHEN new.text != '' BEGIN
    INSERT INTO words (rowid, body) VALUES (new.id, words_of(new.called || ' ' || new.text)); END"""
REMOVED = """CREATE TRIGGER words_removed AFTER DELETE ON regions WHEN old.text != '' BEGIN
    INSERT INTO words (words, rowid, body)
    VALUES ('delete', old.id, words_of(old.called || ' ' || old.text)); END"""
EMPTY = "INSERT INTO words (words) VALUES ('delete-all')"
FILL = "INSERT INTO words (rowid, body) SELECT id, words_of(called || ' ' || text) FROM regions WHERE text != ''"


def upgrade() -> None:
    """Add the column, and make the index anew with it, if there is any code."""
    code = op.get_bind().exec_driver_sql("SELECT EXISTS (SELECT 1 FROM symbols)").scalar_one()
    for statement in (COLUMN, "DROP TRIGGER words_added", "DROP TRIGGER words_removed", CALLED, ADDED, REMOVED):
        op.execute(statement)
    for statement in (EMPTY, FILL) if code else ():
        op.execute(statement)
