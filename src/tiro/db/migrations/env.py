"""Alembic's entry: runs on the connection that `tiro.db.migrate` hands over."""

from alembic import context

from tiro.db.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
context.run_migrations()
