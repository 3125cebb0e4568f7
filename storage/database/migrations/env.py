"""Alembic's entry: runs revisions on the given connection, in the transaction that is open there."""

from alembic import context

from storage.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
