"""Alembic's environment: runs the migrations on the connection that `gateway.store.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

from gateway.store import tables

assert tables.WorkRow is not None  # the import fills SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, transactional_ddl=True)
context.run_migrations()
