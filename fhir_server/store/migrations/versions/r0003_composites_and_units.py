"""Rows for composite parameters and places; quantities in the unit that stands for their kind.

The index rows themselves are made by `reindexing`, behind the last migration.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Text

revision = "0003"
down_revision = "0002"

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
KEY = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("index_quantity")  # and its index, whatever it is called in a copied schema
    _table(
        "quantity",
        high=Double(),
        low=Double(),
        code=WORDS,
        system=Integer(),
        unit=WORDS,
        canonical=Integer(),
        canonical_high=Double(),
        canonical_low=Double(),
    )
    _searched("quantity", "search", "high resource low code system unit")
    _searched("quantity", "canonical", "canonical canonical_high resource canonical_low")
    _table(
        "composite",
        code=WORDS,
        high=Double(),
        code2=WORDS,
        system=Integer(),
        system2=Integer(),
        low=Double(),
        unit=WORDS,
        canonical=Integer(),
        high2=Double(),
        low2=Double(),
    )
    _searched("composite", "search", "code high code2 resource system system2 low unit high2 low2")
    _searched("composite", "canonical", "code canonical high2 resource system low2")
    _table("position", **dict.fromkeys(("latitude", "longitude", "x", "y", "z"), Double()))
    _searched("position", "search", "latitude resource longitude x y z")


def _table(table: str, **cells: Any) -> None:
    op.create_table(
        f"index_{table}",
        _column("parameter", Integer()),
        *(_column(name, type_) for name, type_ in cells.items()),
        _column("resource", KEY),
        PrimaryKeyConstraint("resource", "parameter", *cells),
        sqlite_with_rowid=False,
    )


def _column(name: str, type_: Any) -> Column[Any]:
    return Column(name, type_, nullable=False, autoincrement=False)


def _searched(table: str, name: str, order: str) -> None:
    op.create_index(f"index_{table}_{name}", f"index_{table}", ["parameter", *order.split()])
