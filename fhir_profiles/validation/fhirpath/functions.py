"""Functions of FHIRPath that invariants use (http://hl7.org/fhirpath/N1/#functions).

Beside those of the language: the ones that FHIR adds (https://hl7.org/fhir/R4/fhirpath.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from fhir_profiles.validation.fhirpath.comparing import equal
from fhir_profiles.validation.fhirpath.nodes import (
    Env,
    Item,
    Node,
    child,
    children,
    descendants,
    is_type,
    raw,
)

Items = list[Item]
Run = Callable[[Env, Items], Items]
"""A compiled expression: what it gives with these items as `$this`."""
Function = Callable[[Env, Items, Items, list[Run]], Items]
"""Of the environment, the outer `$this`, the input, and the arguments."""

_LONG: Final = 50
_MAX_REPEAT: Final = 10_000
MAX_TEXT: Final = 10_000  # characters of a string that a regular expression is tried on


class FhirPathTrouble(ValueError):
    """An expression that cannot be evaluated here, or makes no sense on this resource."""


def truth(items: Items) -> bool | None:
    """A collection where a boolean is meant; None for an empty one."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathTrouble("one boolean is expected, there are several values")
    value = raw(items[0])
    return value if isinstance(value, bool) else True


def one(items: Items) -> Any:
    """The plain value of a collection of at most one."""
    if len(items) > 1:
        raise FhirPathTrouble("one value is expected, there are several")
    return raw(items[0]) if items else None


def text(run: Run, env: Env, this: Items) -> str | None:
    value = one(run(env, this))
    return value if isinstance(value, str) else None


def same(a: Item, b: Item) -> bool:
    return bool(equal(a, b))


def distinct(items: Items) -> Items:
    found: dict[Any, Item] = {}
    for item in items:
        found.setdefault(_key(raw(item)), item)
    return list(found.values())


def _key(value: Any) -> Any:
    """Equal values have equal keys, so that long collections are compared in linear time."""
    if isinstance(value, dict):
        return frozenset((name, _key(inside)) for name, inside in value.items())
    if isinstance(value, list):
        return tuple(_key(inside) for inside in value)
    return (isinstance(value, bool), value)


def _keys(items: Items) -> set[Any]:
    return {_key(raw(item)) for item in items}


def _kept_keys(env: Env, items: Items) -> set[Any]:
    """The same, remembered where a long collection is asked for again and again."""
    if len(items) < _LONG:
        return _keys(items)
    kept = env.long.get(id(items))
    if kept is None or kept[0] is not items:
        kept = env.long[id(items)] = (items, _keys(items))
    return kept[1]


# ---- existence ---------------------------------------------------------------------------------


def _where(env: Env, _this: Items, items: Items, args: list[Run]) -> Items:
    criterion = args[0]
    return [item for item in items if truth(criterion(env, [item])) is True]


def _exists(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return [bool(_where(env, this, items, args) if args else items)]


def _all(env: Env, _this: Items, items: Items, args: list[Run]) -> Items:
    return [all(truth(args[0](env, [item])) is True for item in items)]


def _every(wanted: bool) -> Function:
    return lambda _e, _t, items, _a: [all(truth([item]) is wanted for item in items)]


def _some(wanted: bool) -> Function:
    return lambda _e, _t, items, _a: [any(truth([item]) is wanted for item in items)]


def _not(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    value = truth(items)
    return [] if value is None else [not value]


def _subset(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return [_keys(items) <= _keys(args[0](env, this))]


def _superset(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return [_keys(items) >= _keys(args[0](env, this))]


def _has_value(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    return [len(items) == 1 and raw(items[0]) is not None and not isinstance(raw(items[0]), dict)]


# ---- filtering and combining ---------------------------------------------------------------------


def _select(env: Env, _t: Items, items: Items, args: list[Run]) -> Items:
    return [found for item in items for found in args[0](env, [item])]


def _repeat(env: Env, _t: Items, items: Items, args: list[Run]) -> Items:
    found: Items = []
    waiting = list(items)
    while waiting and len(found) < _MAX_REPEAT:
        more = [x for item in waiting for x in args[0](env, [item])]
        known = _keys(found)
        waiting = [x for x in more if _key(raw(x)) not in known]
        found += waiting
    return found


def _of_type(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    name = one(args[0](env, this))
    return [item for item in items if is_type(item, name)]


def _is(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return [is_type(items[0], one(args[0](env, this)))] if len(items) == 1 else []


def _iif(env: Env, _t: Items, items: Items, args: list[Run]) -> Items:
    if truth(args[0](env, items)) is True:
        return args[1](env, items)
    return args[2](env, items) if len(args) > 2 else []


def _skip(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return items[max(0, _whole(args[0], env, this)) :]


def _take(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return items[: max(0, _whole(args[0], env, this))]


def _whole(run: Run, env: Env, this: Items) -> int:
    value = one(run(env, this))
    if isinstance(value, bool) or not isinstance(value, int):
        raise FhirPathTrouble("a whole number is expected")
    return value


def _single(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    if len(items) > 1:
        raise FhirPathTrouble("single() on several values")
    return items


def _intersect(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    other = _kept_keys(env, args[0](env, this))
    return distinct([a for a in items if _key(raw(a)) in other])


def _exclude(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    other = _kept_keys(env, args[0](env, this))
    return [a for a in items if _key(raw(a)) not in other]


def _union(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return distinct([*items, *args[0](env, this)])


def _combine(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    return [*items, *args[0](env, this)]


# ---- conversion and strings ----------------------------------------------------------------------


def _to_integer(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    value = one(items)
    if isinstance(value, (bool, int)):
        return [int(value)]
    fits = isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value)
    return [int(value)] if fits else []


def _to_decimal(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    value = one(items)
    if value is None:
        return []
    try:
        return [Decimal(str(value))]
    except InvalidOperation:
        return []


def _to_string(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    value = one(items)
    if value is None or isinstance(value, (dict, list)):
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _to_boolean(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    value = str(one(items)).lower() if items else ""
    if value in ("true", "t", "yes", "y", "1", "1.0"):
        return [True]
    return [False] if value in ("false", "f", "no", "n", "0", "0.0") else []


def _of_text(work: Callable[..., Any], number: int = 1) -> Function:
    """A function of a string and `number` strings; empty if one of them is."""

    def call(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
        value = one(items)
        others = [text(run, env, this) for run in args[:number]]
        if not isinstance(value, str) or any(other is None for other in others):
            return []
        return [work(value, *others)]

    return call


def _matches(value: str, pattern: str) -> bool:
    """The whole text, as the engines of R4 took it; with an anchor, what the pattern says."""
    anchored = pattern.startswith("^") or pattern.endswith("$")
    test = re.search if anchored else re.fullmatch
    return test(pattern, value[:MAX_TEXT], re.DOTALL) is not None


def _replaced(value: str, pattern: str, by: str) -> str:
    return re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", by), value[:MAX_TEXT])


def _substring(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    value = one(items)
    if not isinstance(value, str):
        return []
    start = _whole(args[0], env, this)
    if not 0 <= start < len(value):
        return []
    return [value[start : start + _whole(args[1], env, this)] if len(args) > 1 else value[start:]]


def _length(_e: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    value = one(items)
    return [len(value)] if isinstance(value, str) else []


# ---- of FHIR -------------------------------------------------------------------------------------


def _extension(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    url = text(args[0], env, this)
    found = [e for item in items for e in child(item, "extension")]
    return [e for e in found if isinstance(raw(e), dict) and raw(e).get("url") == url]


def _resolve(env: Env, _t: Items, items: Items, _a: list[Run]) -> Items:
    found = []
    for item in items:
        value = raw(item)
        value = value.get("reference") if isinstance(value, dict) else value
        if isinstance(value, str) and type(item) is Node:
            target = env.resolve(value, item)
            if target is not None:
                found.append(target)
            else:
                env.undecided = True
    return found


def _member_of(env: Env, this: Items, items: Items, args: list[Run]) -> Items:
    url = text(args[0], env, this)
    if url is None or len(items) != 1 or type(items[0]) is not Node:
        return []
    answer = env.member(url, items[0])
    if answer is None:
        env.undecided = True
        return []
    return [answer]


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "empty": lambda _e, _t, items, _a: [not items],
        "exists": _exists,
        "all": _all,
        "allTrue": _every(True),
        "allFalse": _every(False),
        "anyTrue": _some(True),
        "anyFalse": _some(False),
        "not": _not,
        "count": lambda _e, _t, items, _a: [len(items)],
        "distinct": lambda _e, _t, items, _a: distinct(items),
        "isDistinct": lambda _e, _t, items, _a: [len(distinct(items)) == len(items)],
        "subsetOf": _subset,
        "supersetOf": _superset,
        "hasValue": _has_value,
        "getValue": lambda _e, _t, items, _a: [raw(i) for i in items if raw(i) is not None],
        "where": _where,
        "select": _select,
        "repeat": _repeat,
        "ofType": _of_type,
        "as": _of_type,
        "is": _is,
        "first": lambda _e, _t, items, _a: items[:1],
        "last": lambda _e, _t, items, _a: items[-1:],
        "tail": lambda _e, _t, items, _a: items[1:],
        "skip": _skip,
        "take": _take,
        "single": _single,
        "intersect": _intersect,
        "exclude": _exclude,
        "union": _union,
        "combine": _combine,
        "iif": _iif,
        "trace": lambda _e, _t, items, _a: items,
        "children": lambda _e, _t, items, _a: [c for item in items for c in children(item)],
        "descendants": lambda _e, _t, items, _a: [c for item in items for c in descendants(item)],
        "toInteger": _to_integer,
        "toDecimal": _to_decimal,
        "toString": _to_string,
        "toBoolean": _to_boolean,
        "startsWith": _of_text(lambda value, start: value.startswith(start)),
        "endsWith": _of_text(lambda value, end: value.endswith(end)),
        "contains": _of_text(lambda value, part: part in value),
        "indexOf": _of_text(lambda value, part: value.find(part)),
        "matches": _of_text(_matches),
        "replace": _of_text(lambda value, old, new: value.replace(old, new), 2),
        "replaceMatches": _of_text(_replaced, 2),
        "upper": _of_text(lambda value: value.upper(), 0),
        "lower": _of_text(lambda value: value.lower(), 0),
        "trim": _of_text(lambda value: value.strip(), 0),
        "substring": _substring,
        "length": _length,
        "extension": _extension,
        "resolve": _resolve,
        "memberOf": _member_of,
    }
)
"""Not here, and so refused when compiled: `conformsTo`, `now`, `today`, `aggregate`,
`htmlChecks` (narratives have their own check, `validation.narrative`)."""
