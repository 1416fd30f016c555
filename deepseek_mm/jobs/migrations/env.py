"""Alembic's entry: run the migrations on the connection, inside the transaction, that `sqlite.file` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
