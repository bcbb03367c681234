"""The statements of a store that are always the same; `Sql.form` compiles each of them once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from fhir_server.store.selects import SERVED, holds
from fhir_server.store.skeleton import Stripped
from fhir_server.store.tables import INDEXES, application_row, history, resource


def _at(name: str) -> Any:
    return bindparam(name, value=None)


# ---- resources ----------------------------------------------------------------------------------


def newest() -> ClauseElement:
    return select(
        resource.c.key,
        resource.c.version,
        resource.c.updated,
        resource.c.method,
        resource.c.body,
    ).where(resource.c.type == _at("type"), resource.c.id == _at("id"))


def older(about: frozenset[str] = frozenset()) -> ClauseElement:
    """Versions before the newest, newest first, from a span of time."""
    found = select(history.c.version, history.c.updated, history.c.method, history.c.body)
    return found.where(_among_older(about)).order_by(history.c.version.desc()).limit(_at("limit"))


def count_older(about: frozenset[str]) -> ClauseElement:
    return select(func.count()).select_from(history).where(_among_older(about))


def _among_older(about: frozenset[str]) -> ColumnElement[bool]:
    wanted = [history.c.resource == _at("key"), history.c.version < _at("before")]
    if "since" in about:
        wanted.append(history.c.updated >= _at("since"))
    if "until" in about:
        wanted.append(history.c.updated <= _at("until"))
    if "current" in about:
        wanted.append(replaced() > _at("current"))
    return and_(*wanted)


def replaced() -> ColumnElement[int]:
    """When an old version was replaced: by an old one, too, or by the newest."""
    later = history.alias()
    old = select(later.c.updated).where(
        later.c.resource == history.c.resource,
        later.c.version == history.c.version + literal_column("1"),
    )
    newest = select(resource.c.updated).where(resource.c.key == history.c.resource)
    return func.coalesce(
        old.correlate(history).scalar_subquery(), newest.correlate(history).scalar_subquery()
    )


def by_key() -> ClauseElement:
    return select(*SERVED).where(resource.c.key == _at("key"))


def seen(condition: Stripped) -> ClauseElement:
    """A row if the resource `key` meets the condition."""
    return select(resource.c.key).where(
        resource.c.key == _at("key"), holds(condition, resource.c.key)
    )


def mark() -> ClauseElement:
    return select(func.coalesce(func.max(resource.c.key), literal_column("0")))


def types() -> ClauseElement:
    return select(resource.c.type).where(resource.c.deleted == literal_column("0")).distinct()


def counts() -> ClauseElement:
    return (
        select(resource.c.type, func.count())
        .where(resource.c.deleted == literal_column("0"))
        .group_by(resource.c.type)
    )


def count_of(condition: Stripped) -> ClauseElement:
    return select(func.count()).where(
        resource.c.type == _at("type"),
        resource.c.deleted == literal_column("0"),
        holds(condition, resource.c.key),
    )


def scan(condition: Stripped | None) -> ClauseElement:
    """Resources of a type in the order of their ids, behind `after`."""
    found = select(*SERVED).where(
        resource.c.type == _at("type"),
        resource.c.id > _at("after"),
        resource.c.deleted == literal_column("0"),
    )
    if condition is not None:
        found = found.where(holds(condition, resource.c.key))
    return found.order_by(resource.c.id).limit(_at("limit"))


# ---- includes -----------------------------------------------------------------------------------


def included(keys: tuple[int, ...], typed: bool) -> ClauseElement:
    """What the resources in these slots refer to under a parameter."""
    rows, target = INDEXES["reference"], resource.alias()
    found = select(target.c.key).where(
        rows.c.resource.in_([bindparam(f"v{slot}", value=None) for slot in keys]),
        rows.c.parameter == _at("parameter"),
        target.c.type == rows.c.type,
        target.c.id == rows.c.target,
        target.c.deleted == literal_column("0"),
    )
    if typed:
        found = found.where(rows.c.type == _at("type"))
    return select(*SERVED).where(resource.c.key.in_(found)).limit(_at("limit"))


def referring(ids: tuple[int, ...]) -> ClauseElement:
    """What refers under a parameter to the resources of a type with the ids in these slots."""
    rows = INDEXES["reference"]
    found = select(rows.c.resource).where(
        rows.c.parameter == _at("parameter"),
        rows.c.target.in_([bindparam(f"v{slot}", value=None) for slot in ids]),
        rows.c.type == _at("type"),
    )
    return select(*SERVED).where(resource.c.key.in_(found)).limit(_at("limit"))


# ---- writing ------------------------------------------------------------------------------------


def insert_resource() -> ClauseElement:
    return insert(resource).values({column.name: _at(column.name) for column in resource.c})


def update_resource() -> ClauseElement:
    changed = ("version", "updated", "deleted", "method", "body")
    return (
        update(resource)
        .where(resource.c.key == _at("that"))
        .values({column: _at(column) for column in changed})
    )


def keep_history() -> ClauseElement:
    """The newest version as an old one."""
    columns = ("resource", "version", "updated", "method", "body", "type")
    own = [resource.c.key, *(resource.c[column] for column in columns[1:])]
    return insert(history).from_select(columns, select(*own).where(resource.c.key == _at("key")))


def insert_index(table: str) -> ClauseElement:
    rows = INDEXES[table]
    return insert(rows).values({column.name: _at(column.name) for column in rows.c})


def clear_index(table: str) -> ClauseElement:
    rows = INDEXES[table]
    return delete(rows).where(rows.c.resource == _at("key"))


# ---- application rows ---------------------------------------------------------------------------


def rows(unsettled: bool, keyed: bool) -> ClauseElement:
    own = application_row.c
    found = select(own.seq, own.kind, own.key, own.at, own.data, own.settled)
    found = found.where(own.kind == _at("kind"), own.seq > _at("after"))
    if unsettled:
        found = found.where(own.settled == literal_column("0"))
    if keyed:
        found = found.where(own.key == _at("key"))
    return found.order_by(own.seq).limit(_at("limit"))


def last_row() -> ClauseElement:
    own = application_row.c
    found = select(own.seq, own.kind, own.key, own.at, own.data, own.settled)
    return found.where(own.kind == _at("kind")).order_by(own.seq.desc()).limit(_at("limit"))


def insert_row() -> ClauseElement:
    columns = application_row.c
    return insert(application_row).values({column.name: _at(column.name) for column in columns})


def settle() -> ClauseElement:
    own = application_row.c
    return (
        update(application_row)
        .where(own.kind == _at("of"), own.seq == _at("number"))
        .values(settled=literal_column("1"))
    )
