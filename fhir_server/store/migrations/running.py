"""Brings tables up to date. Alembic is imported only where there is something to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from fhir_server.store.tables import HEAD

FOLDER: Final = Path(__file__).parent
REVISIONS: Final = ("", HEAD)  # what can be brought up to date, oldest first


def upgrade(connection: sqlite3.Connection) -> None:
    """Runs the migrations that an SQLite file has not had yet."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as open_:
        migrate(open_)


def migrate(connection: object) -> None:
    """Runs them on a SQLAlchemy connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
