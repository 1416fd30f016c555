"""Alembic's entry: upgrade the database whose connection `index.database` hands over, inside its transaction."""

from alembic import context

from index.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
