"""Brings tables up to date. Alembic is imported only where there is something to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from fhir_server.store.tables import HEAD

FOLDER: Final = Path(__file__).parent
REVISIONS: Final = ("", "0001", "0002", HEAD)  # what can be brought up to date, oldest first


def upgrade(connection: sqlite3.Connection) -> None:
    """Runs the migrations that an SQLite file has not had yet."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as open_:
        migrate(open_)


def migrate(connection: Connection) -> None:
    """Runs them on a SQLAlchemy connection.

    What index rows say is for the code of today: in a store that has resources they are made anew.
    """
    from alembic import command
    from alembic.config import Config

    from fhir_server.store.reindexing import reindex

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    reindex(connection)
