"""Statements that follow references (https://hl7.org/fhir/R4/search.html#revinclude).

Lists of values stand in slots; whoever binds them fills them up to powers of two, so that there are
few forms.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, bindparam, select

from fhir_server.store.selects import LIVE, SERVED, slot
from fhir_server.store.tables import INDEXES, resource


def _slots(first: int, count: int, column: Any) -> Any:
    return column.in_([slot(number, column.type) for number in range(first, first + count)])


def links(keys: int, parameters: int) -> ClauseElement:
    """References of resources: all of them if there are no parameters."""
    rows = INDEXES["reference"].c
    found = select(rows.resource, rows.parameter, rows.target, rows.type)
    found = found.where(_slots(0, keys, rows.resource))
    return found.where(_slots(keys, parameters, rows.parameter)) if parameters else found


def referring(parameters: int, targets: int, types: int) -> ClauseElement:
    rows = INDEXES["reference"].c
    return (
        select(rows.resource)
        .where(
            _slots(0, parameters, rows.parameter),
            _slots(parameters, targets, rows.target),
            _slots(parameters + targets, types, rows.type),
        )
        .distinct()
        .order_by(rows.resource)
        .limit(bindparam("limit", value=None))
    )


def at(ids: int) -> ClauseElement:
    """Resources of the type `type` with these ids."""
    type_ = resource.c.type == bindparam("type", value=None)
    return select(*SERVED).where(type_, _slots(0, ids, resource.c.id), LIVE)


def by_keys(keys: int) -> ClauseElement:
    return select(*SERVED).where(_slots(0, keys, resource.c.key), LIVE)


def named(parameters: int, urls: int) -> ClauseElement:
    """Resources with these addresses under these parameters."""
    rows = INDEXES["uri"].c
    return select(rows.resource, rows.value).where(
        _slots(0, parameters, rows.parameter), _slots(parameters, urls, rows.value)
    )


def words(table: str, keys: int) -> ClauseElement:
    """Values of the parameter `parameter` of these resources."""
    rows = INDEXES[table].c
    value = rows.value if table == "uri" else rows.code
    named_ = rows.parameter == bindparam("parameter", value=None)
    return select(rows.resource, value).where(_slots(0, keys, rows.resource), named_)
