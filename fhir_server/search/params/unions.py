"""Parameters that others make up: Observation.combo-code is `code` and `component-code` together.

Of such a parameter some rows need not be written: its searches ask for those of the others.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fhir_profiles.definitions.tables import SearchParameter
from fhir_server.search.params.query_text import Definitions
from fhir_server.search.request import Alternative, AnyOf, Condition, Match, Table
from fhir_server.search.walkers import compiled


@cache
def made_of(parameter: str, definitions: Definitions) -> tuple[str, ...]:
    """Full names of the parameters whose rows together are its rows; itself, if there are none."""
    type_, _, code = parameter.partition(".")
    own = definitions(type_)
    ways = _ways(own[code])
    left, found = set(ways), list[str]()
    for other in own.values():
        some = _ways(other) if other.type == own[code].type else frozenset()
        if some and some < ways and some <= left:
            left -= some
            found += made_of(f"{type_}.{other.code}", definitions)
    return (parameter,) if left else tuple(found)


def _ways(parameter: SearchParameter) -> frozenset[Any]:
    components = tuple((one.type, one.expression) for one in parameter.components)
    return frozenset((walk, components) for walk in compiled(parameter.expression))


def any_row(
    table: Table,
    names: tuple[str, ...],
    any_of: tuple[Alternative, ...],
    *,
    negated: bool = False,
) -> Condition:
    """A row of one of these names meets one of the alternatives; or, negated, none does."""
    matches = [Match(table, name, any_of, negated=negated) for name in names]
    if len(matches) == 1:
        return matches[0]
    return AnyOf((tuple(matches),) if negated else tuple((match,) for match in matches))
