"""Run by Alembic (https://alembic.sqlalchemy.org): migrates the connection it is handed."""

from __future__ import annotations

from alembic import context

from fhir_server.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
