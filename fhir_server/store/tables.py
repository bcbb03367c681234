"""The tables of a store, the same in SQLite and PostgreSQL.

Texts that many rows share (types, parameters, code systems) stand once in `name`; rows hold their
numbers. An index table is kept in the order of its resources, for sorting and for taking a
resource out; its one index is in the order of a search and covers it: behind the value that is
looked for come the resources in their order, so that a page of a large result reads no more than a
page. Migrations make these tables (`migrations/`); a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from fhir_server.search.request import COLUMNS

HEAD: Final = "0003"  # the newest migration
APPLICATION_ID: Final = 0x4C544653  # "LTFS": marks an SQLite file as a store of ours

# Order by code point, as Python does, whatever the language of the database.
Words: Final = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite numbers rows of this type by itself; 64 bits in both.
Key: Final = BigInteger().with_variant(Integer(), "sqlite")

metadata: Final = MetaData()

name: Final = Table(
    "name",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("text", Words, nullable=False, unique=True),
)
setting: Final = Table(
    "setting",
    metadata,
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
)
resource: Final = Table(
    "resource",
    metadata,
    Column("key", Key, primary_key=True, autoincrement=False),
    Column("type", Integer, nullable=False),
    Column("id", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", BigInteger, nullable=False),  # microseconds of UTC
    Column("deleted", SmallInteger, nullable=False),
    Column("method", Words, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("resource_by_id", "type", "id", unique=True),
    Index(
        "resource_by_type",
        "type",
        "key",
        sqlite_where=text("deleted = 0"),
        postgresql_where=text("deleted = 0"),
    ),
    Index("resource_by_update", "type", "updated", "key"),
)
history: Final = Table(
    "history",
    metadata,
    Column("resource", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("method", Words, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("type", Integer, nullable=False),
    PrimaryKeyConstraint("resource", "version"),
    Index("history_by_time", "type", "updated", "resource", "version"),
)
application_row: Final = Table(
    "application_row",
    metadata,
    Column("kind", Words, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("key", Words, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("settled", SmallInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("kind", "seq"),
    Index("application_row_by_key", "kind", "key", "seq"),
    Index(
        "application_row_unsettled",
        "kind",
        "seq",
        sqlite_where=text("settled = 0"),
        postgresql_where=text("settled = 0"),
    ),
    sqlite_with_rowid=False,
)

_CELLS: Final[dict[str, dict[str, Any]]] = {
    "token": {"code": Words, "system": Integer},
    "string": {"value": Words, "exact": Words},
    "date": {"high": BigInteger, "low": BigInteger},
    "reference": {"target": Words, "type": Integer},
    "number": {"high": Double, "low": Double},
    "quantity": {
        "high": Double,
        "low": Double,
        "code": Words,
        "system": Integer,
        "unit": Words,
        "canonical": Integer,
        "canonical_high": Double,
        "canonical_low": Double,
    },
    "uri": {"value": Words},
    "composite": {
        "code": Words,
        "high": Double,
        "code2": Words,
        "system": Integer,
        "system2": Integer,
        "low": Double,
        "unit": Words,
        "canonical": Integer,
        "high2": Double,
        "low2": Double,
    },
    "position": dict.fromkeys(COLUMNS["position"], Double),
}
# The indexes of tables that have other columns to search by than their first.
_SEARCHED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "quantity": {
        "search": ("high", "resource", "low", "code", "system", "unit"),
        "canonical": ("canonical", "canonical_high", "resource", "canonical_low"),
    },
    "composite": {
        "search": (
            *("code", "high", "code2", "resource", "system", "system2", "low", "unit"),
            *("high2", "low2"),
        ),
        "canonical": ("code", "canonical", "high2", "resource", "system", "low2"),
    },
}


def _index_table(table: str) -> Table:
    columns = COLUMNS[table]
    searched = _SEARCHED.get(table, {"search": (columns[0], "resource", *columns[1:])})
    return Table(
        f"index_{table}",
        metadata,
        # in the order in which rows are sorted before they are written
        Column("parameter", Integer, nullable=False),
        *(Column(column, _CELLS[table][column], nullable=False) for column in columns),
        Column("resource", Key, nullable=False),
        PrimaryKeyConstraint("resource", "parameter", *columns),
        *(
            Index(f"index_{table}_{name_}", "parameter", *order)
            for name_, order in searched.items()
        ),
        sqlite_with_rowid=False,
    )


INDEXES: Final = {table: _index_table(table) for table in COLUMNS}
