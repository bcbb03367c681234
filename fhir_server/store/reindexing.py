"""Index rows of all resources of a store, made anew from their texts.

Needed where tables, or the rules by which rows are made, are not those of the last time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select

from fhir_profiles.json_text import parse
from fhir_server.search.index import index_rows
from fhir_server.search.parameters import R4, Parameters
from fhir_server.search.request import COLUMNS
from fhir_server.store.skeleton import NAMED
from fhir_server.store.tables import INDEXES, name, resource, setting

CHUNK: Final = 1_000  # resources that are read, and whose rows are written, together


def reindex(connection: Connection, parameters: Parameters = R4) -> int:
    """How many resources have their rows anew. Within the caller's transaction."""
    zone = connection.execute(select(setting.c.value).where(setting.c.key == "zone")).scalar()
    if zone is None:  # nothing was ever written
        return 0
    for held in INDEXES.values():
        connection.execute(delete(held))
    names = _Names(connection)
    count, after = 0, -1
    while found := connection.execute(_following(after)).all():
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for key, body in found:
            for table, parameter, cells in index_rows(parse(body), ZoneInfo(zone), parameters):
                row = dict(zip(COLUMNS[table], cells, strict=True))
                row |= {column: names.number(str(row[column])) for column in NAMED & row.keys()}
                rows[table].append({**row, "parameter": names.number(parameter), "resource": key})
        for table, made in rows.items():
            connection.execute(insert(INDEXES[table]), made)
        count, after = count + len(found), found[-1].key
    return count


def _following(after: int) -> Any:
    own = resource.c
    found = select(own.key, own.body).where(own.key > after, own.deleted == 0)
    return found.order_by(own.key).limit(CHUNK)


class _Names:
    """Numbers of texts, new ones behind those that there are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        rows = connection.execute(select(name.c.text, name.c.id)).all()
        self._numbers: dict[str, int] = {row.text: row.id for row in rows}
        self._next = connection.execute(select(func.coalesce(func.max(name.c.id), 0))).scalar_one()

    def number(self, text: str) -> int:
        found = self._numbers.get(text)
        if found is None:
            self._next += 1
            found = self._numbers[text] = self._next
            self._connection.execute(insert(name).values(id=found, text=text))
        return found
