"""Old versions know their type and are found by time, for the history of a type or of all."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # SQLite adds a column without rewriting the table only if it knows what old rows have in it.
    op.add_column("history", Column("type", Integer(), nullable=False, server_default=text("0")))
    op.execute("UPDATE history SET type = (SELECT type FROM resource WHERE key = history.resource)")
    op.create_index("history_by_time", "history", ["type", "updated", "resource", "version"])
