"""Skeletons of searches as SELECT statements, built and compiled once for each form.

A search starts from the one condition that the caller found most selective (`driver`), reading
keys of resources from its index; the other conditions are looked up for each of those keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Dialect,
    Label,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.sql.compiler import SQLCompiler

from fhir_server.search.request import COLUMNS, Cell, Sort
from fhir_server.store.skeleton import (
    Stripped,
    StrippedAnyOf,
    StrippedChain,
    StrippedCheck,
    StrippedMatch,
    StrippedReverse,
)
from fhir_server.store.tables import INDEXES, resource

LIVE: Final = resource.c.deleted == literal_column("0")  # as the partial index says it
SERVED: Final = (
    resource.c.key,
    resource.c.type,
    resource.c.id,
    resource.c.version,
    resource.c.updated,
    resource.c.method,
    resource.c.body,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of one dialect with positional parameters: slots, names and constants in their order."""

    sql: str
    order: tuple[tuple[int, str, Any], ...]  # slot or -1, name, constant

    def bind(self, values: Sequence[Cell], named: Mapping[str, Cell]) -> list[Any]:
        return [
            values[slot] if slot >= 0 else named.get(name, constant)
            for slot, name, constant in self.order
        ]


def compiled(statement: ClauseElement, dialect: Dialect) -> Statement:
    done = statement.compile(dialect=dialect)
    assert isinstance(done, SQLCompiler)
    names = done.positiontup or ()
    order = tuple(
        (int(name[1:]) if name[0] == "v" and name[1:].isdigit() else -1, name, done.params[name])
        for name in names
    )
    return Statement(done.string, order)


def slot(number: int, type_: Any = None) -> ColumnElement[Any]:
    return bindparam(f"v{number}", value=None, type_=type_)


# ---- conditions ---------------------------------------------------------------------------------


def holds(condition: Stripped, key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the resource with this key meets a condition."""
    if isinstance(condition, StrippedAnyOf):
        alternatives = [
            and_(true(), *(holds(one, key) for one in alternative))
            for alternative in condition.alternatives
        ]
        return or_(false(), *alternatives)
    if isinstance(condition, StrippedChain):
        return _chain_holds(condition, key)
    if isinstance(condition, StrippedReverse):
        return _reverse_holds(condition, key)
    if condition.table == "resource":
        rows = resource.alias()
        found = exists().where(rows.c.key == key, _any(rows, condition))
    else:
        rows = INDEXES[condition.table].alias()
        found = exists().where(
            rows.c.resource == key,
            rows.c.parameter == slot(condition.parameter),
            _any(rows, condition),
        )
    return ~found if condition.negated else found


def _chain_holds(chain: StrippedChain, key: ColumnElement[Any]) -> ColumnElement[bool]:
    link, target = INDEXES["reference"].alias(), resource.alias()
    meets = [
        and_(target.c.type == slot(type_), holds(condition, target.c.key))
        for type_, condition in chain.targets
    ]
    found: ColumnElement[bool] = exists().where(
        link.c.resource == key,
        link.c.parameter == slot(chain.parameter),
        target.c.type == link.c.type,
        target.c.id == link.c.target,
        target.c.deleted == literal_column("0"),
        or_(false(), *meets),
    )
    if not chain.logical:
        return found
    return or_(found, and_(true(), *(holds(one, key) for one in chain.logical)))


def _reverse_holds(reverse: StrippedReverse, key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Index rows are of resources that are there: a deleted one has none."""
    own, link = resource.alias(), INDEXES["reference"].alias()
    return exists().where(
        own.c.key == key,
        link.c.parameter == slot(reverse.parameter),
        link.c.target == own.c.id,
        link.c.type == slot(reverse.type),
        holds(reverse.condition, link.c.resource),
    )


def _any(rows: Any, match: StrippedMatch) -> ColumnElement[bool]:
    if match.any_of == ((),):
        return true()
    return or_(false(), *(_all(rows, checks) for checks in match.any_of))


def _all(rows: Any, checks: Sequence[StrippedCheck]) -> ColumnElement[bool]:
    return and_(true(), *(_check(rows.c[check.column], check) for check in checks))


def _check(column: ColumnElement[Any], check: StrippedCheck) -> ColumnElement[bool]:
    values = [slot(number, column.type) for number in check.slots]
    first = values[0]
    match check.op:
        case "=":
            return column == first
        case "in":
            return column.in_(values)
        case "starts":  # everything between the text and the same text with the last character
            return and_(column >= first, column < first.concat("\U0010ffff"))
        case "contains":
            return func.replace(column, first, "") != column
        case "within":
            return _distance(column.table, values[:3]) <= values[3]
        case op:
            return column.bool_op(op)(first)


def _distance(rows: Any, point: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The square of it, from sums and products only: every database computes the same."""
    x, y, z = (
        (column - to) * (column - to)
        for column, to in zip((rows.c.x, rows.c.y, rows.c.z), point, strict=True)
    )
    return x + y + z


# ---- keys from an index --------------------------------------------------------------------------


def keys(condition: Stripped, *, distinct: bool = True) -> Select[Any]:
    """The keys of the resources that meet a condition, read from its index, as column `key`."""
    parts: Sequence[Select[Any]]
    if isinstance(condition, StrippedChain):
        parts = _chain_keys(condition, distinct)
    elif isinstance(condition, StrippedReverse):
        parts = [_reverse_keys(condition, distinct)]
    elif isinstance(condition, StrippedMatch):
        parts = [_match_keys(condition, checks, distinct) for checks in condition.any_of]
    else:
        parts = [_all_keys(alternative) for alternative in condition.alternatives]
    if len(parts) == 1:
        return parts[0]
    together = union(*parts) if distinct else union_all(*parts)
    return select(together.subquery().c.key)


def _match_keys(
    match: StrippedMatch, checks: Sequence[StrippedCheck], distinct: bool
) -> Select[Any]:
    if match.table == "resource":
        rows: Any = resource.alias()
        live = rows.c.deleted == literal_column("0")
        return select(rows.c.key).where(rows.c.type == slot(match.type), live, _all(rows, checks))
    rows = INDEXES[match.table].alias()
    found = select(rows.c.resource.label("key"))
    found = found.where(rows.c.parameter == slot(match.parameter), _all(rows, checks))
    one_row_each = {check.column for check in checks if check.op == "="} == set(
        COLUMNS[match.table]
    )
    return found if one_row_each or not distinct else found.distinct()


def _chain_keys(chain: StrippedChain, distinct: bool) -> Sequence[Select[Any]]:
    parts = []
    for type_, condition in chain.targets:
        link, target = INDEXES["reference"].alias(), resource.alias()
        found = select(link.c.resource.label("key")).where(
            target.c.type == slot(type_),
            target.c.deleted == literal_column("0"),
            link.c.parameter == slot(chain.parameter),
            link.c.target == target.c.id,
            link.c.type == target.c.type,
        )
        first, inner = _started(condition)
        if first is not None:
            found = found.where(target.c.key == first.c.key)
        found = found.where(*(holds(one, target.c.key) for one in inner))
        parts.append(found.distinct() if distinct else found)
    if chain.logical:
        parts.append(_all_keys(chain.logical))
    return parts


def _reverse_keys(reverse: StrippedReverse, distinct: bool) -> Select[Any]:
    own, link = resource.alias(), INDEXES["reference"].alias()
    found = select(own.c.key.label("key")).where(
        own.c.type == slot(reverse.type),
        own.c.id == link.c.target,
        own.c.deleted == literal_column("0"),
        link.c.parameter == slot(reverse.parameter),
        link.c.type == slot(reverse.type),
    )
    first, inner = _started(reverse.condition)
    if first is not None:
        found = found.where(link.c.resource == first.c.key)
    found = found.where(*(holds(one, link.c.resource) for one in inner))
    return found.distinct() if distinct else found


def _started(condition: Stripped) -> tuple[Any, list[Stripped]]:
    """Where to begin at the far end of a chain: keys from an index, and what they have to meet.

    None: nothing there has an index to begin with.
    """
    inner = conjunction(condition)
    start = next((one for one in inner if drives(one)), None)
    if start is None:
        return None, inner
    # DISTINCT keeps SQLite from taking this apart and starting at the references.
    first = keys(start).distinct().subquery()
    return first, [one for one in inner if one is not start]


def _all_keys(alternative: Sequence[Stripped]) -> Select[Any]:
    """Keys of what meets all of these, the first that can be started from giving them."""
    start = next(one for one in alternative if drives(one))
    first = keys(start).subquery()
    rest = (holds(one, first.c.key) for one in alternative if one is not start)
    return select(first.c.key).where(*rest)


def conjunction(condition: Stripped) -> list[Stripped]:
    """The conditions of a single alternative one by one: each may be where the search starts."""
    if isinstance(condition, StrippedAnyOf) and len(condition.alternatives) == 1:
        return [inner for one in condition.alternatives[0] for inner in conjunction(one)]
    return [condition]


def drives(condition: Stripped) -> bool:
    """Whether a search can start from the index of this condition."""
    if isinstance(condition, StrippedMatch):
        return not condition.negated and bool(condition.any_of) and all(condition.any_of)
    if isinstance(condition, StrippedAnyOf):
        alternatives = condition.alternatives
        return bool(alternatives) and all(any(map(drives, one)) for one in alternatives)
    return True


# ---- whole searches ------------------------------------------------------------------------------


def candidates(
    conditions: Sequence[Stripped], driver: Stripped | None, type_: int, *, later: bool
) -> Select[Any]:
    """Keys of everything that is found, created up to `mark`, and behind `after` if `later`."""
    if driver is None:
        key: ColumnElement[Any] = resource.c.key
        found = select(key).where(resource.c.type == slot(type_), LIVE)
    else:
        found = keys(driver)
        key = _key(found)
    found = found.where(*(holds(one, key) for one in conditions if one is not driver))
    found = found.where(key <= bindparam("mark", value=None))
    return found.where(key > bindparam("after", value=None)) if later else found


def _key(found: Select[Any]) -> ColumnElement[Any]:
    """The column of keys itself, whatever it is called in the result."""
    key = found.selected_columns[0]
    return key.element if isinstance(key, Label) else key


def page(found: Select[Any]) -> Select[Any]:
    """The resources of the next page in the order of their keys."""
    first = found.order_by(_key(found)).limit(bindparam("limit", value=None)).subquery()
    return select(*SERVED).where(resource.c.key == first.c.key).order_by(first.c.key)


def sorted_page(
    found: Select[Any],
    sorts: Sequence[Sort],
    parameters: Sequence[int],
    known: Sequence[bool] | None,
) -> Select[Any]:
    """The next page in another order.

    `known` says of which sort keys the place where the last page ended had a value; None: no page
    came before.
    """
    first = sorted_keys(found, sorts, parameters, known).subquery()
    served = select(*SERVED).where(resource.c.key == first.c.key)
    return served.order_by(*_order(first, sorts))


def sorted_keys(
    found: Select[Any],
    sorts: Sequence[Sort],
    parameters: Sequence[int],
    known: Sequence[bool] | None,
) -> Select[Any]:
    """Keys of the next page in another order, and what they are sorted by."""
    whole_type = found.selected_columns[0] is resource.c.key  # it has the columns of the resource
    key = resource.c.key if whole_type else found.subquery().c.key
    values = [
        _sort_value(sort, parameter, key).label(f"s{number}")
        for number, (sort, parameter) in enumerate(zip(sorts, parameters, strict=True))
    ]
    placed = (found.add_columns(*values) if whole_type else select(key, *values)).subquery()
    rest = select(placed)
    if known is not None:
        rest = rest.where(_behind(placed, sorts, known, 0))
    return rest.order_by(*_order(placed, sorts)).limit(bindparam("limit", value=None))


def keys_page(found: Select[Any]) -> Select[Any]:
    """Keys of the next page in their order."""
    return found.order_by(_key(found)).limit(bindparam("limit", value=None))


def _order(placed: Any, sorts: Sequence[Sort]) -> list[ColumnElement[Any]]:
    """Those without a value last, equal ones in the order of their keys."""
    terms: list[ColumnElement[Any]] = []
    for number, sort in enumerate(sorts):
        column = placed.c[f"s{number}"]
        terms += [column.is_(None)] if sort.table != "resource" else []
        terms.append(column.desc() if sort.descending else column.asc())
    return [*terms, placed.c.key]


def _sort_value(sort: Sort, parameter: int, key: ColumnElement[Any]) -> Any:
    if sort.table == "resource" and key is resource.c.key:
        return resource.c[sort.column]
    if sort.table == "resource":
        own = resource.alias()
        return select(own.c[sort.column]).where(own.c.key == key).scalar_subquery()
    rows = INDEXES[sort.table].alias()
    pick = func.max if sort.descending else func.min
    return (
        select(pick(rows.c[sort.column]))
        .where(rows.c.resource == key, rows.c.parameter == slot(parameter))
        .scalar_subquery()
    )


def _behind(
    placed: Any, sorts: Sequence[Sort], known: Sequence[bool], number: int
) -> ColumnElement[bool]:
    """Places behind (`at0`, `at1`, ..., `after`); those without a value are behind all others."""
    if number == len(sorts):
        return placed.c.key > bindparam("after", value=None)
    column = placed.c[f"s{number}"]
    further = _behind(placed, sorts, known, number + 1)
    if not known[number]:
        return and_(column.is_(null()), further)
    at = bindparam(f"at{number}", value=None, type_=column.type)
    beyond = column < at if sorts[number].descending else column > at
    return or_(beyond, column.is_(null()), and_(column == at, further))


def counted(found: Select[Any], *, at_most: bool) -> Select[Any]:
    """How many are found; `at_most` stops counting at `limit`."""
    limited = found.limit(bindparam("limit", value=None)) if at_most else found
    return select(func.count()).select_from(limited.subquery())
