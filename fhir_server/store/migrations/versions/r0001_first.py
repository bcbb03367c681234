"""First tables: resources with their history, index rows by parameter type, application rows."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)

revision = "0001"
down_revision = None

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
KEY = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "name",
        _column("id", Integer()),
        _column("text", WORDS),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("text"),
    )
    op.create_table(
        "setting", _column("key", WORDS), _column("value", WORDS), PrimaryKeyConstraint("key")
    )
    _resources()
    _application_rows()
    _index("token", code=WORDS, system=Integer())
    _index("string", value=WORDS, exact=WORDS)
    _index("date", high=BigInteger(), low=BigInteger())
    _index("reference", target=WORDS, type=Integer())
    _index("number", high=Double(), low=Double())
    _index("quantity", high=Double(), low=Double(), code=WORDS, system=Integer())
    _index("uri", value=WORDS)


def _column(name: str, type_: Any) -> Column[Any]:
    return Column(name, type_, nullable=False, autoincrement=False)


def _resources() -> None:
    op.create_table(
        "resource",
        _column("key", KEY),
        _column("type", Integer()),
        _column("id", WORDS),
        _column("version", Integer()),
        _column("updated", BigInteger()),
        _column("deleted", SmallInteger()),
        _column("method", WORDS),
        _column("body", LargeBinary()),
        PrimaryKeyConstraint("key"),
    )
    op.create_index("resource_by_id", "resource", ["type", "id"], unique=True)
    live = text("deleted = 0")
    op.create_index(
        "resource_by_type", "resource", ["type", "key"], sqlite_where=live, postgresql_where=live
    )
    op.create_index("resource_by_update", "resource", ["type", "updated", "key"])
    op.create_table(
        "history",
        _column("resource", KEY),
        _column("version", Integer()),
        _column("updated", BigInteger()),
        _column("method", WORDS),
        _column("body", LargeBinary()),
        PrimaryKeyConstraint("resource", "version"),
    )


def _application_rows() -> None:
    op.create_table(
        "application_row",
        _column("kind", WORDS),
        _column("seq", BigInteger()),
        _column("key", WORDS),
        _column("at", BigInteger()),
        _column("settled", SmallInteger()),
        _column("data", LargeBinary()),
        PrimaryKeyConstraint("kind", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("application_row_by_key", "application_row", ["kind", "key", "seq"])
    open_ = text("settled = 0")
    op.create_index(
        "application_row_unsettled",
        "application_row",
        ["kind", "seq"],
        sqlite_where=open_,
        postgresql_where=open_,
    )


def _index(table: str, **cells: Any) -> None:
    """An index table is kept in the order of its resources and searched by its one index."""
    op.create_table(
        f"index_{table}",
        _column("parameter", Integer()),
        *(_column(name, type_) for name, type_ in cells.items()),
        _column("resource", KEY),
        PrimaryKeyConstraint("resource", "parameter", *cells),
        sqlite_with_rowid=False,
    )
    value, *others = cells
    search = ["parameter", value, "resource", *others]
    op.create_index(f"index_{table}_search", f"index_{table}", search)
